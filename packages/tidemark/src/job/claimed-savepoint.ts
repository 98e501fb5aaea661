/**
 * When the savepoint that the job has claimed goes: once, after the first checkpoint that completes in a process.
 *
 * Owned by the supervisor. Most jobs have claimed none, which costs one look for a file. The laws are ON-1 to ON-5
 * (checkpoint/own-savepoint.ts); what fails here fails aloud, and the next process tries again.
 */
import { describeThrown } from '../base/errors.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { Log, Storage } from '../base/ports.ts'
import { removeOwnSavepoint } from '../checkpoint/own-savepoint.ts'

export class ClaimedSavepoint {
  readonly #storage: Storage
  readonly #directory: string
  readonly #log: Log
  #phase: 'before' | 'removing' | 'over' = 'before'
  #waiting: Done<void>[] = []

  constructor(ports: { readonly storage: Storage; readonly log: Log }, directory: string) {
    this.#storage = ports.storage
    this.#log = ports.log
    this.#directory = directory
  }

  /** A checkpoint of the job's own is durable. */
  onCompleted(): void {
    if (this.#phase !== 'before') return
    this.#phase = 'removing'
    start(removeOwnSavepoint(this.#storage, this.#directory), (outcome) => {
      this.#phase = 'over'
      if (!outcome.ok) this.#log('warn', `the claimed savepoint was not removed: ${describeThrown(outcome.error)}`)
      else if (outcome.value) this.#log('info', 'the claimed savepoint was removed: a checkpoint has taken its place')
      for (const done of this.#waiting.splice(0)) done({ ok: true, value: undefined })
    })
  }

  /** Returns when nothing is being removed. */
  *settled(): Io<void> {
    if (this.#phase === 'removing') yield* wait<void>((done) => void this.#waiting.push(done))
  }
}
