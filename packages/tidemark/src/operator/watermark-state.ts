/**
 * The watermark of an operator as operator state: every subtask writes its own, and goes on from the smallest
 * of those whose key groups it has now, so that no decision about lateness is taken back after a restore. In
 * an aligned checkpoint all are the same; where barriers have overtaken records, what brings the others up to
 * the furthest is in flight to them alone.
 *
 * Called by operators that decide by the watermark. Source: Flink keeps none; DESIGN.md §6 does.
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { ListStateSnapshot, RestoredOperator } from '../state/snapshot.ts'

const NAME = 'watermark'

export function watermarkState(watermark: number): ListStateSnapshot {
  return { name: NAME, redistribute: 'overlap', items: [watermark] }
}

/** MIN_TIMESTAMP if the snapshot holds none. */
export function restoredWatermark(restored: RestoredOperator | undefined): number {
  let minimum = MAX_TIMESTAMP
  let any = false
  for (const item of restored?.list(NAME) ?? []) {
    if (typeof item !== 'number') continue
    any = true
    if (item < minimum) minimum = item
  }
  return any ? minimum : MIN_TIMESTAMP
}
