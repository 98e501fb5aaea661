/**
 * `startJob`: runs a job in this process. The one entry point for the command line, tests and programs.
 *
 * A composition root. Everything that can be refused without touching the disk (graph errors) is
 * thrown at once; what needs the state directory ends in the outcome.
 */
import { buildGraph } from '../api/build.ts'
import type { Job } from '../api/job.ts'
import { describeThrown, reportOf, type ErrorReport, type StreamError } from '../base/errors.ts'
import { start } from '../base/io.ts'
import type { Log, Storage } from '../base/ports.ts'
import type { BeginPlace } from '../checkpoint/begin-from.ts'
import { toJobGraph } from '../graph/chaining.ts'
import { safetyOf, type Safety } from '../graph/explain.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { SourceOperatorSpec } from '../graph/operator-spec.ts'
import type { JobEnd } from '../job/job-supervisor.ts'
import type { StopOutcome } from '../job/stop.ts'
import { SAMPLE_SCHEMA, type JobSample } from '../observe/job-sample.ts'
import { serveControl, type ControlServer, type Order, type OrderAnswer } from './control-socket.ts'
import { lockDirectory, type DirectoryLock } from './directory-lock.ts'
import { failpoints } from './failpoints.ts'
import { InProcessHost } from './in-process.ts'
import { NO_COUNTS, type JobHost, type JobHostInit } from './job-host.ts'
import { RescalableHost, type Rescaled, type RescaleOutcome } from './live-rescale.ts'
import type { JobAddress } from './load/load-job.ts'
import { MemoryStorage } from './memory-storage.ts'
import { realStorage } from './real-storage.ts'
import { rescaleAnswer, savepointAnswer, stopAnswer } from './order-answers.ts'
import { serveMetrics, type MetricsServer } from './metrics-socket.ts'
import { onTheHeap, pagedDirectory } from './paged-stores.ts'
import { splitReference } from './place-reference.ts'
import { resolvePlace } from './places.ts'
import type { PrintLine } from './print-hub.ts'
import { engineError, E156_ORDER_REFUSED } from './errors.ts'
import { heartbeatTimeoutMs, withEngineSettings } from './settings.ts'
import { engineVersion } from './version.ts'
import { E085_WORKERS_NEED_A_FILE } from './workers/errors.ts'

export interface RunOptions {
  /** Where checkpoints are kept. Undefined: in memory; nothing survives this process. */
  readonly stateDirectory?: string
  /** Subtasks of each operator; over the job's own setting. */
  readonly parallelism?: number
  /**
   * Threads that share the subtasks, at most `parallelism` of them. Default 1: this thread. More need `module`
   * and a state directory (E085).
   */
  readonly workers?: number
  /** Where worker threads import the job from. */
  readonly module?: JobAddress
  /** Settings as given by `-c key=value`: the engine's and the job's. */
  readonly config?: Readonly<Record<string, string>>
  /** Start from nothing although the directory holds checkpoints. */
  readonly fresh?: boolean
  /**
   * Path of a savepoint, or of another state directory: an empty state directory begins there; it is only read.
   * `DIR#REF` is an older checkpoint (`latest-1`, a number, `@label`), `DIR` the newest completed one. Repeated after a crash
   * it goes on with the same; E118 on one that began otherwise.
   */
  readonly from?: string
  /**
   * The savepoint of `from` becomes the job's own: nobody else begins from it any more, and it is removed once a
   * checkpoint of the job has completed (Flink's CLAIM). E185 on a state directory, E186 if it has an owner.
   */
  readonly claim?: boolean
  /**
   * Operators (`name`) and states (`operator/state`) of the checkpoint that the job has no use for any more. What is
   * not named is never dropped (E031, E137).
   */
  readonly allowDropped?: readonly string[]
  /** Go on although another process (a stopped one) holds the directory; its epoch is fenced. */
  readonly takeOver?: boolean
  readonly onEvent?: (event: JobEvent) => void
  readonly print?: PrintLine
  readonly log?: Log
}

