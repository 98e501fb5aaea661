/**
 * The two ends of a channel between subtasks, as the subtasks see them.
 *
 * A local queue is both ends at once; a ring has one object on each side of shared memory. Called by
 * the record writer (sender) and the input gate (receiver); which kind it is, only the host knows.
 */
import type { ChannelItem } from './items.ts'

export interface ChannelSender {
  /** The subtask takes no further input while this holds; a push is accepted even then (back-pressure). */
  readonly full: boolean
  /** Never refuses and never waits. A batch belongs to the channel from here on: nobody changes it. */
  push(item: ChannelItem): void
}

export interface ChannelReceiver {
  /** The sending subtask, as 'vertex[subtask]', for traces. */
  readonly sender: string
  /** Set while a barrier waits for other channels; nothing leaves a blocked channel. */
  blocked: boolean
  /** True if `pull` would give an item and the channel is not blocked. */
  readonly ready: boolean
  pull(): ChannelItem | undefined
}
