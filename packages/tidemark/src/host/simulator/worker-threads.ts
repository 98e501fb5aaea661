/**
 * The worker threads of one simulated attempt: a deployment for each, over storage of its own, of which one may be lost.
 *
 * Owned by an incarnation, which steps the subtasks. Stands in for workers-host.ts and worker-host.ts, whose threads
 * cannot be simulated: subtasks are spread as there, each thread writes its own state file, and channels lead across.
 *
 *   LW-1  A thread that is lost runs no step, hears nothing and finishes no operation of its storage. What it had sent
 *         arrives; what was put into a channel to another thread stays in it, as in a ring.
 *   LW-2  The job learns of it a while later, once (E086), and what it has asked of the thread fails then (WP-1, WP-2).
 *   LW-3  A thread that was lost is replaced when what it ran is started again; the others keep what they run.
 */
import type { StreamError } from '../../base/errors.ts'
import { attempt, type Attempt, type CheckpointId } from '../../base/ids.ts'
import { all, settleAll, start, wait, type Done, type Io } from '../../base/io.ts'
import type { Ports, Timers } from '../../base/ports.ts'
import type { SubtaskId, ToSubtask } from '../../base/protocol.ts'
import { requireMine } from '../../checkpoint/epochs.ts'
import { CheckpointFiles } from '../../checkpoint/files.ts'
import type { FileEntry } from '../../checkpoint/manifest.ts'
import type { JobEdge, JobGraph } from '../../graph/job-graph.ts'
import type { Deployed, DeployedPart, DeploymentEvents } from '../../job/job-attempt.ts'
import type { DeployInit } from '../../job/job-supervisor.ts'
import type { TaskOptions } from '../../task/options.ts'
import type { Subtask } from '../../task/subtask.ts'
import { Deployment, type DeploymentInit, type DeploymentPart } from '../deployment.ts'
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
  readonly newChannel: (sender: string, capacityBatches: number, lags?: boolean) => CheckedChannel
  readonly fromSubtask: DeploymentInit['fromSubtask']
  readonly onLost: DeploymentEvents['onLost']
}

interface Thread {
  readonly storage: SimulatedStorage
  readonly files: CheckpointFiles
  readonly deployment: Deployment
  readonly life: Life
}

interface Life {
  lost: boolean
  /** … and the job knows of it. */
  known: boolean
}

export class WorkerThreads implements Deployed {
  readonly #init: WorkerThreadsInit
  readonly #threads: Thread[]
  /** What is asked of a thread, and fails when the job learns that it is lost. */
  readonly #asked = new Map<number, Set<() => void>>()
  /** By edge, then by producer and consumer. */
  readonly #across = new Map<number, Map<string, CheckedChannel>>()

  constructor(init: WorkerThreadsInit) {
    this.#init = init
    const part: DeploymentPart = { attempt: attempt(0), restored: init.deploy.restored }
    this.#threads = Array.from({ length: init.workers }, (_, index) => this.#deploy(index, part))
  }

  get subtasks(): readonly Subtask[] {
    return this.#living().flatMap(({ deployment }) => deployment.subtasks)
  }

  outside(vertices: ReadonlySet<number>): readonly Subtask[] {
    return this.#living().flatMap(({ deployment }) => deployment.outside(vertices))
  }

  start(again: Attempt): void {
    for (const { deployment } of this.#living()) deployment.start(again)
  }

  /** LW-3. One that is lost, and the job does not know, is asked in vain. */
  redeploy(part: DeployedPart): void {
    for (const { index, ...edge } of this.#init.graph.edges) if (part.vertices.has(edge.toVertex)) this.#across.delete(index)
    for (const [index, { deployment, life }] of this.#threads.entries()) {
      if (life.known) this.#threads[index] = this.#deploy(index, part)
      else if (!life.lost) deployment.redeploy(part)
    }
  }

  send(to: SubtaskId, message: ToSubtask): void {
    const thread = this.#threads[to.subtask % this.#init.workers]
    if (thread?.life.lost === false) thread.deployment.send(to, message)
  }

  cancel(vertices?: ReadonlySet<number>): void {
    for (const { deployment } of this.#living()) deployment.cancel(vertices)
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
    const { workers, ports, onLost } = this.#init
    const index = which % workers
    const thread = this.#threads[index]
    if (thread === undefined || thread.life.lost) return undefined
    thread.life.lost = true
    thread.storage.kill()
    ports.timers.after(noticedMs, () => {
      thread.life.known = true
      onLost((subtask) => subtask % workers === index, this.#died(index))
      for (const fail of this.#asked.get(index) ?? []) fail()
    })
    return thread.storage
  }

  #living(): readonly Thread[] {
    return this.#threads.filter(({ life }) => !life.lost)
  }

  #died(index: number): StreamError {
    return E086_WORKER_DIED({ worker: index, subtasks: `of index ${index}`, reason: 'it was lost', hint: 'look at its seed' })
  }

  /** Answered once: by the thread, or by its end. */
  #ask<T>(index: number, io: Io<T>): Io<T> {
    return wait<T>((done: Done<T>) => {
      if (this.#threads[index]?.life.known === true) {
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

  #deploy(index: number, part: DeploymentPart): Thread {
    const { graph, directory, workers, options, ports: process, deploy: { opened }, newChannel, fromSubtask } = this.#init
    const life: Life = { lost: false, known: false }
    const storage = this.#init.mount()
    const ports: Ports = { ...process, storage, timers: this.#timersOf(life) }
    const files = new CheckpointFiles({ ports, directory, epoch: opened.epoch, process: `w${index}` })
    const across = (edge: JobEdge, producer: number, consumer: number): CheckedChannel => {
      const channels = this.#across.get(edge.index) ?? new Map<string, CheckedChannel>()
      const key = `${producer}/${consumer}`
      const channel = channels.get(key) ?? newChannel(`${graph.vertices[edge.fromVertex]?.name}[${producer}]`, options.channelBatches, true)
      this.#across.set(edge.index, channels.set(key, channel))
      return channel
    }
    const deployment = new Deployment({
      graph, jobId: opened.jobId, epoch: opened.epoch, ports, options, segments: files, newChannel, fromSubtask,
      part,
      fence: () => requireMine(storage, directory, opened.epoch),
      elsewhere: { isHere: (subtask) => subtask % workers === index, sender: across, receiver: across },
      print: () => {},
      awake: () => {},
    })
    return { storage, files, deployment, life }
  }

  #timersOf(life: Life): Timers {
    const { timers } = this.#init.ports
    return {
      after: (delayMs, fire) => timers.after(delayMs, () => {
        if (!life.lost) fire()
      }),
    }
  }
}
