/**
 * A channel between two subtasks of one thread: a bounded FIFO queue without encoding.
 *
 * Owns the queue. The writer pushes; the input gate pulls. The bound counts batches: it is not
 * enforced by refusing (a record being processed may fan out) but by `full`, which the writing
 * subtask obeys before it takes its next record. So the queue holds at most the bound plus what one
 * record or one source batch gave.
 *
 *   CH-1  Items leave in the order in which they came (no record overtakes a barrier).
 *   CH-2  A blocked channel delivers nothing; what it holds stays in it (back-pressure, Flink B1).
 *   CH-3  What was taken is let go: a queue that is never empty holds no more than twice what is in it.
 */
import type { ChannelReceiver, ChannelSender } from './channel.ts'
import type { ChannelItem } from './items.ts'

export class LocalChannel implements ChannelSender, ChannelReceiver {
  readonly sender: string
  /** Nothing is encoded. */
  readonly bytes = undefined
  readonly #capacity: number
  #items: ChannelItem[] = []
  #head = 0
  #batches = 0
  blocked = false

  constructor(sender: string, capacityBatches: number) {
    this.sender = sender
    this.#capacity = capacityBatches
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  get full(): boolean {
    return this.#batches >= this.#capacity
  }

  get fill(): number {
    return this.#batches / this.#capacity
  }

  get ready(): boolean {
    return !this.blocked && this.#head < this.#items.length
  }

  /** Records queued, for traces. */
  get queuedRecords(): number {
    let records = 0
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i] as ChannelItem
      if (item.kind === 'data') records += item.values.length
    }
    return records
  }

  at(index: number): ChannelItem | undefined {
    return this.#items[this.#head + index]
  }

  push(item: ChannelItem): void {
    this.#items.push(item)
    if (item.kind === 'data') this.#batches += 1
  }

  pull(): ChannelItem | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#head += 1
    if (item.kind === 'data') this.#batches -= 1
    // CH-3; each item is copied at most once for one that was taken.
    if (2 * this.#head >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
