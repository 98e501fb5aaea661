/**
 * Lets a host end a thread only while it writes nothing to its store.
 *
 * A thread that is ended within a transaction never ends: on its way out LMDB's binding waits for a lock that the same
 * thread holds, and the process that waits for its threads hangs with it. So each thread with a store has a gate, a
 * word of shared memory: the thread goes through it around every transaction, and whoever ends it closes it before.
 *
 *   GW-1  Once `close` has returned true the thread is outside, and waits for its end where it would go in again.
 *   GW-2  `close` waits for the transaction that has begun, which calls no function of the job: for milliseconds.
 *
 * Source: lmdb-js EnvWrap::cleanupStrayTxns, issue 336.
 */
const OPEN = 0
const INSIDE = 1
const CLOSED = 2

export class WriteGate {
  readonly #word: Int32Array

  /** `memory`: shared by both sides; four bytes that were zero. */
  constructor(memory: SharedArrayBuffer) {
    this.#word = new Int32Array(memory, 0, 1)
  }

  /** For the thread. Never returns if the gate is closed. */
  enter(): void {
    while (Atomics.compareExchange(this.#word, 0, OPEN, INSIDE) !== OPEN) Atomics.wait(this.#word, 0, CLOSED)
  }

  leave(): void {
    Atomics.store(this.#word, 0, OPEN)
    Atomics.notify(this.#word, 0)
  }

  /** For whoever ends the thread. False: after so long it is still inside. */
  close(mostMs: number): boolean {
    for (;;) {
      if (Atomics.compareExchange(this.#word, 0, OPEN, CLOSED) !== INSIDE) return true
      if (Atomics.wait(this.#word, 0, INSIDE, mostMs) === 'timed-out') return false
    }
  }
}
