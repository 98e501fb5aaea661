/**
 * A channel between subtasks of two threads: items as bytes in a ring of shared memory.
 *
 * RingSender lives in the sending thread, RingReceiver in the receiving one; made by the host, which also
 * carries the news (`published`, `freed`) to the other thread, in its own way and time. Neither end waits.
 * Each item is one frame, or fragments of a quarter of the ring if it is longer.
 *
 * The bound: `full` holds from half a ring on, and while something waits outside the ring. A push is taken
 * even then, since a record being processed may fan out; what finds no room waits encoded on the sender's
 * side until `drain`. The subtask takes no further input while `full` holds (ST-2), so what waits is at most
 * what one record, or one batch of a source, gave.
 *
 *   RG-1  Items leave in the order in which they were pushed, each once (CH-1 of local-channel.ts): while
 *         anything waits outside the ring, everything new lines up behind it.
 *   RG-2  Nothing leaves a blocked channel (CH-2).
 *   RG-3  An item that cannot cross is refused by `push`, in the subtask that made it, and not later.
 *   RG-4  `published` and `freed` come after the change that they announce, at most once a call.
 *   RG-5  What the receiver has taken out ahead of its turn (`at`) counts against the bound until it is pulled:
 *         looking for a barrier under back-pressure, once a checkpoint, does not let the sender go on.
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { decodeValue, encodeValue } from '../record/value-codec.ts'
import { BatchDecoder, BatchEncoder } from './batch-codec.ts'
import type { ChannelReceiver, ChannelSender } from './channel.ts'
import type { ChannelItem, ControlItem } from './items.ts'
import { RingReader, RingWriter } from './ring-memory.ts'
import { Scratch } from './scratch.ts'

export { ringMemory } from './ring-memory.ts'

const DATA = 1
const CONTROL = 2
/** The commonest control item, as a float64. */
const WATERMARK = 3
/** Added to the kind of every fragment but the last. */
const MORE = 0x100

interface Waiting {
  readonly kind: number
  readonly bytes: Uint8Array
  /** Bytes that are in the ring already. */
  sent: number
}

export class RingSender implements ChannelSender {
  /** The sending subtask, for traces. */
  readonly sender: string
  /** Without the heads of frames. */
  bytes = 0
  readonly #ring: RingWriter
  readonly #published: () => void
  readonly #batches = new BatchEncoder()
  readonly #control = new ByteWriter()
  readonly #watermark = new Float64Array(1)
  #waiting: Waiting[] = []

  /** `published` is called after frames became visible. It must not call back into the channel. */
  constructor(init: { memory: SharedArrayBuffer; sender: string; published(): void }) {
    this.sender = init.sender
    this.#ring = new RingWriter(init.memory)
    this.#published = () => init.published()
  }

  /** Something found no room yet: `drain` when the receiver has freed some. */
  get pending(): boolean {
    return this.#waiting.length > 0
  }

  get full(): boolean {
    return this.pending || this.#ring.halfFull
  }

  get fill(): number {
    return (2 * this.#ring.used) / this.#ring.capacity
  }

  /**
   * Throws E071 with the path for a value that is no plain data, E170 for a record beyond all bounds; of a
   * batch of many megabytes, which crosses in pieces, some records may have left by then.
   */
  push(item: ChannelItem): void {
    let moved = false
    if (item.kind === 'data') {
      let from = 0
      do {
        from = this.#batches.encode(item, from)
        const { bytes, length } = this.#batches
        moved = this.#send(DATA, bytes, length) || moved
        this.#batches.reset()
      } while (from < item.values.length)
    } else if (item.kind === 'watermark') {
      this.#watermark[0] = item.watermark
      moved = this.#send(WATERMARK, new Uint8Array(this.#watermark.buffer), 8)
    } else {
      this.#control.reset()
      encodeValue(this.#control, item)
      const bytes = this.#control.peek()
      moved = this.#send(CONTROL, bytes, bytes.length)
    }
    if (moved) this.#published()
  }

  /** Moves what did not fit into the ring, as far as there is room; true if nothing is left over. */
  drain(): boolean {
    let moved = false
    let done = 0
    for (const item of this.#waiting) {
      const sent = this.#move(item.kind, item.bytes, item.sent, item.bytes.length)
      if (sent !== item.sent) moved = true
      item.sent = sent
      if (sent < item.bytes.length) break
      done += 1
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done)
    if (moved) this.#published()
    return this.#waiting.length === 0
  }

  /** Into the ring as far as there is room, the rest behind what waits; true if something is visible now. */
  #send(kind: number, bytes: Uint8Array, length: number): boolean {
    assert(length > 0, 'an item has bytes')
    const sent = this.pending ? 0 : this.#move(kind, bytes, 0, length)
    if (sent < length) this.#waiting.push({ kind, bytes: kept(bytes.subarray(sent, length)), sent: 0 })
    return sent > 0
  }

  /** Frames from byte `from` on, as long as they fit; gives the first byte that found no room. */
  #move(kind: number, bytes: Uint8Array, from: number, length: number): number {
    const ring = this.#ring
    let at = from
    while (at < length) {
      const payload = Math.min(length - at, ring.mostPayload)
      if (!ring.fits(payload)) break
      ring.begin(at + payload < length ? kind | MORE : kind, payload)
      ring.append(bytes, at, at + payload)
      ring.publish()
      at += payload
      this.bytes += payload
    }
    return at
  }
}

