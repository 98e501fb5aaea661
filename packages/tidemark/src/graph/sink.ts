/**
 * What a sink connector provides: a writer that stages, a committer that makes visible.
 *
 * Two phases (Flink's Sink V2 / TwoPhaseCommitSinkFunction): at a barrier the writer cuts, makes
 * what was written so far durable but invisible, and names it by committables. The committables
 * travel in the subtask's snapshot until their commit is confirmed (decision D1), and are committed
 * only after the manifest of that checkpoint is durable.
 *
 * Laws a connector must keep
 *   SK-1  `prepareCommit` cuts before it first waits: records written later belong to the next one.
 *   SK-2  After `prepareCommit` returned, its committables survive a crash of the process.
 *   SK-3  `commit` is idempotent: a committable committed before is recognised, never repeated.
 *   SK-4  Unknown is not success: if it cannot be known that a commit happened, `commit` throws.
 *   SK-5  Committables are plain data and do not depend on the subtask that commits them.
 */
import type { Io } from '../base/io.ts'
import type { Attempt, CheckpointId, Epoch } from '../base/ids.ts'
import type { Log, Ports, Storage } from '../base/ports.ts'

export type Commit =
  | 'transactional'
  | 'idempotent'
  | 'plain: can neither roll back nor de-duplicate'

export interface SinkContext {
  readonly storage: Storage
  readonly ports: Ports
  readonly log: Log
  /** Name of the sink operator. */
  readonly operator: string
  readonly subtask: number
  /** Identifies the state directory, for ever; part of every staged name. */
  readonly jobId: string
  /** The writer's term; part of every staged name and transaction id. */
  readonly epoch: Epoch
  /**
   * How often the writer's part of the job was started again within the term. Also part of every staged name: a writer
   * that was replaced may still be closing files while its successor makes new ones.
   */
  readonly attempt: Attempt
  /** The writer has room again after `full` was true. */
  wake(): void
  fail(error: unknown): void
}

export interface SinkWriter<T = unknown> {
  /** Takes one record; never waits. */
  write(value: T, timestamp: number): void
  /** True while so much is unwritten that no further input should be taken (back-pressure). */
  readonly full: boolean
  /** Stages everything written before this call. Empty if there was nothing. */
  prepareCommit(checkpoint: CheckpointId): Io<readonly unknown[]>
  /** Abandons what is not staged; staged parts stay for the committer. */
  close(): void
}

export interface Committer {
  commit(committables: readonly unknown[]): Io<void>
  /**
   * Called once per start of its part of the job, before any writer of it opens: removes leftovers of earlier epochs and
   * attempts of this operator that are not among `live`. Never touches what belongs to others. `restored` is the checkpoint
   * that this start goes on from; output of a later one that is visible already is refused, before
   * anything is removed: it would come a second time (D4). Absent: there is nothing to compare with.
   */
  removeAbandoned(live: readonly unknown[], restored?: CheckpointId): Io<void>
}

export interface SinkSpec<T = never, C extends Commit = Commit> {
  readonly kind: string
  /** What is written to, resolved; a different value for the same state directory is refused. */
  readonly resource: string
  readonly commit: C
  createWriter(context: SinkContext): SinkWriter<T>
  createCommitter(context: SinkContext): Committer
  readonly __value?: (value: T) => void
}

/** The type-erased form that graphs hold. */
export type AnySink = SinkSpec<any, Commit>
