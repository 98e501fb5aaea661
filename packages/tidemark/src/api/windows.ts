/**
 * Window specifications as users write them: `tumbling('1h')`, `sliding('1h', { every: '10m' })` …
 *
 * All windows are aligned to 1970-01-01T00:00:00Z plus the offset. Durations are checked here, so
 * an impossible one is reported at the line that wrote it.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { TimeDomain, WindowAssignerSpec } from '../graph/window-spec.ts'

/** Puts records of type `T` into windows. */
export interface WindowAssigner<T = unknown> {
  readonly spec: WindowAssignerSpec
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

/** Windows of one size, back to back: every record is in exactly one. */
export function tumbling(size: Duration, options: AlignedWindowOptions = {}): WindowAssigner {
  const sizeMs = durationMs(size, 'the size of a tumbling window', 1)
  const offsetMs = offsetOf(options.offset, sizeMs, 'the size')
  return { spec: { kind: 'tumbling', time: options.time ?? 'event', sizeMs, offsetMs } }
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
