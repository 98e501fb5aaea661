/**
 * A source that yields at most so many records a second, over all its readers: to watch a job work.
 *
 * It shows how a source is wrapped: positions, splits and guarantees stay those of the inner one.
 */
import type { SourceSpec, Split, SplitReader } from 'tidemark'

/** Records are let through in slices of this length, so that the flow looks even. */
const SLICE_MS = 50

export function throttled<T, S extends Split>(
  source: SourceSpec<T, S, 'can rewind'>,
  recordsPerSecond: number,
): SourceSpec<T, S, 'can rewind'> {
  const perSlice = Math.max(1, Math.round((recordsPerSecond * SLICE_MS) / 1000))
  const sliceMs = (perSlice * 1000) / recordsPerSecond
  // All readers of the process share one allowance.
  let allowed = perSlice
  let sliceEndsMs: number | undefined
  return {
    ...source,
    openSplit(split, position, context): SplitReader<T> {
      const { clock, timers } = context.ports
      const reader = source.openSplit(split, position, context)
      let timer: { cancel(): void } | undefined
      return {
        poll(max) {
          const nowMs = clock.monotonicMs()
          sliceEndsMs ??= nowMs + sliceMs
          if (nowMs >= sliceEndsMs) {
            allowed = perSlice
            // Time that was lost is not caught up: after a pause there is no burst.
            sliceEndsMs = Math.max(sliceEndsMs + sliceMs, nowMs)
          }
          if (allowed <= 0) {
            timer?.cancel()
            timer = timers.after(Math.max(1, sliceEndsMs - nowMs), () => context.wake())
            return 'pending'
          }
          const batch = reader.poll(Math.min(max, allowed))
          if (typeof batch === 'object') allowed -= batch.records.length
          return batch
        },
        position: () => reader.position(),
        close() {
          timer?.cancel()
          reader.close()
        },
      }
    },
  }
}
