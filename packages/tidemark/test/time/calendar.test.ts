import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CalendarSpec } from '../../src/graph/window-spec.ts'
import { Calendar, ZoneClock } from '../../src/time/calendar.ts'
import { checkAssigner } from '../../src/time/window-assigner.ts'

const HOUR = 3_600_000
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'America/Sao_Paulo', 'Australia/Lord_Howe',
  'Pacific/Apia', 'Africa/Casablanca', 'Asia/Beirut', 'UTC'] as const
const calendar = (zone: string, more: Partial<CalendarSpec> = {}): CalendarSpec =>
  ({ kind: 'calendar', time: 'event', zone, unit: 'day', count: 1, offsetMs: 0, ...more })

/** Plain Intl: what the wall clock shows, as text that sorts. */
function shown(zone: string) {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  })
  return (time: number): string => format.format(time)
}

const instant = fc.integer({ min: Date.UTC(1975, 0, 1), max: Date.UTC(2035, 0, 1) })

test('CA-1: a day goes from the first to the last instant at which the wall clock shows its date', () => {
  for (const zone of zones) {
    const text = shown(zone)
    const days = new Calendar(calendar(zone))
    fc.assert(fc.property(instant, (time) => {
      const { start, end } = days.windowOf(time)
      expect(start <= time && time < end).toBe(true)
      const date = text(time).slice(0, 10)
      // At its first instant the clock shows the date, before that an earlier one; a clock that is put back
      // over midnight may show the old date again, which belongs to the new day (CA-2).
      expect(text(start).slice(0, 10) >= date).toBe(true)
      expect(text(start - 1).slice(0, 10) < text(start).slice(0, 10)).toBe(true)
      expect(text(end).slice(0, 10) > text(start).slice(0, 10)).toBe(true)
      expect(days.windowOf(start - 1).end).toBe(start)
      expect(days.windowOf(end).start).toBe(end)
    }), { numRuns: 60 })
  }
})

test('days of Berlin have 23 hours in spring, 25 in autumn, and 24 otherwise', () => {
  const days = new Calendar(calendar('Europe/Berlin'))
  const hours = (year: number, month: number, day: number): number => {
    const { start, end } = days.windowOf(Date.UTC(year, month - 1, day, 12))
    return (end - start) / HOUR
  }
  expect([hours(2024, 3, 30), hours(2024, 3, 31), hours(2024, 4, 1)]).toEqual([24, 23, 24])
  expect([hours(2024, 10, 26), hours(2024, 10, 27), hours(2024, 10, 28)]).toEqual([24, 25, 24])
  expect(days.windowOf(Date.UTC(2024, 6, 1, 23)).start).toBe(Date.UTC(2024, 6, 1, 22))
})

test('CA-2: parts of a day, a day that begins at one, and a day that never was', () => {
  const sixes = new Calendar(calendar('Europe/Berlin', { unit: 'hour', count: 6 }))
  const night = sixes.windowOf(Date.UTC(2024, 9, 27, 1))
  expect([night.start, night.end]).toEqual([Date.UTC(2024, 9, 26, 22), Date.UTC(2024, 9, 27, 5)])
  const paulo = new Calendar(calendar('America/Sao_Paulo')).windowOf(Date.UTC(2018, 10, 4, 12))
  expect((paulo.end - paulo.start) / HOUR).toBe(23) // the clock went from 0:00 to 1:00
  const apia = new Calendar(calendar('Pacific/Apia'))
  const before = apia.windowOf(Date.UTC(2011, 11, 29, 22)) // 29 December, then the 31st
  expect((before.end - before.start) / HOUR).toBe(24)
  expect(shown('Pacific/Apia')(before.end)).toMatch(/^2011-12-31 00:00/)
})

test('CA-4: weeks begin on Monday, months on the first, quarters and years in January; offsets by the wall clock', () => {
  const text = shown('Europe/Berlin')
  const startOf = (more: Partial<CalendarSpec>, time = Date.UTC(2024, 10, 20, 12)): string =>
    text(new Calendar(calendar('Europe/Berlin', more)).windowOf(time).start)
  expect(startOf({ count: 7 })).toBe('2024-11-18 00:00:00')
  expect(startOf({ unit: 'month' })).toBe('2024-11-01 00:00:00')
  expect(startOf({ unit: 'month', count: 3 })).toBe('2024-10-01 00:00:00')
  expect(startOf({ unit: 'month', count: 12 })).toBe('2024-01-01 00:00:00')
  expect(startOf({ offsetMs: 6 * HOUR }, Date.UTC(2024, 9, 27, 4))).toBe('2024-10-26 06:00:00')
  expect(startOf({ offsetMs: 6 * HOUR }, Date.UTC(2024, 9, 27, 5))).toBe('2024-10-27 06:00:00')
  expect(startOf({ unit: 'month' }, Date.UTC(-1, 2, 5))).toMatch(/-03-01 00:0/)
})

test('order of questions does not matter, and times beyond Date have a window too', () => {
  fc.assert(fc.property(fc.constantFrom(...zones), fc.array(instant, { maxLength: 100 }), (zone, times) => {
    const one = new Calendar(calendar(zone))
    for (const time of times) expect(one.windowOf(time)).toEqual(new Calendar(calendar(zone)).windowOf(time))
  }), { numRuns: 10 })
  for (const time of [8.64e15, -8.64e15, Number.MAX_SAFE_INTEGER - 1]) {
    const { start, end } = new Calendar(calendar('UTC')).windowOf(time)
    expect(start <= time && time < end).toBe(true)
  }
})

test('what makes no calendar is refused', () => {
  const bad: Partial<CalendarSpec>[] = [
    { zone: 'Europe/Atlantis' }, { count: 0 }, { unit: 'hour', count: 5 }, { offsetMs: 24 * HOUR }, { count: 1.5 },
  ]
  for (const more of bad) {
    expect(() => checkAssigner(calendar('UTC', more))).toThrow(expect.objectContaining({ code: 'E024' }))
  }
  expect(() => new ZoneClock('nowhere')).toThrow(RangeError)
})