export type JobEvent =
  | {
      readonly kind: 'started'
      readonly job: string
      readonly epoch: number
      readonly safety: readonly Safety[]
      readonly restoredFrom?: { readonly checkpoint: number; readonly ageMs: number }
      readonly stateDirectory?: string
    }
  | { readonly kind: 'checkpoint'; readonly id: number; readonly tookMs: number; readonly bytes: number }
  | { readonly kind: 'checkpoint-failed'; readonly id: number; readonly reason: string; readonly error?: ErrorReport }
  | {
      readonly kind: 'restarting'
      readonly attempt: number
      readonly delayMs: number
      readonly error: ErrorReport
      /** What is started again while the rest of the job goes on; absent: everything. */
      readonly operators?: readonly string[]
    }
  /** It runs at another parallelism from here on. */
  | ({ readonly kind: 'rescaled' } & Rescaled)

export interface RunCounts {
  readonly recordsIn: number
  readonly recordsOut: number
  readonly late: number
  readonly invalid: number
}

export interface JobStatus extends RunCounts {
  readonly phase: 'starting' | 'running' | 'stopping' | 'ended'
  /** Records in all, if the sources know. */
  readonly total?: number
  /** Event time up to which the sources have read, epoch ms. */
  readonly watermark?: number
  readonly lastCheckpoint?: { readonly id: number; readonly atMs: number; readonly tookMs: number }
  readonly restarts: number
  /** Operators that are being started again while the others go on; absent: none. */
  readonly restarting?: readonly string[]
  /** Of the attempt that runs. */
  readonly parallelism: number
}

export type RunOutcome =
  /** `drained`: it was told that its input had ended (stop with `drain`), and can never go on. */
  | { readonly kind: 'finished'; readonly checkpoint: number; readonly counts: RunCounts; readonly drained?: true }
  | { readonly kind: 'already-finished'; readonly checkpoint: number; readonly drained?: true }
  | { readonly kind: 'stopped'; readonly checkpoint?: number }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly error: StreamError }

export interface JobHandle {
  /** Never rejects: a failure is an outcome. */
  readonly done: Promise<RunOutcome>
  /** One final checkpoint, its commits, then the end. */
  stop(): void
  /**
   * The same for somebody who waits for the answer. `drain`: the input ends here, all windows fire, and the job is
   * finished for good. `savepoint`: path for a savepoint of the last checkpoint. If it fails the job goes on.
   */
  stopWith(request: { readonly drain?: boolean; readonly savepoint?: string }): Promise<OrderAnswer>
  /** A completed checkpoint, copied into the new directory `path` once its output is committed; the job goes on. */
  savepoint(path: string): Promise<OrderAnswer>
  /**
   * Changes the parallelism while the job runs (live-rescale.ts): a last checkpoint, and new subtasks that go on from
   * it, in the same process. Threads: as `workers` allows. If it fails the job goes on as it was (E184; E008 and E033
   * for what no job can have).
   */
  rescale(parallelism: number): Promise<OrderAnswer>
  /** At once; the next start goes on from the last checkpoint. */
  cancel(): void
  status(): JobStatus
  /**
   * Busy, idle and back-pressured time, records, bytes, queues and watermarks of every subtask, and the last
   * checkpoint, at this instant. Costs what it takes to read them, and only when it is called.
   */
  metrics(): JobSample
}

/** Throws a StreamError at once if the graph is refused. */
export function startJob(job: Job, options: RunOptions = {}): JobHandle {
  const { graph: built } = buildGraph(job, { config: options.config ?? {} })
  const { workers = 1 } = options
  const settled = withEngineSettings(built, options.config ?? {})
  // In one thread nothing is encoded, so that there is nothing to save.
  const logical = workers > 1 ? settled : { ...settled, pruneColumns: false }
  const graphAt = (parallelism: number | undefined): JobGraph =>
    toJobGraph(logical, parallelism === undefined ? {} : { parallelism })
  if (workers > 1 && options.module === undefined) throw E085_WORKERS_NEED_A_FILE({ workers, missing: 'module' })
  if (workers > 1 && options.stateDirectory === undefined) throw E085_WORKERS_NEED_A_FILE({ workers, missing: 'state' })
  return new Run(graphAt, options)
}

