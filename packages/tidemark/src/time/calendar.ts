/**
 * Windows by the clock on the wall of a time zone: days of 23 or 25 hours, weeks, months.
 *
 * Made by the window operators, one each: it remembers the windows it has worked out.
 *
 *   CA-1  A window goes from the first instant at which the wall clock shows its beginning, or more, to
 *         that of the next window: windows cover all time, in order, without overlap.
 *   CA-2  Where the clock is put back, the hour that comes twice belongs to the window it began in; where
 *         it is put forward over a border, the border is the instant of the change.
 *   CA-3  A record of the window before costs two compares; the zone is asked only for a window not seen
 *         lately.
 *   CA-4  Weeks begin on Monday; days and longer runs of them are counted from 1970-01-01, months from
 *         January of the year 0.
 *
 * Source: the zones are those of the IANA database in the JavaScript engine (Intl); Flink's windows know a
 * fixed offset only. The rule for times that come twice or never is the 'compatible' start of a day in
 * ECMAScript's Temporal.
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { CalendarSpec, Window } from '../graph/window-spec.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** 1970-01-01 was a Thursday. */
const MONDAY_MS = -3 * DAY_MS
const WEEK_DAYS = 7
/** The last time a Date can show, less what a zone and a window may add. */
const LIMIT_MS = 8.64e15 - 500 * 366 * DAY_MS
const REMEMBERED = 64
/** Zones are at most this far from UTC, and a change of them moves the clock by a day at most. */
const REACH_MS = 50 * HOUR_MS
/** No zone changes twice within this time. */
const PROBE_MS = 10 * HOUR_MS

/** Wall clock of a zone as milliseconds, as if the zone were UTC. */
export class ZoneClock {
  readonly #format: Intl.DateTimeFormat

  /** Throws a RangeError for a zone that the engine does not know. */
  constructor(zone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23', era: 'short',
      year: 'numeric', month: 'numeric', day: 'numeric',
      hour: 'numeric', minute: 'numeric', second: 'numeric',
    })
  }

  /** How far the wall clock is ahead of UTC at that instant, ms. */
  offsetAt(timestamp: number): number {
    const parts: Record<string, string> = {}
    for (const { type, value } of this.#format.formatToParts(timestamp)) parts[type] = value
    const number = (name: string): number => Number(parts[name])
    const year = parts['era']?.startsWith('B') === true ? 1 - number('year') : number('year')
    const seconds = Math.floor(timestamp / 1000) * 1000
    return utc(year, number('month') - 1, number('day')) - seconds +
      number('hour') * HOUR_MS + number('minute') * 60_000 + number('second') * 1000
  }

  /** First instant at which the wall clock shows `wall` or more. */
  firstAt(wall: number): number {
    let from = wall - REACH_MS
    const until = wall + REACH_MS
    let offset = this.offsetAt(from)
    for (;;) {
      const change = this.#nextChange(from, until, offset)
      const shown = Math.max(from, wall - offset)
      if (change === undefined || shown < change) return shown
      from = change
      offset = this.offsetAt(change)
    }
  }

  /** First instant after `from` with another offset. */
  #nextChange(from: number, until: number, offset: number): number | undefined {
    let low = from
    let high = from
    while (this.offsetAt(high) === offset) {
      if (high >= until) return undefined
      low = high
      high = Math.min(high + PROBE_MS, until)
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.offsetAt(middle) === offset) low = middle
      else high = middle
    }
    return high
  }
}

export class Calendar {
  readonly #spec: CalendarSpec
  readonly #clock: ZoneClock
  readonly #known = new Map<number, Window>()
  #last: Window = { start: 0, end: 0 }

  /** The spec has been checked; an unknown zone throws a RangeError. */
  constructor(spec: CalendarSpec) {
    this.#spec = spec
    this.#clock = new ZoneClock(spec.zone)
  }

  /** The window that contains the timestamp. Beyond what a Date can show there is one on either side. */
  windowOf(timestamp: number): Window {
    const last = this.#last
    if (timestamp >= last.start && timestamp < last.end) return last
    if (timestamp >= LIMIT_MS) return Object.freeze({ start: LIMIT_MS, end: MAX_TIMESTAMP })
    if (timestamp < -LIMIT_MS) return Object.freeze({ start: MIN_TIMESTAMP, end: -LIMIT_MS })
    let index = this.#indexOf(timestamp + this.#clock.offsetAt(timestamp))
    // Where the clock was put back over a border it shows the window before although this one has begun.
    while (timestamp >= this.#window(index).end) index += 1
    return this.#last = this.#window(index)
  }

  #window(index: number): Window {
    let window = this.#known.get(index)
    if (window === undefined) {
      const start = this.#known.get(index - 1)?.end ?? this.#clock.firstAt(this.#wallOf(index))
      window = Object.freeze({ start, end: this.#clock.firstAt(this.#wallOf(index + 1)) })
      if (this.#known.size >= REMEMBERED) this.#known.clear()
      this.#known.set(index, window)
    }
    return window
  }

  /** Number of the window whose name the wall clock shows. */
  #indexOf(wall: number): number {
    const { unit, count, offsetMs } = this.#spec
    const shifted = wall - offsetMs
    if (unit !== 'month') return Math.floor((shifted - this.#origin) / (count * unitMs(unit)))
    const date = new Date(shifted)
    return Math.floor((date.getUTCFullYear() * 12 + date.getUTCMonth()) / count)
  }

  /** What the wall clock shows when the window begins. */
  #wallOf(index: number): number {
    const { unit, count, offsetMs } = this.#spec
    if (unit !== 'month') return index * count * unitMs(unit) + this.#origin + offsetMs
    const months = index * count
    const year = Math.floor(months / 12)
    return utc(year, months - year * 12, 1) + offsetMs
  }

  get #origin(): number {
    const { unit, count } = this.#spec
    return unit === 'day' && count % WEEK_DAYS === 0 ? MONDAY_MS : 0
  }
}

const unitMs = (unit: 'hour' | 'day'): number => (unit === 'hour' ? HOUR_MS : DAY_MS)

/** Date.UTC takes the years 0 to 99 for those of the last century. */
function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day)
}
