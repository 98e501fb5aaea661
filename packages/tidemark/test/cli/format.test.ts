import { describe, expect, test } from 'vitest'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../src/base/time.ts'
import { formatAge, formatBytes, formatCount, formatInstant, formatTable } from '../../src/cli/format.ts'

describe('formats for people', () => {
  test.each([[0, '0'], [999, '999'], [1000, '1\u202f000'], [3000000, '3\u202f000\u202f000']])('%i is %s', (n, text) => {
    expect(formatCount(n)).toBe(text)
  })
  test.each([[0, '0 B'], [999, '999 B'], [1000, '1.0 kB'], [999_600, '1.0 MB'], [31_000_000, '31 MB']])(
    '%i bytes are %s', (n, text) => expect(formatBytes(n)).toBe(text))
  test.each([[3, '3 ms'], [1400, '1.4 s'], [59_000, '59 s'], [600_000, '10 min'], [10_800_000, '3 h'], [2.6e8, '3 days']])(
    '%i ms are %s', (ms, text) => expect(formatAge(ms)).toBe(text))
  test.each([[MIN_TIMESTAMP, 'not known yet'], [MAX_TIMESTAMP, 'end of input'], [978_307_200_000, '2001-01-01 00:00:00']])(
    'the instant %i is %s', (ms, text) => expect(formatInstant(ms)).toBe(text))
  test('columns of a table line up', () => {
    expect(formatTable([['id', 'size'], ['1', '10 MB'], ['100', '1 MB']], [0])).toEqual([
      ' id  size', '  1  10 MB', '100  1 MB',
    ])
  })
})
