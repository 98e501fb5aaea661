/**
 * The place of the savepoint that a stop is to leave behind: claimed before anything is stopped, given back if nothing
 * is written there.
 *
 * Owned by the supervisor, one for each stop that asks for a savepoint. The claim takes time, in which the job may end
 * or fail by itself.
 *
 *   SZ-1  Nothing is written to the place, and nothing is removed from it, before its claim has come to an end; nor at
 *         all if the claim was refused: what lies there then is somebody else's.
 *   SZ-2  What was claimed and is not used is given back, however long the claim takes.
 *
 * Source: row C14; own design.
 */
import { start, wait, type Done, type Io, type Outcome } from '../base/io.ts'
import type { Storage } from '../base/ports.ts'
import { claimTarget, releaseTarget } from '../checkpoint/write-savepoint.ts'

export class StopPlace {
  readonly path: string
  readonly #storage: Storage
  #outcome: Outcome<void> | undefined
  #waiting: Done<void>[] = []

  /** The claim begins at once. */
  constructor(storage: Storage, path: string) {
    this.#storage = storage
    this.path = path
    start(claimTarget(storage, path), (outcome) => {
      this.#outcome = outcome
      for (const done of this.#waiting.splice(0)) done(outcome)
    })
  }

  get isClaimed(): boolean {
    return this.#outcome?.ok === true
  }

  /** Returns when the place is ours. Throws what the claim was refused with (E117), or the error of the disk. */
  *claimed(): Io<void> {
    const known = this.#outcome
    if (known === undefined) yield* wait<void>((done) => void this.#waiting.push(done))
    else if (!known.ok) throw known.error
  }

  /** SZ-2. Never throws. */
  *release(): Io<void> {
    try {
      yield* this.claimed()
    } catch {
      // Whoever waits for the place is told.
      return
    }
    yield* releaseTarget(this.#storage, this.path)
  }
}
