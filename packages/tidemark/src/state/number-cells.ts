/**
 * The cells of one keyed state whose values are each the same few numbers: rows in shared memory, not objects.
 *
 * Owned by the rolling aggregate, which keeps in it the accumulators of counts, sums, extremes and averages. A million
 * arrays in a Map are three objects a key, that the collector goes through and of which every record misses some in the
 * caches; here a record costs a look at the index and one at the row (docs/adr/0010).
 *
 *   NB-1  A row never moves while it is visited: rows lie in chunks, in the order in which their keys came, and none is
 *         taken away. So whoever goes through them meets each once, whatever is added meanwhile.
 *   NB-2  A number that is a key is in the index, or while a larger one is being filled in the one before; other keys are
 *         in a Map. No single call moves more than a few places to the larger one, however many there are.
 *   NB-3  What is read is what was written, to the last bit: -0, NaN, infinities.
 *   NB-4  A row changes only after `touch`, unless its mark is `log.epoch`. The mark lies before its first number.
 *   NB-5  There is one slot, which stands for the row that was asked for last; a list of changes is read by its keys.
 *
 * Source: DESIGN §5.4; own design of the index that grows in steps.
 */
import type { Key } from '../graph/key.ts'
import { ChangeLog, type Slot } from './change-log.ts'
import { KeyMap } from './key-map.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import { numbers, places, tableHash } from './number-memory.ts'

const CHUNK_BITS = 13
const CHUNK_ROWS = 2 ** CHUNK_BITS
/** Of the first chunk, which grows: most states are small. */
const FIRST_ROWS = 16
/** Key (NaN: it is no number), mark. */
const HEAD = 2
/** Of the index before, looked at when a key is added: two would do for it to be empty before the next one is full. */
const MOVED_AT_ONCE = 8

/** NB-5. */
class RowSlot implements Slot {
  place = 0
  readonly #cells: NumberCells

  constructor(cells: NumberCells) {
    this.#cells = cells
  }

  get touched(): number {
    return this.#cells.rowsOf(this.place)[this.#cells.firstOf(this.place) - 1] as number
  }

  set touched(epoch: number) {
    this.#cells.rowsOf(this.place)[this.#cells.firstOf(this.place) - 1] = epoch
  }
}

export class NumberCells {
  readonly log = new ChangeLog<RowSlot>()
  readonly #initial: readonly number[]
  readonly #stride: number
  readonly #chunks: Float64Array[] = []
  #size = 0
  /** Places, counted from 1, by the hash of their key; a power of two, at least twice as many as numbers. */
  #index = places(FIRST_ROWS * 2)
  #indexed = 0
  /** NB-2; undefined: everything was moved. */
  #before: Int32Array | undefined
  /** How far it was moved. */
  #moved = 0
  readonly #others = new KeyMap<number>()
  /** By place; empty at those of numbers. */
  readonly #otherKeys: Key[] = []
  readonly #slot = new RowSlot(this)

  /** `initial`: what a new row holds. */
  constructor(initial: readonly number[]) {
    this.#initial = initial
    this.#stride = HEAD + initial.length
  }

  get size(): number {
    return this.#size
  }

  /** -1: there is none. */
  placeOf(key: unknown): number {
    if (typeof key !== 'number') return this.#others.get(key as Key) ?? -1
    const place = this.#find(this.#index, key)
    return place >= 0 || this.#before === undefined ? place : this.#findBefore(this.#before, key)
  }

  /** Where the row of a place is, which begins to hold its numbers at `firstOf(place)`. Not to be kept when a key is added. */
  rowsOf(place: number): Float64Array {
    return this.#chunks[place >>> CHUNK_BITS] as Float64Array
  }

  firstOf(place: number): number {
    return (place & (CHUNK_ROWS - 1)) * this.#stride + HEAD
  }

  /** Of a key that is not there; its place. */
  add(key: Key): number {
    this.#slot.place = this.load(key, this.#initial)
    this.log.created(key, this.#slot)
    return this.#slot.place
  }

  /** The same while a checkpoint is loaded, which is no change. */
  load(key: Key, held: readonly number[]): number {
    const place = this.#size
    this.#makeRoom(place)
    this.#size += 1
    const rows = this.rowsOf(place)
    const first = this.firstOf(place)
    rows[first - HEAD] = typeof key === 'number' ? key : NaN
    for (let i = 0; i < held.length; i++) rows[first + i] = held[i] as number
    if (typeof key === 'number') this.#insert(key, place)
    else {
      this.#others.set(key, place)
      this.#otherKeys[place] = key
    }
    return place
  }

  /** Before the first change of a row whose mark differs from the epoch of the log. */
  touch(key: Key, place: number): void {
    this.#slot.place = place
    this.log.touch(key, this.#slot)
  }

  /** A copy. */
  read(place: number): number[] {
    const held = this.#initial.slice()
    const rows = this.rowsOf(place)
    const first = this.firstOf(place)
    for (let i = 0; i < held.length; i++) held[i] = rows[first + i] as number
    return held
  }

  put(place: number, held: readonly number[]): void {
    this.rowsOf(place).set(held, this.firstOf(place))
  }

  slotOf(key: Key): Slot {
    this.#slot.place = this.placeOf(key)
    return this.#slot
  }

  * slots(): Generator<readonly [Key, Slot], void, undefined> {
    for (let place = 0; place < this.#size; place++) {
      const key = this.rowsOf(place)[this.firstOf(place) - HEAD] as number
      this.#slot.place = place
      yield [Number.isNaN(key) ? this.#otherKeys[place] as Key : key, this.#slot]
    }
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, undefined, this.read((slot as RowSlot).place))
    return true
  }

  #makeRoom(place: number): void {
    const chunk = place >>> CHUNK_BITS
    const rows = this.#chunks[chunk]
    if (rows === undefined) this.#chunks.push(numbers((chunk === 0 ? FIRST_ROWS : CHUNK_ROWS) * this.#stride))
    else if (this.firstOf(place) > rows.length) {
      const grown = numbers(rows.length * 2)
      grown.set(rows)
      this.#chunks[chunk] = grown
    }
  }

  #find(index: Int32Array, key: number): number {
    const mask = index.length - 1
    for (let i = tableHash(key) & mask; ; i = (i + 1) & mask) {
      const place = (index[i] as number) - 1
      if (place < 0 || this.rowsOf(place)[this.firstOf(place) - HEAD] === key) return place
    }
  }

  #findBefore(before: Int32Array, key: number): number {
    this.#move(before)
    return this.#find(before, key)
  }

  #insert(key: number, place: number): void {
    if ((this.#indexed + 1) * 2 > this.#index.length) {
      this.#before = this.#index
      this.#moved = 0
      this.#index = places(this.#index.length * 2)
    }
    this.#indexed += 1
    this.#mark(key, place)
    if (this.#before !== undefined) this.#move(this.#before)
  }

  #mark(key: number, place: number): void {
    const index = this.#index
    const mask = index.length - 1
    let i = tableHash(key) & mask
    while (index[i] !== 0) i = (i + 1) & mask
    index[i] = place + 1
  }

  #move(before: Int32Array): void {
    const end = Math.min(this.#moved + MOVED_AT_ONCE, before.length)
    for (; this.#moved < end; this.#moved++) {
      const place = (before[this.#moved] as number) - 1
      if (place >= 0) this.#mark(this.rowsOf(place)[this.firstOf(place) - HEAD] as number, place)
    }
    if (end === before.length) this.#before = undefined
  }
}
