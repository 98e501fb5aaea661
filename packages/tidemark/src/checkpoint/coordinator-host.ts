/**
 * What the coordinator needs from the job it serves; the job master implements it.
 *
 * Every method is called from the coordinator's own lane and must not call back into it at once,
 * except through a later event.
 */
import type { StreamError } from '../base/errors.ts'
import type { CheckpointId, Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { CheckpointFailureReason, StateSegment, SubtaskId, ToSubtask } from '../base/protocol.ts'
import type { FileEntry, Manifest, VertexSummary } from './manifest.ts'
import type { PlanOutcome } from './plan.ts'

export interface CompletedCheckpoint {
  readonly id: CheckpointId
  readonly epoch: Epoch
  readonly kind: 'checkpoint' | 'final'
  readonly finished: boolean
  readonly triggeredAtMs: number
  readonly completedAtMs: number
  readonly tookMs: number
  readonly bytes: number
  readonly entries: number
}

export const summaryOf = (manifest: Manifest): CompletedCheckpoint => ({
  id: manifest.checkpoint, epoch: manifest.epoch, kind: manifest.kind, finished: manifest.finished,
  triggeredAtMs: manifest.triggeredAtMs, completedAtMs: manifest.completedAtMs, tookMs: manifest.tookMs,
  bytes: manifest.counts.bytes, entries: manifest.counts.entries,
})

export interface CoordinatorHost {
  plan(): PlanOutcome
  /**
   * Snapshots the source enumerators and appends them to the checkpoint's files; the segments carry
   * ENUMERATOR_SUBTASK. From the moment its cut is made, what an enumerator sends is held back …
   */
  snapshotEnumerators(id: CheckpointId): Io<readonly StateSegment[]>
  /** … until this: the barriers are on their way, or the checkpoint was given up. Once per snapshot. */
  releaseEnumerators(id: CheckpointId): void
  /** In order per subtask. A subtask that is gone is none of the coordinator's business. */
  send(to: SubtaskId, message: ToSubtask): void
  /** Makes all files of the checkpoint durable and closes them. */
  seal(id: CheckpointId): Io<readonly FileEntry[]>
  /** Removes what was written for it; must not fail. */
  discard(id: CheckpointId): Io<void>
  completed(checkpoint: CompletedCheckpoint): void
  aborted(id: CheckpointId, reason: CheckpointFailureReason, error: StreamError | undefined): void
  /** Every subtask has confirmed its commits up to the final checkpoint `id`. */
  finalCommitted(id: CheckpointId, finished: boolean): void
  /** The attempt must end; `error.retryable` says whether another one may follow. */
  failJob(error: StreamError): void
}

/** What every manifest of this run says about the job. */
export interface JobSummary {
  readonly job: string
  readonly engine: string
  readonly parallelism: number
  readonly maxParallelism: number
  readonly vertices: readonly VertexSummary[]
}
