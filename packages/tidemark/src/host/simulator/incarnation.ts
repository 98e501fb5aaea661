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
import type { ToSubtask } from '../../base/protocol.ts'
import { toJobGraph } from '../../graph/chaining.ts'
import { JobSupervisor, type JobEnd } from '../../job/job-supervisor.ts'
import type { Subtask } from '../../task/subtask.ts'
import { Deployment } from '../deployment.ts'
import { CheckedChannel, type BrokenLaw } from './checked-channel.ts'
import { Scheduler } from './scheduler.ts'
import type { OperationInfo, SimulatedDisk, SimulatedStorage } from './storage.ts'
import type { Trace } from './trace.ts'
import type { ProcessPlan, World } from './world.ts'

export const STATE = '/state/job'

export interface IncarnationInit {
  readonly world: World
  readonly disk: SimulatedDisk
  readonly process: ProcessPlan
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
  readonly storage: SimulatedStorage
  readonly #supervisor: JobSupervisor
  #subtasks: readonly Subtask[] = []
  #end: JobEnd | undefined

  constructor(init: IncarnationInit) {
    const { world, disk, process, random, trace } = init
    const scheduler = new Scheduler(random.fork(), process.policy, init.nowMs)
    this.scheduler = scheduler
    scheduler.onChoice = (kind, label) => trace.note(kind, label)
    const pace = random.fork()
    this.storage = disk.mount((info, run) => {
      trace.note(info.operation, info.path)
      const lane = `io:${info.index}`
      const most = init.delayMs(info)
      const delayMs = most === 0 ? 0 : pace.below(most + 1)
      if (delayMs === 0 && process.eager > 0 && pace.below(8) < process.eager) run()
      else if (delayMs === 0) scheduler.post(lane, run)
      else scheduler.after(delayMs, run)
    })
    const ports: Ports = {
      clock: scheduler, timers: scheduler, executor: scheduler,
      random: random.fork(), storage: this.storage,
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
        const deployment = new Deployment({
          graph, jobId: opened.jobId, epoch: opened.epoch, ports, options: process.options,
          segments: files, restoredCheckpoint: restored.checkpoint, fence,
          fromSubtask: (id, message) => {
            trace.note('from', `${id.vertex}/${id.subtask} ${message.kind}`)
            fromSubtask(id, message)
          },
          restoredOf: (operator, vertex, subtask) => restored.of(operator, vertex, subtask),
          print: () => {},
          newChannel: (sender, capacity) =>
            new CheckedChannel(sender, {
              capacity, batchRecords: process.options.batchRecords,
              recordsAStep: world.recordsAStep(process, sender), recordsHeld: world.recordsHeld,
              step: () => scheduler.steps,
              report: (law) => {
                init.onBrokenLaw(law)
                throw law
              },
            }),
          awake: () => {},
        })
        this.#subtasks = deployment.subtasks
        return {
          start: () => deployment.start(),
          send: (to, message) => {
            trace.note('to', `${to.vertex}/${to.subtask} ${message.kind}`)
            for (const delayMs of init.delivery(message)) {
              if (delayMs === 0) deployment.send(to, message)
              else scheduler.after(delayMs, () => deployment.send(to, message))
            }
          },
          cancel: () => deployment.cancel(),
        }
      },
    })
  }

  get end(): JobEnd | undefined {
    return this.#end
  }

  start(): void {
    this.#supervisor.start()
  }

  /** False if nothing is left that could ever happen. */
  step(): boolean {
    return this.scheduler.step(this.#subtasks)
  }
}
