/**
 * Window specifications as users write them: `tumbling('1h')`, `sliding('1h', { every: '10m' })` …
 *
 * Windows of time are aligned to 1970-01-01T00:00:00 plus the offset, in UTC or in a zone. Durations are
 * checked here, so an impossible one is reported at the line that wrote it.
 */
import { didYouMean } from '../base/did-you-mean.ts'
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { EvictorSpec, TimeDomain, TriggerSpec, WindowAssignerSpec } from '../graph/window-spec.ts'
import { wholeFrom1 } from './triggers.ts'

/** Puts records of type `T` into windows. */
export interface WindowAssigner<T = unknown> {
  readonly spec: WindowAssignerSpec
  /** Count windows are global ones with a trigger and an evictor of their own. */
  readonly trigger?: TriggerSpec
  readonly evictor?: EvictorSpec
  /** Phantom: what it looks at. */
  readonly '~record'?: (record: T) => void
}

export interface WindowTimeOptions {
  /** Event time (the default) is when it happened; processing time is when it is seen, never repeatable. */
  readonly time?: TimeDomain
}

export interface AlignedWindowOptions extends WindowTimeOptions {
  /** Shifts the borders, e.g. '-8h' for days of a zone that is eight hours ahead of UTC. */
  readonly offset?: Duration
}

export interface TumblingWindowOptions extends AlignedWindowOptions {
  /**
   * A time zone, e.g. 'Europe/Berlin': windows are whole days or a part of a day (2, 3, 4, 6, 8 or 12
   * hours) by its wall clock, so a day has 23 or 25 hours when the clock is changed. Runs of 7 days begin
   * on Monday.
   */
  readonly zone?: string
}

/** Windows of one size, back to back: every record is in exactly one. */
export function tumbling(size: Duration, options: TumblingWindowOptions = {}): WindowAssigner {
  const sizeMs = durationMs(size, 'the size of a tumbling window', 1)
  const { zone } = options
  if (zone !== undefined) return calendarOf(sizeMs, size, { ...options, zone })
  const offsetMs = offsetOf(options.offset, sizeMs, 'the size')
  return { spec: { kind: 'tumbling', time: options.time ?? 'event', sizeMs, offsetMs } }
}

const UNITS = {
  day: { unit: 'day', count: 1 }, week: { unit: 'day', count: 7 },
  month: { unit: 'month', count: 1 },
  quarter: { unit: 'month', count: 3 },
  year: { unit: 'month', count: 12 },
} as const

export interface CalendarOptions extends AlignedWindowOptions {
  /** E.g. 'Europe/Berlin' or 'UTC'; a name of the IANA time zone database. */
  readonly zone: string
}

/** Days, weeks from Monday, months, quarters and years by the wall clock of a time zone, back to back. */
export function calendar(unit: keyof typeof UNITS, options: CalendarOptions): WindowAssigner {
  if (!Object.hasOwn(UNITS, unit)) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'The unit of a calendar window is unknown', given: unit,
      why: 'It says how long a window is.', fix: `use one of ${Object.keys(UNITS).join(', ')}`,
    })
  }
  return zoned(UNITS[unit], options)
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function calendarOf(sizeMs: number, size: Duration, options: CalendarOptions): WindowAssigner {
  if (sizeMs % DAY_MS === 0) return zoned({ unit: 'day', count: sizeMs / DAY_MS }, options)
  if (sizeMs > HOUR_MS && sizeMs % HOUR_MS === 0 && DAY_MS % sizeMs === 0) {
    return zoned({ unit: 'hour', count: sizeMs / HOUR_MS }, options)
  }
  throw E008_IMPOSSIBLE_OPTION({
    what: 'The size of a window with a zone is neither days nor a part of a day', given: size,
    why: 'By a wall clock that can be changed, only whole days and parts of them have borders. ' +
      'An hour or less is the same everywhere, up to an offset.',
    fix: "use whole days, or 2, 3, 4, 6, 8 or 12 hours, or leave out zone and give an offset, e.g. '30m'",
  })
}

