/**
 * One process of a job under test: the real supervisor, deployment and subtasks over given ports.
 *
 * Wires them as the in-process host does. Owned by the harness or by an exploration, which runs its
 * steps and, to let it die, kills its storage and never steps it again (nothing of it is closed).
 */
import type { StreamError } from '../base/errors.ts'
import { attempt, type CheckpointId } from '../base/ids.ts'
import type { Clock, Executor, Probe, Random, Timers } from '../base/ports.ts'
import type { ToSubtask } from '../base/protocol.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { Deployment } from '../host/deployment.ts'
import type { SimulatedStorage } from '../host/simulator/storage.ts'
import { JobSupervisor, type JobEnd } from '../job/job-supervisor.ts'
import type { TaskOptions } from '../task/options.ts'
import type { Subtask } from '../task/subtask.ts'

export const STATE = '/state'

export interface EngineProcessInit {
  readonly graph: JobGraph
  readonly loop: Clock & Executor & Timers
  readonly storage: SimulatedStorage
  readonly random: Random
  readonly options: TaskOptions
  readonly number: number
  readonly probe: Probe
  readonly allowDropped?: readonly string[]
  onCheckpoint(id: CheckpointId): void
  onCheckpointFailed(id: CheckpointId, reason: string, error: StreamError | undefined): void
  onRestart(error: StreamError): void
  /** A message on its way to a subtask; it is delivered when, and if, `deliver` is called. */
  readonly carry?: (message: ToSubtask, deliver: () => void) => void
}

export class EngineProcess {
  readonly storage: SimulatedStorage
  readonly #supervisor: JobSupervisor
  #subtasks: readonly Subtask[] = []
  #end: JobEnd | undefined

  constructor(init: EngineProcessInit) {
    const { graph, loop, storage } = init
    this.storage = storage
    const ports = {
      clock: loop, timers: loop, executor: loop, random: init.random, storage, log: () => {},
      probe: init.probe,
    }
    const carry = init.carry ?? ((_message, deliver) => deliver())
    this.#supervisor = new JobSupervisor({
      graph, ports, directory: STATE, engine: 'testing', pid: init.number, host: 'testing', fresh: false,
      ...(init.allowDropped === undefined ? {} : { allowDropped: init.allowDropped }),
      onStarted: () => {},
      onCheckpoint: ({ id }) => init.onCheckpoint(id),
      onCheckpointFailed: (id, reason, error) => init.onCheckpointFailed(id, reason, error),
      onRestart: ({ error }) => init.onRestart(error),
      onEnd: (end) => {
        this.#end = end
      },
      deploy: ({ opened, restored, files, fromSubtask, fence }) => {
        const deployment = new Deployment({
          graph, jobId: opened.jobId, epoch: opened.epoch, ports, options: init.options, segments: files,
          part: { attempt: attempt(0), restored }, fence, fromSubtask,
          print: () => {},
          awake: () => {},
        })
        this.#subtasks = deployment.subtasks
        return {
          start: (again) => deployment.start(again),
          send: (to, message) => carry(message, () => deployment.send(to, message)),
          cancel: (vertices) => deployment.cancel(vertices),
          redeploy: (part) => {
            deployment.redeploy(part)
            this.#subtasks = deployment.subtasks
          },
        }
      },
    })
  }

  get subtasks(): readonly Subtask[] {
    return this.#subtasks
  }

  get end(): JobEnd | undefined {
    return this.#end
  }

  get alive(): boolean {
    return this.storage.alive
  }

  start(): void {
    this.#supervisor.start()
  }
}
