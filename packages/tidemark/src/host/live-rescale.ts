/**
 * A running job that changes its parallelism: one host ends with a last checkpoint, another one begins from it.
 *
 * Owns: the host that runs, and the one that is to follow it while there is such a thing; what the ones before had
 * counted. Stands between run.ts and the hosts, and is one itself. The state directory, its lock, its sockets and the
 * process stay.
 *
 *   running ──rescale──► last checkpoint ──► commits ──► old threads gone ──► next attempt ──► running
 *      ▲                       │ fails                                                            (told)
 *      └───────────────────────┘ (told)
 *
 *   LR-1  The way is that of a stop and of a start: behind the barrier of the last checkpoint nothing is read (CC-8),
 *         everything it covers is committed, and the next attempt claims a term and restores what is durable (JS-1).
 *         There is no state that goes past the disk.
 *   LR-2  If the last checkpoint fails, or the attempt does, the job goes on as it was and who asked is told (JS-4).
 *         From its completion on there is no way back: what fails then is the affair of the restart strategy, at the
 *         new parallelism.
 *   LR-3  One at a time. An order to stop, a savepoint or a second change meanwhile is refused, and so is a change
 *         while a savepoint is being taken; a signal is obeyed: the job ends with the last checkpoint, or as soon as
 *         the next attempt can take one.
 *   LR-4  No thread of the old host lives when the next attempt begins.
 *   LR-5  It is no restart: neither counted as one nor delayed like one. What is counted since the process began is
 *         counted over all hosts.
 *   LR-6  Nothing remembers it but the job that runs: the next process begins at the parallelism that its own command
 *         line or job file says.
 *
 * Threads: as many as at a start, at most one for each subtask. Those of the next host load the job file while the
 * last checkpoint is being taken.
 * Source: Flink's reactive mode and adaptive scheduler (FLIP-159, FLIP-160), which also restore a checkpoint.
 */
import { assert } from '../base/assert.ts'
import type { StreamError } from '../base/errors.ts'
import { E116_SAVEPOINT_FAILED, E155_NOT_STOPPED } from '../checkpoint/errors-savepoint.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { OpenedDirectory } from '../checkpoint/open.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { JobEnd } from '../job/job-supervisor.ts'
import type { StopOutcome, StopRequest } from '../job/stop.ts'
import type { DeploymentCounts } from './deployment.ts'
import { E184_NOT_RESCALED } from './errors.ts'
import type { HostSample } from './host-meter.ts'
import type { JobHost, JobHostInit } from './job-host.ts'

export interface Rescaled {
  readonly from: number
  readonly to: number
  /** Threads that share the subtasks from now on. */
  readonly workers: number
  /** That the job went on from. */
  readonly checkpoint: number
  readonly epoch: number
}

export type RescaleOutcome =
  | ({ readonly kind: 'rescaled' } & Rescaled)
  /** It has that parallelism; nothing was done. */
  | { readonly kind: 'unchanged'; readonly parallelism: number }
  | { readonly kind: 'failed'; readonly error: StreamError }

export interface LiveRescaleInit {
  /** Of the first host. Those that follow it begin neither anew nor elsewhere. */
  readonly host: JobHostInit
  /** The same job; throws what an impossible parallelism gives (E008, E033). */
  graphAt(parallelism: number): JobGraph
  make(init: JobHostInit): JobHost
  onRescaled(rescaled: Rescaled): void
}

interface Change {
  readonly from: number
  readonly to: number
  readonly graph: JobGraph
  readonly next: JobHost
  readonly done: (outcome: RescaleOutcome) => void
}

export class RescalableHost implements JobHost {
  readonly #init: LiveRescaleInit
  #graph: JobGraph
  #current: JobHost
  #change: Change | undefined
  /** The next host runs, but not yet an attempt of it: until then the counts are those of the one before. */
  #frozen: DeploymentCounts | undefined
  readonly #past = { late: 0, invalid: 0, restarts: 0, completed: 0, failed: 0 }
  #lastOfPast: HostSample['checkpoint']['last']
  #savepoints = 0
  /** A signal came while the parallelism was being changed. */
  #stopAsked = false
  #over = false

  constructor(init: LiveRescaleInit) {
    this.#init = init
    this.#graph = init.host.graph
    this.#current = this.#make(init.host)
  }

  get parallelism(): number {
    return this.#graph.parallelism
  }

  get restarts(): number {
    return this.#past.restarts + this.#current.restarts
  }

  get restarting(): readonly string[] {
    return this.#current.restarting
  }

  get watermark(): number | undefined {
    return this.#current.watermark
  }

  start(): void {
    this.#current.start()
  }

