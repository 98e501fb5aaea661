import { describe, expect, test } from 'vitest'
import type { ErrorKind } from '../../src/base/errors.ts'
import { EXIT, EXIT_MEANING, exitCodeOf, exitCodeOfSignal } from '../../src/cli/exit-codes.ts'

const TABLE: readonly (readonly [ErrorKind, number])[] = [
  ['usage', 2], ['job', 3], ['data', 3], ['resource', 3], ['state', 4], ['corrupt', 4], ['not-found', 5],
  ['environment', 8],
]

describe('exit codes', () => {
  test.each(TABLE)('an error of kind %s ends with exit code %i', (kind, code) => {
    expect(exitCodeOf({ code: 'E999', kind })).toBe(code)
  })

  test('an engine that stopped itself ends with the code of a bug, not of the job', () => {
    expect(exitCodeOf({ code: 'E084', kind: 'job' })).toBe(1)
  })

  test('a forced end has the code of its signal, 128 + its number', () => {
    expect(exitCodeOfSignal('SIGINT')).toBe(128 + 2)
    expect(exitCodeOfSignal('SIGTERM')).toBe(128 + 15)
  })

  test('every code has one meaning, and every meaning one code', () => {
    expect(EXIT_MEANING.map(([code]) => code)).toEqual(Object.values(EXIT))
    expect(new Set(EXIT_MEANING.map(([, meaning]) => meaning)).size).toBe(EXIT_MEANING.length)
  })
})
