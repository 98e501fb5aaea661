/**
 * What the platform must give; checked before anything else is loaded.
 */
import { E093_UNSUPPORTED_PLATFORM, E094_NODE_TOO_OLD } from './errors.ts'

const NEEDED = [20, 19] as const

export function refusePlatform(platform: string, nodeVersion: string): void {
  if (platform === 'win32') throw E093_UNSUPPORTED_PLATFORM({ platform: 'Windows' })
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number)
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
    throw E094_NODE_TOO_OLD({ version: nodeVersion, needed: NEEDED.join('.') })
  }
}
