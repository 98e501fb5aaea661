/**
 * Looks through all keys of a join in turn, where rows go without a word: no visits are planned for them.
 *
 * Owned by join-sides.ts.
 *
 *   XS-1  All keys are looked through once in `everyMs` of event time, at most SWEPT_AT_ONCE keys a
 *         watermark, and all at the end of time. A key has got a row since the last time, or lost one, so
 *         this costs a constant for each row.
 *   XS-2  A key whose last row is gone is forgotten here, and nowhere else.
 *
 * Source: Flink registers a timer per row (IntervalJoinOperator).
 */
import { addSaturating, MAX_TIMESTAMP } from '../../base/time.ts'

/** So that no watermark takes long, however many keys there are. */
const SWEPT_AT_ONCE = 4096

/** `trim` removes what is over, and says whether something is left; if not, `forget` is called. */
export interface SweepRules<T> {
  readonly everyMs: number
  readonly trim: (rows: T) => boolean
  readonly forget: (rows: T) => void
}

export class Sweep<T> {
  readonly #rules: SweepRules<T>
  /** In the order in which they were added; those from `#kept` to `#at` are gone or have moved. */
  readonly #all: T[] = []
  #at = 0
  #kept = 0
  #running = false
  #next: number

  constructor(rules: SweepRules<T>, watermark: number) {
    this.#rules = rules
    this.#next = watermark
  }

  /** Rows of a key that is not known yet. */
  add(rows: T): void {
    this.#all.push(rows)
  }

  onWatermark(watermark: number): void {
    const atEnd = watermark === MAX_TIMESTAMP
    if (!this.#running) {
      if (watermark < this.#next) return
      this.#begin(watermark)
    }
    this.#go(atEnd ? Infinity : SWEPT_AT_ONCE)
    if (!atEnd) return
    // What had been looked at before the end of time has to go as well.
    this.#begin(watermark)
    this.#go(Infinity)
  }

  #begin(watermark: number): void {
    this.#next = addSaturating(watermark, this.#rules.everyMs)
    this.#running = true
    this.#at = 0
    this.#kept = 0
  }

  #go(most: number): void {
    const all = this.#all
    const { trim, forget } = this.#rules
    const end = Math.min(all.length, this.#at + most)
    let kept = this.#kept
    for (let at = this.#at; at < end; at++) {
      const rows = all[at] as T
      if (trim(rows)) all[kept++] = rows
      else forget(rows)
    }
    this.#at = end
    this.#kept = kept
    if (end < all.length) return
    all.length = kept
    this.#running = false
  }
}
