/**
 * How far one source subtask may run ahead of the slowest of its group (watermark alignment).
 *
 * Owned by a source operator. Others of the group are known through the job alone, which is told the
 * watermark of each (`report`) and tells all of them the smallest (`onGroup`).
 *
 *   DR-1  A split may be read while its watermark is at most the drift ahead of the slowest: of the splits
 *         of this subtask and of what the group was last said to be at.
 *   DR-2  The slowest is never held, since what is known of it is never more than where it is.
 *   DR-3  Reports go out when the watermark has risen by a quarter of the drift, or when this subtask stops
 *         or begins to count (idle, finished): so a source held by the group goes on a quarter later at most.
 *
 * Source: Flink FLIP-182 and SourceCoordinator.announceCombinedWatermark, which reports by a timer instead.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'

/** A subtask that does not hold its group: idle, finished, or without a split yet. */
export const NOT_COUNTED = MAX_TIMESTAMP

export class Drift {
  readonly #maxMs: number
  #group = NOT_COUNTED
  #reported = NOT_COUNTED

  constructor(maxMs: number) {
    this.#maxMs = maxMs
  }

  /** The smallest watermark of the group, as the job knows it; NOT_COUNTED if nobody counts. */
  onGroup(watermark: number): void {
    this.#group = watermark
  }

  /** True: not to be read now. `slowest` is the smallest watermark of this subtask's own splits. */
  isAhead(watermark: number, slowest: number): boolean {
    const least = Math.min(slowest, this.#group)
    return least !== NOT_COUNTED && watermark - least > this.#maxMs
  }

  /** What to tell the job of `slowest`; undefined: nothing new. */
  report(slowest: number): number | undefined {
    const counts = slowest !== NOT_COUNTED
    const counted = this.#reported !== NOT_COUNTED
    if (counts === counted && !(counts && slowest - this.#reported > this.#maxMs / 4)) return undefined
    this.#reported = slowest
    return slowest
  }
}
