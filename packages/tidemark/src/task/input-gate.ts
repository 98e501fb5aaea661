/**
 * The receiving end of a subtask: all its input channels, one item at a time.
 *
 * Owns the order in which ready channels are read, and the merge of their watermarks. Union is
 * nothing but channels of several edges in one gate.
 */
import type { Random } from '../base/ports.ts'
import type { ChannelReceiver } from '../channel/channel.ts'
import type { ChannelItem } from '../channel/items.ts'

export interface GateInput {
  readonly channel: ChannelReceiver
  readonly input: number
}

export class InputGate {
  readonly channels: readonly ChannelReceiver[]
  /** Per channel the input of the operator that it feeds. */
  readonly inputs: readonly number[]
  readonly #random: Random | undefined
  #turn = 0
  /** Index of the channel that `pull` took its last item from. */
  lastChannel = 0

  /** With `random`, the next channel is drawn; otherwise they are read in turn. */
  constructor(inputs: readonly GateInput[], random: Random | undefined) {
    this.channels = inputs.map(({ channel }) => channel)
    this.inputs = inputs.map(({ input }) => input)
    this.#random = random
  }

  get ready(): boolean {
    for (const channel of this.channels) if (channel.ready) return true
    return false
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
