/**
 * Every operator a graph can hold, as tagged data with the user's functions in it.
 *
 * `api` produces these; `operator/create.ts` turns each into a running operator; `explain` prints
 * them. Nothing here runs.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { RowCode } from './aggregate-code.ts'
import type { AsyncMapSpec } from './async-spec.ts'
import type { BroadcastProcessSpec } from './broadcast-spec.ts'
import type { JoinSpec, LookupJoinSpec } from './join-spec.ts'
import type { Key } from './key.ts'
import type { PatternSpec } from './pattern-spec.ts'
import type { AnySink } from './sink.ts'
import type { AnySource } from './source.ts'
import type { AggregateSpec, EvolutionSpec, StateSpec } from './state-spec.ts'
import type { EvictorSpec, TriggerSpec, Window, WindowAssignerSpec } from './window-spec.ts'

/** Name of an output of an operator: 'main', 'late', 'invalid', or a declared side output. */
export type OutputTag = string
export const MAIN: OutputTag = 'main'
export const LATE: OutputTag = 'late'
export const INVALID: OutputTag = 'invalid'
export const FAILED: OutputTag = 'failed'
export const TIMED_OUT: OutputTag = 'timed-out'

export type KeySelector = (value: any) => Key

export type InvalidPolicy = 'fail' | 'drop' | 'side'

/** One state for each split, part of its snapshot: plain data. All functions are of what they are given. */
export interface WatermarkGeneratorSpec {
  readonly create: () => any
  /** For each record in order; returns the new state. */
  readonly onEvent: (state: any, timestamp: number, record: any) => any
  /** Asked after every batch: no record before this time is expected any more. Undefined: no idea yet. */
  readonly watermark: (state: any) => number | Date | undefined
}

export interface SourceOperatorSpec {
  readonly kind: 'source'
  readonly source: AnySource
  readonly schema?: StandardSchemaV1
  /** Milliseconds or a Date; undefined: the records carry no event time. */
  readonly eventTime?: (value: any) => number | Date
  readonly outOfOrderMs: number
  /** Instead of `outOfOrderMs`: watermarks of each split by the job's own rule. */
  readonly watermarks?: WatermarkGeneratorSpec
  /** Splits of the group that are further ahead of its slowest than this are not read for a while. */
  readonly alignment?: { readonly group: string; readonly maxDriftMs: number }
  /** After this long without a record a split no longer holds the watermark back. */
  readonly idleAfterMs?: number
  /** A watermark that is further behind the clock than this is a backlog, which the job is told of. */
  readonly backlogLagMs?: number
  readonly onInvalid: InvalidPolicy
}

export interface MapSpec {
  readonly kind: 'map'
  readonly fn: (value: any) => unknown
}
export interface FilterSpec {
  readonly kind: 'filter'
  readonly fn: (value: any) => boolean
}
export interface FlatMapSpec {
  readonly kind: 'flat-map'
  readonly fn: (value: any) => Iterable<unknown>
}
/** First route whose predicate holds; 'rest' if none does. Outputs are the route names and 'rest'. */
export interface SplitSpec {
  readonly kind: 'split'
  readonly routes: readonly { readonly name: string; readonly test: (value: any) => boolean }[]
}
export interface PrintSpec {
  readonly kind: 'print'
  readonly label: string
}

/** Rolling aggregate per key: one output for every input. */
export interface RollingSpec {
  readonly kind: 'rolling'
  readonly keyOf: KeySelector
  readonly aggregate: AggregateSpec
  readonly result: (key: Key, value: unknown) => unknown
  /** The same as `result` of the aggregate's result, as data. */
  readonly row?: RowCode
  /** Of the accumulators; absent: version 1. */
  readonly evolution?: EvolutionSpec
}

export interface WindowSpec {
  readonly kind: 'window'
  /** Undefined: windows over all records, parallelism 1. */
  readonly keyOf?: KeySelector
  readonly assigner: WindowAssignerSpec
  /** Undefined: the assigner's default (event-time or processing-time; never for global). */
  readonly trigger?: TriggerSpec
  readonly evictor?: EvictorSpec
  readonly latenessMs: number
  readonly compute: WindowCompute
  /** Of the accumulators or the records in it; absent: version 1. */
  readonly evolution?: EvolutionSpec
  /** The record to put out where an input is late; undefined: the input itself. */
  readonly recordOf?: (input: any) => unknown
  /** Side outputs a window function may write to; 'late' always exists. */
  readonly sides: readonly OutputTag[]
}

