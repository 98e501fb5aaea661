/**
 * A function that waits for something outside, as data (Flink's AsyncDataStream).
 *
 * Built by api/async.ts, run by operator/async-map/.
 */
export interface AsyncMapSpec {
  readonly kind: 'async-map'
  /** The signal is aborted when the call has timed out or the attempt ends. */
  readonly fn: (value: any, signal: AbortSignal) => unknown
  /** True: results in the order of the records. False: as they come, but never past a watermark. */
  readonly ordered: boolean
  /** Most calls at one time. */
  readonly capacity: number
  /** For one record, over all its tries. */
  readonly timeoutMs: number
  readonly retry?: AsyncRetrySpec
  /** Gives the result of a record whose call timed out; undefined: that is a failure. */
  readonly onTimeout?: (value: any) => unknown
  /** What becomes of a record whose call failed for good: the job fails, or it goes to the output FAILED. */
  readonly onFailed: FailedPolicy
}

export type FailedPolicy = 'fail' | 'side'

export interface AsyncRetrySpec {
  /** Tries, the first included. */
  readonly attempts: number
  /** Before the second try; each later pause is `factor` times as long, up to `maxDelayMs`. */
  readonly delayMs: number
  readonly factor: number
  readonly maxDelayMs: number
  /** Which errors are tried again; undefined: all. */
  readonly on?: (error: unknown) => boolean
}
