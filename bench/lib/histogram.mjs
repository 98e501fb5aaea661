/** Counts of durations in tenths of a millisecond: a million of them cost no more memory than ten. */

const PER_MS = 10
/** What takes longer than a minute counts as a minute; `max` has the true value. */
const BUCKETS = 60_000 * PER_MS

export class Histogram {
  count = 0
  max = 0
  #buckets = new Float64Array(BUCKETS + 1)

  /** Negative durations would be a broken clock or a record before its time. */
  add(ms) {
    if (!(ms >= 0)) throw new Error(`a duration of ${ms} ms cannot be`)
    this.#buckets[Math.min(BUCKETS, Math.floor(ms * PER_MS))] += 1
    this.count += 1
    if (ms > this.max) this.max = ms
  }

  /** The least bound, in whole tenths of a millisecond, that a share of `q` of the durations does not pass. */
  quantile(q) {
    const wanted = Math.ceil(this.count * q)
    let seen = 0
    for (let bucket = 0; bucket <= BUCKETS; bucket++) {
      seen += this.#buckets[bucket]
      if (seen >= wanted) return bucket === BUCKETS ? this.max : (bucket + 1) / PER_MS
    }
    return this.max
  }

  summary() {
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((q) => this.quantile(q))
    return { p50, p99, p999, max: Math.ceil(this.max * PER_MS) / PER_MS, n: this.count }
  }
}
