/**
 * A Map over keys that does not end at the 2^24 entries of a JavaScript Map.
 *
 * Owns the entries of one keyed state. Called on every state access, so up to the limit it is one
 * Map behind few comparisons, or for numbers beyond int32 a table that suits them better (number-table.ts).
 *
 *   KM-1  A key is in at most one of the Maps.
 *   KM-2  No entry ever moves: a full Map stays, and further keys go to the next generation, 16 Maps
 *         chosen by hash, then 256. Moving eight million entries at once would stop the stream for seconds.
 *   KM-3  No single Map holds more than `limit` entries.
 */
import type { Key } from '../graph/key.ts'
import { keyHash } from '../record/key-codec.ts'
import { assert } from '../base/assert.ts'
import { NumberTable } from './number-table.ts'

/** Half of what V8 allows: deleted entries take room in a Map, too, until it is rebuilt. */
const DEFAULT_LIMIT = 2 ** 23
const FAN_OUT = 16

const isWide = (key: Key): key is number => typeof key === 'number' && (key | 0) !== key

export class KeyMap<V> {
  readonly #limit: number
  readonly #first = new Map<Key, V>()
  /** The same for wide numbers; undefined before the first of them. */
  #wide: NumberTable<V> | undefined
  /** Generation g (from 1) has 16^g Maps; empty until the first one is full. */
  readonly #later: Map<Key, V>[][] = []
  #size = 0

  constructor(limit = DEFAULT_LIMIT) {
    assert(limit >= 1, 'a map holds at least one entry')
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  get(key: Key): V | undefined {
    if (isWide(key)) {
      const found = this.#wide?.get(key)
      if (found !== undefined || this.#later.length === 0) return found
    } else if (this.#later.length === 0) return this.#first.get(key)
    return this.#holder(key)?.get(key)
  }

  has(key: Key): boolean {
    return isWide(key) && this.#wide?.has(key) === true ? true : this.#holder(key) !== undefined
  }

  set(key: Key, value: V): void {
    const wide = isWide(key)
    if (wide && this.#setWide(key, value)) return
    const map = !wide && this.#later.length === 0 && this.#first.size < this.#limit
      ? this.#first
      : (this.#holder(key) ?? this.#roomFor(key))
    const before = map.size
    map.set(key, value)
    this.#size += map.size - before
  }

  delete(key: Key): boolean {
    const deleted = (isWide(key) && this.#wide?.delete(key) === true) || this.#holder(key)?.delete(key) === true
    if (deleted) this.#size -= 1
    return deleted
  }

  clear(): void {
    this.#first.clear()
    this.#wide = undefined
    this.#later.length = 0
    this.#size = 0
  }

  /** In order of insertion, wide numbers last; beyond the limit, Map by Map. What is added meanwhile may be among them. */
  entries(): Iterator<[Key, V]> & Iterable<[Key, V]> {
    // A Map's own iterator is quicker than one around it.
    return this.#later.length === 0 && this.#wide === undefined ? this.#first.entries() : this.#allEntries()
  }

  * #allEntries(): Generator<[Key, V], void, undefined> {
    yield* this.#first
    if (this.#wide !== undefined) yield* this.#wide.entries()
    for (const generation of this.#later) for (const map of generation) yield* map
  }

  /** False: there is no room in the table, and the key is not there. */
  #setWide(key: number, value: V): boolean {
    const table = (this.#wide ??= new NumberTable())
    const before = table.size
    if (before >= this.#limit && !table.has(key)) return false
    // One that came when the table was full stays where it is (KM-2).
    if (this.#later.length > 0 && !table.has(key) && this.#holder(key) !== undefined) return false
    table.set(key, value)
    this.#size += table.size - before
    return true
  }

  #holder(key: Key): Map<Key, V> | undefined {
    if (this.#first.has(key)) return this.#first
    if (this.#later.length === 0) return undefined
    const hash = keyHash(key) >>> 0
    for (const generation of this.#later) {
      const map = generation[hash % generation.length]
      if (map?.has(key) === true) return map
    }
    return undefined
  }

  #roomFor(key: Key): Map<Key, V> {
    if (!isWide(key) && this.#first.size < this.#limit) return this.#first
    const hash = keyHash(key) >>> 0
    for (let g = 0; ; g++) {
      const generation = this.#later[g] ?? this.#grow()
      const map = generation[hash % generation.length]
      if (map !== undefined && map.size < this.#limit) return map
    }
  }

  #grow(): Map<Key, V>[] {
    const length = FAN_OUT ** (this.#later.length + 1)
    const generation = Array.from({ length }, () => new Map<Key, V>())
    this.#later.push(generation)
    return generation
  }
}
