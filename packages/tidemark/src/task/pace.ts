/**
 * How many records a step takes, so that no step keeps the event loop for long.
 *
 * A user function may take a microsecond or a second. The pace starts low, doubles while steps are
 * short and falls to what fits as soon as one is long; it is never below one record, since no step
 * can end inside a record. In the simulator time stands still within a step, so that the pace there
 * depends on the options alone.
 */
const FIRST_RECORDS = 8
const SHORT_MS = 1
const LONG_MS = 4

export class Pace {
  readonly #most: number
  #records: number

  constructor(mostRecords: number) {
    this.#most = mostRecords
    this.#records = Math.min(FIRST_RECORDS, mostRecords)
  }

  /** Records for the next step, from 1. */
  get records(): number {
    return this.#records
  }

  /** A step of `records` records took so long. */
  took(records: number, ms: number): void {
    if (ms > LONG_MS) this.#records = Math.max(1, Math.floor((records * LONG_MS) / ms))
    else if (ms < SHORT_MS && records >= this.#records) this.#records = Math.min(this.#most, this.#records * 2)
  }
}
