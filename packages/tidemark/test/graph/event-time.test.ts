import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventTimeMs } from '../../src/graph/event-time.ts'
import { errorOf } from '../api/fakes.ts'

const refused = (given: unknown): string => errorOf(() => eventTimeMs(given, 'lines')).message

describe('event time', () => {
  it('is the milliseconds of a valid Date or number, fractions cut off downwards', () => {
    fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => {
      expect(eventTimeMs(date, 'lines')).toBe(date.getTime())
    }))
    expect(eventTimeMs(978_307_200_000.9, 'lines')).toBe(978_307_200_000)
    expect(eventTimeMs(-0.5, 'lines')).toBe(-1)
    expect(eventTimeMs(0, 'lines')).toBe(0)
    expect(eventTimeMs(30_000, 'lines')).toBe(30_000)
  })

  it('is refused with E013 if it is no time', () => {
    const noTimes = [NaN, Infinity, -Infinity, new Date(NaN), '2001-01-01', null, undefined, {}, 5n, true,
      9e15]
    for (const given of noTimes) {
      expect(errorOf(() => eventTimeMs(given, 'lines')).code).toBe('E013')
    }
    expect(refused(new Date(NaN))).toBe('eventTime of the source "lines" returned an invalid Date.')
    expect(refused('2001-01-01')).toBe('eventTime of the source "lines" returned "2001-01-01", a string.')
  })

  it('is refused with E013 if it looks like seconds, micro- or nanoseconds, with the way to mend it', () => {
    expect(refused(1_700_000_000))
      .toBe('eventTime of the source "lines" returned 1700000000, which looks like seconds.')
    expect(errorOf(() => eventTimeMs(1_700_000_000, 'lines')).fix[0]).toContain('multiply by 1000')
    expect(refused(1_700_000_000_000_000_000)).toContain('microseconds or nanoseconds')
    expect(eventTimeMs(new Date(1_700_000_000), 'lines')).toBe(1_700_000_000)
  })
})
