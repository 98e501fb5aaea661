/**
 * Records what the barrier of one checkpoint has overtaken in the input channels of one subtask.
 *
 * Made by the subtask at the cut, for the channels whose barrier had not come. It looks into the channels
 * without taking anything away: what it records is processed in its turn all the same. Looking reaches as far
 * as the sender has got, so a barrier is seen before the records in front of it are processed, however slow
 * that is; this is what "the barrier overtakes" means here (docs/adr/0005).
 *
 *   IC-1  Every item of a missing channel between the cut and the barrier is recorded once, in order; nothing
 *         that comes behind the barrier is.
 *         What a sender in another thread adds between a look and the next taking is recorded as it is taken.
 *   IC-2  The end of a channel stands for its barrier. A cancel mark, or the barrier of a later checkpoint,
 *         ends the recording: the checkpoint cannot be completed any more.
 *
 * Source: Chandy and Lamport 1985, the marker receiving rule; FLIP-76.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointFailureReason } from '../base/protocol.ts'
import type { ChannelReceiver } from '../channel/channel.ts'
import type { ChannelItem } from '../channel/items.ts'
import type { InFlightItem } from './in-flight.ts'

interface Recording {
  readonly channel: ChannelReceiver
  readonly items: InFlightItem[]
  /** Items at the head of the channel that were looked at. */
  seen: number
}

export class InputCapture {
  readonly id: CheckpointId
  readonly #items: readonly InFlightItem[][]
  readonly #open = new Map<number, Recording>()
  /** Records and watermarks that were overtaken; what was known at the cut does not count. */
  overtaken = 0

  /** `atCut`: per channel what is to stand in front; the arrays are added to. */
  constructor(
    id: CheckpointId, channels: readonly ChannelReceiver[], missing: readonly number[], atCut: readonly InFlightItem[][],
  ) {
    this.id = id
    this.#items = atCut
    for (const index of missing) {
      const channel = channels[index]
      const items = atCut[index]
      assert(channel !== undefined && items !== undefined, 'a missing channel is one of the inputs')
      this.#open.set(index, { channel, items, seen: 0 })
    }
  }

  /** An item that was taken from a missing channel before the cut, and not processed to its end. */
  add(channel: number, item: InFlightItem): void {
    const recording = this.#open.get(channel)
    assert(recording !== undefined, 'what is being read came before the barrier of its channel')
    recording.items.push(item)
    this.overtaken += 1
  }

  get done(): boolean {
    return this.#open.size === 0
  }

  /** By channel. Whole when `done`. */
  get items(): readonly (readonly InFlightItem[])[] {
    return this.#items
  }

  /** True if there is something that was not looked at. */
  get ready(): boolean {
    for (const { channel, seen } of this.#open.values()) if (channel.at(seen) !== undefined) return true
    return false
  }

  /** Records what is here; a reason if that can never be whole. */
  advance(): CheckpointFailureReason | undefined {
    for (const [index, recording] of this.#open) {
      for (;;) {
        const item = recording.channel.at(recording.seen)
        if (item === undefined) break
        const looked = this.#look(recording, item)
        if (looked === 'end') {
          this.#open.delete(index)
          break
        }
        if (looked !== undefined) return looked
        recording.seen += 1
      }
    }
    return undefined
  }

  /** The item at the head of a channel was taken; a reason if what is recorded can never be whole. */
  taken(index: number, item: ChannelItem): CheckpointFailureReason | undefined {
    const recording = this.#open.get(index)
    if (recording === undefined) return undefined
    if (recording.seen > 0) {
      recording.seen -= 1
      return undefined
    }
    const looked = this.#look(recording, item)
    if (looked !== 'end') return looked
    this.#open.delete(index)
    return undefined
  }

  #look({ items }: Recording, item: ChannelItem): 'end' | CheckpointFailureReason | undefined {
    if (item.kind === 'end-of-partition' || (item.kind === 'barrier' && item.barrier.id === this.id)) return 'end'
    if (item.kind === 'barrier') return item.barrier.id > this.id ? 'subsumed' : undefined
    if (item.kind === 'cancel') return item.id >= this.id ? 'cancelled-by-upstream' : undefined
    items.push(item)
    this.overtaken += 1
    return undefined
  }
}
