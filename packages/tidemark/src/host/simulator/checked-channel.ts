/**
 * A channel that checks its own laws: the real one, with a second opinion beside it.
 *
 * Made by incarnation.ts for every pair of subtasks of a simulated job. Throws BrokenLaw, which the
 * simulator reports as a violation whatever the engine makes of it.
 *
 *   CN-1  Items leave in the order in which they came, each once: nothing overtakes a barrier.
 *   CN-2  Ids of barriers and watermarks only grow; nothing follows the end of the partition, no record the
 *         end of data.
 *   CN-3  Nothing is taken from a blocked channel, and what waits in one stays within its bound.
 */
import type { ChannelItem } from '../../channel/items.ts'
import { LocalChannel } from '../../channel/local-channel.ts'

export class BrokenLaw extends Error {}

export class CheckedChannel extends LocalChannel {
  readonly #bound: number
  readonly #report: (law: BrokenLaw) => void
  readonly #queue: ChannelItem[] = []
  #head = 0
  #batches = 0
  #barrier = 0
  #watermark = Number.NEGATIVE_INFINITY
  #ended: 'no' | 'data' | 'partition' = 'no'

  /** `slack`: batches that one step of the sender may add beyond the capacity. */
  constructor(sender: string, capacity: number, slack: number, report: (law: BrokenLaw) => void) {
    super(sender, capacity)
    this.#bound = capacity + slack
    this.#report = report
  }

  override push(item: ChannelItem): void {
    this.#check(this.#ended !== 'partition', `a ${item.kind} follows the end of the partition`)
    switch (item.kind) {
      case 'data':
        this.#check(this.#ended === 'no', 'a record follows the end of data')
        this.#batches += 1
        this.#check(this.#batches <= this.#bound, `${this.#batches} batches wait, ${this.#bound} are allowed`)
        break
      case 'barrier':
        this.#check(item.barrier.id > this.#barrier, `barrier ${item.barrier.id} follows ${this.#barrier}`)
        this.#barrier = item.barrier.id
        break
      case 'watermark':
        this.#check(item.watermark >= this.#watermark, `watermark ${item.watermark} follows ${this.#watermark}`)
        this.#watermark = item.watermark
        break
      case 'end-of-data':
        this.#ended = 'data'
        break
      case 'end-of-partition':
        this.#ended = 'partition'
        break
      default:
    }
    this.#queue.push(item)
    super.push(item)
  }

  override pull(): ChannelItem | undefined {
    const item = super.pull()
    if (item === undefined) return undefined
    this.#check(!this.blocked, `a ${item.kind} left while the channel was blocked`)
    this.#check(item === this.#queue[this.#head], `a ${item.kind} left out of turn`)
    this.#head += 1
    if (item.kind === 'data') this.#batches -= 1
    return item
  }

  #check(holds: boolean, what: string): void {
    if (!holds) this.#report(new BrokenLaw(`channel of ${this.sender}: ${what}`))
  }
}
