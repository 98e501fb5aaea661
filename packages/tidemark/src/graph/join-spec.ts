/**
 * Joins as data: two keyed inputs, input 0 is the left one and input 1 the right one; or one input and a
 * function outside.
 *
 * `api/joins.ts` checks what users say and produces these, `operator/join` gives them their meaning. Nothing
 * here runs.
 */
import type { AsyncMapSpec } from './async-spec.ts'
import type { KeySelector, WindowFunctionContext, WindowSpec } from './operator-spec.ts'
import type { EvolutionSpec, StateSpec, TtlSpec } from './state-spec.ts'
import type { Window } from './window-spec.ts'

/** Of which side a record without a partner is put out, too. */
export type JoinType = 'inner' | 'left' | 'right' | 'full'

/** Outputs for late records, one a side; the colon keeps them apart from the names of users. */
export const LATE_LEFT = 'late:left'
export const LATE_RIGHT = 'late:right'

/** Called once a result; a side without a partner is `undefined`. */
export type JoinFunction = (left: any, right: any, context: any) => unknown

interface TwoInputs {
  /** How the records of the left and of the right input are keyed; equal keys meet. */
  readonly keysOf: readonly [KeySelector, KeySelector]
  /** Of the records of both sides; absent: version 1. */
  readonly evolution?: EvolutionSpec
}

/** Pairs with left.time + lowerMs <= right.time <= left.time + upperMs. */
export interface IntervalJoinSpec extends TwoInputs {
  readonly kind: 'interval-join'
  readonly type: JoinType
  /** Inclusive, both: timestamps are whole milliseconds, so an exclusive bound is the next one. */
  readonly lowerMs: number
  readonly upperMs: number
  readonly fn: JoinFunction
}

/** One window operator over the records of both sides (Flink's CoGroupedStreams). */
export interface WindowJoinSpec extends TwoInputs, Omit<WindowSpec, 'kind' | 'keyOf' | 'compute'> {
  readonly kind: 'window-join'
  /** Per-key state that outlives the window. */
  readonly state: Readonly<Record<string, StateSpec>>
  readonly group: (
    key: any, window: Window, lefts: readonly any[], rights: readonly any[], context: WindowFunctionContext,
  ) => Iterable<unknown> | void
}

/** Each record of the left side with the version of the right side that was valid at its time. */
export interface TemporalJoinSpec extends TwoInputs {
  readonly kind: 'temporal-join'
  readonly type: Extract<JoinType, 'inner' | 'left'>
  /** True: from this version on there is none. */
  readonly ends?: (version: any) => boolean
  readonly fn: JoinFunction
}

/** Every pair of records of one key, however far apart, unless the state forgets one. */
export interface KeyedJoinSpec extends TwoInputs {
  readonly kind: 'keyed-join'
  /** Outer joins put out a changelog. */
  readonly type: JoinType
  readonly ttl?: TtlSpec
  readonly fn: JoinFunction
}

/** One input, whose records are joined with what a function outside gives for their key. */
export interface LookupJoinSpec extends Omit<AsyncMapSpec, 'kind' | 'fn'> {
  readonly kind: 'lookup-join'
  readonly type: Extract<JoinType, 'inner' | 'left'>
  /** Not the key of a keyed stream: records stay in their subtask. */
  readonly lookupKey: KeySelector
  /** Undefined: there is nothing for the key. */
  readonly load: (key: any, signal: AbortSignal) => PromiseLike<unknown>
  /** Of one subtask. */
  readonly cache?: { readonly size: number; readonly ttlMs: number }
  readonly fn: (record: any, value: any) => unknown
}

/** Joins of two streams. */
export type JoinSpec = IntervalJoinSpec | WindowJoinSpec | TemporalJoinSpec | KeyedJoinSpec

/** Rows without a partner are put out of this side. */
export const keepsLeft = (type: JoinType): boolean => type === 'left' || type === 'full'
export const keepsRight = (type: JoinType): boolean => type === 'right' || type === 'full'
