/**
 * The one savepoint that a running job may be taking.
 *
 * Owned by the coordinator. A savepoint of a running job is an ordinary completed checkpoint: it commits, it
 * counts, the job goes on from it. What is special about it is that it is always aligned, that it is kept
 * until its copy stands, and that the copy begins when everything it carries is committed.
 *
 *   LS-1  One at a time; a second one is refused, never queued.
 *   LS-2  The checkpoint is kept from collection from the instant of its completion until the copy ended.
 *   LS-3  Nothing is copied before every subtask has confirmed its commits up to the checkpoint: whoever
 *         begins from the savepoint has nothing to commit for this job (SV-4).
 *   LS-4  The end of the attempt ends it: no Io is left behind, and no half of it stays.
 *
 * Source: Flink savepoints (row C13); intermediate ones do not commit there, ours do.
 */
import { describeThrown, isStreamError, type StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import type { SubtaskId } from '../base/protocol.ts'
import { E116_SAVEPOINT_FAILED } from './errors-savepoint.ts'
import type { OpenedDirectory } from './open.ts'
import type { RequestOutcome } from './request-decider.ts'
import { committedCheckpoint, type Restorable } from './savepoint.ts'
import { claimTarget, releaseTarget, writeSavepoint, type TakenSavepoint } from './write-savepoint.ts'

export type SavepointOutcome =
  | { readonly kind: 'taken'; readonly savepoint: TakenSavepoint }
  | { readonly kind: 'failed'; readonly error: StreamError }

/** Asks for the checkpoint. */
export type AskCheckpoint = (done: (outcome: RequestOutcome) => void) => void

interface Confirmation {
  readonly id: CheckpointId
  readonly who: readonly SubtaskId[]
  readonly done: Done<void>
}

export class LiveSavepoint {
  readonly #ports: Ports
  readonly #opened: OpenedDirectory
  readonly #engine: string
  readonly #confirmed: (id: CheckpointId, who: readonly SubtaskId[]) => boolean
  #path: string | undefined
  #over = false
  #pinned: CheckpointId | undefined
  #who: readonly SubtaskId[] = []
  #awaited: Confirmation | undefined
  #idle: Done<void>[] = []

  constructor(init: {
    readonly ports: Ports
    readonly opened: OpenedDirectory
    readonly engine: string
    readonly confirmed: (id: CheckpointId, who: readonly SubtaskId[]) => boolean
  }) {
    this.#ports = init.ports
    this.#opened = init.opened
    this.#engine = init.engine
    this.#confirmed = init.confirmed
  }

  /** LS-2: not to be collected. */
  get pinned(): CheckpointId | undefined {
    return this.#pinned
  }

  take(path: string, ask: AskCheckpoint, done: (outcome: SavepointOutcome) => void): void {
    if (this.#path !== undefined || this.#over) {
      const problem = this.#over ? 'the job is ending' : `another one is being taken, to ${this.#path}`
      done({ kind: 'failed', error: E116_SAVEPOINT_FAILED({ path, problem }) })
      return
    }
    this.#path = path
    start(this.#take(path, ask), (outcome) => {
      this.#path = undefined
      this.#pinned = undefined
      this.#awaited = undefined
      for (const idle of this.#idle.splice(0)) idle({ ok: true, value: undefined })
      if (outcome.ok) done({ kind: 'taken', savepoint: outcome.value })
      else done({ kind: 'failed', error: asFailure(path, outcome.error) })
    })
  }

  /** Who has to confirm what the checkpoint that completes now carries. */
  covers(who: readonly SubtaskId[]): void {
    this.#who = who
  }

  /** A confirmation came. */
  checkConfirmed(): void {
    const awaited = this.#awaited
    if (awaited === undefined || !this.#confirmed(awaited.id, awaited.who)) return
    this.#awaited = undefined
    awaited.done({ ok: true, value: undefined })
  }

  /** Whoever was to confirm has gone back: nobody waits for that any more. A copy that has begun goes on. */
  interrupt(): void {
    const awaited = this.#awaited
    this.#awaited = undefined
    awaited?.done({ ok: false, error: new Error(ENDED) })
  }

  /** LS-4: after the coordinator has given its requests up. */
  *end(): Io<void> {
    this.#over = true
    this.interrupt()
    if (this.#path !== undefined) yield* wait<void>((done) => void this.#idle.push(done))
  }

  /** The same directory and term serve another attempt. */
  restart(): void {
    this.#over = false
  }

  *#take(path: string, ask: AskCheckpoint): Io<TakenSavepoint> {
    const { storage } = this.#ports
    yield* claimTarget(storage, path)
    let from: Restorable
    try {
      this.#goOn()
      const id = yield* this.#checkpoint(ask)
      // Here, in the very step of its completion: the next collection must see it.
      this.#pinned = id
      const who = this.#who
      yield* wait<void>((done) => {
        this.#awaited = { id, who, done }
        this.checkConfirmed()
      })
      from = yield* committedCheckpoint(storage, this.#opened, id)
    } catch (error) {
      yield* releaseTarget(storage, path)
      throw error
    }
    return yield* writeSavepoint(this.#ports, from, path, this.#engine, () => this.#goOn())
  }

  *#checkpoint(ask: AskCheckpoint): Io<CheckpointId> {
    const outcome = yield* wait<RequestOutcome>((done) => ask((value) => done({ ok: true, value })))
    if (outcome.kind === 'completed') return outcome.id
    const { reason, error } = outcome
    const why = error === undefined ? '' : `: ${error.message}`
    throw new Error(`its checkpoint failed (${reason})${why}`, { cause: error })
  }

  #goOn(): void {
    if (this.#over) throw new Error(ENDED)
  }
}

const ENDED = 'the job ended, or a part of it went back to its last checkpoint, before it was written'

function asFailure(path: string, error: unknown): StreamError {
  if (isStreamError(error)) return error
  return E116_SAVEPOINT_FAILED({ path, problem: describeThrown(error) }, { cause: error })
}
