/**
 * What was under way in a channel when a barrier overtook it: as it is recorded, stored and given back.
 *
 * A channel of an operator is recorded as what its receiver knew of it at the cut (watermark, idleness, end),
 * then everything that came after the cut and before the barrier. Watermarks are part of it, in their order:
 * Flink leaves them out, and an operator that asks for the time of a restored record gets another answer.
 * Stored as a list state of the operator that the channel leads to; batches are the bytes of the batch codec,
 * which say their shape themselves.
 *
 * Written by the subtask that recorded it, beside its processing; read by the host when it deploys.
 *
 *   IF-1  Recording and giving back at the same parallelism changes nothing: same items, same order.
 *   IF-2  At another parallelism each record goes to exactly one subtask: by the key group of its key on a
 *         keyed edge, else to the one that owns the first key group of the recording subtask. Watermarks go to
 *         every subtask whose key groups overlap those of the recording one.
 *         Stages are counted from the newest, so that those of one attempt meet again: a subtask that was further
 *         has fewer of them.
 *   IF-3  What cannot be stored is refused (E114), what leads to no edge of the job any more as well (E115).
 *
 * Source: FLIP-76; Flink ChannelStateWriter, RescaleMappings, InflightDataRescalingDescriptor (row B5).
 */
import { assert } from '../base/assert.ts'
import { describeThrown } from '../base/errors.ts'
import { keyGroupRange, type KeyGroupRange } from '../graph/key-groups.ts'
import type { KeySelector } from '../graph/operator-spec.ts'
import { MIN_TIMESTAMP } from '../base/time.ts'
import { BatchDecoder, BatchEncoder } from '../channel/batch-codec.ts'
import type { ControlItem, DataBatch } from '../channel/items.ts'
import { Scratch } from '../channel/scratch.ts'
import { checkKey, keyGroupOf } from '../record/key-codec.ts'
import { E058_NEWER_FORMAT } from '../state/errors.ts'
import type { ListStateSnapshot } from '../state/snapshot.ts'
import { E114_NOT_RECORDABLE } from './errors.ts'

/** Name of the list state. */
export const IN_FLIGHT = 'channels/in-flight'
/** Of batches, and of what is said of a channel. */
const CODEC = 'batch/2'

/** Barriers and cancel marks are of no use after a restore. */
export type InFlightItem = DataBatch | Extract<ControlItem, { kind: 'watermark' | 'idle' | 'end-of-data' }>

/** The edge that a channel is part of, named so that another process finds it again. */
export interface ChannelOrigin {
  /** Name of the sending operator. */
  readonly from: string
  readonly output: string
  /** Input of the receiving operator. */
  readonly input: number
}

export interface InFlightChannel {
  readonly origin: ChannelOrigin
  readonly items: readonly InFlightItem[]
}

/**
 * Channels that were open at the same time. There is more than one stage if a checkpoint was cut before what
 * the last one had recorded was processed: the older comes first.
 */
export interface Stage {
  /** 0: channels of the attempt that cut the checkpoint, 1: of the one before it, … The same in all subtasks. */
  readonly age: number
  readonly channels: readonly InFlightChannel[]
}

interface StoredChannel extends ChannelOrigin {
  readonly age: number
  readonly codec: string
  /** Subtask that recorded it, of so many. */
  readonly subtask: number
  readonly parallelism: number
  readonly items: readonly (Uint8Array | Exclude<InFlightItem, DataBatch>)[]
}

/** What a receiver knows of one of its channels. */
export class ChannelProgress {
  watermark = MIN_TIMESTAMP
  #idle = false
  #ended = false