/** Made by the engine (pre-aggregation.ts): adds up ahead of the shuffle what `window` of operator `of` would. */
export interface PreAggregateSpec {
  readonly kind: 'pre-aggregate'
  readonly of: string
  readonly ofFormer: readonly string[]
  readonly window: WindowSpec
}

/** Made by the engine (column-pruning.ts): sends on what operator `of`, whose spec is `consumer`, reads of a record. */
export interface PruneColumnsSpec {
  readonly kind: 'prune-columns'
  readonly of: string
  readonly consumer: (RollingSpec | WindowSpec) & { readonly keyOf: KeySelector }
}

/** Incremental aggregate, or a function over all elements, which are then kept in list state. */
export type WindowCompute =
  | {
      readonly kind: 'aggregate'
      readonly aggregate: AggregateSpec
      readonly result: (key: any, window: Window, value: any) => unknown
      /** The same as `result` of the aggregate's result, as data. */
      readonly row?: RowCode
    }
  | {
      readonly kind: 'elements'
      readonly fn: (
        key: any,
        window: Window,
        elements: readonly any[],
        context: WindowFunctionContext,
      ) => Iterable<unknown> | void
      /** Per-key state that outlives the window (Flink's globalState). */
      readonly state: Readonly<Record<string, StateSpec>>
    }

export interface WindowFunctionContext {
  readonly watermark: number
  readonly processingTime: number
  readonly state: Readonly<Record<string, any>>
  readonly side: Readonly<Record<string, (value: unknown) => void>>
}

export type RecordHandler = (value: any, context: any) => Iterable<unknown> | void
export type TimerHandler = (time: Date, context: any) => Iterable<unknown> | void

export interface ProcessSpec {
  readonly kind: 'process'
  /** What it is, where the engine wrote the functions: 'dedupe, ttl 10s'. Undefined: a process of the user. */
  readonly label?: string
  /** Undefined: not keyed: no keyed state, no timers. */
  readonly keyOf?: KeySelector
  readonly state: Readonly<Record<string, StateSpec>>
  readonly sides: readonly OutputTag[]
  readonly onRecord: RecordHandler
  readonly onTimer?: TimerHandler
}

/** Two inputs with one function each, which share state and timers (Flink's CoProcessFunction). */
export interface CoProcessSpec {
  readonly kind: 'co-process'
  /** One per input; both undefined: not keyed: no keyed state, no timers. */
  readonly keysOf: readonly [KeySelector, KeySelector] | readonly [undefined, undefined]
  readonly state: Readonly<Record<string, StateSpec>>
  readonly sides: readonly OutputTag[]
  readonly onRecord: readonly [RecordHandler, RecordHandler]
  readonly onTimer?: TimerHandler
}

/** Complex events: matches of a pattern per key; what timed out goes to TIMED_OUT, what was late to LATE. */
export interface MatchSpec {
  readonly kind: 'match'
  readonly keyOf: KeySelector
  readonly pattern: PatternSpec
  /** Order of records with the same event time; undefined: as they came. */
  readonly compare?: (a: any, b: any) => number
  /** Of the records that wait or are in partial matches; absent: version 1. */
  readonly evolution?: EvolutionSpec
}

export interface SinkOperatorSpec {
  readonly kind: 'sink'
  readonly sink: AnySink
}

export type OperatorSpec =
  | SourceOperatorSpec
  | MapSpec
  | FilterSpec
  | FlatMapSpec
  | SplitSpec
  | PrintSpec
  | RollingSpec
  | WindowSpec
  | PreAggregateSpec
  | PruneColumnsSpec
  | ProcessSpec
  | CoProcessSpec
  | JoinSpec
  | LookupJoinSpec
  | BroadcastProcessSpec
  | AsyncMapSpec
  | MatchSpec
  | SinkOperatorSpec
