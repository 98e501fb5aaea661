/**
 * The smallest process that runs a whole job: the real supervisor and subtasks, one fixed order of steps.
 *
 * Used by the enumeration of crashes, where the disk is what varies and nothing else does.
 */
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import { attempt } from '../../src/base/ids.ts'
import { Prng } from '../../src/base/prng.ts'
import type { Ports, TimerHandle } from '../../src/base/ports.ts'
import { collection } from '../../src/connector/collection.ts'
import { files } from '../../src/connector/file-sink.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobGraph } from '../../src/graph/job-graph.ts'
import { Deployment } from '../../src/host/deployment.ts'
import type { SimulatedDisk, SimulatedStorage } from '../../src/host/simulator/storage.ts'
import { JobSupervisor, type JobEnd } from '../../src/job/job-supervisor.ts'
import type { StopRequest } from '../../src/job/stop.ts'
import type { Subtask } from '../../src/task/subtask.ts'

export const STATE = '/state'

export interface Plan {
  readonly records: number
  /** Milliseconds between two checkpoints; each step of a subtask takes one. */
  readonly every: number
  readonly retain: number
  readonly sinks: 1 | 2
  /** A user function throws when it first meets this record. */
  readonly poison?: number
  readonly out?: string
}

interface Bead {
  readonly id: number
  readonly colour: number
}

const COLOURS = 3
const FIRST_DELAY_SEED = 11

export const directoriesOf = (plan: Plan): string[] => {
  const out = plan.out ?? '/out'
  return plan.sinks === 1 ? [`${out}/nth`] : [`${out}/nth`, `${out}/ids`]
}

const beads = (plan: Plan): Bead[] =>
  Array.from({ length: plan.records }, (_, id) => ({ id, colour: (id * 5) % COLOURS }))

/** By a plain loop: the nth bead of each colour, and with two sinks every bead. */
export function expectedLines(plan: Plan): string[] {
  const seen = new Map<number, number>()
  const lines = beads(plan).map(({ colour }) => {
    const value = (seen.get(colour) ?? 0) + 1
    seen.set(colour, value)
    return JSON.stringify({ colour, value })
  })
  if (plan.sinks === 2) lines.push(...beads(plan).map(({ id }) => JSON.stringify({ id })))
  return lines.toSorted()
}

export function graphOf(plan: Plan): JobGraph {
  const out = plan.out ?? '/out'
  let poisoned = plan.poison !== undefined
  const options = {
    checkpoint: { every: plan.every, retain: plan.retain, tolerableFailures: 3 },
    restart: { kind: 'fixed-delay', delay: 1, attempts: 5 },
    maxParallelism: 4,
  } as const
  const beadJob = job('beads', options, (j) => {
    const read = j.from<Bead>('necklace', collection(beads(plan), { splits: 2 })).map((bead) => {
      if (poisoned && bead.id === plan.poison) {
        poisoned = false
        throw new Error('a poisoned bead')
      }
      return bead
    })
    read.keyBy((bead) => bead.colour)
      .reduce('nth', () => 0, (n) => n + 1)
      .map(({ key, value }) => ({ colour: key, value }))
      .to('totals', files({ path: `${out}/nth` }))
    if (plan.sinks === 2) read.map(({ id }) => ({ id })).to('ids', files({ path: `${out}/ids` }))
  })
  return toJobGraph(buildGraph(beadJob).graph, { parallelism: 1 })
}

interface Timer {
  readonly dueMs: number
  readonly fire: () => void
  live: boolean
}

export class SmallProcess {
  readonly storage: SimulatedStorage
  readonly completed: number[] = []
  readonly aborted: number[] = []
  restarts = 0
  readonly probes: string[] = []
  /** The directory was opened: its term is on the disk. */
  started = false
  restored: number | undefined
  end: JobEnd | undefined
  readonly #supervisor: JobSupervisor
  #subtasks: () => readonly Subtask[] = () => []
  readonly #mail: (() => void)[] = []
  #timers: Timer[] = []
  #nowMs: number
  #turn = 0

