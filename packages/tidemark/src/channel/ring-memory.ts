/**
 * The bounded byte ring in shared memory under a channel between two threads: layout and both ends.
 *
 *   byte 0      written: position behind the last published frame, stored by the writer alone
 *   byte 128    read: position behind the last released frame, stored by the reader alone
 *   byte 132    held: bytes that the reader has taken out ahead of its turn, stored by the reader alone
 *   byte 256    data: frames of [payload length, kind] (two int32) and the payload, padded to 8 bytes
 *
 * Positions count bytes since the beginning as int32 with wrap-around; their difference is what is in use.
 * The capacity is a power of two, so the low bits of a position are its place, also when it wraps. The two
 * positions lie two cache lines apart, since processors fetch lines in pairs. Each end keeps the other's
 * position as it last saw it and looks again only when that is not enough.
 *
 * Owned by ring.ts: one RingWriter in one thread, one RingReader in one other. Nothing here waits. Built
 * from steps that hold at most one synchronising access each, so that a test can enumerate every
 * interleaving of the code itself.
 *
 *   RM-1  A frame is visible whole or not at all: its bytes are written before `written` is stored
 *         (release), and read after `written` was loaded (acquire).
 *   RM-2  No byte is written that is not free: the reader stores `read` only when it is done with a frame.
 *   RM-3  Frames leave in the order in which they came, each once.
 *   RM-4  Only whole frames are in the ring; a header never straddles its end, a payload may.
 *
 * Source: Lamport's queue of one producer and one consumer (1977), with cached positions as in Lee et al.,
 * "A lock-free, cache-efficient multi-core synchronization mechanism" (2009).
 */
import { assert } from '../base/assert.ts'

/** Index as int32. */
const WRITTEN = 0
const READ = 32
const HELD = 33
const DATA_BYTES_AT = 256
const HEADER_BYTES = 8
const LEAST_CAPACITY = 64
const MOST_CAPACITY = 2 ** 30

/** What a frame of `payload` bytes takes. */
function frameBytes(payload: number): number {
  return HEADER_BYTES + ((payload + 7) & ~7)
}

/** Memory of an empty ring for `capacityBytes`, rounded up to a power of two from 64 bytes to 1 GiB. */
export function ringMemory(capacityBytes: number): SharedArrayBuffer {
  assert(capacityBytes <= MOST_CAPACITY, 'a ring holds 1 GiB at most')
  let capacity = LEAST_CAPACITY
  while (capacity < capacityBytes) capacity *= 2
  return new SharedArrayBuffer(DATA_BYTES_AT + capacity)
}

function capacityOf(memory: SharedArrayBuffer): number {
  const capacity = memory.byteLength - DATA_BYTES_AT
  assert(capacity >= LEAST_CAPACITY && (capacity & (capacity - 1)) === 0, 'the memory was made by ringMemory')
  return capacity
}

export class RingWriter {
  readonly capacity: number
  /** The largest payload of one frame: a quarter of the ring, so that both ends can work at once. */
  readonly mostPayload: number
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  /** Where the next frame begins; ahead of what is published between `begin` and `publish`. */
  #position: number
  /** Next byte of the frame begun. */
  #cursor = 0
  #read: number

  constructor(memory: SharedArrayBuffer) {
    this.capacity = capacityOf(memory)
    this.mostPayload = this.capacity / 4 - HEADER_BYTES
    this.#words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory, DATA_BYTES_AT)
    this.#position = Atomics.load(this.#words, WRITTEN)
    this.#read = Atomics.load(this.#words, READ)
  }

  /** Bytes in use, frame heads included. */
  get used(): number {
    return (this.#position - Atomics.load(this.#words, READ)) | 0
  }

  /** More than half of the ring is in use; what the reader holds counts, although its room is free. */
  get halfFull(): boolean {
    return !this.#hasFree(this.capacity / 2 + Atomics.load(this.#words, HELD))
  }

  fits(payload: number): boolean {
    return this.#hasFree(frameBytes(payload))
  }

  /** Begins a frame that fits; `append` exactly `payload` bytes, then `publish`. */
  begin(kind: number, payload: number): void {
    const at = this.#position & (this.capacity - 1)
    const word = (DATA_BYTES_AT + at) >> 2
    this.#words[word] = payload
    this.#words[word + 1] = kind
    this.#cursor = this.#position + HEADER_BYTES
    this.#position = (this.#position + frameBytes(payload)) | 0
  }

  append(source: Uint8Array, from: number, to: number): void {
    const at = this.#cursor & (this.capacity - 1)
    const first = Math.min(to - from, this.capacity - at)
    this.#bytes.set(source.subarray(from, from + first), at)
    if (from + first < to) this.#bytes.set(source.subarray(from + first, to), 0)
    this.#cursor += to - from
  }

  publish(): void {
    Atomics.store(this.#words, WRITTEN, this.#position)
  }

  #hasFree(bytes: number): boolean {
    if (this.capacity - ((this.#position - this.#read) | 0) >= bytes) return true
    this.#read = Atomics.load(this.#words, READ)
    return this.capacity - ((this.#position - this.#read) | 0) >= bytes
  }
}

export class RingReader {
  /** Of the frame that `next` found. */
  kind = 0
  payload = 0
  readonly capacity: number
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  #position: number
  #written: number

  constructor(memory: SharedArrayBuffer) {
    this.capacity = capacityOf(memory)
    this.#words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory, DATA_BYTES_AT)
    this.#position = Atomics.load(this.#words, READ)
    this.#written = Atomics.load(this.#words, WRITTEN)
  }

  /** Bytes in use, frame heads included. */
  get used(): number {
    return (Atomics.load(this.#words, WRITTEN) - this.#position) | 0
  }

  /** What was released and is not consumed yet, in bytes: it keeps the writer from going on. */
  hold(bytes: number): void {
    Atomics.store(this.#words, HELD, bytes)
  }

  /** True if there is a frame; then `kind` and `payload` describe it. */
  next(): boolean {
    if (this.#position === this.#written) {
      this.#written = Atomics.load(this.#words, WRITTEN)
      if (this.#position === this.#written) return false
    }
    const word = (DATA_BYTES_AT + (this.#position & (this.capacity - 1))) >> 2
    this.payload = this.#words[word] as number
    this.kind = this.#words[word + 1] as number
    assert(
      this.payload >= 0 && frameBytes(this.payload) <= ((this.#written - this.#position) | 0),
      'a frame lies within what was published',
    )
    return true
  }

  /** Copies bytes `from` to `to` of the frame's payload to `target`, beginning at `at`. */
  copy(target: Uint8Array, at: number, from: number, to: number): void {
    const begin = (this.#position + HEADER_BYTES + from) & (this.capacity - 1)
    const first = Math.min(to - from, this.capacity - begin)
    target.set(this.#bytes.subarray(begin, begin + first), at)
    if (first < to - from) target.set(this.#bytes.subarray(0, to - from - first), at + first)
  }

  /** Gives the room of the frame back; how much that is. */
  release(): number {
    const bytes = frameBytes(this.payload)
    this.#position = (this.#position + bytes) | 0
    Atomics.store(this.#words, READ, this.#position)
    return bytes
  }
}
