/**
 * The in-process host: all subtasks of a job, at any parallelism, on the one thread of this process.
 *
 * A composition root: makes the ports, the supervisor and the deployments, and drives them from one
 * EventLoop. Owns nothing but the wiring.
 */
import { hostname } from 'node:os'
import { attempt } from '../base/ids.ts'
import type { Ports } from '../base/ports.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { Deployed } from '../job/job-attempt.ts'
import { JobSupervisor } from '../job/job-supervisor.ts'
import type { StopRequest } from '../job/stop.ts'
import { DEFAULT_TASK_OPTIONS, type TaskOptions } from '../task/options.ts'
import { Deployment, type DeploymentCounts } from './deployment.ts'
import { EventLoop } from './event-loop.ts'
import { HostMeter, type HostSample } from './host-meter.ts'
import { NO_COUNTS, type JobHost, type JobHostInit } from './job-host.ts'
import { landings } from './paged-stores.ts'
import { PrintHub } from './print-hub.ts'
import { realPorts } from './real-ports.ts'
import { Turns } from './turns.ts'

export interface InProcessInit extends JobHostInit {
  readonly options?: Partial<TaskOptions>
}

export class InProcessHost implements JobHost {
  readonly #loop: EventLoop
  readonly #supervisor: JobSupervisor
  readonly #ports: Ports
  readonly #prints: PrintHub
  readonly #options: TaskOptions
  readonly #meter: HostMeter
  #deployment: Deployment | undefined
  readonly #turns = new Turns()
  #past = { late: 0, invalid: 0 }

  constructor(init: InProcessInit) {
    this.#options = { ...DEFAULT_TASK_OPTIONS, ...init.options }
    this.#prints = new PrintHub(init.print)
    this.#loop = new EventLoop((deadlineMs) => this.#turns.run(deadlineMs), (error) => init.onBroken(error))
    this.#ports = realPorts({ executor: this.#loop, storage: init.storage, log: init.log, probe: init.probe })
    this.#meter = new HostMeter(init.graph, 1)
    const { pagedDirectory } = init
    this.#supervisor = new JobSupervisor(this.#meter.watching({
      ...(pagedDirectory === undefined ? {} : { landing: landings(init.graph, { directory: pagedDirectory, owner: 'main' }) }),
      graph: init.graph, ports: this.#ports, directory: init.directory, engine: init.engine,
      pid: process.pid, host: hostname(), fresh: init.fresh,
      ...(init.from === undefined ? {} : { from: init.from }),
      ...(init.allowDropped === undefined ? {} : { allowDropped: init.allowDropped }),
      onStarted: init.onStarted, onCheckpoint: init.onCheckpoint,
      onCheckpointFailed: init.onCheckpointFailed, onRestart: init.onRestart,
      onEnd: (end) => {
        this.#loop.stop()
        init.onEnd(end)
      },
      deploy: ({ opened, restored, files, fromSubtask, fence }): Deployed => {
        this.#past = this.counts()
        const deployment = new Deployment({
          graph: init.graph, jobId: opened.jobId, epoch: opened.epoch, ports: this.#ports, options: this.#options,
          segments: files, part: { attempt: attempt(0), restored }, fromSubtask, fence,
          print: (operator, subtask, index, _label, text) => this.#prints.print(operator, subtask, index, text),
          awake: () => this.#loop.wake(),
          metrics: this.#meter.metrics,
        })
        this.#deployment = deployment
        this.#turns.subtasks = deployment.subtasks
        return {
          start: (again) => deployment.start(again),
          send: (to, message) => deployment.send(to, message),
          cancel: (vertices) => deployment.cancel(vertices),
          redeploy: (part) => {
            deployment.redeploy(part)
            this.#turns.subtasks = deployment.subtasks
            this.#loop.wake()
          },
        }
      },
    }))
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
    this.#loop.stop()
  }

  get restarts(): number {
    return this.#supervisor.restarts
  }

  /** Records since the job began; late and invalid ones since this process began. */
  counts(): DeploymentCounts {
    const now = this.#deployment?.counts() ?? NO_COUNTS
    return { ...now, late: this.#past.late + now.late, invalid: this.#past.invalid + now.invalid }
  }

  get restarting(): readonly string[] {
    return this.#supervisor.restarting
  }

  get watermark(): number | undefined {
    return this.#deployment?.watermark
  }

  sample(): HostSample {
    this.#deployment?.publish()
    return this.#meter.sample(this.#ports.clock, this.#supervisor)
  }
}