function zoned(every: { readonly unit: 'hour' | 'day' | 'month'; readonly count: number },
  options: CalendarOptions): WindowAssigner {
  const { zone, offset, time = 'event' } = options
  checkZone(zone)
  const { unit, count } = every
  const stepMs = unit === 'hour' ? count * HOUR_MS : unit === 'day' ? count * DAY_MS : DAY_MS
  const offsetMs = offsetOf(offset, stepMs, unit === 'month' ? 'a day' : 'the size')
  return { spec: { kind: 'calendar', time, zone, unit, count, offsetMs } }
}

function checkZone(zone: string): void {
  try {
    if (typeof zone === 'string') return void new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  const near = typeof zone === 'string' ? didYouMean(zone, Intl.supportedValuesOf('timeZone')) : undefined
  throw E008_IMPOSSIBLE_OPTION({
    what: 'The time zone of a window is unknown', given: zone,
    why: 'Zones are names of the IANA database that this version of Node.js has, e.g. Europe/Berlin.',
    fix: near === undefined ? "use a name such as 'Europe/Berlin', or 'UTC'" : `did you mean '${near}'?`,
  })
}

export interface SlidingWindowOptions extends AlignedWindowOptions {
  readonly every: Duration
}

/** Windows of one size that begin every so often: a record is in about size / every of them. */
export function sliding(size: Duration, options: SlidingWindowOptions): WindowAssigner {
  const sizeMs = durationMs(size, 'the size of a sliding window', 1)
  const slideMs = durationMs(options.every, 'every of a sliding window', 1)
  const offsetMs = offsetOf(options.offset, slideMs, 'every')
  return { spec: { kind: 'sliding', time: options.time ?? 'event', sizeMs, slideMs, offsetMs } }
}

export interface SessionOptions<T> extends WindowTimeOptions {
  /** A session ends when nothing came for this long; a function decides for each record. */
  readonly gap: Duration | ((record: T) => Duration)
}

/** Windows that grow with the records of a key and end after a gap without any. */
export function session<T = unknown>(options: SessionOptions<T>): WindowAssigner<T> {
  const { gap } = options
  const time = options.time ?? 'event'
  if (typeof gap === 'function') {
    // The operator hands over records of the stream it stands in, which the type of `window` has checked.
    const gapMs = (value: unknown): number => durationMs(gap(value as T), 'the gap of a session window')
    return { spec: { kind: 'session', time, gapMs } }
  }
  const fixedGapMs = durationMs(gap, 'the gap of a session window', 1)
  return { spec: { kind: 'session', time, gapMs: () => fixedGapMs, fixedGapMs } }
}

/** One window that never ends: give it a trigger, or it never speaks. */
export function globalWindow(): WindowAssigner {
  return { spec: { kind: 'global' } }
}

export interface CountWindowOptions {
  /** A result after every so many records, over the last `size`. Default: after `size`, over those. */
  readonly every?: number
}

/**
 * Windows of so many records of a key, whenever they come. What has not reached the number at the end of
 * the input gives no result. With `every` the records are kept in state, otherwise only what is computed.
 */
export function countWindow(size: number, options: CountWindowOptions = {}): WindowAssigner {
  const { every } = options
  const count = wholeFrom1(size, 'The size of a count window')
  if (every === undefined) {
    return { spec: { kind: 'global' }, trigger: { kind: 'purging', inner: { kind: 'count', count } } }
  }
  return {
    spec: { kind: 'global' },
    trigger: { kind: 'count', count: wholeFrom1(every, 'every of a count window') },
    evictor: { kind: 'count', count, after: false },
  }
}

function offsetOf(offset: Duration | undefined, below: number, what: string): number {
  const offsetMs = durationMs(offset ?? 0, 'the offset of a window', Number.MIN_SAFE_INTEGER)
  if (Math.abs(offsetMs) >= below) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'The offset of a window is too large', given: offset,
      why: `Windows repeat, so an offset of ${what} or more means the same as a smaller one.`,
      fix: `use an offset whose amount is less than ${what}`,
    })
  }
  return offsetMs
}
