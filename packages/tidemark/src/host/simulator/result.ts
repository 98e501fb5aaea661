/**
 * What a simulated run came to: its verdict, and what was counted on the way.
 *
 * Made by the simulator, read by run-chunk.ts, scripts and tests. Plain data.
 */
import type { Comparison } from './output.ts'
import type { Shape } from './shape.ts'

export type Violation =
  | { readonly kind: 'output'; readonly comparison: Comparison }
  | { readonly kind: 'unexpected-error'; readonly error: string }
  | { readonly kind: 'not-finished'; readonly why: string }
  | { readonly kind: 'not-idle-after-end'; readonly what: string }
  /** Committed before a durable checkpoint covered it. */
  | { readonly kind: 'early'; readonly what: string }
  /** A checkpoint that is not the fold over what its positions say was read. */
  | { readonly kind: 'inconsistent-checkpoint'; readonly checkpoint: number; readonly what: string }
  | { readonly kind: 'checkpoint-not-durable'; readonly checkpoint: number; readonly what: string }
  | { readonly kind: 'unreadable-checkpoint'; readonly what: string }
  | { readonly kind: 'checkpoint-went-back'; readonly checkpoint: number; readonly after: number }
  | { readonly kind: 'broken-law'; readonly what: string }
  /** A savepoint that is none, or not what it should be; a cleaning that took too much, or left something. */
  | { readonly kind: 'broken-story'; readonly what: string }

export interface SimulationResult {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly hash: string
  readonly steps: number
  readonly processes: number
  readonly crashes: number
  readonly checkpoints: number
  readonly restarts: number
  readonly records: number
  /** Completed checkpoints that hold what a barrier overtook, and attempts that went on from one. */
  readonly overtaken: number
  readonly replayed: number
  /** Completed checkpoints that go on top of an earlier one. */
  readonly increments: number
  /** Worker threads that died in a process that went on. */
  readonly workerDeaths: number
  /** Savepoints that were taken, and state directories that were begun from one or from another directory. */
  readonly savepoints: number
  readonly begun: number
  /** First checkpoints of a later version of the job that went on from one of an earlier. */
  readonly evolutions: number
  /** Commands that cleaned the state directory, those that were killed on the way included. */
  readonly cleanings: number
  /** Running jobs that went over to another parallelism; attempts that went on from a checkpoint of another one. */
  readonly rescales: number
  readonly moves: number
  /** Parts of a job that were started again while the rest went on. */
  readonly partRestarts: number
  /** Named steps reached, and how often. */
  readonly reached: ReadonlyMap<string, number>
  readonly plan: Readonly<Record<string, unknown>>
  /** Subtasks of the process that had the fewest a vertex. */
  readonly leastParallelism: number
  readonly shape: Shape
  /** What a full seed should have come to and this one did not. */
  readonly lacks: readonly string[]
  /** Present if recording. */
  readonly trace: readonly string[]
}

export interface SimulationOptions {
  readonly recordTrace?: boolean
}
