/**
 * The graph a job file builds: operators and edges as data (Flink's StreamGraph).
 */
import type { KeySelector, OperatorSpec, OutputTag } from './operator-spec.ts'

export type Guarantee = 'exactly-once' | 'at-least-once'

/** How records cross an edge. 'forward' keeps the subtask; the others choose one (or all). */
export type Ship =
  | { readonly kind: 'forward' }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'broadcast' }
  | { readonly kind: 'hash'; readonly keyOf: KeySelector }

export interface LogicalEdge {
  /** Index of the producing operator in `operators`. */
  readonly from: number
  readonly output: OutputTag
  readonly ship: Ship
  /** Which input of the consumer it feeds, from 0; edges of one input are a union. Default 0. */
  readonly input?: number
}

export interface LogicalOperator {
  /** Position in `operators`; inputs come earlier, so the array is a topological order. */
  readonly index: number
  /** Required for operators with state, position or transaction; generated ('map-3') otherwise. */
  readonly name: string
  /** True if the user gave the name. */
  readonly named: boolean
  /** Former names, for restoring state: `.was('old')`. */
  readonly was: readonly string[]
  readonly spec: OperatorSpec
  readonly inputs: readonly LogicalEdge[]
  /** Fixed parallelism (1 for windows over all records); undefined: the job's. */
  readonly parallelism?: number
  /** file:line of the call in the job file, if it could be found. */
  readonly place?: string
}

export interface CheckpointOptions {
  readonly everyMs: number
  readonly timeoutMs: number
  readonly minPauseMs: number
  /** Completed checkpoints kept. */
  readonly retain: number
  /** Consecutive failed checkpoints that are put up with. */
  readonly tolerableFailures: number
  /** From this age on barriers overtake what is in their way; undefined: they always wait. */
  readonly unalignedAfterMs?: number
  /** The interval while a source is further behind than its lag (SourceOperatorSpec); 0: none. Undefined: the same. */
  readonly duringBacklogMs?: number
}

export type RestartStrategy =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly delayMs: number; readonly attempts: number }
  | {
      readonly kind: 'exponential-delay'
      /** First restart is immediate, the second after this, then times `factor` up to `maxMs`. */
      readonly initialMs: number
      readonly maxMs: number
      readonly factor: number
      /** Restarts without a completed checkpoint in between, after which the job fails. */
      readonly attempts: number
    }

/** Keyed state that may be larger than memory is kept in files of this machine (paged-operators.ts). */
export interface PagedState {
  /** Of decoded entries in memory, all together. */
  readonly cacheBytes: number
  /** Undefined: where the host thinks best. */
  readonly directory?: string
}

export interface LogicalGraph {
  readonly job: string
  readonly guarantee: Guarantee
  readonly operators: readonly LogicalOperator[]
  readonly maxParallelism: number
  /** From the job file; undefined: the command line's or 1. */
  readonly parallelism?: number
  readonly checkpoint: CheckpointOptions
  readonly restart: RestartStrategy
  /** Undefined: all state is on the heap. */
  readonly pagedState?: PagedState | undefined
  /** False: records cross every shuffle one by one (pre-aggregation.ts). */
  readonly aggregateAhead?: boolean
  /** False: records cross every shuffle whole (column-pruning.ts). */
  readonly pruneColumns?: boolean
}

export const DEFAULT_CHECKPOINT: CheckpointOptions = {
  everyMs: 1_000, timeoutMs: 600_000, minPauseMs: 0, retain: 3, tolerableFailures: 2,
  unalignedAfterMs: 250,
}

export const DEFAULT_RESTART = {
  kind: 'exponential-delay', initialMs: 100, maxMs: 60_000, factor: 2, attempts: 8,
} as const satisfies RestartStrategy

export const DEFAULT_CACHE_BYTES = 256e6
/** Below this a store would do nothing but read and write. */
export const LEAST_CACHE_BYTES = 1e6

export const DEFAULT_MAX_PARALLELISM = 128
