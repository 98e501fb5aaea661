/**
 * Deletions and traces: one after the other, beside the checkpoints.
 *
 * Owned by the coordinator.
 *
 *   BG-1  One piece of work runs at a time, in the order given, so that a collection never meets the
 *         directory that a trace is just being written to.
 *   BG-2  A failure is logged and forgotten: what could not be deleted is found again.
 *   BG-3  At most one collection waits; when one waits while another runs, no new checkpoint begins
 *         (Flink's back-pressure from the cleaner).
 */
import { describeThrown } from '../base/errors.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { Log } from '../base/ports.ts'

type Kind = 'discard' | 'trace' | 'gc'
interface Work {
  readonly kind: Kind
  readonly io: Io<unknown>
}

export class BackgroundWork {
  readonly #log: Log
  readonly #relieved: () => void
  #queue: Work[] = []
  #running: Kind | undefined
  #idle: Done<void>[] = []

  /** `relieved` is called when `congested` may have become false. */
  constructor(log: Log, relieved: () => void) {
    this.#log = log
    this.#relieved = relieved
  }

  get congested(): boolean {
    return this.#running === 'gc' && this.#queue.some((work) => work.kind === 'gc')
  }

  add(kind: Kind, io: Io<unknown>): void {
    // A later collection sees everything an earlier one would have seen.
    if (kind === 'gc') this.#queue = this.#queue.filter((work) => work.kind !== 'gc')
    this.#queue.push({ kind, io })
    this.#next()
  }

  *drained(): Io<void> {
    if (this.#running !== undefined) yield* wait<void>((done) => void this.#idle.push(done))
  }

  #next(): void {
    if (this.#running !== undefined) return
    const work = this.#queue.shift()
    if (work === undefined) {
      for (const done of this.#idle.splice(0)) done({ ok: true, value: undefined })
      return
    }
    this.#running = work.kind
    start(work.io, (outcome) => {
      this.#running = undefined
      if (!outcome.ok) this.#log('warn', `${NAMES[work.kind]}: ${describeThrown(outcome.error)}`)
      this.#next()
      this.#relieved()
    })
  }
}

const NAMES: Readonly<Record<Kind, string>> = {
  discard: 'a given-up checkpoint could not be removed',
  trace: 'the trace of a checkpoint could not be written',
  gc: 'old checkpoints could not be removed',
}
