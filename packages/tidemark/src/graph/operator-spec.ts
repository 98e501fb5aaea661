/**
 * Every operator a graph can hold, as tagged data with the user's functions in it.
 *
 * `api` produces these; `operator/create.ts` turns each into a running operator; `explain` prints
 * them. Nothing here runs.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Key } from './key.ts'
import type { AnySink } from './sink.ts'
import type { AnySource } from './source.ts'
import type { AggregateSpec, StateSpec } from './state-spec.ts'
import type { EvictorSpec, TriggerSpec, Window, WindowAssignerSpec } from './window-spec.ts'

/** Name of an output of an operator: 'main', 'late', 'invalid', or a declared side output. */
export type OutputTag = string
export const MAIN: OutputTag = 'main'
export const LATE: OutputTag = 'late'
export const INVALID: OutputTag = 'invalid'

export type KeySelector = (value: any) => Key

export type InvalidPolicy = 'fail' | 'drop' | 'side'

export interface SourceOperatorSpec {
  readonly kind: 'source'
  readonly source: AnySource
  readonly schema?: StandardSchemaV1
  /** Milliseconds or a Date; undefined: the records carry no event time. */
  readonly eventTime?: (value: any) => number | Date
  readonly outOfOrderMs: number
  /** After this long without a record a split no longer holds the watermark back. */
  readonly idleAfterMs?: number
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
  /** Side outputs a window function may write to; 'late' always exists. */
  readonly sides: readonly OutputTag[]
}

/** Incremental aggregate, or a function over all elements, which are then kept in list state. */
export type WindowCompute =
  | {
      readonly kind: 'aggregate'
      readonly aggregate: AggregateSpec
      readonly result: (key: any, window: Window, value: any) => unknown
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
  | ProcessSpec
  | CoProcessSpec
  | SinkOperatorSpec
