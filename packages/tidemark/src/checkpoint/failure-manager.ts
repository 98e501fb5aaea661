/**
 * Counts consecutive failures of checkpoints and says when the job has to fail.
 *
 * Owned by the coordinator.
 *
 *   FM-1  Only counted reasons count, and one checkpoint counts once.
 *   FM-2  A success resets the count; a failure of a checkpoint older than the last success is ignored.
 *
 * Source: Flink CheckpointFailureManager (row A11).
 */
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointFailureReason } from '../base/protocol.ts'

const COUNTED: Readonly<Record<CheckpointFailureReason, boolean>> = {
  declined: true,
  'io-error': true,
  expired: true,
  'finalisation-failed': true,
  subsumed: false,
  'cancelled-by-upstream': false,
  'not-ready': false,
  'task-failure': false,
  'job-stopped': false,
  'partly-finished': false,
  'not-recordable': false,
}

export const isCounted = (reason: CheckpointFailureReason): boolean => COUNTED[reason]

export class FailureManager {
  readonly #tolerable: number
  #consecutive = 0
  #lastSuccess = 0
  /** Ids only grow and one checkpoint is pending at a time: the highest counted one is enough. */
  #lastCounted = 0

  constructor(tolerable: number) {
    this.#tolerable = tolerable
  }

  get consecutive(): number {
    return this.#consecutive
  }

  onSuccess(id: CheckpointId): void {
    if (id <= this.#lastSuccess) return
    this.#lastSuccess = id
    this.#consecutive = 0
  }

  onFailure(id: CheckpointId, reason: CheckpointFailureReason): 'tolerated' | 'exceeded' {
    if (!COUNTED[reason] || id <= this.#lastSuccess || id <= this.#lastCounted) return 'tolerated'
    this.#lastCounted = id
    this.#consecutive += 1
    if (this.#consecutive <= this.#tolerable) return 'tolerated'
    this.#consecutive = 0
    return 'exceeded'
  }
}
