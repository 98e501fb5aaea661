/**
 * The decoded cells that a paged state keeps in memory: those that were asked for lately.
 *
 * Owned by paged-cells.ts. Two generations: a cell comes into the young one, also when it is met in the old one. When
 * the young one is full, the old one is let go of, and the young one becomes the old. So a cell that is asked for
 * again within half of the room stays, at the price of one Map access, where a list in order of use would cost three.
 *
 *   WB-1  What was put last is there.
 *   WB-2  Both generations together take so many bytes as the cache was given, about: a cell counts as six times its
 *         encoded size, on a running average, and 200 bytes. One cell stays however large it is.
 */
import type { Key } from '../../graph/key.ts'

/** Objects, strings and Maps on the heap, beside their encoding. */
const DECODED_BYTES_EACH = 6
const ENTRY_BYTES = 200
/** How many cells the average remembers, about. */
const AVERAGED = 256
/** A Map ends at 2^24 entries. */
const MOST_ENTRIES = 2 ** 23

export class SlotCache<S> {
  readonly #bytes: number
  #young = new Map<Key, S>()
  #old = new Map<Key, S>()
  #encodedBytes = 0
  #seen = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  get size(): number {
    let size = this.#young.size
    for (const key of this.#old.keys()) if (!this.#young.has(key)) size += 1
    return size
  }

  get(key: Key): S | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.put(key, old)
    return old
  }

  /** The same, which is no use of it. */
  peek(key: Key): S | undefined {
    return this.#young.get(key) ?? this.#old.get(key)
  }

  put(key: Key, slot: S): void {
    if (this.#young.size >= this.#room) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, slot)
  }

  delete(key: Key): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  /** A cell was encoded or decoded, so large. */
  sized(encodedBytes: number): void {
    if (this.#seen < AVERAGED) this.#seen += 1
    this.#encodedBytes += (encodedBytes - this.#encodedBytes) / this.#seen
  }

  /** Of one generation. */
  get #room(): number {
    const each = this.#encodedBytes * DECODED_BYTES_EACH + ENTRY_BYTES
    return Math.min(MOST_ENTRIES, Math.max(1, Math.floor(this.#bytes / 2 / each)))
  }
}
