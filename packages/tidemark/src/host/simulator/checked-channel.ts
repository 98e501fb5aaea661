/**
 * A channel that checks its own laws: the real one, with a second opinion beside it.
 *
 * Made by incarnation.ts for every pair of subtasks of a simulated job. Throws BrokenLaw, which the
 * simulator reports as a violation whatever the engine makes of it.
 *
 *   CN-1  Items leave in the order in which they came, each once: nothing overtakes a barrier.
 *   CN-2  Ids of barriers and watermarks only grow; nothing follows the end of the partition, no record the
 *         end of data.
 *   CN-3  Nothing is taken from a blocked channel.
 *   CN-4  A channel grows past its capacity only within the step that fills it, by no more than that step can
 *         give; while it stays full, one batch may follow, which was open when it filled. No batch is larger
 *         than it may be.
 */
import type { ChannelItem } from '../../channel/items.ts'
import { LocalChannel } from '../../channel/local-channel.ts'

export class BrokenLaw extends Error {}

export interface ChannelBounds {
  /** Batches, as the sender obeys it. */
  readonly capacity: number
  /** Records a batch. */
  readonly batchRecords: number
  /** Most records that one step of the sender puts into this channel. */
  readonly recordsAStep: number
  /** Records that the sender may hold back, and sends on with a barrier although the channel is full. */
  readonly recordsHeld: number
  /** Between threads: one step longer than it takes to come, an item can be taken and not be looked at. */
  readonly lags: boolean
  /** Number of the step that is being done. */
  step(): number
  report(law: BrokenLaw): void
}

export class CheckedChannel extends LocalChannel {
  readonly #bounds: ChannelBounds
  /** Batches that one step may push: those it fills, with what was open, and the rest. */
  readonly #aStep: number
  readonly #queue: ChannelItem[] = []
  /** In which step each of them came. */
  readonly #cameIn: number[] = []
  #head = 0
  #batches = 0
  #step = -1
  #pushedInStep = 0
  /** Whether it was full when this step of its sender began. */
  #beganFull = false
  #pushedWhileFull = 0
  #barrier = 0
  #watermark = Number.NEGATIVE_INFINITY
  #ended: 'no' | 'data' | 'partition' = 'no'

  constructor(sender: string, bounds: ChannelBounds) {
    super(sender, bounds.capacity)
    this.#bounds = bounds
    this.#aStep = Math.floor((bounds.batchRecords - 1 + bounds.recordsAStep) / bounds.batchRecords) + 1
  }

  override push(item: ChannelItem): void {
    this.#check(this.#ended !== 'partition', `a ${item.kind} follows the end of the partition`)
    switch (item.kind) {
      case 'data':
        this.#check(this.#ended === 'no', 'a record follows the end of data')
        this.#checkBound(item.values.length)
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
    this.#cameIn.push(this.#bounds.step())
    super.push(item)
  }

  override at(index: number): ChannelItem | undefined {
    const cameIn = this.#cameIn[this.#head + index]
    if (this.#bounds.lags && cameIn !== undefined && cameIn + 1 >= this.#bounds.step()) return undefined
    return super.at(index)
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

  #checkBound(records: number): void {
    const { capacity, batchRecords } = this.#bounds
    const now = this.#bounds.step()
    if (now !== this.#step) {
      this.#step = now
      this.#pushedInStep = 0
      this.#beganFull = this.#batches >= capacity
      if (!this.#beganFull) this.#pushedWhileFull = 0
    }
    this.#batches += 1
    this.#pushedInStep += 1
    if (this.#beganFull) this.#pushedWhileFull += 1
    this.#check(records <= batchRecords, `a batch has ${records} records, ${batchRecords} are allowed`)
    this.#check(
      this.#pushedInStep <= this.#aStep,
      `one step pushed ${this.#pushedInStep} batches, ${this.#aStep} are possible`,
    )
    this.#check(
      this.#pushedWhileFull <= 1 + Math.ceil(this.#bounds.recordsHeld / batchRecords),
      `it is full with ${capacity} batches and grew to ${this.#batches} in later steps`,
    )
  }

  #check(holds: boolean, what: string): void {
    if (!holds) this.#bounds.report(new BrokenLaw(`channel of ${this.sender}: ${what}`))
  }
}
