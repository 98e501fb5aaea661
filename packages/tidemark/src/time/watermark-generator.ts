/**
 * Watermarks from the timestamps of one split, and the detection that a split sends nothing.
 *
 * Owned by a source reader, one of each per split. The clock is given in: nothing here looks at a
 * real one.
 *
 *   WG-1  The watermark is the largest timestamp seen minus the bound minus 1: a record with a
 *         timestamp equal to "largest - bound" is still in time.
 *   WG-2  Idleness starts to count at the first check without activity since the check before, and is
 *         reached when strictly more than the timeout has passed.
 *
 * Source: Flink BoundedOutOfOrdernessWatermarks, WatermarksWithIdleness.IdlenessTimer.
 */
import { MIN_TIMESTAMP } from '../base/time.ts'
import { E025_IMPOSSIBLE_TIMEOUT } from './errors.ts'

export class BoundedOutOfOrderness {
  readonly #boundMs: number
  #largest: number

  constructor(boundMs: number) {
    if (!(Number.isSafeInteger(boundMs) && boundMs >= 0)) {
      throw E025_IMPOSSIBLE_TIMEOUT({ what: 'outOfOrder', given: boundMs, least: 0 })
    }
    this.#boundMs = boundMs
    // So that the watermark before the first record is exactly MIN_TIMESTAMP.
    this.#largest = MIN_TIMESTAMP + boundMs + 1
  }

  onEvent(timestamp: number): void {
    if (timestamp > this.#largest) this.#largest = timestamp
  }

  /** MIN_TIMESTAMP before the first record. */
  get watermark(): number {
    return this.#largest - this.#boundMs - 1
  }
}

export class IdlenessTimer {
  readonly #timeoutMs: number
  readonly #nowMs: () => number
  #events = 0
  #eventsAtCheck = 0
  #quietSince: number | undefined

  /** `nowMs` is monotonic. */
  constructor(timeoutMs: number, nowMs: () => number) {
    if (!(Number.isSafeInteger(timeoutMs) && timeoutMs > 0)) {
      throw E025_IMPOSSIBLE_TIMEOUT({ what: 'idleAfter', given: timeoutMs, least: 1 })
    }
    this.#timeoutMs = timeoutMs
    this.#nowMs = nowMs
  }

  activity(): void {
    this.#events += 1
  }

  /** True: idle. Called periodically; the timeout is measured between calls, not between records. */
  check(): boolean {
    if (this.#events !== this.#eventsAtCheck) {
      this.#eventsAtCheck = this.#events
      this.#quietSince = undefined
      return false
    }
    if (this.#quietSince === undefined) {
      this.#quietSince = this.#nowMs()
      return false
    }
    return this.#nowMs() - this.#quietSince > this.#timeoutMs
  }
}