class Run implements JobHandle {
  readonly done: Promise<RunOutcome>
  readonly #options: RunOptions
  readonly #graph: JobGraph
  readonly #graphAt: (parallelism: number) => JobGraph
  readonly #storage: Storage
  readonly #directory: string
  #settle: (outcome: RunOutcome) => void = () => {}
  #host: RescalableHost | undefined
  #lock: DirectoryLock | undefined
  #phase: JobStatus['phase'] = 'starting'
  #lastCheckpoint: JobStatus['lastCheckpoint']
  #total: number | undefined
  #server: MetricsServer | undefined
  #control: ControlServer | undefined
  /** The directory is free for the next start. */
  readonly #free: Promise<void>
  #setFree: () => void = () => {}
  readonly #begunMs = performance.now()

  constructor(graphAt: (parallelism: number | undefined) => JobGraph, options: RunOptions) {
    this.#graphAt = graphAt
    const graph = this.#graph = graphAt(options.parallelism)
    this.#options = options
    const { stateDirectory } = options
    this.#storage = stateDirectory === undefined ? new MemoryStorage() : realStorage({ ofJob: true })
    this.#directory = stateDirectory === undefined ? '/state' : resolvePlace(stateDirectory)
    this.done = new Promise((settle) => {
      this.#settle = settle
    })
    this.#free = new Promise((free) => {
      this.#setFree = free
    })
    for (const { spec } of graph.vertices.flatMap((vertex) => vertex.operators)) {
      if (spec.kind === 'source') spec.source.warm?.()
    }
    this.#begin().catch((error: unknown) => this.#finish({ kind: 'failed', error: engineError(error) }))
  }

  stop(): void {
    if (this.#phase !== 'ended') this.#phase = 'stopping'
    this.#host?.stop()
  }

  async stopWith({ drain = false, savepoint }: { drain?: boolean; savepoint?: string }): Promise<OrderAnswer> {
    return await this.#carryOut({
      order: 'stop', drain, ...(savepoint === undefined ? {} : { savepoint: resolvePlace(savepoint) }),
    })
  }

  savepoint(path: string): Promise<OrderAnswer> {
    return this.#carryOut({ order: 'savepoint', to: resolvePlace(path) })
  }

  rescale(parallelism: number): Promise<OrderAnswer> {
    return this.#carryOut({ order: 'rescale', to: parallelism })
  }

  async #carryOut(order: Order): Promise<OrderAnswer> {
    const host = this.#host
    if (host === undefined || this.#phase === 'ended') {
      const problem = host === undefined ? 'it is starting' : 'it has ended'
      return { kind: 'failed', error: reportOf(E156_ORDER_REFUSED({ problem })) }
    }
    if (order.order === 'savepoint') {
      return savepointAnswer(await new Promise((done) => host.savepoint(order.to, done)))
    }
    if (order.order === 'rescale') {
      const beganMs = performance.now()
      const outcome = await new Promise<RescaleOutcome>((done) => host.rescale(order.to, done))
      return rescaleAnswer(outcome, host.sample().workers, performance.now() - beganMs)
    }
    const { drain, savepoint } = order
    if (this.#phase === 'running') this.#phase = 'stopping'
    const outcome = await new Promise<StopOutcome>((answer) =>
      host.stop({ drain, ...(savepoint === undefined ? {} : { savepoint }), answer }))
    if (outcome.kind === 'stopped') await this.#free
    else if (this.#phase === 'stopping') this.#phase = 'running'
    return stopAnswer(outcome)
  }

  cancel(): void {
    this.#host?.cancel()
    this.#finish({ kind: 'cancelled' })
  }

  status(): JobStatus {
    const counts = this.#host?.counts() ?? NO_COUNTS
    const watermark = this.#host?.watermark
    const restarting = this.#host?.restarting ?? []
    return {
      ...counts,
      phase: this.#phase,
      restarts: this.#host?.restarts ?? 0,
      parallelism: this.#host?.parallelism ?? this.#graph.parallelism,
      ...(restarting.length === 0 ? {} : { restarting }),
      ...(this.#total === undefined ? {} : { total: this.#total }),
      ...(watermark === undefined ? {} : { watermark }),
      ...(this.#lastCheckpoint === undefined ? {} : { lastCheckpoint: this.#lastCheckpoint }),
    }
  }

  metrics(): JobSample {
    const { phase, restarts, restarting, parallelism, recordsIn, recordsOut, late, invalid } = this.status()
    return {
      schema: SAMPLE_SCHEMA,
      job: this.#graph.logical.job,
      engine: engineVersion(),
      pid: process.pid,
      phase,
      atMs: Date.now(),
      uptimeMs: performance.now() - this.#begunMs,
      parallelism, restarts, recordsIn, recordsOut, late, invalid,
      ...(restarting === undefined ? {} : { restarting }),
      ...(this.#host?.sample() ?? { workers: 1, checkpoint: { completed: 0, failed: 0 }, vertices: [] }),
    }
  }

  #beginAt(given: string): BeginPlace {
    const { path, ref } = splitReference(given)
    return { path: resolvePlace(path), claim: this.#options.claim ?? false, ...(ref === undefined ? {} : { ref }) }
  }

  /** Whoever wants to look may; a directory where no socket can be made is run without. */
  async #answerForMetrics(log: Log): Promise<void> {
    try {
      this.#server = await serveMetrics(this.#directory, () => JSON.stringify(this.metrics()))
    } catch (error) {
      log('warn', `nobody can look at the metrics of this job: ${describeThrown(error)}`)
    }
  }

  async #takeOrders(log: Log): Promise<void> {
    try {
      this.#control = await serveControl(this.#directory, (order) => this.#carryOut(order))
    } catch (error) {
      log('warn', `nobody can take a savepoint of this job or stop it by command: ${describeThrown(error)}`)
    }
  }

  async #begin(): Promise<void> {
    const { stateDirectory, onEvent = () => {}, log = () => {}, print = printPlain } = this.#options
    if (stateDirectory !== undefined) {
      this.#lock = await lockDirectory(this.#directory, { takeOver: this.#options.takeOver ?? false })
      await this.#answerForMetrics(log)
      await this.#takeOrders(log)
    }
    if (this.#phase === 'ended') {
      await this.#release()
      return
    }
    const onHeap = onTheHeap(this.#graph)
    if (onHeap.length > 0) {
      log('warn', `state.backend 'lmdb' is not for windows, joins with bounds and patterns: what ${onHeap.join(', ')} keep stays on the heap`)
    }
    const make = await this.#hosts()
    if (this.#hasEnded()) return
    const first: JobHostInit = {
      graph: this.#graph,
      storage: this.#storage,
      directory: this.#directory,
      engine: engineVersion(),
      fresh: this.#options.fresh ?? false,
      pagedDirectory: await pagedDirectory(this.#graph, stateDirectory === undefined ? undefined : this.#directory),
      ...(this.#options.from === undefined ? {} : { from: this.#beginAt(this.#options.from) }),
      ...(this.#options.allowDropped === undefined ? {} : { allowDropped: this.#options.allowDropped }),
      log,
      print,
      probe: failpoints(process.env['TIDEMARK_FAILPOINTS'], (text) => process.stderr.write(`tidemark: ${text}\n`)),
      onStarted: (opened) => {
        if (this.#phase === 'starting') this.#phase = 'running'
        const { restore } = opened
        onEvent({
          kind: 'started',
          job: this.#graph.logical.job,
          epoch: opened.epoch,
          safety: safetyOf(this.#graph),
          ...(stateDirectory === undefined ? {} : { stateDirectory: this.#directory }),
          ...(restore === undefined
            ? {}
            : { restoredFrom: { checkpoint: restore.checkpoint, ageMs: Date.now() - restore.completedAtMs } }),
        })
        this.#measureSources()
      },
      onCheckpoint: ({ id, tookMs, bytes }) => {
        this.#lastCheckpoint = { id, atMs: Date.now(), tookMs }
        onEvent({ kind: 'checkpoint', id, tookMs, bytes })
      },
      onCheckpointFailed: (id, reason, error) => {
        onEvent({
          kind: 'checkpoint-failed', id, reason, ...(error === undefined ? {} : { error: reportOf(error) }),
        })
      },
      onRestart: ({ error, ...restart }) => {
        onEvent({ kind: 'restarting', ...restart, error: reportOf(error) })
      },
      onEnd: (end) => this.#finish(this.#outcomeOf(end)),
      onBroken: (error) => this.#finish({ kind: 'failed', error: engineError(error) }),
    }
    const host = new RescalableHost({
      host: first, make, graphAt: this.#graphAt, onRescaled: (rescaled) => onEvent({ kind: 'rescaled', ...rescaled }),
    })
    this.#host = host
    host.start()
    if (this.#phase === 'stopping') host.stop()
  }

  /** Asked again after a wait, where the compiler believes what it knew before. */
  #hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  /** How a host is made for the parallelism of its graph. */
  async #hosts(): Promise<(init: JobHostInit) => JobHost> {
    const { module: address, config = {}, workers: most = 1 } = this.#options
    if (most === 1 || address === undefined) return (init) => new InProcessHost(init)
    const { WorkersHost } = await import('./workers/workers-host.ts')
    return (init) => {
      const workers = Math.min(most, init.graph.parallelism)
      if (workers === 1) return new InProcessHost(init)
      return new WorkersHost({
        ...init, workers, address, config, failpoints: process.env['TIDEMARK_FAILPOINTS'],
        heartbeatTimeoutMs: heartbeatTimeoutMs(config),
      })
    }
  }

  /** How much there is to read, for the progress bar; nothing depends on it. */
  #measureSources(): void {
    let total = 0
    for (const vertex of this.#graph.vertices) {
      for (const { spec } of vertex.operators) {
        if (spec.kind !== 'source') continue
        const { source } = spec as SourceOperatorSpec
        if (source.size === undefined) return
        const context = { storage: this.#storage, parallelism: vertex.parallelism, state: undefined }
        start(source.size(context), (outcome) => {
          if (!outcome.ok || outcome.value?.records === undefined) return
          total += outcome.value.records
          this.#total = total
        })
      }
    }
  }

  #outcomeOf(end: JobEnd): RunOutcome {
    switch (end.kind) {
      case 'finished':
        return { kind: 'finished', checkpoint: end.checkpoint, counts: this.#countsNow(), ...drainedOf(end) }
      case 'already-finished':
        return { kind: 'already-finished', checkpoint: end.checkpoint, ...drainedOf(end) }
      case 'stopped':
        return { kind: 'stopped', ...(end.checkpoint === undefined ? {} : { checkpoint: end.checkpoint }) }
      case 'failed':
        return { kind: 'failed', error: end.error }
    }
  }

  #countsNow(): RunCounts {
    return this.#host?.counts() ?? NO_COUNTS
  }

  #finish(outcome: RunOutcome): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    const settle = (): void => this.#settle(outcome)
    if (this.#lock === undefined) {
      this.#setFree()
      settle()
    }
    // A lock that cannot be given back ends with the process anyway.
    else this.#release().then(settle, settle)
  }

  /** Nobody is told of a job that another process may run from here on. */
  async #release(): Promise<void> {
    await this.#server?.close()
    await this.#lock?.release()
    this.#setFree()
    await this.#control?.close()
  }
}

const drainedOf = ({ drained }: { readonly drained: boolean }): { drained?: true } => (drained ? { drained } : {})

const printPlain: PrintLine = (_operator, _subtask, text, replayed) => {
  process.stdout.write(`${text}${replayed ? '  ↻' : ''}\n`)
}
