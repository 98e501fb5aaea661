/** What `tidemark version` reports. */
import { engineVersion } from '../host/version.ts'

export interface VersionReport {
  readonly schema: 'tidemark.version/1'
  readonly tidemark: string
  readonly node: string
  readonly platform: string
}

export function versionReport(): VersionReport {
  return {
    schema: 'tidemark.version/1', tidemark: engineVersion(),
    node: process.version, platform: `${process.platform}-${process.arch}`,
  }
}
