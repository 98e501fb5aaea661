/**
 * What travels through a channel: batches of records, and control items in between, in order.
 */
import type { CheckpointId } from '../base/ids.ts'
import type { CheckpointBarrier } from '../base/protocol.ts'

export interface DataBatch {
  readonly kind: 'data'
  readonly values: readonly unknown[]
  /** Same length as `values`, ms; NO_TIMESTAMP where a record has none. */
  readonly timestamps: readonly number[]
}

export type ControlItem =
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'idle'; readonly idle: boolean }
  | { readonly kind: 'barrier'; readonly barrier: CheckpointBarrier }
  | { readonly kind: 'cancel'; readonly id: CheckpointId }
  /** No more records will come; barriers still may. */
  | { readonly kind: 'end-of-data' }
  /** The sender is finished: nothing at all will come. */
  | { readonly kind: 'end-of-partition' }

export type ChannelItem = DataBatch | ControlItem