/** A copy in shared memory, since it may be large (see scratch.ts). */
function kept(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

export class RingReceiver implements ChannelReceiver {
  readonly sender: string
  /** Without the heads of frames. */
  bytes = 0
  blocked = false
  readonly #ring: RingReader
  readonly #freed: () => void
  readonly #batches = new BatchDecoder()
  /** The item that is being put together, and how much of it is here. */
  readonly #item = new Scratch()
  #length = 0
  #kind = 0
  #whole = false
  /** Items that were looked at ahead of their turn, decoded, in order. */
  #ahead: { readonly item: ChannelItem; readonly room: number }[] = []
  /** Bytes of the ring that what is ahead took, and that the next item has taken so far. */
  #held = 0
  #room = 0

  /** `freed` is called after room became free. It must not call back into the channel. */
  constructor(init: { memory: SharedArrayBuffer; sender: string; freed(): void }) {
    this.sender = init.sender
    this.#ring = new RingReader(init.memory)
    this.#freed = () => init.freed()
  }

  get fill(): number {
    return (2 * this.#ring.used) / this.#ring.capacity
  }

  /** Asking moves what is in the ring of the next item to this side, so that a long one gets on. */
  get ready(): boolean {
    return !this.blocked && (this.#ahead.length > 0 || this.#gather())
  }

  pull(): ChannelItem | undefined {
    if (this.blocked) return undefined
    const first = this.#ahead.shift()
    if (first === undefined) return this.#gather() ? this.#take() : undefined
    this.#hold(this.#held - first.room)
    this.#freed()
    return first.item
  }

  at(index: number): ChannelItem | undefined {
    const ahead = this.#ahead
    while (ahead.length <= index && this.#gather()) {
      const room = this.#room
      ahead.push({ item: this.#take(), room })
      this.#hold(this.#held + room)
    }
    return ahead[index]?.item
  }

  #hold(room: number): void {
    this.#held = room
    this.#ring.hold(room)
  }

  /** Decodes the item that `#gather` found whole. */
  #take(): ChannelItem {
    const kind = this.#kind
    const length = this.#length
    this.#whole = false
    this.#length = 0
    this.#room = 0
    const item = this.#decode(kind, length)
    this.#item.reset()
    return item
  }

  #decode(kind: number, length: number): ChannelItem {
    if (kind === DATA) return this.#batches.decode(this.#item, length)
    if (kind === WATERMARK) return { kind: 'watermark', watermark: this.#item.floats[0] as number }
    return controlItem(decodeValue(new ByteReader(this.#item.bytes.subarray(0, length))))
  }

  /** True if one whole item is here. */
  #gather(): boolean {
    if (this.#whole) return true
    const ring = this.#ring
    let moved = false
    while (!this.#whole && ring.next()) {
      const { payload, kind } = ring
      this.#item.reserve(this.#length + payload, this.#length)
      ring.copy(this.#item.bytes, this.#length, 0, payload)
      this.#length += payload
      this.bytes += payload
      // That of the last fragment counts, which is without MORE.
      this.#kind = kind
      this.#whole = (kind & MORE) === 0
      this.#room += ring.release()
      moved = true
    }
    if (moved) this.#freed()
    return this.#whole
  }
}

/** What `encodeValue` made of a control item by the other end. */
function controlItem(value: unknown): ControlItem {
  const isItem = typeof value === 'object' && value !== null && 'kind' in value
  assert(isItem, 'a control frame holds a control item')
  return value as ControlItem
}
