/**
 * What a subtask knows of its checkpoints' ends: which are complete, which commits it has confirmed, whether
 * it may leave.
 *
 * Owned by one subtask (subtask.ts), which sends what comes of it.
 *
 *   CR-1  Confirmed is only what is complete and committed by every operator of the chain.
 *   CR-2  It may leave once the checkpoint that covers its end is confirmed, and one from there on had nothing
 *         in flight (ST-5).
 *
 * Source: FLIP-147 (final checkpoint), FLIP-143.
 */
import type { CheckpointId } from '../base/ids.ts'

export class CommitReports {
  #complete = 0
  #withoutInFlight = 0
  #committed = 0
  #final: number | undefined

  /** False: that was known. `inFlight`: records on their way are part of it. */
  onComplete(id: CheckpointId, inFlight = false): boolean {
    if (!inFlight && id > this.#withoutInFlight) this.#withoutInFlight = id
    if (id <= this.#complete) return false
    this.#complete = id
    return true
  }

  /** The first checkpoint whose cut was behind the end of the input. */
  coversEnd(id: CheckpointId): void {
    this.#final ??= id
  }

  /** What is confirmed now and was not before; `committedUpTo` by the operators. */
  newlyCommitted(committedUpTo: number): CheckpointId | undefined {
    const committed = Math.min(this.#complete, committedUpTo)
    if (committed <= this.#committed) return undefined
    this.#committed = committed
    return committed as CheckpointId
  }

  get mayLeave(): boolean {
    const final = this.#final
    return final !== undefined && this.#committed >= final && this.#withoutInFlight >= final
  }
}
