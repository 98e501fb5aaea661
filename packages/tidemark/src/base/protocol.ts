/**
 * The whole vocabulary between the job's coordinator and its subtasks.
 *
 * Coordinator and subtasks never call each other: they exchange these values, in order per pair.
 * In one process they are mail; between threads they are posted; on Flink the runner translates.
 * Everything in a message is plain data, so that it survives a structured clone.
 */
import type { ErrorReport } from './errors.ts'
import type { Attempt, CheckpointId } from './ids.ts'

/** Names one deployed subtask: vertex index in the job graph, subtask index, attempt. */
export interface SubtaskId {
  readonly vertex: number
  readonly subtask: number
  readonly attempt: Attempt
}

export const subtaskKey = (id: { readonly vertex: number; readonly subtask: number }): string =>
  `${id.vertex}/${id.subtask}`

/** What a barrier carries through the channels, and a trigger brings to a source. */
export interface CheckpointBarrier {
  readonly id: CheckpointId
  /** Wall clock at the trigger, ms; identical at every subtask. */
  readonly timestampMs: number
}

export type ToSubtask =
  /** `suspend`: behind the barrier the source says nothing until the checkpoint is aborted. */
  | { readonly kind: 'trigger'; readonly barrier: CheckpointBarrier; readonly suspend?: true }
  /** The source has to end here, as if there were no more input: the largest watermark, then the end. */
  | { readonly kind: 'drain'; readonly operator: string }
  /** The checkpoint is too old to wait for barriers: cut now, and record what is under way (FLIP-76). */
  | { readonly kind: 'overtake'; readonly barrier: CheckpointBarrier }
  /**
   * Everything up to `id` is complete; may be lost, late or repeated. `inFlight`: barriers overtook something,
   * so that not everybody has seen all that came before them.
   */
  | { readonly kind: 'complete'; readonly id: CheckpointId; readonly inFlight?: true }
  | { readonly kind: 'aborted'; readonly id: CheckpointId; readonly latestComplete: CheckpointId | undefined }
  | { readonly kind: 'assign'; readonly operator: string; readonly splits: readonly AssignedSplit[] }
  | { readonly kind: 'no-more-splits'; readonly operator: string }
  /** The smallest watermark of the alignment group of a source; MAX_TIMESTAMP: nobody holds it. */
  | { readonly kind: 'group-watermark'; readonly operator: string; readonly watermark: number }

export interface AssignedSplit {
  readonly split: { readonly id: string }
  /** Position in the order of discovery, from 0; in time order if the source says so. */
  readonly order: number
}

/** Why a checkpoint did not come to be; `counted` ones count against the tolerance (Flink A11). */
export type CheckpointFailureReason =
  | 'declined' // counted
  | 'io-error' // counted: writing a snapshot failed
  | 'expired' // counted
  | 'finalisation-failed' // counted: manifest could not be written
  | 'subsumed'
  | 'cancelled-by-upstream'
  | 'not-ready'
  | 'task-failure'
  | 'job-stopped'
  | 'partly-finished'
  | 'not-recordable' // what is under way cannot be written down: the next ones stay aligned

export type FromSubtask =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'acknowledge'
      readonly id: CheckpointId
      readonly segments: readonly StateSegment[]
      readonly metrics: SnapshotMetrics
      /** The barrier came after all input: this snapshot is the subtask's last word. */
      readonly endOfData: boolean
    }
  | {
      readonly kind: 'decline'
      readonly id: CheckpointId
      readonly reason: CheckpointFailureReason
      readonly error?: ErrorReport
    }
  /** All commits up to `id` are confirmed by the outside world. */
  | { readonly kind: 'committed'; readonly id: CheckpointId }
  | { readonly kind: 'request-split'; readonly operator: string }
  /** How far a source of an alignment group is; MAX_TIMESTAMP: it does not count now. */
  | { readonly kind: 'aligned-watermark'; readonly operator: string; readonly group: string; readonly watermark: number }
  /** A source has begun, or ceased, to work off a backlog. */
  | { readonly kind: 'backlog'; readonly operator: string; readonly behind: boolean }
  /** All input is processed: only a final checkpoint is awaited. */
  | { readonly kind: 'end-of-data' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly error: ErrorReport; readonly retryable: boolean }

/**
 * Where one operator's part of one subtask's snapshot lies, and what is in it. Several of one operator and
 * subtask are a chain, in order (state/segment-chain.ts).
 */
export interface StateSegment {
  readonly operator: string
  readonly subtask: number
  /** The earlier checkpoint that wrote it; absent: the one that lists it. */
  readonly checkpoint?: CheckpointId
  /** File name inside that checkpoint's directory. */
  readonly file: string
  readonly offset: number
  readonly length: number
  readonly crc32: number
  /** Key groups the subtask owned; absent for operators without keyed state. */
  readonly keyGroups?: { readonly start: number; readonly end: number }
  readonly states: readonly StateSummary[]
}

export interface StateSummary {
  readonly name: string
  readonly kind: string
  readonly entries: number
  readonly bytes: number
}

export interface SnapshotMetrics {
  /** First barrier arrived minus trigger, ms. */
  readonly startDelayMs: number
  /** First to last barrier, ms; 0 for sources. */
  readonly alignmentMs: number
  readonly syncMs: number
  readonly asyncMs: number
  readonly bytes: number
  /** Batches and watermarks that the barrier overtook; absent: none was to be waited for. */
  readonly overtaken?: number
  /** Channel whose barrier came last, as 'vertex/subtask' of the sender. */
  readonly lastChannel?: string
}