  take(item: InFlightItem): void {
    if (item.kind === 'idle') this.#idle = item.idle
    else if (item.kind === 'end-of-data') this.#ended = true
    // As the valve has it: watermarks of an idle channel are not looked at.
    else if (item.kind === 'watermark' && !this.#idle && item.watermark > this.watermark) this.watermark = item.watermark
  }

  /** Items that bring another receiver to the same knowledge. */
  asItems(): InFlightItem[] {
    if (this.#ended) return [{ kind: 'end-of-data' }]
    return [
      ...(this.watermark > MIN_TIMESTAMP ? [{ kind: 'watermark' as const, watermark: this.watermark }] : []),
      ...(this.#idle ? [{ kind: 'idle' as const, idle: true }] : []),
    ]
  }
}

/** The records of a batch from index `from` on. */
export const restOf = ({ values, timestamps }: DataBatch, from: number): DataBatch =>
  ({ kind: 'data', values: values.slice(from), timestamps: timestamps.slice(from) })

/** Throws E114 with the reason if a record is no plain data, or too large. */
export function storeInFlight(
  operator: string, stages: readonly Stage[], place: { readonly subtask: number; readonly parallelism: number },
): ListStateSnapshot {
  const encoder = new BatchEncoder()
  const { subtask, parallelism } = place
  const items = stages.flatMap(({ age, channels }) => channels.map(({ origin, items: recorded }): StoredChannel => ({
    ...origin, age, codec: CODEC, subtask, parallelism,
    items: recorded.flatMap((item): StoredChannel['items'] =>
      (item.kind === 'data' ? encode(encoder, item, operator, origin) : [item])),
  })))
  return { name: IN_FLIGHT, redistribute: 'in-flight', items }
}

function encode(encoder: BatchEncoder, batch: DataBatch, operator: string, { from }: ChannelOrigin): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let next = 0
  try {
    do {
      next = encoder.encode(batch, next)
      pieces.push(encoder.bytes.slice(0, encoder.length))
      encoder.reset()
    } while (next < batch.values.length)
  } catch (error) {
    throw E114_NOT_RECORDABLE({ operator, from, reason: describeThrown(error) }, { cause: error })
  }
  return pieces
}

export interface RestorePlace {
  readonly subtask: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly keyGroups: KeyGroupRange
}

/** What an edge is in the job as it is now. */
export interface EdgeNow {
  /** Undefined: it is not keyed. */
  readonly keyOf?: KeySelector | undefined
  /** A record as it travels now; undefined: as it did. */
  readonly asNow?: ((value: unknown) => unknown) | undefined
  /** Where records of that form come from now, for the next checkpoint that finds them in flight; undefined: as stored. */
  readonly origin?: ChannelOrigin
}

/**
 * What one subtask of `operator` has to process before anything else. `stored`: what all subtasks had
 * recorded. `edgeOf` throws E115 if the job has no such edge any more.
 */
export function restoreInFlight(
  operator: string, stored: readonly unknown[], place: RestorePlace, edgeOf: (origin: ChannelOrigin) => EdgeNow,
): Stage[] {
  const stages = new Map<number, InFlightChannel[]>()
  for (const channel of stored as readonly StoredChannel[]) {
    if (channel.codec !== CODEC) {
      throw E058_NEWER_FORMAT({ subject: `What was under way to "${operator}"`, found: channel.codec, supported: CODEC })
    }
    const share = shareOf(channel, place)
    if (share === 'none') continue
    const { from, output, input } = channel
    const origin = { from, output, input }
    const { keyOf, asNow, origin: now } = channel.items.some((item) => item instanceof Uint8Array) ? edgeOf(origin) : {}
    const takes = keyOf === undefined || share === 'whole'
      ? () => share !== 'signals'
      : (value: unknown) => isIn(place.keyGroups, keyGroupOf(checkKey(keyOf(value), operator), place.maxParallelism))
    const inStage = stages.get(channel.age) ?? []
    inStage.push({ origin: now ?? origin, items: decode(channel.items, takes, asNow) })
    stages.set(channel.age, inStage)
  }
  return [...stages].sort(([a], [b]) => b - a).map(([age, channels]) => ({ age, channels }))
}

/** Of records without a key: 'some' takes all of them, 'signals' none; both take those of their own keys. */
function shareOf({ subtask, parallelism }: StoredChannel, place: RestorePlace): 'none' | 'whole' | 'signals' | 'some' {
  if (parallelism === place.parallelism) return subtask === place.subtask ? 'whole' : 'none'
  const old = keyGroupRange(subtask, parallelism, place.maxParallelism)
  const { start, end } = place.keyGroups
  if (old.start > end || old.end < start) return 'none'
  return isIn(place.keyGroups, old.start) ? 'some' : 'signals'
}

const isIn = ({ start, end }: KeyGroupRange, group: number): boolean => group >= start && group <= end

function decode(
  stored: StoredChannel['items'], takes: (value: unknown) => boolean, asNow: EdgeNow['asNow'],
): InFlightItem[] {
  const decoder = new BatchDecoder()
  const scratch = new Scratch()
  const items: InFlightItem[] = []
  for (const item of stored) {
    if (!(item instanceof Uint8Array)) {
      items.push(item)
      continue
    }
    assert(item.length > 0, 'a batch has bytes')
    scratch.reserve(item.length, 0)
    scratch.bytes.set(item)
    const { values, timestamps } = decoder.decode(scratch, item.length)
    const mine: { kind: 'data'; values: unknown[]; timestamps: number[] } = { kind: 'data', values: [], timestamps: [] }
    for (const [i, recorded] of values.entries()) {
      const value = asNow === undefined ? recorded : asNow(recorded)
      if (!takes(value)) continue
      mine.values.push(value)
      mine.timestamps.push(timestamps[i] as number)
    }
    if (mine.values.length > 0) items.push(mine)
  }
  return items
}
