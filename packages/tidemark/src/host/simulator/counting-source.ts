/**
 * A source that counts: record i of split s, with a key and a value that follow from both.
 *
 * Owned by a protocol world. Now and then it has nothing for a while, so that time passes.
 */
import type { Batch, SourceSpec, Split, SplitReader } from '../../graph/source.ts'

export interface CountingSplit extends Split {
  readonly index: number
}

export interface Counted {
  readonly key: number
  readonly value: number
  readonly at: number
}

export interface CountingPlan {
  readonly splits: readonly number[]
  readonly keys: number
  readonly assignment: 'pull' | 'spread'
  /** A reader pauses before every so many records; 0: never. */
  readonly pauseEvery: number
  readonly pauseMs: number
}

export const counted = (plan: CountingPlan, split: number, i: number): Counted =>
  ({ key: (i * 5 + split * 3) % plan.keys, value: i * 7 + split + 1, at: 1_000 + i * 10 })

export function countingSource(plan: CountingPlan): SourceSpec<Counted, CountingSplit, 'can rewind'> {
  return {
    kind: 'counting',
    resource: 'counting',
    rewind: 'can rewind',
    splitsInTimeOrder: plan.assignment === 'spread',
    assignment: plan.assignment,
    discoverEveryMs: 1000,
    *discover() {
      return { splits: plan.splits.map((_, index) => ({ id: `s${index}`, index })), state: undefined, complete: true }
    },
    openSplit({ index }, position, context): SplitReader<Counted> {
      let at = typeof position === 'number' ? position : 0
      let paused = -1
      let closed = false
      const length = plan.splits[index] as number
      return {
        poll(max): Batch<Counted> | 'pending' | 'end' {
          if (closed || at >= length) return 'end'
          if (plan.pauseEvery > 0 && at % plan.pauseEvery === 0 && paused !== at) {
            paused = at
            context.ports.timers.after(plan.pauseMs, () => {
              if (!closed) context.wake()
            })
            return 'pending'
          }
          const first = at
          const most = plan.pauseEvery > 0 ? plan.pauseEvery - (at % plan.pauseEvery) : max
          at = Math.min(at + max, at + most, length)
          const records = Array.from({ length: at - first }, (_, i) => counted(plan, index, first + i))
          return { records, malformed: [], place: (i) => `record ${first + i} of split ${index}` }
        },
        position: () => at,
        close() {
          closed = true
        },
      }
    },
  }
}
