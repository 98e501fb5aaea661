/**
 * The in-process host: all subtasks of a job, at any parallelism, on the one thread of this process.
 *
 * A composition root: makes the ports, the supervisor and the deployments, and drives them from one
 * EventLoop. Owns nothing but the wiring.
 */
import { hostname } from 'node:os'
import type { Log, Ports, Probe, Storage } from '../base/ports.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { JobSupervisor, type JobEnd, type SupervisorInit } from '../job/job-supervisor.ts'
import type { Subtask } from '../task/subtask.ts'
import { DEFAULT_TASK_OPTIONS, type TaskOptions } from '../task/options.ts'
import { Deployment, type DeploymentCounts } from './deployment.ts'
import { EventLoop } from './event-loop.ts'
import { PrintHub, type PrintLine } from './print-hub.ts'
import { realPorts } from './real-ports.ts'

/** Steps a subtask takes before the next one has its turn. */
const STEPS_IN_A_ROW = 4

export interface InProcessInit {
  readonly graph: JobGraph
  readonly storage: Storage
  readonly directory: string
  readonly engine: string
  readonly fresh: boolean
  readonly log: Log
  readonly probe: Probe
  readonly print: PrintLine
  readonly options?: Partial<TaskOptions>
  readonly onStarted: SupervisorInit['onStarted']
  readonly onCheckpoint: SupervisorInit['onCheckpoint']
  readonly onCheckpointFailed: SupervisorInit['onCheckpointFailed']
  readonly onRestart: SupervisorInit['onRestart']
  onEnd(end: JobEnd): void
  /** A broken invariant: the host has stopped. */
  onBroken(error: unknown): void
}

export class InProcessHost {
  readonly #loop: EventLoop
  readonly #supervisor: JobSupervisor
  readonly #ports: Ports
  readonly #prints: PrintHub
  readonly #options: TaskOptions
  #deployment: Deployment | undefined
  #subtasks: readonly Subtask[] = []
  #next = 0
  #past = { late: 0, invalid: 0 }

  constructor(init: InProcessInit) {
    this.#options = { ...DEFAULT_TASK_OPTIONS, ...init.options }
    this.#prints = new PrintHub(init.print)
    this.#loop = new EventLoop((deadlineMs) => this.#runSubtasks(deadlineMs), (error) => init.onBroken(error))
    this.#ports = realPorts({ executor: this.#loop, storage: init.storage, log: init.log, probe: init.probe })
    this.#supervisor = new JobSupervisor({
      graph: init.graph, ports: this.#ports, directory: init.directory, engine: init.engine,
      pid: process.pid, host: hostname(), fresh: init.fresh,
      onStarted: init.onStarted, onCheckpoint: init.onCheckpoint,
      onCheckpointFailed: init.onCheckpointFailed, onRestart: init.onRestart,
      onEnd: (end) => {
        this.#loop.stop()
        init.onEnd(end)
      },
      deploy: ({ opened, restored, files, fromSubtask, fence }) => {
        this.#past = this.counts()
        const deployment = new Deployment({
          graph: init.graph, jobId: opened.jobId, epoch: opened.epoch, ports: this.#ports, options: this.#options,
          segments: files, restoredCheckpoint: restored.checkpoint, fromSubtask, fence,
          restoredOf: (operator, vertex, subtask) => restored.of(operator, vertex, subtask),
          print: (operator, subtask, index, _label, text) => this.#prints.print(operator, subtask, index, text),
          awake: () => this.#loop.wake(),
        })
        this.#deployment = deployment
        this.#subtasks = deployment.subtasks
        return deployment
      },
    })
  }

  start(): void {
    this.#supervisor.start()
  }

  stop(): void {
    this.#supervisor.stop()
  }

  cancel(): void {
    this.#supervisor.cancel()
    this.#loop.stop()
  }

  get restarts(): number {
    return this.#supervisor.restarts
  }

  /** Records since the job began; late and invalid ones since this process began. */
  counts(): DeploymentCounts {
    const now = this.#deployment?.counts() ?? { recordsIn: 0, recordsOut: 0, late: 0, invalid: 0 }
    return { ...now, late: this.#past.late + now.late, invalid: this.#past.invalid + now.invalid }
  }

  get watermark(): number | undefined {
    return this.#deployment?.watermark
  }

  /** One round over all subtasks, or as far as the time goes; the next round begins where this one ended. */
  #runSubtasks(deadlineMs: number): boolean {
    const subtasks = this.#subtasks
    let ran = false
    for (let i = 0; i < subtasks.length; i++) {
      const subtask = subtasks[this.#next % subtasks.length] as Subtask
      this.#next = (this.#next + 1) % subtasks.length
      for (let steps = 0; steps < STEPS_IN_A_ROW && subtask.runnable; steps++) {
        subtask.step()
        ran = true
        if (performance.now() >= deadlineMs) return true
      }
    }
    return ran
  }
}
