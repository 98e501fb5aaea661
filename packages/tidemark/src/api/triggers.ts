/**
 * Triggers (when a window speaks) and evictors (which of its records count), as users write them.
 *
 * Names and meanings are Flink's. Every window has a default trigger; give one only to change that.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { EvictorSpec, TriggerSpec } from '../graph/window-spec.ts'

export type Trigger = TriggerSpec

/** Keeps some records of a window of `T`; a window with an evictor keeps all its records in state. */
export interface Evictor<T = unknown> {
  readonly spec: EvictorSpec
  /** Phantom: what it looks at. */
  readonly '~record'?: (record: T) => void
}

export interface EvictorOptions {
  /** Drop records after the window function has seen them, not before. */
  readonly after?: boolean
}

/** Fires once the watermark passes the end of the window, and for each late record allowed. */
export function eventTimeTrigger(): Trigger {
  return { kind: 'event-time' }
}

/** Fires once the clock of the machine passes the end of the window. */
export function processingTimeTrigger(): Trigger {
  return { kind: 'processing-time' }
}

/** Fires whenever this many records have come since it last fired. */
export function countTrigger(count: number): Trigger {
  return { kind: 'count', count: wholeFrom1(count, 'The count of a trigger') }
}

/** Fires again and again while the window is open, as event time passes. */
export function continuousTrigger(interval: Duration): Trigger {
  return { kind: 'continuous-event-time', intervalMs: durationMs(interval, 'the interval of a trigger', 1) }
}

/** Never fires. */
export function neverTrigger(): Trigger {
  return { kind: 'never' }
}

/** Fires as `inner` does, and empties the window each time. */
export function purging(inner: Trigger): Trigger {
  return { kind: 'purging', inner }
}

/** Keeps the last `count` records. */
export function countEvictor(count: number, options: EvictorOptions = {}): Evictor {
  const { after = false } = options
  return { spec: { kind: 'count', count: wholeFrom1(count, 'The count of an evictor'), after } }
}

/** Keeps records that are at most `span` older than the newest. */
export function timeEvictor(span: Duration, options: EvictorOptions = {}): Evictor {
  const { after = false } = options
  return { spec: { kind: 'time', ms: durationMs(span, 'the span of an evictor'), after } }
}

export interface DeltaEvictorOptions<T> extends EvictorOptions {
  readonly threshold: number
  readonly delta: (record: T, last: T) => number
}

/** Drops records whose distance from the last one is `threshold` or more. */
export function deltaEvictor<T>(options: DeltaEvictorOptions<T>): Evictor<T> {
  const { threshold, delta, after = false } = options
  // The operator hands over records of the stream it stands in, which the type of `window` has checked.
  const untyped = delta as (record: unknown, last: unknown) => number
  return { spec: { kind: 'delta', threshold, delta: untyped, after } }
}

function wholeFrom1(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw E008_IMPOSSIBLE_OPTION({
    what: `${what} is impossible`, given: count,
    why: 'It counts records.', fix: 'use a whole number from 1',
  })
}
