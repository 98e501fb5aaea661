/**
 * One record's way to its result: the tries of the function, the pauses between them, the time limit.
 *
 * Owned by AsyncMap, one for each record in flight. Promises and timers end elsewhere, at any time; all
 * they do is post mail, so everything here runs in the subtask.
 *
 *   AL-1  `settled` is called once, in mail, never within `start`; never after `abandon`.
 *   AL-2  What a try says after the call has settled, or after a later try has begun, is ignored.
 *   AL-3  The time limit counts from `start` over all tries; at its end the signal is aborted.
 *
 * Source: Flink AsyncWaitOperator (ResultHandler, RetryableResultHandlerDelegator), FLIP-232.
 */
import type { TimerHandle } from '../../base/ports.ts'
import type { AsyncMapSpec } from '../../graph/async-spec.ts'

export type CallOutcome =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: unknown; readonly tries: number }
  | { readonly kind: 'timed-out'; readonly tries: number }

export interface CallHost {
  post(mail: () => void): void
  after(delayMs: number, fire: () => void): TimerHandle
}

export class AsyncCall {
  readonly #spec: AsyncMapSpec
  readonly #value: unknown
  readonly #host: CallHost
  readonly #settled: (outcome: CallOutcome) => void
  readonly #abort = new AbortController()
  #limit: TimerHandle | undefined
  #pause: TimerHandle | undefined
  #tries = 0
  #over = false

  constructor(
    spec: AsyncMapSpec, value: unknown, host: CallHost, settled: (outcome: CallOutcome) => void,
  ) {
    this.#spec = spec
    this.#value = value
    this.#host = host
    this.#settled = settled
  }

  start(): void {
    this.#limit = this.#after(this.#spec.timeoutMs, () => {
      this.#settle({ kind: 'timed-out', tries: this.#tries })
      this.#abort.abort()
    })
    this.#try()
  }

  /** The attempt ends: nothing is settled any more. */
  abandon(): void {
    if (!this.#over) this.#end()
    this.#abort.abort()
  }

  #try(): void {
    this.#tries += 1
    const number = this.#tries
    const answer = (react: () => void): void => this.#host.post(() => {
      if (!this.#over && number === this.#tries) react()
    })
    const resolved = (value: unknown): void => answer(() => this.#settle({ kind: 'result', value }))
    const rejected = (error: unknown): void => answer(() => this.#rejected(error))
    try {
      const promise = this.#spec.fn(this.#value, this.#abort.signal)
      if (isThenable(promise)) promise.then(resolved, rejected)
      else resolved(promise)
    } catch (error) {
      rejected(error)
    }
  }

  #rejected(error: unknown): void {
    const { retry } = this.#spec
    if (retry === undefined || this.#tries >= retry.attempts) {
      this.#settle({ kind: 'failed', error, tries: this.#tries })
      return
    }
    let again: boolean
    try {
      again = retry.on === undefined || retry.on(error)
    } catch (thrown) {
      this.#settle({ kind: 'failed', error: thrown, tries: this.#tries })
      return
    }
    if (!again) {
      this.#settle({ kind: 'failed', error, tries: this.#tries })
      return
    }
    const grown = retry.delayMs * retry.factor ** (this.#tries - 1)
    this.#pause = this.#after(Math.min(Math.round(grown), retry.maxDelayMs), () => this.#try())
  }

  #after(delayMs: number, run: () => void): TimerHandle {
    return this.#host.after(delayMs, () => this.#host.post(() => {
      if (!this.#over) run()
    }))
  }

  #settle(outcome: CallOutcome): void {
    this.#end()
    this.#settled(outcome)
  }

  #end(): void {
    this.#over = true
    this.#limit?.cancel()
    this.#pause?.cancel()
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