  constructor(disk: SimulatedDisk, init: {
    readonly graph: JobGraph
    readonly number?: number
    readonly fresh?: boolean
    readonly directory?: string
    /** A savepoint or another state directory to begin from. */
    readonly from?: string
    /** Storage operations take a step each instead of none. */
    readonly paced?: boolean
    /** Storage operations take so many milliseconds, in which subtasks go on. */
    readonly storageMs?: number
    readonly onProbe?: (step: string) => void
  }) {
    const number = init.number ?? 1
    this.#nowMs = number * 10_000
    const { storageMs } = init
    this.storage = disk.mount(
      storageMs !== undefined ? (_info, run) => void this.#after(storageMs, run)
        : init.paced === true ? (_info, run) => void this.#mail.push(run) : undefined,
    )
    const ports: Ports = {
      storage: this.storage,
      clock: { wallMs: () => this.#nowMs, monotonicMs: () => this.#nowMs },
      timers: { after: (delayMs, fire) => this.#after(delayMs, fire) },
      executor: { post: (_lane, mail) => void this.#mail.push(mail) },
      random: new Prng(FIRST_DELAY_SEED * number),
      log: () => {},
      probe: (step) => {
        this.probes.push(step)
        init.onProbe?.(step)
      },
    }
    const { graph } = init
    this.#supervisor = new JobSupervisor({
      graph, ports, directory: init.directory ?? STATE, engine: 'test', pid: number, host: 'test',
      fresh: init.fresh ?? false, ...(init.from === undefined ? {} : { from: { path: init.from } }),
      onStarted: (opened) => {
        this.started = true
        this.restored = opened.restore?.checkpoint ?? 0
      },
      onCheckpoint: ({ id }) => void this.completed.push(id),
      onCheckpointFailed: (id) => void this.aborted.push(id),
      onRestart: () => void (this.restarts += 1),
      onEnd: (end) => {
        this.end = end
      },
      deploy: ({ opened, restored, files: segments, fromSubtask, fence }) => {
        const deployment = new Deployment({
          graph, ports, segments, fence, fromSubtask, jobId: opened.jobId, epoch: opened.epoch,
          options: { batchRecords: 2, sourceBatchRecords: 2, channelBatches: 2, freeze: true, pick: 'in-turn' },
          part: { attempt: attempt(0), restored },
          print: () => {},
          awake: () => {},
        })
        this.#subtasks = () => deployment.subtasks
        return deployment
      },
    })
  }

  start(): this {
    this.#supervisor.start()
    return this
  }

  stop(request?: StopRequest): void {
    this.#supervisor.stop(request)
  }

  get running(): boolean {
    return this.storage.alive && this.end === undefined
  }

  /** Nothing waits to be run before the next record or timer. */
  get settled(): boolean {
    return this.#mail.length === 0
  }

  /** False if nothing is left that could happen. */
  step(): boolean {
    const mail = this.#mail.shift()
    if (mail !== undefined) {
      mail()
      return true
    }
    const due = this.#earliest()
    if (due !== undefined && due.dueMs <= this.#nowMs) return this.#fire(due)
    const subtasks = this.#subtasks()
    for (let i = 0; i < subtasks.length; i++) {
      const subtask = subtasks[(this.#turn + i) % subtasks.length] as Subtask
      if (!subtask.runnable) continue
      this.#turn += i + 1
      this.#nowMs += 1
      subtask.step()
      return true
    }
    return due !== undefined && this.#fire(due)
  }

  /** Runs until `done`, its end or its death; throws if that does not come. */
  run(done: () => boolean = () => false, mostSteps = 3_000): this {
    for (let i = 0; this.running && !done(); i++) {
      if (i === mostSteps) throw new Error(`no end after ${mostSteps} steps`)
      if (!this.step()) throw new Error('nothing is left to do, and the job has not ended')
    }
    return this
  }

  #after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { dueMs: this.#nowMs + delayMs, fire, live: true }
    this.#timers.push(timer)
    return { cancel: () => void (timer.live = false) }
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (timer.live && (first === undefined || timer.dueMs < first.dueMs)) first = timer
    return first
  }

  #fire(timer: Timer): true {
    this.#timers = this.#timers.filter((other) => other !== timer && other.live)
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
    timer.fire()
    return true
  }
}
