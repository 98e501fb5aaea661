/**
 * Triggers (when a window speaks) and evictors (which of its records count), as users write them.
 *
 * Names and meanings are Flink's. Every window has a default trigger; give one only to change that.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { EvictorSpec, TriggerResult, TriggerSpec } from '../graph/window-spec.ts'
import { requireFunction } from './checks.ts'
import type { Timers } from './process.ts'

/** Decides over windows with records of `T`. */
export type Trigger<T = unknown> = TriggerSpec & {
  /** Phantom: what it looks at. */
  readonly '~record'?: (record: T) => void
}

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

/**
 * Fires again and again by the machine's clock, from the first record of the window on. In windows of event
 * time it does not fire at their end: for early results and a final one use `early`.
 */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger {
  const intervalMs = durationMs(interval, 'the interval of a trigger', 1)
  return { kind: 'continuous-processing-time', intervalMs }
}

/**
 * Fires at the end of the window as the event-time trigger does, and before that by the machine's clock,
 * once in every interval in which a record came. `{ early: '10s' }` in the options of a window is the same.
 */
export function earlyTrigger(interval: Duration): Trigger {
  return { kind: 'early', intervalMs: durationMs(interval, 'the interval of early results', 1) }
}

export interface DeltaTriggerOptions<T> {
  readonly threshold: number
  readonly delta: (last: T, record: T) => number
}

/** Fires for a record that is more than `threshold` away from the one at which it last fired. */
export function deltaTrigger<T>(options: DeltaTriggerOptions<T>): Trigger<T> {
  const { threshold } = options
  return { kind: 'delta', threshold, delta: requireFunction(options.delta, 'deltaTrigger') }
}

/** What a trigger of your own sees: valid during the call only. `S` is plain data. */
export interface TriggerContext<S> {
  /** Of the window; a window without end shows the whole range of Date. */
  readonly start: Date
  readonly end: Date
  /** Of the record or the timer, ms; undefined in `onMerge` and `clear`. */
  readonly timestamp: number | undefined
  readonly watermark: number
  readonly processingTime: number
  /** One value per key and window, forgotten with the window. */
  readonly state: { get(): S | undefined; set(value: S): void; clear(): void }
  /** Timers of this key and window; one that is due after the window was forgotten does nothing. */
  readonly timer: Timers
}

export interface TriggerHandlers<T, S> {
  onElement(record: T, context: TriggerContext<S>): TriggerResult
  /** Default: 'continue'. */
  onEventTime?(time: Date, context: TriggerContext<S>): TriggerResult
  /** Default: 'continue'. */
  onProcessingTime?(time: Date, context: TriggerContext<S>): TriggerResult
  /**
   * Windows became one: sets state and timers for it, out of the states they had, by their beginning. Their
   * own state and timers are gone by then. Needed for session windows.
   */
  onMerge?(states: readonly S[], context: TriggerContext<S>): void
  /** The window is forgotten, or goes into another one: for timers, which cost memory until they are due. */
  clear?(context: TriggerContext<S>): void
}

/** A trigger of your own; the name stands in `tidemark graph` and in errors. */
export function trigger<T, S = undefined>(name: string, handlers: TriggerHandlers<T, S>): Trigger<T> {
  const onElement = requireFunction(handlers?.onElement?.bind(handlers), 'trigger')
  const onEventTime = handlers.onEventTime?.bind(handlers)
  const onProcessingTime = handlers.onProcessingTime?.bind(handlers)
  const onMerge = handlers.onMerge?.bind(handlers)
  const clear = handlers.clear?.bind(handlers)
  return {
    kind: 'custom', name: String(name), onElement,
    ...(onEventTime === undefined ? {} : { onEventTime }),
    ...(onProcessingTime === undefined ? {} : { onProcessingTime }),
    ...(onMerge === undefined ? {} : { onMerge }),
    ...(clear === undefined ? {} : { clear }),
  }
}

/** Never fires. */
export function neverTrigger(): Trigger {
  return { kind: 'never' }
}

/** Fires as `inner` does, and empties the window each time. */
export function purging<T>(inner: Trigger<T>): Trigger<T> {
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

/** A count as it was given, or E008. */
export function wholeFrom1(count: number, what: string): number {
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw E008_IMPOSSIBLE_OPTION({
    what: `${what} is impossible`, given: count,
    why: 'It counts records.', fix: 'use a whole number from 1',
  })
}
