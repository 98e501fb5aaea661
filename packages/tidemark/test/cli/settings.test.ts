import { describe, expect, test } from 'vitest'
import { isStreamError, type StreamError } from '../../src/base/errors.ts'
import { parseSettings, refuseUnread } from '../../src/cli/settings.ts'

function refusal(run: () => unknown): StreamError {
  try {
    run()
  } catch (error) {
    if (isStreamError(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('settings', () => {
  test('the value is everything behind the first equals sign', () => {
    expect(parseSettings(['filter=a=b', 'empty='])).toEqual({ filter: 'a=b', empty: '' })
  })

  test('a key named like a property of objects is an ordinary key', () => {
    const config = parseSettings(['__proto__=x', 'constructor=y'])
    expect(Object.entries(config)).toEqual([['__proto__', 'x'], ['constructor', 'y']])
    expect(refusal(() => refuseUnread(config, ['constructor'])).message).toContain('__proto__')
  })

  test.each(['checkpointEvery', '=1s', ''])('%j is refused: it is no key=value', (given) => {
    expect(refusal(() => parseSettings([given])).code).toBe('E096')
  })

  test('the same key twice is refused', () => {
    expect(refusal(() => parseSettings(['out=a', 'out=b'])).message).toContain('"out" was given twice')
  })

  test.each(['checkpointEvery=soon', 'checkpointEvery=0s', 'checkpointTimeout=-1s', 'minPause=1 s'])(
    '%s is refused as an impossible duration',
    (given) => expect(refusal(() => parseSettings([given])).code).toBe('E096'),
  )

  test.each(['retain=0', 'retain=1.5', 'retain=', 'tolerableFailures=-1', 'restartAttempts=many'])(
    '%s is refused as an impossible count',
    (given) => expect(refusal(() => parseSettings([given])).code).toBe('E096'),
  )

  test('a key that nobody reads is refused, with the nearest one and all there are', () => {
    const error = refusal(() => refuseUnread({ ouput: 'x' }, ['output', 'input']))
    expect(error).toMatchObject({ code: 'E091', kind: 'usage' })
    expect(error.message).toContain('Did you mean "output"?')
    expect(error.fix.join('\n')).toContain('"input", "output"')
  })

  test('keys of the engine and keys that the job read pass', () => {
    expect(() => refuseUnread({ checkpointEvery: '1s', out: 'x' }, ['out'])).not.toThrow()
  })
})
