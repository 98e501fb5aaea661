/**
 * The worker threads of one simulated attempt: a deployment for each, over storage of its own, of which one may be lost.
 *
 * Owned by an incarnation, which steps the subtasks. Stands in for workers-host.ts and worker-host.ts, whose threads
 * cannot be simulated: subtasks are spread as there, each thread writes its own state file, and channels lead across.
 *
 *   LW-1  A thread that is lost runs no step, hears nothing and finishes no operation of its storage. What it had sent
 *         arrives; what was put into a channel to another thread stays in it, as in a ring.
 *   LW-2  The job learns of it a while later, once (E086), and what it has asked of the thread fails then (WP-1, WP-2).
 */
import { reportOf, type StreamError } from '../../base/errors.ts'
import { attempt, type CheckpointId } from '../../base/ids.ts'
import { all, settleAll, start, wait, type Done, type Io } from '../../base/io.ts'
import type { Ports, Timers } from '../../base/ports.ts'
import type { ToSubtask } from '../../base/protocol.ts'
import { requireMine } from '../../checkpoint/epochs.ts'
import { CheckpointFiles } from '../../checkpoint/files.ts'
import type { FileEntry } from '../../checkpoint/manifest.ts'
import type { JobEdge, JobGraph } from '../../graph/job-graph.ts'
import type { Deployed } from '../../job/job-attempt.ts'
import type { DeployInit } from '../../job/job-supervisor.ts'
import type { TaskOptions } from '../../task/options.ts'
import type { Subtask } from '../../task/subtask.ts'
import { Deployment, type DeploymentInit } from '../deployment.ts'
import { E086_WORKER_DIED } from '../workers/errors.ts'
import type { CheckedChannel } from './checked-channel.ts'
import type { SimulatedStorage } from './storage.ts'

export interface WorkerThreadsInit {
  readonly graph: JobGraph
  readonly directory: string
  readonly workers: number
  readonly options: TaskOptions
  readonly ports: Ports
  readonly deploy: Pick<DeployInit, 'opened' | 'restored'>
  /** What one process mounts for each of its threads. */
  mount(): SimulatedStorage
  readonly newChannel: (sender: string, capacityBatches: number) => CheckedChannel
  readonly fromSubtask: DeploymentInit['fromSubtask']
}

interface Thread {
  readonly storage: SimulatedStorage
  readonly files: CheckpointFiles
  readonly deployment: Deployment
}

export class WorkerThreads implements Deployed {
  readonly #init: WorkerThreadsInit
  readonly #threads: readonly Thread[]
  readonly #lost = new Set<number>()
  /** … and the job knows of it. */
  readonly #known = new Set<number>()
  /** What is asked of a thread, and fails when the job learns that it is lost. */
  readonly #asked = new Map<number, Set<() => void>>()
  /** By edge, producer and consumer. */
  readonly #across = new Map<string, CheckedChannel>()

  constructor(init: WorkerThreadsInit) {
    this.#init = init
    this.#threads = Array.from({ length: init.workers }, (_, index) => this.#deploy(index))
  }

  get subtasks(): readonly Subtask[] {
    return this.#threads.flatMap(({ deployment }, index) => (this.#lost.has(index) ? [] : deployment.subtasks))
  }

  start(): void {
    for (const { deployment } of this.#living()) deployment.start()
  }

  send(to: { readonly vertex: number; readonly subtask: number }, message: ToSubtask): void {
    const index = to.subtask % this.#init.workers
    if (!this.#lost.has(index)) this.#threads[index]?.deployment.send(to, message)
  }

  cancel(): void {
    for (const { deployment } of this.#living()) deployment.cancel()
  }

  *seal(id: CheckpointId): Io<readonly FileEntry[]> {
    const entries = yield* all(this.#threads.map(({ files }, index) => this.#ask(index, files.seal(id))))
    return entries.filter((entry) => entry !== undefined)
  }

  *discard(id: CheckpointId): Io<void> {
    yield* settleAll(this.#threads.map(({ files }, index) => this.#ask(index, files.discard(id))))
  }

  /** Lost now, and the job learns of it `noticedMs` later. Gives the storage that ended with it; undefined: none is left to lose. */
  lose(which: number, noticedMs: number): SimulatedStorage | undefined {
    const { workers, ports, fromSubtask } = this.#init
    const index = which % workers
    const thread = this.#threads[index]
    if (thread === undefined || this.#lost.has(index)) return undefined
    this.#lost.add(index)
    thread.storage.kill()
    ports.timers.after(noticedMs, () => {
      this.#known.add(index)
      const failed = { kind: 'failed' as const, error: reportOf(this.#died(index)), retryable: true }
      fromSubtask({ vertex: 0, subtask: index, attempt: attempt(0) }, failed)
      for (const fail of this.#asked.get(index) ?? []) fail()
    })
    return thread.storage
  }

  #living(): readonly Thread[] {
    return this.#threads.filter((_, index) => !this.#lost.has(index))
  }

  #died(index: number): StreamError {
    return E086_WORKER_DIED({ worker: index, subtasks: `of index ${index}`, reason: 'it was lost', hint: 'look at its seed' })
  }

  /** Answered once: by the thread, or by its end. */
  #ask<T>(index: number, io: Io<T>): Io<T> {
    return wait<T>((done: Done<T>) => {
      if (this.#known.has(index)) {
        done({ ok: false, error: this.#died(index) })
        return
      }
      const asked = this.#asked.get(index) ?? new Set()
      this.#asked.set(index, asked)
      const fail = (): void => {
        asked.delete(fail)
        done({ ok: false, error: this.#died(index) })
      }
      asked.add(fail)
      start(io, (outcome) => {
        if (asked.delete(fail)) done(outcome)
      })
    })
  }

  #deploy(index: number): Thread {
    const { graph, directory, workers, options, ports: process, deploy: { opened, restored }, newChannel, fromSubtask } = this.#init
    const storage = this.#init.mount()
    const ports: Ports = { ...process, storage, timers: this.#timersOf(index) }
    const files = new CheckpointFiles({ ports, directory, epoch: opened.epoch, process: `w${index}` })
    const across = (edge: JobEdge, producer: number, consumer: number): CheckedChannel => {
      const key = `${edge.index}/${producer}/${consumer}`
      const known = this.#across.get(key)
      const channel = known ?? newChannel(`${graph.vertices[edge.fromVertex]?.name}[${producer}]`, options.channelBatches)
      this.#across.set(key, channel)
      return channel
    }
    const deployment = new Deployment({
      graph, jobId: opened.jobId, epoch: opened.epoch, ports, options, segments: files, newChannel, fromSubtask,
      restoredCheckpoint: restored.checkpoint,
      fence: () => requireMine(storage, directory, opened.epoch),
      restoredOf: (operator, vertex, subtask) => restored.of(operator, vertex, subtask),
      elsewhere: { isHere: (subtask) => subtask % workers === index, sender: across, receiver: across },
      print: () => {},
      awake: () => {},
    })
    return { storage, files, deployment }
  }

  #timersOf(index: number): Timers {
    const { timers } = this.#init.ports
    return {
      after: (delayMs, fire) => timers.after(delayMs, () => {
        if (!this.#lost.has(index)) fire()
      }),
    }
  }
}
