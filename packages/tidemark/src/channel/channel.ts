/**
 * The two ends of a channel between subtasks, as the subtasks see them.
 *
 * A local queue is both ends at once; a ring has one object on each side of shared memory. Called by
 * the record writer (sender) and the input gate (receiver); which kind it is, only the host knows.
 */
import type { ChannelItem } from './items.ts'

/** What an end of a channel shows to whoever looks at the job; worked out only when it is asked. */
export interface ChannelGauges {
  /** Share of the bound that is in use: 0 is empty, from 1 on the sender waits; one record that fans out may pass 1. */
  readonly fill: number
  /** Payload bytes that have crossed this end; undefined where nothing is encoded. */
  readonly bytes: number | undefined
}

export interface ChannelSender extends ChannelGauges {
  /** The subtask takes no further input while this holds; a push is accepted even then (back-pressure). */
  readonly full: boolean
  /** Never refuses and never waits. A batch belongs to the channel from here on: nobody changes it. */
  push(item: ChannelItem): void
}

export interface ChannelReceiver extends ChannelGauges {
  /** The sending subtask, as 'vertex[subtask]', for traces. */
  readonly sender: string
  /** Set while a barrier waits for other channels; nothing leaves a blocked channel. */
  blocked: boolean
  /** True if `pull` would give an item and the channel is not blocked. */
  readonly ready: boolean
  pull(): ChannelItem | undefined
  /**
   * The item that `pull` would give after `index` others, also while the channel is blocked; undefined if
   * it is not here yet. Takes nothing away. Asked for one after the other, from 0 on.
   */
  at(index: number): ChannelItem | undefined
}
