/**
 * Timers of a watermark that brought about many: a few at a time, and what has to wait for the rest.
 *
 * Owned by a subtask, which calls `fire` in its steps until all have fired.
 *
 *   FR-1  At most TIMERS_AT_ONCE timers fire in one call, fewer where they take long.
 *   FR-2  What an operator posts is like a record: it runs when no timer of the last watermark is left, in
 *         the order in which it was posted.
 *
 * Source: Flink MailboxWatermarkProcessor (FLINK-20217), which lets barriers in between, too.
 */
import type { Clock } from '../base/ports.ts'
import { TIMERS_AT_ONCE } from '../operator/timer-service.ts'
import type { OperatorChain } from './operator-chain.ts'
import { Pace } from './pace.ts'

export class Firing {
  readonly #clock: Clock
  readonly #pace = new Pace(TIMERS_AT_ONCE)
  #held: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Mail of an operator. */
  post(mail: () => void, chain: OperatorChain): void {
    this.#held.push(mail)
    this.#open(chain)
  }

  /** True when the last timer has fired, and what waited for it has run. */
  fire(chain: OperatorChain): boolean {
    const most = this.#pace.records
    const began = this.#clock.monotonicMs()
    chain.fireMore(most)
    this.#pace.took(most, this.#clock.monotonicMs() - began)
    this.#open(chain)
    return !chain.firing
  }

  /** Nothing runs any more. */
  close(): void {
    this.#held = []
  }

  /** Mail may bring about a watermark, and that timers: the rest of it waits again. */
  #open(chain: OperatorChain): void {
    while (this.#held.length > 0 && !chain.firing) this.#held.shift()?.()
  }
}
