/**
 * Runs a job in a simulated process: the real supervisor, deployment and subtasks over simulated ports.
 *
 * Wires them exactly as host/in-process.ts does. Owned by an incarnation, as what live-rescale.ts calls a host; measures
 * nothing.
 *
 *   LI-1  When a region is started again, the subtasks of the others are the same as before, and alive.
 */
import { attempt, type CheckpointId } from '../../base/ids.ts'
import type { Ports } from '../../base/ports.ts'
import type { FromSubtask, SubtaskId, ToSubtask } from '../../base/protocol.ts'
import type { SavepointOutcome } from '../../checkpoint/live-savepoint.ts'
import type { JobGraph } from '../../graph/job-graph.ts'
import type { Deployed, DeployedPart } from '../../job/job-attempt.ts'
import { JobSupervisor, type DeployInit } from '../../job/job-supervisor.ts'
import { Landing } from '../../job/landing.ts'
import type { StopRequest } from '../../job/stop.ts'
import { MemoryPagedStore } from '../../state/paged/memory-paged-store.ts'
import type { Subtask } from '../../task/subtask.ts'
import { Deployment, type DeploymentCounts } from '../deployment.ts'
import type { HostSample } from '../host-meter.ts'
import { NO_COUNTS, type JobHost, type JobHostInit } from '../job-host.ts'
import { BrokenLaw, CheckedChannel } from './checked-channel.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedStorage } from './storage.ts'
import type { Trace } from './trace.ts'
import { WorkerThreads } from './worker-threads.ts'
import type { ProcessPlan, World } from './world.ts'

export interface SimulatedHostInit {
  readonly host: JobHostInit
  readonly world: World
  readonly process: ProcessPlan
  readonly trace: Trace
  readonly ports: Ports
  readonly scheduler: Scheduler
  /** Of the process. */
  readonly number: number
  /** Threads that share the subtasks; 1: none of its own. */
  readonly workers: number
  /** What the process mounts for each of its threads. */
  readonly mount: () => SimulatedStorage
  onRestore(id: CheckpointId): void
  onBrokenLaw(law: BrokenLaw): void
  delivery(message: ToSubtask): readonly number[]
  /** These vertices are started again while the others go on. */
  onPartAgain(vertices: ReadonlySet<number>): void
  onDeployed(subtasks: () => readonly Subtask[], workers: WorkerThreads | undefined): void
  /** It has come to its end. */
  onLeft(): void
}

/** So little that entries come and go all the time. */
const CACHE_BYTES = 2000

/** Of four processes one has its keyed state in stores, so that state goes from the heap there and back. Nothing is drawn for it. */
const keepsPages = ({ world, number }: SimulatedHostInit): boolean => (world.seed + number) % 4 === 1

const landing = (graph: JobGraph, vertices: ReadonlySet<number> | undefined): Landing =>
  new Landing({ graph, stores: { open: () => new MemoryPagedStore(CACHE_BYTES) }, isHere: () => true, vertices })

const NO_SAMPLE: HostSample = { workers: 1, checkpoint: { completed: 0, failed: 0 }, vertices: [] }

export class SimulatedHost implements JobHost {
  readonly #init: SimulatedHostInit
  readonly #supervisor: JobSupervisor
  readonly watermark = undefined

