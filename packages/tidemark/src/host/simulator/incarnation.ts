/**
 * One simulated process: simulated ports, and over them a host, which another one follows when the parallelism of the
 * running job is changed (host/live-rescale.ts).
 *
 * Owned by the simulator, which steps it and, to let it
 * die, simply never steps it again: nothing of it is closed or cancelled.
 */
import type { StreamError } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import type { Ports } from '../../base/ports.ts'
import type { Prng } from '../../base/prng.ts'
import type { ToSubtask } from '../../base/protocol.ts'
import type { BeginPlace } from '../../checkpoint/begin-from.ts'
import type { SavepointOutcome } from '../../checkpoint/live-savepoint.ts'
import { toJobGraph } from '../../graph/chaining.ts'
import type { JobGraph } from '../../graph/job-graph.ts'
import type { JobEnd } from '../../job/job-supervisor.ts'
import type { StopRequest } from '../../job/stop.ts'
import type { Subtask } from '../../task/subtask.ts'
import { RescalableHost, type RescaleOutcome } from '../live-rescale.ts'
import type { BrokenLaw } from './checked-channel.ts'
import { Scheduler } from './scheduler.ts'
import { SimulatedHost } from './simulated-host.ts'
import type { OperationInfo, Schedule, SimulatedDisk, SimulatedStorage } from './storage.ts'
import type { Trace } from './trace.ts'
import type { WorkerThreads } from './worker-threads.ts'
import { engineOf, type Version } from './versions.ts'
import type { ProcessPlan, World } from './world.ts'

/** The first state directory of a job. */
export const STATE = '/state/job'

export interface IncarnationInit {
  readonly world: World
  readonly disk: SimulatedDisk
  readonly process: ProcessPlan
  readonly version: Version
  readonly directory: string
  /** Where the directory is to begin, if elsewhere. */
  readonly begin: BeginPlace | undefined
  /** Threads that share the subtasks; 1: none of its own. */
  readonly workers: number
  readonly random: Prng
  readonly trace: Trace
  readonly number: number
  readonly nowMs: number
  /** Longest time an operation takes, now. */
  delayMs(info: OperationInfo): number
  onProbe(step: string): void
  onCheckpoint(id: CheckpointId, finished: boolean): void
  /** It has opened its directory. */
  onOpened(): void
  /** An attempt goes on from this checkpoint. */
  onRestore(id: CheckpointId): void
  onBrokenLaw(law: BrokenLaw): void
  /** When a message arrives, besides in order: it is sent once for each number, so much later. */
  delivery(message: ToSubtask): readonly number[]
  onRestart(error: StreamError): void
  /** These vertices are started again while the others go on. */
  onPartAgain(vertices: ReadonlySet<number>): void
  /** A host has come to its end. One that follows it claims a term, which a process that was given up is not let. */
  onLeft(): void
}

export class Incarnation {
  readonly scheduler: Scheduler
  /** Of the process, and of each thread it ever had. */
  readonly #mounts: SimulatedStorage[] = []
  /** Those that ended with their thread alone. */
  readonly #lost = new Set<SimulatedStorage>()
  readonly #host: RescalableHost
  #subtasks: () => readonly Subtask[] = () => []
  #workers: WorkerThreads | undefined
  #end: JobEnd | undefined
  /** An attempt is deployed. */
  #running = false

  constructor(init: IncarnationInit) {
    const { world, disk, process, random, trace, directory, begin } = init
    const scheduler = new Scheduler(random.fork(), process.policy, init.nowMs)
    this.scheduler = scheduler
    scheduler.onChoice = (kind, label) => trace.note(kind, label)
    const pace = random.fork()
    const mount = (): SimulatedStorage => {
      const storage = disk.mount(schedule)
      this.#mounts.push(storage)
      return storage
    }
    const schedule: Schedule = (info, run) => {
      trace.note(info.operation, info.path)
      const lane = `io:${info.index}`
      const most = init.delayMs(info)
      const delayMs = most === 0 ? 0 : pace.below(most + 1)
      if (delayMs === 0 && process.eager > 0 && pace.below(8) < process.eager) run()
      else if (delayMs === 0) scheduler.post(lane, run)
      else scheduler.after(delayMs, run)
    }
    const ports: Ports = {
      clock: scheduler, timers: scheduler, executor: scheduler,
      random: random.fork(), storage: mount(),
      log: (level, message) => trace.note(level, message),
      probe: (step) => init.onProbe(step),
    }
    const graphAt = (parallelism: number): JobGraph => toJobGraph(world.graphOf(init.version), { parallelism })
    const { log, probe, storage } = ports
    this.#host = new RescalableHost({
      graphAt,
      onRescaled: ({ from: before, to, epoch }) => trace.note('rescaled', `from ${before} to ${to}, epoch ${epoch}`),
      make: (host) => new SimulatedHost({
        world, process, trace, host, ports, scheduler, mount, number: init.number,
        workers: Math.min(init.workers, host.graph.parallelism),
        onRestore: (id) => init.onRestore(id),
        onBrokenLaw: (law) => init.onBrokenLaw(law),
        delivery: (message) => init.delivery(message),
        onPartAgain: (vertices) => init.onPartAgain(vertices),
        onDeployed: (subtasks, workers) => {
          this.#subtasks = subtasks
          this.#workers = workers
          this.#running = true
        },
        onLeft: () => {
          this.#onLeft()
          init.onLeft()
        },
      }),
      host: {
        graph: graphAt(process.parallelism), storage, directory, engine: engineOf(init.version), fresh: false, log, probe,
        ...(begin === undefined ? {} : { from: begin }),
        print: () => {},
        onStarted: (opened) => {
          trace.note('epoch', opened.epoch)
          init.onOpened()
        },
        onCheckpoint: ({ id, finished }) => {
          trace.note('complete', id)
          init.onCheckpoint(id, finished)
        },
        onCheckpointFailed: (id, reason) => trace.note('abort', `${id} ${reason}`),
        onRestart: ({ error, operators }) => {
          trace.note('restart', error.message)
          // What has not failed goes on.
          if (operators === undefined) this.#running = false
          init.onRestart(error)
        },
        onEnd: (end) => {
          trace.note('end', end.kind)
          this.#end = end
        },
        onBroken: (error) => {
          throw error
        },
      },
    })
  }

  /** A host has come to its end; another one may follow it in this process. */
  #onLeft(): void {
    this.#running = false
    this.#workers = undefined
    this.#subtasks = () => []
  }

  get parallelism(): number {
    return this.#host.parallelism
  }

  get end(): JobEnd | undefined {
    return this.#end
  }

  get running(): boolean {
    return this.#running
  }

  /** False: it was killed, or died in the middle of an operation. */
  get alive(): boolean {
    return this.#mounts.every((storage) => storage.alive || this.#lost.has(storage))
  }

  kill(): void {
    for (const storage of this.#mounts) storage.kill()
  }

  /** One of its threads dies, which it notices so much later; false: there is none to lose. */
  loseWorker(which: number, noticedMs: number): boolean {
    const storage = this.#workers?.lose(which, noticedMs)
    if (storage !== undefined) this.#lost.add(storage)
    return storage !== undefined
  }

  start(): void {
    this.#host.start()
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#host.savepoint(path, done)
  }

  stop(request: StopRequest): void {
    this.#host.stop(request)
  }

  rescale(to: number, done: (outcome: RescaleOutcome) => void): void {
    this.#host.rescale(to, done)
  }

  /** False if nothing is left that could ever happen. */
  step(): boolean {
    return this.scheduler.step(this.#subtasks())
  }
}
