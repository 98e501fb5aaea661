/**
 * mapAsync: what users write, and the operator that follows from it.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import type { AsyncMapSpec, AsyncRetrySpec } from '../graph/async-spec.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import { requireFunction } from './checks.ts'
import type { NamedStream, Stream } from './streams.ts'

/** Waits for something outside. Pass the signal on: it is aborted at the time limit and when the job ends. */
export type AsyncFunction<T, U> = (record: T, signal: AbortSignal) => PromiseLike<U>

export interface RetryOptions {
  /** Tries, the first included: at least 2. */
  readonly attempts: number
  /** Pause before the second try. */
  readonly delay: Duration
  /** Each later pause is so many times as long. Default 1: all are alike. */
  readonly backoff?: number
  /** No pause is longer than this. Default '1m'. */
  readonly maxDelay?: Duration
  /** Which errors are tried again. Default: all. */
  readonly on?: (error: unknown) => boolean
}

export interface AsyncOptions<T, U> {
  /** Results in the order of the records (default), or as they come, but never past a watermark. */
  readonly ordered?: boolean
  /** Most calls at one time; when so many are under way, the stream waits. Default 100. */
  readonly capacity?: number
  /** For one record, over all its tries. Default '1m'. */
  readonly timeout?: Duration
  readonly retry?: RetryOptions
  /** Gives the result of a record whose call timed out. Default: that is a failure. */
  readonly onTimeout?: (record: T) => U
  /** A record that failed for good: 'fail' ends the attempt (default), 'side' sends it to `.failed`. */
  readonly onFailed?: 'fail' | 'side'
}

/** A record whose call failed for good. */
export interface FailedRecord<T> {
  readonly record: T
  /** What went wrong, to read. */
  readonly error: string
  readonly timedOut: boolean
  readonly tries: number
}

export interface AsyncStream<T, U, G extends Guarantee = Guarantee> extends NamedStream<U, G> {
  /** What failed for good, if the operator has `onFailed: 'side'`. */
  readonly failed: Stream<FailedRecord<T>, G>
}

const DEFAULT_CAPACITY = 100
const DEFAULT_TIMEOUT = '1m'
const DEFAULT_MAX_DELAY = '1m'

export function asyncSpec(
  name: string, fn: AsyncFunction<unknown, unknown>, options: AsyncOptions<unknown, unknown> = {},
): AsyncMapSpec {
  const { ordered = true, capacity = DEFAULT_CAPACITY, timeout = DEFAULT_TIMEOUT } = options
  const { retry, onTimeout, onFailed = 'fail' } = options
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `mapAsync "${name}" has an impossible capacity`, given: capacity,
      why: 'It is the largest number of calls at one time.', fix: 'use a whole number from 1',
    })
  }
  if (onFailed !== 'fail' && onFailed !== 'side') {
    throw E008_IMPOSSIBLE_OPTION({
      what: `mapAsync "${name}" has an impossible onFailed`, given: onFailed,
      why: 'It says what becomes of a record whose call failed for good.', fix: "use 'fail' or 'side'",
    })
  }
  return {
    kind: 'async-map',
    fn: requireFunction(fn, 'mapAsync'),
    ordered: Boolean(ordered),
    capacity,
    timeoutMs: durationMs(timeout, `timeout of mapAsync "${name}"`, 1),
    ...(retry === undefined ? {} : { retry: retrySpec(name, retry) }),
    ...(onTimeout === undefined ? {} : { onTimeout: requireFunction(onTimeout, 'onTimeout') }),
    onFailed,
  }
}

function retrySpec(name: string, options: RetryOptions): AsyncRetrySpec {
  const { attempts, delay, backoff = 1, maxDelay = DEFAULT_MAX_DELAY, on } = options
  const impossible = (what: string, given: unknown, fix: string): Error => E008_IMPOSSIBLE_OPTION({
    what: `The retry of mapAsync "${name}" has an impossible ${what}`, given,
    why: 'Pauses begin with `delay` and grow by the factor `backoff`, until `attempts` tries were made.', fix,
  })
  if (!Number.isSafeInteger(attempts) || attempts < 2) {
    throw impossible('number of attempts', attempts, 'use a whole number from 2, or leave retry out')
  }
  if (!Number.isFinite(backoff) || backoff < 1) throw impossible('backoff', backoff, 'use a number from 1')
  return {
    attempts,
    delayMs: durationMs(delay, `retry delay of mapAsync "${name}"`),
    factor: backoff,
    maxDelayMs: durationMs(maxDelay, `longest retry delay of mapAsync "${name}"`),
    ...(on === undefined ? {} : { on: requireFunction(on, 'retry.on') }),
  }
}