  stop(request: StopRequest = {}): void {
    if (this.#change === undefined) {
      this.#current.stop(request)
    } else if (request.answer === undefined) {
      this.#stopAsked = true
      this.#current.stop()
    } else {
      request.answer({ kind: 'failed', error: E155_NOT_STOPPED({ problem: BEING_CHANGED }) })
    }
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    if (this.#change !== undefined) {
      done({ kind: 'failed', error: E116_SAVEPOINT_FAILED({ path, problem: BEING_CHANGED }) })
      return
    }
    this.#savepoints += 1
    this.#current.savepoint(path, (outcome) => {
      this.#savepoints -= 1
      done(outcome)
    })
  }

  cancel(): void {
    this.#over = true
    this.#current.cancel()
    this.#giveUp('it was ended at once')
  }

  /** `done` is told exactly once. */
  rescale(to: number, done: (outcome: RescaleOutcome) => void): void {
    const from = this.parallelism
    const refuse = (error: StreamError): void => done({ kind: 'failed', error })
    let graph: JobGraph
    try {
      graph = this.#init.graphAt(to)
    } catch (error) {
      refuse(error as StreamError)
      return
    }
    const problem = this.#over ? 'it has ended'
      : this.#change !== undefined ? BEING_CHANGED
      : this.#savepoints > 0 ? 'a savepoint of it is being taken' : undefined
    if (problem !== undefined) {
      refuse(E184_NOT_RESCALED({ to, problem }))
      return
    }
    if (to === from) {
      done({ kind: 'unchanged', parallelism: to })
      return
    }
    const change: Change = { from, to, graph, next: this.#makeNext(graph), done }
    this.#change = change
    this.#current.stop({
      refusal: (details, options) => E184_NOT_RESCALED({ to, ...details }, options),
      answer: (outcome) => this.#onAnswer(change, outcome),
    })
    if (this.#change === change) change.next.prepare?.()
  }

  counts(): DeploymentCounts {
    const { late, invalid, ...records } = this.#frozen ?? this.#current.counts()
    return { ...records, late: this.#past.late + late, invalid: this.#past.invalid + invalid }
  }

  sample(): HostSample {
    const now = this.#current.sample()
    const { completed, failed, last = this.#lastOfPast } = now.checkpoint
    return {
      ...now,
      checkpoint: {
        ...now.checkpoint,
        completed: this.#past.completed + completed, failed: this.#past.failed + failed,
        ...(last === undefined ? {} : { last }),
      },
    }
  }

  #make(init: JobHostInit): JobHost {
    const host: JobHost = this.#init.make({
      ...init,
      onEnd: (end) => this.#onEnd(host, end),
      onBroken: (error) => {
        this.#over = true
        this.#giveUp('the engine has stopped itself')
        init.onBroken(error)
      },
    })
    return host
  }

  #makeNext(graph: JobGraph): JobHost {
    const { from: _from, ...init } = this.#init.host
    return this.#make({ ...init, graph, fresh: false, onStarted: (opened) => this.#onNextStarted(opened) })
  }

  /** LR-2. What a stop has come to is told by the end of the host, which follows it. */
  #onAnswer(change: Change, outcome: StopOutcome): void {
    if (outcome.kind === 'stopped' || this.#change !== change) return
    this.#change = undefined
    this.#stopAsked = false
    change.next.cancel()
    change.done({ kind: 'failed', error: outcome.error })
  }

  #onEnd(host: JobHost, end: JobEnd): void {
    const change = this.#change
    if (change === undefined || host !== this.#current || end.kind !== 'stopped' || this.#stopAsked) {
      this.#ended(end)
      return
    }
    // Between two hosts nothing runs, and a failure of what is awaited here would be one of the engine.
    const gone = host.gone?.()
    if (gone === undefined) this.#goOn(change, end)
    else gone.then(() => this.#goOn(change, end)).catch((error: unknown) => this.#init.host.onBroken(error))
  }

  #goOn(change: Change, end: JobEnd): void {
    if (this.#over) return
    if (this.#stopAsked) {
      this.#ended(end)
      return
    }
    const before = this.#current
    const counts = before.counts()
    const { checkpoint } = before.sample()
    this.#frozen = { ...counts, late: 0, invalid: 0 }
    this.#past.late += counts.late
    this.#past.invalid += counts.invalid
    this.#past.restarts += before.restarts
    this.#past.completed += checkpoint.completed
    this.#past.failed += checkpoint.failed
    this.#lastOfPast = checkpoint.last ?? this.#lastOfPast
    this.#graph = change.graph
    this.#current = change.next
    change.next.start()
  }

  #onNextStarted({ restore, epoch }: OpenedDirectory): void {
    const change = this.#change
    this.#frozen = undefined
    if (this.#over || change === undefined) return
    assert(restore !== undefined, 'the last checkpoint is what the next attempt begins from')
    const { from, to, next, done } = change
    this.#change = undefined
    const rescaled: Rescaled = { from, to, workers: next.sample().workers, checkpoint: restore.checkpoint, epoch }
    this.#init.onRescaled(rescaled)
    done({ kind: 'rescaled', ...rescaled })
  }

  /** For good, whichever host it was that ended. */
  #ended(end: JobEnd): void {
    this.#over = true
    this.#giveUp(end.kind === 'failed' ? `it has failed: ${end.error.message}`
      : end.kind === 'stopped' ? 'it was stopped meanwhile' : 'its input has ended')
    this.#init.host.onEnd(end)
  }

  #giveUp(problem: string): void {
    const change = this.#change
    if (change === undefined) return
    this.#change = undefined
    const { to, next, done } = change
    next.cancel()
    done({ kind: 'failed', error: E184_NOT_RESCALED({ to, problem }) })
  }
}

const BEING_CHANGED = 'its parallelism is being changed'
