/**
 * A job from its start to its end in one process: opens the state directory, runs attempts, restarts.
 *
 * Owns: the current attempt, the count of restarts, the decision what follows a failure. Called by a
 * host, which supplies deployment and reports; knows no thread and no file.
 *
 *   opening ──► running ──failed──► waiting ──► opening …        (restart strategy)
 *      │           ├── finished / stopped ──► ended
 *      └── refused / already finished ──► ended
 *
 *   JS-1  Every attempt opens the directory anew and claims an epoch of its own: it restores what is
 *         durable, not what the attempt before believed (an unknown outcome is read, not guessed).
 *   JS-2  A completed checkpoint resets the count of restarts. A failure counts once, whether a region or everybody is
 *         started again for it, and however many regions and threads it took.
 *   JS-3  `onEnd` is called exactly once.
 *   JS-4  One stop at a time. Asked for by somebody who is answered, it is given up when its checkpoint or
 *         the attempt fails, and the job goes on from its last checkpoint (row C14); by a signal, it is tried
 *         again. The place for its savepoint is claimed before anything is stopped.
 *   JS-5  A checkpoint cut while the job was being drained is restored as one that is being drained: what the
 *         end of the input brought about in one source cannot be taken back in another.
 *   JS-6  Nothing of a checkpoint is left behind without being named, and nothing is deployed on state that does
 *         not fit (checkpoint/evolution).
 */
import { describeThrown, isStreamError, type StreamError } from '../base/errors.ts'
import { attempt, type CheckpointId } from '../base/ids.ts'
import { Latch, settleAll, start, type Io } from '../base/io.ts'
import type { Ports, TimerHandle } from '../base/ports.ts'
import { beginFrom, type BeginPlace } from '../checkpoint/begin-from.ts'
import { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CompletedCheckpoint } from '../checkpoint/coordinator-host.ts'
import { asTerm, requireMine } from '../checkpoint/epochs.ts'
import { E116_SAVEPOINT_FAILED } from '../checkpoint/errors-savepoint.ts'
import { compareStates, problemOf } from '../checkpoint/evolution/compare.ts'
import { CheckpointFiles } from '../checkpoint/files.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import { openDirectory, type OpenedDirectory } from '../checkpoint/open.ts'
import { giveBackSavepoint } from '../checkpoint/own-savepoint.ts'
import { committedCheckpoint } from '../checkpoint/savepoint.ts'
import { writeSavepoint } from '../checkpoint/write-savepoint.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { SinkOperatorSpec } from '../graph/operator-spec.ts'
import { formerNamesOf, resourcesOf } from '../graph/resources.ts'
import type { SinkContext } from '../graph/sink.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { ClaimedSavepoint } from './claimed-savepoint.ts'
import { E083_JOB_BROKEN } from './errors.ts'
import { operatorsIn, stateNamesOf } from './failover-regions.ts'
import { JobAttempt, type AttemptEnd, type Deployed, type DeploymentEvents } from './job-attempt.ts'
import type { Vertices } from './region-failover.ts'
import type { Landing } from './landing.ts'
import { decideRestart } from './restart-strategy.ts'
import { readCheckpoint, type RestoredJob } from './restore.ts'
import type { RestorePlan } from './restore-plan.ts'
import { ownState, settle } from './settle.ts'
import { isPassing, refusalOf, whyFailed, type StopRequest } from './stop.ts'
import { StopPlace } from './stop-place.ts'

/** A stop that a signal asked for is tried again after this long. */
const STOP_AGAIN_MS = 500

export type JobEnd =
  /** `drained`: not the input has ended, but the job was told that it had. */
  | { readonly kind: 'finished'; readonly checkpoint: CheckpointId; readonly drained: boolean }
  | { readonly kind: 'already-finished'; readonly checkpoint: CheckpointId; readonly drained: boolean }
  | { readonly kind: 'stopped'; readonly checkpoint: CheckpointId | undefined }
  | { readonly kind: 'failed'; readonly error: StreamError }

export interface Restart {
  /** Since the last completed checkpoint. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: StreamError
  /** What is started again while the rest goes on (job/failover-regions.ts); absent: everything. */
  readonly operators?: readonly string[]
}

export interface DeployInit extends DeploymentEvents {
  readonly opened: OpenedDirectory
  readonly restored: RestoredJob
  readonly files: CheckpointFiles
  readonly fence: () => Io<void>
}

