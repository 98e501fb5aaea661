/**
 * Rows of one key and one side of a join, by time.
 *
 * Owned by the interval and the temporal join, one a key and side. Rows mostly come in order, so adding
 * one is mostly a push; what lies in an interval is found by bisection, never by looking at all rows.
 *
 *   TB-1  Rows are in order of time, those of equal time in order of arrival.
 *   TB-2  Rows are removed from the front only. Places are used again, so arrays do not shrink and grow with
 *         every row; a dead place holds no value.
 *   TB-3  A row is one place in each of two arrays, or three if rows are marked, and no object: rows are most
 *         of what a join holds.
 *   TB-4  The log of its table knows of every change before it is made. A buffer without rows is not in the table.
 *
 * Source: Flink keeps a map from time to rows and looks at every entry for every record
 * (IntervalJoinOperator); an ordered array gives the same pairs.
 */
import type { Key } from '../../graph/key.ts'
import type { ChangeLog, Slot } from '../../state/change-log.ts'

/** Of all buffers of one side. */
export interface BufferTable {
  readonly log: ChangeLog<TimeBuffer>
  /** Buffers that have rows. */
  count: number
}

/** Dead places that are put up with before rows are moved to the front. */
const DEAD_MAX = 16

export class TimeBuffer implements Slot {
  touched = 0
  readonly #key: Key
  readonly #table: BufferTable
  readonly #times: number[] = []
  readonly #values: unknown[] = []
  /** What a mark says is the operator's; there is none until the first. */
  #marks: boolean[] | undefined
  /** Places before it are dead. */
  #head = 0
  /** Places from it on are free. */
  #end = 0

  constructor(key: Key, table: BufferTable) {
    this.#key = key
    this.#table = table
  }

  get length(): number {
    return this.#end - this.#head
  }

  /** Of row number i, from 0; Infinity if there is none. */
  timeAt(i: number): number {
    const at = this.#head + i
    return at >= this.#head && at < this.#end ? (this.#times[at] as number) : Infinity
  }

  valueAt(i: number): unknown {
    return this.#values[this.#head + i]
  }

  isMarked(i: number): boolean {
    return this.#marks?.[this.#head + i] === true
  }

  mark(i: number, marked: boolean): void {
    this.#touch()
    this.#marks ??= this.#times.map(() => false)
    this.#marks[this.#head + i] = marked
  }

  /** The number of the new row. */
  add(time: number, value: unknown): number {
    const end = this.#end
    if (end === this.#head) this.#enter()
    else this.#touch()
    if (end === this.#head || (this.#times[end - 1] as number) <= time) {
      this.#put(end, time, value)
      this.#end = end + 1
      return end - this.#head
    }
    const i = this.countUpTo(time)
    const at = this.#head + i
    // The latest row gets a place at the end, the other later ones follow it.
    for (let from = end - 1; from >= at; from--) this.#move(from, from + 1)
    this.#put(at, time, value)
    this.#end = end + 1
    return i
  }

  /** Another value for row number i. */
  replace(i: number, value: unknown): void {
    this.#touch()
    this.#values[this.#head + i] = value
  }

  /** How many rows are before `time`: the number of the first that is not. */
  countBefore(time: number): number {
    const times = this.#times
    let low = this.#head
    let high = this.#end
    if (low === high || (times[low] as number) >= time) return 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((times[middle] as number) < time) low = middle + 1
      else high = middle
    }
    return low - this.#head
  }

  /** How many rows are at `time` or before it. Timestamps are whole numbers. */
  countUpTo(time: number): number {
    return this.countBefore(time + 1)
  }

  /** Rows at `time` or before it; looks at those and at one more. */
  removeUpTo(time: number): void {
    const times = this.#times
    const end = this.#end
    let head = this.#head
    while (head < end && (times[head] as number) <= time) head += 1
    if (head > this.#head) this.removeFirst(head - this.#head)
  }

  removeFirst(count: number): void {
    if (count === 0) return
    this.#touch()
    const head = this.#head + count
    if (head === this.#end) this.#leave()
    for (let at = this.#head; at < head; at++) this.#values[at] = undefined
    this.#head = head
    const length = this.#end - head
    if (length > 0 && (head < DEAD_MAX || head < length)) return
    for (let i = 0; i < length; i++) {
      this.#move(head + i, i)
      this.#values[head + i] = undefined
    }
    this.#head = 0
    this.#end = length
  }

  /** [time, value, mark] of each row, for a snapshot. */
  rows(): readonly (readonly [number, unknown, boolean])[] {
    return Array.from({ length: this.length }, (_, i) => [this.timeAt(i), this.valueAt(i), this.isMarked(i)])
  }

  #touch(): void {
    const { log } = this.#table
    if (this.touched !== log.epoch) log.touch(this.#key, this)
  }

  /** The table gets its first row. */
  #enter(): void {
    this.#table.count += 1
    this.#table.log.created(this.#key, this)
  }

  #leave(): void {
    this.#table.count -= 1
    this.#table.log.removed(this.#key, this)
  }

  /** In a loop this is much faster than `copyWithin`, which V8 does not know for arrays. */
  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number
    this.#values[to] = this.#values[from]
    if (this.#marks !== undefined) this.#marks[to] = this.#marks[from] === true
  }

  #put(at: number, time: number, value: unknown): void {
    this.#times[at] = time
    this.#values[at] = value
    if (this.#marks !== undefined) this.#marks[at] = false
  }
}
