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
 *   JS-2  A completed checkpoint resets the count of restarts.
 *   JS-3  `onEnd` is called exactly once.
 */
import { describeThrown, isStreamError, type StreamError } from '../base/errors.ts'
import type { CheckpointId } from '../base/ids.ts'
import { settleAll, start, type Io } from '../base/io.ts'
import type { Ports, TimerHandle } from '../base/ports.ts'
import type { FromSubtask, SubtaskId } from '../base/protocol.ts'
import { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CompletedCheckpoint } from '../checkpoint/coordinator-host.ts'
import { asTerm, requireMine } from '../checkpoint/epochs.ts'
import { CheckpointFiles } from '../checkpoint/files.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import { openDirectory, type OpenedDirectory } from '../checkpoint/open.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { SinkOperatorSpec } from '../graph/operator-spec.ts'
import { resourcesOf } from '../graph/resources.ts'
import type { SinkContext } from '../graph/sink.ts'
import { E031_STATE_WITHOUT_OPERATOR, E083_JOB_BROKEN } from './errors.ts'
import { JobAttempt, type AttemptEnd, type Deployed } from './job-attempt.ts'
import { decideRestart } from './restart-strategy.ts'
import { readCheckpoint, type RestoredJob } from './restore.ts'

export type JobEnd =
  | { readonly kind: 'finished'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'already-finished'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'stopped'; readonly checkpoint: CheckpointId | undefined }
  | { readonly kind: 'failed'; readonly error: StreamError }

export interface DeployInit {
  readonly opened: OpenedDirectory
  readonly restored: RestoredJob
  readonly files: CheckpointFiles
  readonly fromSubtask: (id: SubtaskId, message: FromSubtask) => void
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
  deploy(init: DeployInit): Deployed
  onStarted(opened: OpenedDirectory): void
  onCheckpoint(checkpoint: CompletedCheckpoint): void
  onCheckpointFailed(id: CheckpointId, reason: string, error: StreamError | undefined): void
  onRestart(restart: { readonly attempt: number; readonly delayMs: number; readonly error: StreamError }): void
  onEnd(end: JobEnd): void
}

/** Whose leftovers are looked for. */
type Writer = Pick<OpenedDirectory, 'jobId' | 'epoch'>

export class JobSupervisor {
  readonly #init: SupervisorInit
  #attempt: JobAttempt | undefined
  #timer: TimerHandle | undefined
  #restarts = 0
  #attempts = 0
  #fresh: boolean
  #stopping = false
  #ended = false

  constructor(init: SupervisorInit) {
    this.#init = init
    this.#fresh = init.fresh
  }

  get restarts(): number {
    return Math.max(0, this.#attempts - 1)
  }

  get inProgress(): JobAttempt['inProgress'] {
    return this.#attempt?.inProgress
  }

  start(): void {
    this.#open()
  }

  /** Final checkpoint, then end; during a restart pause: end without one. */
  stop(): void {
    if (this.#stopping || this.#ended) return
    this.#stopping = true
    if (this.#attempt !== undefined) this.#attempt.stop()
    else if (this.#timer !== undefined) this.#end({ kind: 'stopped', checkpoint: undefined })
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
    const { ports, directory, graph, engine, pid, host } = this.#init
    const resources = resourcesOf(graph.logical).map(({ operator, kind, resource }) => ({
      operator, resource, role: kind,
    }))
    const outcome = yield* openDirectory(ports, directory, {
      fresh: this.#fresh, job: graph.logical.job, maxParallelism: graph.maxParallelism, resources, engine, pid, host,
    })
    if (outcome.kind === 'refused') throw outcome.error
    if (outcome.kind === 'already-finished') {
      // The process that finished may have died before its last staged names were gone.
      yield* this.#tidyUp(outcome.manifest)
      this.#end({ kind: 'already-finished', checkpoint: outcome.manifest.checkpoint })
      return undefined
    }
    const { opened } = outcome
    return { opened, restored: yield* asTerm(ports.storage, directory, opened.epoch, this.#restore(opened)) }
  }

  *#restore(opened: OpenedDirectory): Io<RestoredJob> {
    const { ports, directory, graph } = this.#init
    const restored = yield* readCheckpoint(ports, directory, opened.restore, graph.maxParallelism)
    checkOperators(opened.restore, restored, graph)
    yield* this.#removeAbandoned(opened, restored, opened.restore?.checkpoint)
    return restored
  }

  /** JA-3. */
  *#removeAbandoned(writer: Writer, restored: RestoredJob | undefined, from?: CheckpointId): Io<void> {
    const { ports, graph } = this.#init
    ports.probe('restore.abort-foreign')
    const sinks = graph.logical.operators.filter((operator) => operator.spec.kind === 'sink')
    const outcomes = yield* settleAll(
      sinks.map((operator) => {
        const context: SinkContext = {
          operator: operator.name, subtask: -1, jobId: writer.jobId, epoch: writer.epoch, ports,
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
      graph, ports, files,
      enumeratorState: (operator) => restored.enumerator(operator),
      deploy: (fromSubtask) =>
        this.#init.deploy({ opened, restored, files, fromSubtask, fence }),
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
        this.#init.onCheckpoint(checkpoint)
      },
      onCheckpointFailed: (id, reason, error) => this.#init.onCheckpointFailed(id, reason, error),
      onEnd: (end) => this.#onAttemptEnd(end, opened),
    })
    this.#attempt = attempt
    if (this.#attempts === 1) this.#init.onStarted(opened)
    attempt.start()
    if (this.#stopping) attempt.stop()
  }

  #onAttemptEnd(end: AttemptEnd, opened: OpenedDirectory): void {
    if (this.#ended) return
    this.#attempt = undefined
    if (end.kind === 'failed') {
      this.#failed(end.error)
      return
    }
    // Parts written after the last checkpoint of a stop are nobody's: nothing staged stays behind.
    start(this.#tidyUp(opened), () => this.#end({ kind: end.kind, checkpoint: end.checkpoint }))
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
    if (decision.kind === 'give-up' || this.#stopping) {
      this.#end({ kind: 'failed', error })
      return
    }
    this.#restarts += 1
    this.#init.onRestart({ attempt: this.#restarts, delayMs: decision.delayMs, error })
    this.#timer = ports.timers.after(decision.delayMs, () => this.#open())
  }

  #end(end: JobEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#init.onEnd(end)
  }
}

/** Every operator with state in the checkpoint must still be there, under its name or a former one. */
function checkOperators(manifest: Manifest | undefined, restored: RestoredJob, graph: JobGraph): void {
  if (manifest === undefined) return
  const known = new Set(graph.logical.operators.flatMap(({ name, was }) => [name, ...was]))
  const operators = graph.logical.operators.filter((operator) => operator.named).map(({ name }) => name)
  for (const operator of restored.operators) {
    if (known.has(operator)) continue
    throw E031_STATE_WITHOUT_OPERATOR({ checkpoint: manifest.checkpoint, operator, operators })
  }
}

function asStreamError(thrown: unknown): StreamError {
  return isStreamError(thrown) ? thrown : E083_JOB_BROKEN({ thrown: describeThrown(thrown) }, { cause: thrown })
}