  constructor(init: SimulatedHostInit) {
    this.#init = init
    const { host, ports, number } = init
    const { graph, directory, engine, fresh, from } = host
    this.#supervisor = new JobSupervisor({
      graph, ports, directory, engine, pid: number, host: 'simulator', fresh,
      ...(from === undefined ? {} : { from }),
      ...(keepsPages(init) ? { landing: (vertices) => landing(graph, vertices) } : {}),
      onStarted: (opened) => host.onStarted(opened),
      onCheckpoint: (checkpoint) => host.onCheckpoint(checkpoint),
      onCheckpointFailed: (id, reason, error) => host.onCheckpointFailed(id, reason, error),
      onRestart: (restart) => host.onRestart(restart),
      onEnd: (end) => {
        init.onLeft()
        host.onEnd(end)
      },
      deploy: (deploy) => this.#deploy(deploy),
    })
  }

  get restarts(): number {
    return this.#supervisor.restarts
  }

  get restarting(): readonly string[] {
    return this.#supervisor.restarting
  }

  start(): void {
    this.#supervisor.start()
  }

  stop(request?: StopRequest): void {
    this.#supervisor.stop(request)
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#supervisor.savepoint(path, done)
  }

  cancel(): void {
    this.#supervisor.cancel()
  }

  counts(): DeploymentCounts {
    return NO_COUNTS
  }

  sample(): HostSample {
    return NO_SAMPLE
  }

  #deploy({ opened, restored, files, fromSubtask, onLost, fence }: DeployInit): Deployed {
    const { host: { graph, directory }, world, process, trace, ports, scheduler, workers, mount } = this.#init
    if (opened.restore !== undefined) this.#init.onRestore(opened.restore.checkpoint)
    const shared = {
      graph, ports, options: process.options,
      fromSubtask: (id: SubtaskId, message: FromSubtask) => {
        trace.note('from', `${id.vertex}/${id.subtask} ${message.kind}`)
        fromSubtask(id, message)
      },
      newChannel: (sender: string, capacity: number, lags = false) =>
        new CheckedChannel(sender, {
          capacity, lags, batchRecords: process.options.batchRecords,
          recordsAStep: world.recordsAStep(process, sender), recordsHeld: world.recordsHeld,
          step: () => scheduler.steps,
          report: (law) => {
            this.#init.onBrokenLaw(law)
            throw law
          },
        }),
    }
    if (workers > 1) {
      const threads = new WorkerThreads({ ...shared, workers, directory, deploy: { opened, restored }, mount, onLost })
      this.#init.onDeployed(() => threads.subtasks, threads)
      return {
        start: (again) => threads.start(again), send: this.#send(threads), cancel: (vertices) => threads.cancel(vertices),
        redeploy: (part) => this.#again(part, threads),
        seal: (id) => threads.seal(id), discard: (id) => threads.discard(id),
      }
    }
    const deployment = new Deployment({
      ...shared, jobId: opened.jobId, epoch: opened.epoch,
      segments: files, part: { attempt: attempt(0), restored }, fence,
      print: () => {},
      awake: () => {},
    })
    this.#init.onDeployed(() => deployment.subtasks, undefined)
    return {
      start: (again) => deployment.start(again), send: this.#send(deployment),
      cancel: (vertices) => deployment.cancel(vertices),
      redeploy: (part) => this.#again(part, deployment),
    }
  }

  /** LI-1: the subtasks of the others before and after it. */
  #again(part: DeployedPart, deployed: Pick<Deployment, 'outside' | 'redeploy'>): void {
    const init = this.#init
    init.trace.note('again', `${[...part.vertices].join(' ')} from ${part.manifest?.checkpoint ?? 0}`)
    init.onPartAgain(part.vertices)
    const before = deployed.outside(part.vertices)
    deployed.redeploy(part)
    const after = deployed.outside(part.vertices)
    const same = after.length === before.length && after.every((subtask, i) => subtask === before[i])
    if (!same || after.some(({ state }) => state === 'cancelled')) {
      init.onBrokenLaw(new BrokenLaw('subtasks of a region that had not failed were cancelled or replaced'))
    }
  }

  #send(deployed: Pick<Deployed, 'send'>): Deployed['send'] {
    const { trace, scheduler } = this.#init
    return (to, message) => {
      trace.note('to', `${to.vertex}/${to.subtask} ${message.kind}`)
      for (const delayMs of this.#init.delivery(message)) {
        if (delayMs === 0) deployed.send(to, message)
        else scheduler.after(delayMs, () => deployed.send(to, message))
      }
    }
  }
}
