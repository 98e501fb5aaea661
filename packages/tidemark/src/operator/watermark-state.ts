/**
 * The watermark of an operator as operator state: every subtask writes its own, every subtask gets all
 * and goes on from the smallest, so that no decision about lateness is taken back after a restore.
 *
 * Called by operators that decide by the watermark. Source: Flink keeps none; DESIGN.md §6 does.
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { ListStateSnapshot, RestoredOperator } from '../state/snapshot.ts'

const NAME = 'watermark'

export function watermarkState(watermark: number): ListStateSnapshot {
  return { name: NAME, redistribute: 'union', items: [watermark] }
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
