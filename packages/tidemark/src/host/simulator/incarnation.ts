/**
 * One simulated process: the real supervisor, deployment and subtasks over simulated ports.
 *
 * Wires them exactly as host/in-process.ts does. Owned by the simulator, which steps it and, to let it
 * die, simply never steps it again: nothing of it is closed or cancelled.
 */
import type { StreamError } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import type { Ports } from '../../base/ports.ts'
import type { Prng } from '../../base/prng.ts'
import type { FromSubtask, SubtaskId, ToSubtask } from '../../base/protocol.ts'
import { toJobGraph } from '../../graph/chaining.ts'
import type { Deployed } from '../../job/job-attempt.ts'
import { JobSupervisor, type JobEnd } from '../../job/job-supervisor.ts'
import type { Subtask } from '../../task/subtask.ts'
import { Deployment } from '../deployment.ts'
import { CheckedChannel, type BrokenLaw } from './checked-channel.ts'
import { Scheduler } from './scheduler.ts'
import type { OperationInfo, Schedule, SimulatedDisk, SimulatedStorage } from './storage.ts'
import type { Trace } from './trace.ts'
import { WorkerThreads } from './worker-threads.ts'
import type { ProcessPlan, World } from './world.ts'

export const STATE = '/state/job'

export interface IncarnationInit {
  readonly world: World
  readonly disk: SimulatedDisk
  readonly process: ProcessPlan
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
  /** An attempt goes on from this checkpoint. */
  onRestore(id: CheckpointId): void
  onBrokenLaw(law: BrokenLaw): void
  /** When a message arrives, besides in order: it is sent once for each number, so much later. */
  delivery(message: ToSubtask): readonly number[]
  onRestart(error: StreamError): void
}

export class Incarnation {
  readonly scheduler: Scheduler
  /** Of the process, and of each thread it ever had. */
  readonly #mounts: SimulatedStorage[] = []
  /** Those that ended with their thread alone. */
  readonly #lost = new Set<SimulatedStorage>()
  readonly #supervisor: JobSupervisor
  #subtasks: () => readonly Subtask[] = () => []
  #workers: WorkerThreads | undefined
  #end: JobEnd | undefined

  constructor(init: IncarnationInit) {
    const { world, disk, process, random, trace } = init
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
    const graph = toJobGraph(world.graph, { parallelism: process.parallelism })
    this.#supervisor = new JobSupervisor({
      graph, ports, directory: STATE, engine: 'simulator', pid: init.number, host: 'simulator', fresh: false,
      onStarted: (opened) => trace.note('epoch', opened.epoch),
      onCheckpoint: ({ id, finished }) => {
        trace.note('complete', id)
        init.onCheckpoint(id, finished)
      },
      onCheckpointFailed: (id, reason) => trace.note('abort', `${id} ${reason}`),
      onRestart: ({ error }) => {
        trace.note('restart', error.message)
        init.onRestart(error)
      },
      onEnd: (end) => {
        trace.note('end', end.kind)
        this.#end = end
      },
      deploy: ({ opened, restored, files, fromSubtask, fence }) => {
        if (opened.restore !== undefined) init.onRestore(opened.restore.checkpoint)
        const shared = {
          graph, ports, options: process.options,
          fromSubtask: (id: SubtaskId, message: FromSubtask) => {
            trace.note('from', `${id.vertex}/${id.subtask} ${message.kind}`)
            fromSubtask(id, message)
          },
          newChannel: (sender: string, capacity: number) =>
            new CheckedChannel(sender, {
              capacity, batchRecords: process.options.batchRecords,
              recordsAStep: world.recordsAStep(process, sender), recordsHeld: world.recordsHeld,
              step: () => scheduler.steps,
              report: (law) => {
                init.onBrokenLaw(law)
                throw law
              },
            }),
        }
        const send = (deployed: Pick<Deployed, 'send'>): Deployed['send'] => (to, message) => {
          trace.note('to', `${to.vertex}/${to.subtask} ${message.kind}`)
          for (const delayMs of init.delivery(message)) {
            if (delayMs === 0) deployed.send(to, message)
            else scheduler.after(delayMs, () => deployed.send(to, message))
          }
        }
        if (init.workers > 1) {
          const { workers } = init
          const threads = new WorkerThreads({ ...shared, workers, directory: STATE, deploy: { opened, restored }, mount })
          this.#workers = threads
          this.#subtasks = () => threads.subtasks
          return {
            start: () => threads.start(), send: send(threads), cancel: () => threads.cancel(),
            seal: (id) => threads.seal(id), discard: (id) => threads.discard(id),
          }
        }
        const deployment = new Deployment({
          ...shared, jobId: opened.jobId, epoch: opened.epoch,
          segments: files, restoredCheckpoint: restored.checkpoint, fence,
          restoredOf: (operator, vertex, subtask) => restored.of(operator, vertex, subtask),
          print: () => {},
          awake: () => {},
        })
        const { subtasks } = deployment
        this.#subtasks = () => subtasks
        return { start: () => deployment.start(), send: send(deployment), cancel: () => deployment.cancel() }
      },
    })
  }

  get end(): JobEnd | undefined {
    return this.#end
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
    this.#supervisor.start()
  }

  /** False if nothing is left that could ever happen. */
  step(): boolean {
    return this.scheduler.step(this.#subtasks())
  }
}
