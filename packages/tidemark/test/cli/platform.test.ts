import { describe, expect, test } from 'vitest'
import { refusePlatform } from '../../src/cli/platform.ts'

const refusal = (platform: string, version: string): string | undefined => {
  try {
    refusePlatform(platform, version)
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('platform', () => {
  test.each([
    ['linux', 'v20.19.0', undefined], ['darwin', 'v24.1.0', undefined], ['linux', 'v22.0.0', undefined],
    ['linux', 'v20.18.3', 'E094'], ['linux', 'v18.20.0', 'E094'], ['win32', 'v24.1.0', 'E093'],
  ])('%s with Node.js %s gives %s', (platform, version, code) => {
    expect(refusal(platform, version)).toBe(code)
  })
})