export interface SupervisorInit {
  readonly graph: JobGraph
  readonly ports: Ports
  readonly directory: string
  readonly engine: string
  readonly pid: number
  readonly host: string
  readonly fresh: boolean
  /** Begin there; undefined: with what the directory holds. */
  readonly from?: BeginPlace
  /** Operators (`name`) and states (`operator/state`) of the checkpoint that may be dropped. */
  readonly allowDropped?: readonly string[]
  /** Where keyed state that may be larger than memory goes; undefined: all of it is kept in memory. */
  landing?(vertices?: Vertices): Landing | undefined
  /** Subtasks are in other threads, which read what they own of a checkpoint themselves. */
  readonly elsewhere?: boolean
  deploy(init: DeployInit): Deployed
  onStarted(opened: OpenedDirectory): void
  onCheckpoint(checkpoint: CompletedCheckpoint): void
  onCheckpointFailed(id: CheckpointId, reason: string, error: StreamError | undefined): void
  onRestart(restart: Restart): void
  onEnd(end: JobEnd): void
}

/** Whose leftovers are looked for. */
type Writer = Pick<OpenedDirectory, 'jobId' | 'epoch'>

export class JobSupervisor {
  readonly #init: SupervisorInit
  readonly #claimed: ClaimedSavepoint
  #attempt: JobAttempt | undefined
  #timer: TimerHandle | undefined
  #restarts = 0
  #attempts = 0
  /** Restarts of a part inside an attempt. */
  #partly = 0
  #fresh: boolean
  #begun = false
  #stopping: StopRequest | undefined
  /** Of `#stopping`, if it is to leave a savepoint. */
  #place: StopPlace | undefined
  /** Answers of stops that were given up, while their places are being given back. */
  readonly #owed = new Set<Latch>()
  /** A signal came, too: no giving up. */
  #insist = false
  /** The last attempt is over, and what it leaves behind is put in order. */
  #leaving = false
  #ended = false

  constructor(init: SupervisorInit) {
    this.#init = init
    this.#claimed = new ClaimedSavepoint(init.ports, init.directory)
    this.#fresh = init.fresh
  }

  get restarts(): number {
    return Math.max(0, this.#attempts - 1) + this.#partly
  }

  /** Names of the operators that are being started again while the others go on. */
  get restarting(): readonly string[] {
    return this.#attempt?.restarting ?? []
  }

  get inProgress(): JobAttempt['inProgress'] {
    return this.#attempt?.inProgress
  }

  start(): void {
    this.#open()
  }

  /** Final checkpoint, its commits, then the end; during a restart pause: the end without one. */
  stop(request: StopRequest = {}): void {
    const { answer, savepoint } = request
    if (this.#ended || this.#stopping !== undefined) {
      if (answer === undefined) this.#insist = true
      answer?.({ kind: 'failed', error: refusalOf(request, 'it is stopping already') })
      return
    }
    this.#insist = answer === undefined
    this.#stopping = request
    if (savepoint === undefined) {
      this.#beginStop(request)
      return
    }
    const place = new StopPlace(this.#init.ports.storage, savepoint)
    this.#place = place
    start(place.claimed(), (outcome) => {
      // Given up meanwhile; or the job has come to its end by itself, which is told with what became of the savepoint.
      if (this.#place !== place || this.#ended || this.#leaving) return
      if (outcome.ok) {
        this.#beginStop(request)
        return
      }
      this.#stopping = undefined
      this.#place = undefined
      answer?.({ kind: 'failed', error: asStreamError(outcome.error) })
      if (this.#insist) this.stop()
    })
  }

  /** A completed checkpoint of the running job, copied to `path`. */
  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    const attempt = this.#attempt
    const refuse = (problem: string): void => done({ kind: 'failed', error: E116_SAVEPOINT_FAILED({ path, problem }) })
    if (this.#stopping !== undefined) refuse('the job is stopping')
    else if (attempt === undefined) refuse('the job is starting or restarting')
    else if (this.restarting.length > 0) refuse(`${this.restarting.join(', ')} are being started again`)
    else attempt.savepoint(path, done)
  }

  #beginStop(request: StopRequest): void {
    const attempt = this.#attempt
    if (attempt !== undefined) this.#stopAttempt(attempt, request)
    else if (this.#timer === undefined) return
    else if (request.answer === undefined) this.#end({ kind: 'stopped', checkpoint: undefined })
    else this.#giveUpStop('it was waiting to be restarted after a failure')
  }

  #stopAttempt(attempt: JobAttempt, request: StopRequest): void {
    if (request.drain === true) {
      attempt.drain()
      return
    }
    attempt.stop((failed) => {
      // The attempt is over or is ending by itself: what it comes to will be told.
      if (this.#attempt !== attempt || failed.reason === 'job-stopped') return
      if (!this.#insist && !isPassing(failed)) {
        this.#giveUpStop(whyFailed(failed))
        return
      }
      this.#init.ports.timers.after(STOP_AGAIN_MS, () => {
        if (this.#attempt === attempt && this.#stopping === request) this.#stopAttempt(attempt, request)
      })
    })
  }

  /** JS-4: who asked is told, and the job goes on. */
  #giveUpStop(problem: string, cause?: StreamError): void {
    const request = this.#stopping
    if (request === undefined) return
    this.#stopping = undefined
    const told = new Latch()
    this.#owed.add(told)
    start(this.#releasePlace(), () => {
      request.answer?.({ kind: 'failed', error: refusalOf(request, problem, cause) })
      this.#owed.delete(told)
      told.open()
    })
  }

  *#releasePlace(): Io<void> {
    const place = this.#place
    this.#place = undefined
    if (place !== undefined) yield* place.release()
  }

