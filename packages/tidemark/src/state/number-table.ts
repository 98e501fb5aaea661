/**
 * An open-addressing table from numbers beyond int32 (timestamps, long ids, fractions) to values.
 *
 * Owned by key-map.ts, which keeps all other keys in a Map. A Map has such a number as an object of its own, which
 * it calls a function to hash and the collector copies; here it is eight bytes among others.
 *
 *   NT-1  It behaves as a Map, but for the order: that of insertion as long as nothing was deleted; then a new key
 *         may take the place of one that is gone.
 *   NT-2  An entry stays at its place while it lives, so that whoever goes through the entries meets it once,
 *         whatever is set and deleted meanwhile; what is set meanwhile may be met or not.
 *   NT-3  NaN is no key: it marks a place that is free.
 *
 * Source: Knuth, The Art of Computer Programming 3, 6.4 (linear probing, with marks for what was deleted).
 */
import { numbers, places, tableHash } from './number-memory.ts'

const FIRST_ENTRIES = 16
/** In the index: nobody was ever here; somebody was. Otherwise a place, counted from 1. */
const EMPTY = 0
const GONE = -1

export class NumberTable<V> {
  #keys = numbers(FIRST_ENTRIES)
  #values: (V | undefined)[] = []
  /** Twice as many as entries at least; a power of two. */
  #index = places(FIRST_ENTRIES * 2)
  /** Places below `#values.length` that are free. */
  #free: number[] = []
  #size = 0
  /** Not EMPTY in the index. */
  #marked = 0

  get size(): number {
    return this.#size
  }

  get(key: number): V | undefined {
    const place = this.#placeOf(key)
    return place < 0 ? undefined : this.#values[place]
  }

  has(key: number): boolean {
    return this.#placeOf(key) >= 0
  }

  set(key: number, value: V): void {
    const known = this.#placeOf(key)
    if (known >= 0) {
      this.#values[known] = value
      return
    }
    if ((this.#marked + 1) * 2 > this.#index.length) this.#rebuild()
    const place = this.#free.pop() ?? this.#values.length
    if (place === this.#keys.length) this.#grow()
    this.#keys[place] = key
    this.#values[place] = value
    this.#size += 1
    this.#mark(key, place)
  }

  delete(key: number): boolean {
    const index = this.#index
    const mask = index.length - 1
    for (let i = tableHash(key) & mask; index[i] !== EMPTY; i = (i + 1) & mask) {
      const place = (index[i] as number) - 1
      if (place < 0 || this.#keys[place] !== key) continue
      index[i] = GONE
      this.#keys[place] = NaN
      this.#values[place] = undefined
      this.#free.push(place)
      this.#size -= 1
      return true
    }
    return false
  }

  clear(): void {
    this.#keys = numbers(FIRST_ENTRIES)
    this.#values = []
    this.#index = places(FIRST_ENTRIES * 2)
    this.#free = []
    this.#size = 0
    this.#marked = 0
  }

  * entries(): Generator<[number, V], void, undefined> {
    for (let place = 0; place < this.#values.length; place++) {
      const key = this.#keys[place] as number
      if (!Number.isNaN(key)) yield [key, this.#values[place] as V]
    }
  }

  /** -1: there is none. */
  #placeOf(key: number): number {
    const index = this.#index
    const keys = this.#keys
    const mask = index.length - 1
    for (let i = tableHash(key) & mask; ; i = (i + 1) & mask) {
      const at = index[i] as number
      if (at > 0 && keys[at - 1] === key) return at - 1
      if (at === EMPTY) return -1
    }
  }

  #mark(key: number, place: number): void {
    const index = this.#index
    const mask = index.length - 1
    let i = tableHash(key) & mask
    while (index[i] !== EMPTY) i = (i + 1) & mask
    index[i] = place + 1
    this.#marked += 1
  }

  /** As large as the entries need, without marks of what is gone. */
  #rebuild(): void {
    let length = this.#index.length
    while (length < (this.#size + 1) * 4) length *= 2
    this.#index = places(length)
    this.#marked = 0
    for (let place = 0; place < this.#values.length; place++) {
      const key = this.#keys[place] as number
      if (!Number.isNaN(key)) this.#mark(key, place)
    }
  }

  #grow(): void {
    const grown = numbers(this.#keys.length * 2)
    grown.set(this.#keys)
    this.#keys = grown
  }
}
