import { afterEach, describe, expect, test } from 'vitest'
import { onStopSignals } from '../../src/cli/signals.ts'

describe('signals', () => {
  let remove: (() => void) | undefined
  afterEach(() => remove?.())

  function installed(): { said: string[]; atMs: (ms: number) => void } {
    const said: string[] = []
    let nowMs = 1000
    remove = onStopSignals(
      { stop: (signal) => said.push(`stop ${signal}`), now: (signal) => said.push(`now ${signal}`) },
      () => nowMs,
    )
    return { said, atMs: (ms) => (nowMs = ms) }
  }

  test('the first signal stops, the second one ends at once', () => {
    const { said, atMs } = installed()
    process.emit('SIGINT', 'SIGINT')
    atMs(5000)
    process.emit('SIGTERM', 'SIGTERM')
    expect(said).toEqual(['stop SIGINT', 'now SIGTERM'])
  })

  test('SG-1 the same key press delivered twice is one signal', () => {
    const { said, atMs } = installed()
    process.emit('SIGINT', 'SIGINT')
    atMs(1005)
    process.emit('SIGINT', 'SIGINT')
    expect(said).toEqual(['stop SIGINT'])
  })

  test('handlers are gone after removal', () => {
    const before = process.listenerCount('SIGINT')
    installed()
    expect(process.listenerCount('SIGINT')).toBe(before + 1)
    remove?.()
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
})
