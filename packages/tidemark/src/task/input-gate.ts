/**
 * The receiving end of a subtask: all its input channels, one item at a time.
 *
 * Owns the order in which ready channels are read, and the merge of their watermarks. Union is
 * nothing but channels of several edges in one gate.
 */
import type { Random } from '../base/ports.ts'
import type { ChannelReceiver } from '../channel/channel.ts'
import type { ChannelItem } from '../channel/items.ts'
import type { ChannelOrigin } from './in-flight.ts'

export interface GateInput {
  readonly channel: ChannelReceiver
  readonly input: number
  readonly origin: ChannelOrigin
  /**
   * False: barriers overtake nothing in it. So it is for an edge that sends to one subtask or to all, whose
   * records could not be given to other subtasks at another parallelism (as in Flink).
   */
  readonly recordable: boolean
}

export class InputGate {
  readonly channels: readonly ChannelReceiver[]
  /** Per channel the input of the operator that it feeds. */
  readonly inputs: readonly number[]
  readonly origins: readonly ChannelOrigin[]
  readonly recordable: readonly boolean[]
  readonly #random: Random | undefined
  #turn = 0
  /** Index of the channel that `pull` took its last item from. */
  lastChannel = 0

  /** With `random`, the next channel is drawn; otherwise they are read in turn. */
  constructor(inputs: readonly GateInput[], random: Random | undefined) {
    this.channels = inputs.map(({ channel }) => channel)
    this.inputs = inputs.map(({ input }) => input)
    this.origins = inputs.map(({ origin }) => origin)
    this.recordable = inputs.map(({ recordable }) => recordable)
    this.#random = random
  }

  get ready(): boolean {
    for (const channel of this.channels) if (channel.ready) return true
    return false
  }

  /** A barrier, or the end of one, that is next in its channel; nothing else. */
  pullBarrier(): ChannelItem | undefined {
    for (const [index, channel] of this.channels.entries()) {
      if (!channel.ready) continue
      const kind = channel.at(0)?.kind
      if (kind !== 'barrier' && kind !== 'cancel') continue
      this.lastChannel = index
      return channel.pull()
    }
    return undefined
  }

  pull(): ChannelItem | undefined {
    const size = this.channels.length
    const first = this.#random === undefined ? this.#turn : this.#random.below(size)
    for (let i = 0; i < size; i++) {
      const index = (first + i) % size
      const channel = this.channels[index] as ChannelReceiver
      if (!channel.ready) continue
      this.#turn = (index + 1) % size
      this.lastChannel = index
      return channel.pull()
    }
    return undefined
  }
}
