/**
 * Types of process functions: what handlers get and what they give.
 *
 * The running operator provides the contexts (operator/); here they are only typed. A handler is
 * synchronous; it returns an iterable of outputs, most easily by being a generator, or nothing.
 */
import type { TimeDomain } from '../graph/window-spec.ts'
import type { OutputOf, Schema, StateDeclarations, StateHandles } from './state.ts'

/** Declares the type of a side output by a schema or by `sideOutput<T>()`. */
export type SideDeclarations = Readonly<Record<string, Schema | SideOutput<unknown>>>

export interface SideOutput<T> {
  /** Phantom. */
  readonly '~value'?: T
  readonly kind: 'side-output'
}

/** A side output typed without a schema: `side: { alerts: sideOutput<Alert>() }`. */
export function sideOutput<T>(): SideOutput<T> {
  return { kind: 'side-output' }
}

export type SideValue<D> = D extends Schema ? OutputOf<D> : D extends SideOutput<infer T> ? T : never
export type SideWriters<Side> = { readonly [P in keyof Side]: (value: SideValue<Side[P]>) => void }

export interface Timers {
  /** Calls `onTimer` for this key once the watermark reaches `time`; the same time again changes nothing. */
  at(time: Date | number): void
  cancel(time: Date | number): void
  /** The same by the machine's clock: a result that depends on it is not repeatable. */
  atProcessingTime(time: Date | number): void
  cancelProcessingTime(time: Date | number): void
}

interface TimeContext {
  /** Event time of the record or timer; undefined if it has none. */
  readonly eventTime: Date | undefined
  /** The same in milliseconds. */
  readonly timestamp: number
  /** Nothing earlier than this is expected any more, ms. */
  readonly watermark: number
  /** The machine's clock, ms. */
  readonly processingTime: number
}

/** What handlers of a keyed `process` see besides the record. */
export interface ProcessContext<K, S, Side> extends TimeContext {
  readonly key: K
  readonly state: StateHandles<S>
  readonly side: SideWriters<Side>
  readonly timer: Timers
  /** In `onTimer`: which clock the timer was set on. */
  readonly timerDomain: TimeDomain
}

/** What the handler of a `process` without keys sees: no state, no timers. */
export interface StreamProcessContext<Side> extends TimeContext {
  readonly side: SideWriters<Side>
}

export interface ProcessOptions<S, Side> {
  readonly state?: S
  readonly side?: Side
}

export interface ProcessHandlers<K, T, O, S, Side> {
  onRecord(record: T, context: ProcessContext<K, S, Side>): Iterable<O> | void
  onTimer?(time: Date, context: ProcessContext<K, S, Side>): Iterable<O> | void
}

export interface StreamProcessHandlers<T, O, Side> {
  onRecord(record: T, context: StreamProcessContext<Side>): Iterable<O> | void
}

/** What a window function sees besides the records of the window. */
export interface WindowContext<K, S, Side> {
  /** Undefined in windows over all records. */
  readonly key: [K] extends [never] ? undefined : K
  readonly start: Date
  readonly end: Date
  readonly watermark: number
  readonly processingTime: number
  /** State of the key that outlives the window. */
  readonly state: StateHandles<S>
  readonly side: SideWriters<Side>
}

export type NoState = Record<never, never>
export type NoSides = Record<never, never>
export type { StateDeclarations, StateHandles }
