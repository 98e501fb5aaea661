/**
 * Processes what was under way when the restored checkpoint was cut, before anything else is.
 *
 * Owned by a subtask until it is `done`. After it the subtask is where an aligned cut at the same barriers
 * would have left it: everything in front of them is processed. Operators of one chain come in turn, the last
 * of the chain first, since what an operator put out before its cut is older than what it puts out now.
 *
 *   RN-1  Every item is given once, in the order of its channel, to the input that it was on its way to.
 *   RN-2  Each stage has its own valve, which ends with it: the channels of the new attempt begin anew, since
 *         their senders may have got other splits.
 *   RN-3  The channel with the smallest watermark is read first. So records and watermarks of one sender keep
 *         their order also where they were spread over several channels (another parallelism).
 *   RN-4  Watermarks go on, idleness does not: whoever was idle says so again if it still is.
 *   RN-5  What is left is part of every checkpoint that is cut meanwhile.
 *
 * Source: Flink's recovery of channel state (row B5), RecoveredInputChannel.
 */
import { assert } from '../base/assert.ts'
import { MIN_TIMESTAMP } from '../base/time.ts'
import type { OperatorSpec } from '../graph/operator-spec.ts'
import type { Collect, Operator } from '../operator/operator.ts'
import { WatermarkValve } from '../time/watermark-valve.ts'
import { ChannelProgress, restOf, type ChannelOrigin, type InFlightItem, type Stage } from './in-flight.ts'

/** The operator that gets the items, as it runs now. */
export interface ReplayTarget {
  collectOf(input: number): Collect
  onWatermark(watermark: number): void
}

export interface ReplayPart {
  readonly operator: string
  readonly target: ReplayTarget
  readonly stages: readonly Stage[]
}

/** What a subtask is given of a restored checkpoint, before its operators exist. */
export interface ReplayPlan {
  readonly operator: string
  /** Position in the chain, from 0. */
  readonly position: number
  readonly stages: readonly Stage[]
  /** The operator as it takes what is replayed beside what comes; undefined: as it is. */
  readonly accepts?: OperatorSpec
}

/** Undefined: nothing was in flight to any of `operators`, the chain. */
export function replayOf(plans: readonly ReplayPlan[], operators: readonly Operator[]): Replay | undefined {
  const replay = new Replay(plans.toSorted((a, b) => b.position - a.position).map(({ operator, position, stages }) => {
    const target = operators[position]
    assert(target !== undefined, 'what was in flight is for an operator of this chain')
    return {
      operator, stages,
      target: {
        collectOf: (input) => target.inputs?.[input] ?? target.collect,
        onWatermark: (watermark) => target.onWatermark(watermark),
      },
    }
  }))
  return replay.done ? undefined : replay
}

export class Replay {
  readonly #parts: readonly ReplayPart[]
  #part = 0
  #stage = 0
  #running: RunningStage | undefined

  /** `parts` in the order in which they are to be processed. */
  constructor(parts: readonly ReplayPart[]) {
    this.#parts = parts
    this.#next()
  }

  get done(): boolean {
    return this.#running === undefined
  }

  /**
   * Gives one item, or up to `most` records of a batch, and fewer if `full` says so after one of them.
   * Returns how many records.
   */
  step(most: number, full: () => boolean): number {
    const running = this.#running
    assert(running !== undefined, 'something is left')
    const given = running.step(most, full)
    if (running.done) {
      this.#stage += 1
      this.#next()
    }
    return given
  }

  /** Stages that are not processed yet, by operator. */
  left(): Map<string, readonly Stage[]> {
    const left = new Map<string, readonly Stage[]>()
    for (const [i, { operator, stages }] of this.#parts.entries()) {
      if (i < this.#part) continue
      if (i > this.#part) left.set(operator, stages)
      else if (this.#running !== undefined) left.set(operator, [this.#running.left(), ...stages.slice(this.#stage + 1)])
    }
    return left
  }

  #next(): void {
    this.#running = undefined
    for (let part = this.#parts[this.#part]; part !== undefined; part = this.#parts[this.#part]) {
      const stage = part.stages[this.#stage]
      if (stage !== undefined) {
        const running = new RunningStage(stage, part.target)
        if (!running.done) {
          this.#running = running
          return
        }
        this.#stage += 1
        continue
      }
      this.#part += 1
      this.#stage = 0
    }
  }
}

interface RunningChannel {
  readonly origin: ChannelOrigin
  readonly items: readonly InFlightItem[]
  readonly progress: ChannelProgress
  readonly collect: Collect
  next: number
  /** Records of the next batch that were given. */
  offset: number
}

class RunningStage {
  readonly #age: number
  readonly #channels: readonly RunningChannel[]
  readonly #target: ReplayTarget
  readonly #valve: WatermarkValve

  constructor(stage: Stage, target: ReplayTarget) {
    this.#target = target
    this.#age = stage.age
    this.#valve = new WatermarkValve(Math.max(1, stage.channels.length))
    this.#channels = stage.channels.map(({ origin, items }) => ({
      origin, items, progress: new ChannelProgress(), collect: target.collectOf(origin.input), next: 0, offset: 0,
    }))
  }

  get done(): boolean {
    return this.#channels.every(({ next, items }) => next === items.length)
  }

  step(most: number, full: () => boolean): number {
    const index = this.#furthestBehind()
    const channel = this.#channels[index]
    assert(channel !== undefined, 'something is left')
    return this.#give(index, channel, most, full)
  }

  left(): Stage {
    const channels = this.#channels.map(({ origin, items, progress, next, offset }) => {
      const item = items[next]
      const rest = items.slice(next)
      if (offset > 0 && item?.kind === 'data') rest[0] = restOf(item, offset)
      return { origin, items: [...progress.asItems(), ...rest] }
    })
    return { age: this.#age, channels }
  }

  /** Index of a channel that has items left; -1: none has. */
  #furthestBehind(): number {
    let found = -1
    let least = Number.POSITIVE_INFINITY
    for (const [i, { next, items, progress }] of this.#channels.entries()) {
      if (next === items.length || progress.watermark >= least) continue
      least = progress.watermark
      found = i
    }
    return found
  }

  #give(index: number, channel: RunningChannel, most: number, full: () => boolean): number {
    const item = channel.items[channel.next] as InFlightItem
    if (item.kind !== 'data') {
      channel.next += 1
      channel.progress.take(item)
      const { watermark } = this.#signal(index, item)
      if (watermark !== undefined && watermark > MIN_TIMESTAMP) this.#target.onWatermark(watermark)
      return 0
    }
    const { values, timestamps } = item
    const first = channel.offset
    const end = Math.min(values.length, first + most)
    let i = first
    while (i < end) {
      channel.collect(values[i], timestamps[i] as number)
      i += 1
      if (full()) break
    }
    channel.offset = i === values.length ? 0 : i
    if (i === values.length) channel.next += 1
    return i - first
  }

  #signal(index: number, item: Exclude<InFlightItem, { kind: 'data' }>): { readonly watermark: number | undefined } {
    if (item.kind === 'watermark') return this.#valve.onWatermark(index, item.watermark)
    return item.kind === 'idle' ? this.#valve.onIdle(index, item.idle) : this.#valve.onFinished(index)
  }
}
