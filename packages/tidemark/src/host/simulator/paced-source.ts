/**
 * A real source that stops now and then until the world is ready for more.
 *
 * Made by inputs.ts around the connectors, so that a job lives long enough for several checkpoints, and so
 * that it can be chosen what comes behind what. Positions, splits and records are those of the source itself.
 *
 *   PS-1  No poll goes past a stop; at a stop there is nothing until it has `passed`, which is asked again
 *         every WAIT_MS.
 */
import type { RewindableSource } from '../../connector/text-source.ts'
import type { Split, SplitReader } from '../../graph/source.ts'
import type { TimerHandle } from '../../base/ports.ts'

const WAIT_MS = 20

/** The rows of a split: `first`, `first + step` … as indices of the rows of its input. */
export interface Span {
  readonly first: number
  readonly step: number
  readonly count: number
  /** Rows that were given when the source was at `position`. */
  readAt(position: number): number
}

export interface Stop {
  /** Before the row of this index, and those behind it. */
  readonly at: number
  /** Only in the split that begins with this row. */
  readonly split?: number
  /** `waitedMs`: how long this reader has stood; `here`: whether it stands at this very row. */
  passed(waitedMs: number, here: boolean): boolean
}

export function paced<T>(
  source: RewindableSource<T, any>, spanOf: (split: Split) => Span, stops: readonly Stop[],
): RewindableSource<T, Split> {
  return {
    ...source,
    openSplit(split, position, context): SplitReader<T> {
      const inner = source.openSplit(split, position, context)
      const span = spanOf(split)
      const { first, step, count } = span
      const ours = stops.filter((stop) => stop.split === undefined || stop.split === first)
      const { clock, timers } = context.ports
      let timer: TimerHandle | undefined
      let stoodAt = -1
      let stoodSinceMs = 0
      return {
        poll(max) {
          const read = span.readAt(inner.position() as number)
          if (read >= count) return inner.poll(max)
          const next = first + read * step
          if (next !== stoodAt) {
            stoodAt = next
            stoodSinceMs = clock.monotonicMs()
          }
          let most = max
          for (const stop of ours) {
            const { at } = stop
            if (at > next) {
              most = Math.min(most, Math.ceil((at - next) / step))
            } else if (!stop.passed(clock.monotonicMs() - stoodSinceMs, at === next)) {
              timer ??= timers.after(WAIT_MS, () => {
                timer = undefined
                context.wake()
              })
              return 'pending'
            }
          }
          return inner.poll(most)
        },
        position: () => inner.position(),
        close() {
          timer?.cancel()
          inner.close()
        },
      }
    },
  }
}