  /** Before the end: nothing of a stop stays behind, and whoever was refused one has been told. */
  *#settleStops(): Io<void> {
    yield* this.#releasePlace()
    for (const told of this.#owed) yield* told.passed()
  }

  /** At once. What is not durable is as if the process had been killed. */
  cancel(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    this.#ended = true
    this.#timer?.cancel()
    if (attempt !== undefined) start(attempt.abandon(), () => {})
  }

  #open(): void {
    this.#timer = undefined
    start(this.#prepare(), (outcome) => {
      if (this.#ended) return
      if (!outcome.ok) this.#failed(asStreamError(outcome.error))
      else if (outcome.value !== undefined) this.#run(outcome.value)
    })
  }

  *#prepare(): Io<{ opened: OpenedDirectory; restored: RestoredJob } | undefined> {
    const { ports, directory, graph, engine, pid, host, from } = this.#init
    const resources = resourcesOf(graph.logical).map(({ operator, kind, resource }) => ({
      operator, resource, role: kind,
    }))
    const formerNames = formerNamesOf(graph.logical)
    const options = { job: graph.logical.job, maxParallelism: graph.maxParallelism, resources, formerNames, engine, pid, host }
    if (from !== undefined && !this.#begun) yield* beginFrom(ports, directory, from, options)
    this.#begun = true
    if (this.#fresh) yield* giveBackSavepoint(ports.storage, directory)
    const outcome = yield* openDirectory(ports, directory, { ...options, fresh: this.#fresh })
    if (outcome.kind === 'refused') throw outcome.error
    if (outcome.kind === 'already-finished') {
      // The process that finished may have died before its last staged names were gone.
      yield* this.#tidyUp(outcome.manifest)
      this.#claimed.onCompleted()
      yield* this.#claimed.settled()
      yield* this.#settleStops()
      const { checkpoint, drained = false } = outcome.manifest
      this.#end({ kind: 'already-finished', checkpoint, drained })
      return undefined
    }
    const { opened } = outcome
    return { opened, restored: yield* asTerm(ports.storage, directory, opened.epoch, this.#restore(opened)) }
  }

  *#restore(opened: OpenedDirectory): Io<RestoredJob> {
    const { ports, directory, graph, allowDropped = [] } = this.#init
    const { maxParallelism } = graph
    const reading = { directory, manifest: opened.restore, maxParallelism, landing: this.#init.landing?.() }
    const restored = yield* readCheckpoint(ports, { ...reading, plan: this.#plan() })
    if (statesProblem(opened.restore, restored, graph, allowDropped) !== undefined) {
      // What was only described may be empty, so that there is nothing that could be lost.
      const exact = this.#init.elsewhere === true ? yield* readCheckpoint(ports, { ...reading, plan: { kind: 'all' } }) : restored
      const problem = statesProblem(opened.restore, exact, graph, allowDropped)
      if (problem !== undefined) throw problem
    }
    const origin = opened.restore?.origin
    const fence = (): Io<void> => requireMine(ports.storage, directory, opened.epoch)
    if (origin !== undefined) yield* settle({ ports, graph: graph.logical, origin, restored, fence })
    const ours = ownState(restored, opened.restore)
    yield* this.#removeAbandoned(opened, ours, opened.restore?.checkpoint)
    return ours
  }

  /** JA-3. */
  *#removeAbandoned(
    writer: Writer, restored: RestoredJob | undefined, from?: CheckpointId,
    operators: readonly LogicalOperator[] = this.#init.graph.logical.operators,
  ): Io<void> {
    const { ports } = this.#init
    ports.probe('restore.abort-foreign')
    const sinks = operators.filter((operator) => operator.spec.kind === 'sink')
    const outcomes = yield* settleAll(
      sinks.map((operator) => {
        const context: SinkContext = {
          operator: operator.name, subtask: -1, jobId: writer.jobId, epoch: writer.epoch, attempt: attempt(0), ports,
          storage: ports.storage, log: ports.log, wake: () => {}, fail: () => {},
        }
        const names = [operator.name, ...operator.was]
        const live = names.flatMap((name) => restored?.listOf(name, 'pending') ?? [])
        const committables = (live as readonly { committable: unknown }[]).map((item) => item.committable)
        const committer = (operator.spec as SinkOperatorSpec).sink.createCommitter(context)
        return committer.removeAbandoned(committables, from)
      }),
    )
    for (const outcome of outcomes) if (!outcome.ok) throw outcome.error
  }

  #run(prepared: { readonly opened: OpenedDirectory; readonly restored: RestoredJob }): void {
    const { opened, restored } = prepared
    const { graph, ports, directory, engine } = this.#init
    this.#fresh = false
    this.#attempts += 1
    const files = new CheckpointFiles({ ports, directory, epoch: opened.epoch, process: 'p0' })
    const fence = (): Io<void> => requireMine(ports.storage, directory, opened.epoch)
    const attempt = new JobAttempt({
      graph, ports, files, restored,
      enumeratorState: (operator, from) => enumeratorOf(from, graph, operator),
      deploy: (events) => this.#init.deploy({ opened, restored, files, ...events, fence }),
      coordinate: (host) =>
        new CheckpointCoordinator({
          ports, opened, host,
          options: graph.logical.checkpoint,
          job: {
            job: graph.logical.job, engine, parallelism: graph.parallelism, maxParallelism: graph.maxParallelism,
            vertices: graph.vertices.map(({ index, name, parallelism, operators }) => ({
              index, name, parallelism, operators: operators.map((o) => ({ name: o.name, kind: o.spec.kind })),
            })),
          },
        }),
      onCheckpoint: (checkpoint) => {
        this.#restarts = 0
        this.#claimed.onCompleted()
        this.#init.onCheckpoint(checkpoint)
      },
      onCheckpointFailed: (id, reason, error) => this.#init.onCheckpointFailed(id, reason, error),
      onRegionFailed: (error, operators) => this.#partFailed(error, operators),
      restore: (manifest, vertices) =>
        asTerm(ports.storage, directory, opened.epoch, this.#restorePart(opened, manifest, vertices)),
      onEnd: (end) => this.#onAttemptEnd(end, opened),
    })
    this.#attempt = attempt
    if (this.#attempts === 1) this.#init.onStarted(opened)
    attempt.start()
    if (isDraining(graph, restored)) attempt.drain()
    if (this.#stopping !== undefined && this.#place?.isClaimed !== false) this.#stopAttempt(attempt, this.#stopping)
  }

  /** JS-2. What a signal is waiting for ends with the first failure. */
  #partFailed(error: StreamError, operators: readonly string[]): number | undefined {
    if (this.#stopping !== undefined && this.#insist) return undefined
    const decision = decideRestart(this.#init.graph.logical.restart, this.#restarts, error.retryable)
    if (decision.kind === 'give-up') return undefined
    this.#restarts += 1
    this.#partly += 1
    this.#init.onRestart({ attempt: this.#restarts, delayMs: decision.delayMs, error, operators })
    return decision.delayMs
  }

  *#restorePart(opened: OpenedDirectory, manifest: Manifest | undefined, vertices: Vertices): Io<RestoredJob> {
    const { ports, directory, graph } = this.#init
    yield* requireMine(ports.storage, directory, opened.epoch)
    const operators = operatorsIn(graph, vertices)
    const read = yield* readCheckpoint(ports, {
      directory, manifest, maxParallelism: graph.maxParallelism, operators: stateNamesOf(operators),
      landing: this.#init.landing?.(vertices), plan: this.#plan(),
    })
    const restored = ownState(read, manifest)
    yield* this.#removeAbandoned(opened, restored, manifest?.checkpoint, operators)
    return restored
  }

  #plan(): RestorePlan {
    return { kind: this.#init.elsewhere === true ? 'described' : 'all' }
  }

  #onAttemptEnd(end: AttemptEnd, opened: OpenedDirectory): void {
    if (this.#ended) return
    this.#attempt = undefined
    if (end.kind === 'failed') {
      this.#failed(end.error)
      return
    }
    this.#leaving = true
    // Parts written after the last checkpoint of a stop are nobody's: nothing staged stays behind.
    start(this.#leave(opened, end), (outcome) => {
      const savepoint = outcome.ok ? outcome.value : { kind: 'failed' as const, error: asStreamError(outcome.error) }
      const drained = opened.known.manifests.get(end.checkpoint)?.drained === true
      this.#end(end.kind === 'finished' ? { ...end, drained } : end, savepoint)
    })
  }

  *#leave(opened: OpenedDirectory, end: Exclude<AttemptEnd, { kind: 'failed' }>): Io<SavepointOutcome | undefined> {
    yield* this.#tidyUp(opened)
    yield* this.#claimed.settled()
    for (const told of this.#owed) yield* told.passed()
    const place = this.#place
    if (place === undefined) return undefined
    yield* place.claimed()
    const { ports, engine } = this.#init
    const from = yield* committedCheckpoint(ports.storage, opened, end.checkpoint)
    return { kind: 'taken', savepoint: yield* writeSavepoint(ports, from, place.path, engine) }
  }

  /** Everything is committed: what is staged still is removed; if that fails, the next start tries again. */
  *#tidyUp(writer: Writer): Io<void> {
    try {
      yield* this.#removeAbandoned(writer, undefined)
    } catch (error) {
      this.#init.ports.log('warn', `staged files were left: ${describeThrown(error)}`)
    }
  }

  #failed(error: StreamError): void {
    const { graph, ports } = this.#init
    const decision = decideRestart(graph.logical.restart, this.#restarts, error.retryable)
    if (decision.kind === 'give-up' || (this.#stopping !== undefined && this.#insist)) {
      start(this.#settleStops(), () => this.#end({ kind: 'failed', error }))
      return
    }
    this.#giveUpStop(`it failed while it was being stopped: ${error.message}`, error)
    this.#restarts += 1
    this.#init.onRestart({ attempt: this.#restarts, delayMs: decision.delayMs, error })
    this.#timer = ports.timers.after(decision.delayMs, () => this.#open())
  }

  #end(end: JobEnd, savepoint?: SavepointOutcome): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#stopping?.answer?.(end.kind === 'failed' ? end : {
      kind: 'stopped', checkpoint: end.checkpoint, finished: end.kind !== 'stopped',
      ...(savepoint === undefined ? {} : { savepoint }),
    })
    this.#init.onEnd(end)
  }
}

/** JS-6. */
function statesProblem(
  manifest: Manifest | undefined, restored: RestoredJob, graph: JobGraph, allowDropped: readonly string[],
): StreamError | undefined {
  if (manifest === undefined) return undefined
  const { checkpoint, origin } = manifest
  const committed = origin?.committed === true
  return problemOf(compareStates(restored.describe(), graph.logical, { checkpoint, allowDropped, committed }))
}

/** Under the name of its source, or a former one. */
function enumeratorOf(restored: RestoredJob, graph: JobGraph, source: string): RestoredOperator | undefined {
  const { was = [] } = graph.logical.operators.find(({ name }) => name === source) ?? {}
  for (const name of [source, ...was]) {
    const found = restored.enumerator(name)
    if (found !== undefined) return found
  }
  return undefined
}

/** JS-5. */
const isDraining = (graph: JobGraph, restored: RestoredJob): boolean =>
  graph.logical.operators.some(({ name, was, spec }) =>
    spec.kind === 'source' && [name, ...was].some((one) => restored.listOf(one, 'drained').length > 0))

function asStreamError(thrown: unknown): StreamError {
  return isStreamError(thrown) ? thrown : E083_JOB_BROKEN({ thrown: describeThrown(thrown) }, { cause: thrown })
}
