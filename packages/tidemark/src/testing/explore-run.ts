/**
 * One run of a job in an exploration: processes that follow each other over one disk to the end.
 *
 * Owned by explore.ts. As the simulator does with its own jobs: faults happen for a while, then none
 * do, and the job has to finish.
 *
 *   ER-1  Same setup, plan and ambient world, same run: there is no other time or chance in it.
 *   ER-2  A dying process does nothing any more.
 *   ER-3  An error that no fault explains is a finding, also if the job recovers from it.
 */
import { buildGraph } from '../api/build.ts'
import type { Job } from '../api/job.ts'
import { isStreamError, type StreamError } from '../base/errors.ts'
import { Prng } from '../base/prng.ts'
import type { ToSubtask } from '../base/protocol.ts'
import { toJobGraph } from '../graph/chaining.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import { stepName } from '../host/failpoints.ts'
import { ERRNOS } from '../host/simulator/faults.ts'
import { Scheduler } from '../host/simulator/scheduler.ts'
import { OK, SimulatedDisk, type Fate, type OperationInfo } from '../host/simulator/storage.ts'
import { AmbientLog, virtualised, type AmbientUse, type AmbientWorld } from './ambient.ts'
import { EngineProcess } from './engine-process.ts'
import { INJECTED, throwing, timingOut, type Strike } from './explore-faults.ts'
import { drawProcess, only, type Crash, type ExplorePlan, type ProcessPlan } from './explore-plan.ts'
import { Feed } from './feed.ts'
import { Recorder } from './recorder.ts'
import { replaceEnds } from './replace.ts'

/** A sink of the job that is tested itself instead of being replaced. */
export interface SinkUnderTest {
  /** Empties what it writes to; called before every run. */
  reset(): void
  /** What it has made visible. */
  read(): readonly unknown[]
}

export interface ExploreSetup {
  readonly job: Job
  readonly config: Readonly<Record<string, string>>
  readonly input: ReadonlyMap<string, readonly unknown[]>
  readonly parallelisms: readonly number[]
  readonly sinks: ReadonlyMap<string, SinkUnderTest>
  /** Steps of the undisturbed run; undefined while that is being made. */
  readonly usualSteps: number | undefined
}

/** What user functions see of time and chance beside the run's own. */
export interface AmbientDraw {
  readonly shiftMs: number
  readonly seed: number
}

export interface ExploreRun {
  readonly outputs: ReadonlyMap<string, readonly unknown[]>
  /** The job's own error: no fault explains it. */
  readonly error: unknown
  /** Why the job did not come to its end. */
  readonly stuck: string | undefined
  readonly ambient: readonly AmbientUse[]
  /** What was done to it, to read. */
  readonly events: readonly string[]
  readonly steps: number
  /** Calls of user functions and reads of sources. */
  readonly calls: number
  readonly crashes: number
  readonly restarts: number
  readonly checkpoints: number
}

const MAX_PROCESSES = 60
const FIRST_RUN_STEPS = 3_000_000
/** So many errors of the disk, and so many lost answers to commits; more only repeat the same, slowly. */
const MOST_STRIKES = 4
/** What the simulator's clock shows at its zero (scheduler.ts). */
const SCHEDULER_WALL_MS = 1_000_000_000_000

export function exploreOnce(setup: ExploreSetup, plan: ExplorePlan, ambient: AmbientDraw): ExploreRun {
  return new Run(setup, plan, ambient).run()
}

class Run {
  readonly #setup: ExploreSetup
  readonly #random: Prng
  readonly #strikes: Prng
  readonly #ambient: AmbientDraw
  readonly #log = new AmbientLog()
  readonly #disk = new SimulatedDisk()
  readonly #feeds = new Map<string, Feed>()
  readonly #recorders = new Map<string, Recorder>()
  readonly #sinks: string[] = []
  readonly #crashes: Crash[]
  readonly #events: string[] = []
  #plan: ExplorePlan
  #scheduler: Scheduler
  #process: EngineProcess | undefined
  #aim: Crash | undefined
  #aimLeft = 0
  #nowMs = 1000
  #error: unknown
  #stuck: string | undefined
  #healed = false
  #ioErrors = 0
  #timeouts = 0
  #steps = 0
  #calls = 0
  #processes = 0
  #crashed = 0
  #restarts = 0
  #checkpoints = 0

  constructor(setup: ExploreSetup, plan: ExplorePlan, ambient: AmbientDraw) {
    this.#setup = setup
    this.#plan = plan
    this.#ambient = ambient
    this.#random = new Prng(plan.seed)
    this.#strikes = this.#random.fork()
    this.#crashes = [...plan.crashes]
    this.#scheduler = new Scheduler(this.#random.fork(), 'uniform', this.#nowMs)
    this.#disk.onOperation = (info) => this.#fate(info)
  }

  run(): ExploreRun {
    for (const sink of this.#setup.sinks.values()) sink.reset()
    const world: AmbientWorld = {
      wallMs: () => this.#scheduler.wallMs() + this.#ambient.shiftMs,
      monotonicMs: () => this.#scheduler.monotonicMs(),
      random: new Prng(this.#ambient.seed),
      after: (delayMs, fire) => {
        const timer = this.#scheduler.after(delayMs, fire)
        return () => timer.cancel()
      },
    }
    try {
      virtualised(world, this.#log, () => this.#runToEnd())
    } catch (error) {
      this.#error ??= error
    }
    const outputs = new Map(this.#sinks.map((name) => [name, this.#outputOf(name)]))
    return {
      outputs, error: this.#error, stuck: this.#stuck, ambient: this.#log.uses, events: this.#events,
      steps: this.#steps, calls: this.#calls, crashes: this.#crashed, restarts: this.#restarts,
      checkpoints: this.#checkpoints,
    }
  }

  #outputOf(sink: string): readonly unknown[] {
    return this.#setup.sinks.get(sink)?.read() ?? this.#recorders.get(sink)?.committed ?? []
  }

  #runToEnd(): void {
    while (this.#error === undefined && this.#stuck === undefined) {
      if (this.#runProcess() === 'finished') return
      if (this.#processes >= MAX_PROCESSES) this.#stuck = `it was started ${this.#processes} times`
    }
  }

  #runProcess(): 'finished' | 'died' | 'failed' {
    this.#processes += 1
    this.#nextAim()
    const random = this.#random.fork()
    const drawn = drawProcess(random, this.#plan, this.#setup.parallelisms)
    const process = this.#start(random, drawn)
    while (process.alive && process.end === undefined && this.#error === undefined && this.#stuck === undefined) {
      this.#steps += 1
      this.#beforeStep(process)
      if (process.alive && !this.#scheduler.step(process.subtasks)) {
        this.#stuck = 'nothing is left to do, and it has not ended (does a source or sink wait for real I/O?)'
      }
    }
    this.#nowMs = this.#scheduler.monotonicMs() + 50
    if (!process.alive) {
      this.#die()
      return 'died'
    }
    this.#disk.killAll()
    for (const recorder of this.#recorders.values()) recorder.crash()
    if (process.end?.kind !== 'failed') return 'finished'
    this.#event(`process ${this.#processes} ended with ${process.end.error.code}`)
    this.#judge(process.end.error)
    return 'failed'
  }

  #start(random: Prng, drawn: ProcessPlan): EngineProcess {
    const scheduler = new Scheduler(random.fork(), drawn.policy, this.#nowMs)
    scheduler.jumpWall(this.#plan.wallMs - SCHEDULER_WALL_MS)
    this.#scheduler = scheduler
    const pace = random.fork()
    const storage = this.#disk.mount((info, run) => {
      const slow = info.operation === 'sync' || info.operation === 'syncDirectory' || pace.chance(1, 8)
      const delayMs = slow ? pace.below(3) : 0
      if (delayMs === 0) scheduler.post(`io:${info.index}`, run)
      else scheduler.after(delayMs, run)
    })
    const process = new EngineProcess({
      graph: this.#graph(drawn.parallelism), loop: scheduler, storage, random: random.fork(),
      options: drawn.options, number: this.#processes,
      probe: (step) => this.#onProbe(step),
      onCheckpoint: () => {
        this.#checkpoints += 1
      },
      onCheckpointFailed: () => {},
      onRestart: (error) => {
        this.#restarts += 1
        this.#event(`restart after ${error.message}`)
        this.#judge(error)
      },
      carry: (message, deliver) => this.#carry(message, deliver),
    })
    this.#process = process
    process.start()
    return process
  }

  /** Built anew for each process, as in life: what the build function keeps in variables dies with it. */
  #graph(parallelism: number): JobGraph {
    const { job, config, input, sinks } = this.#setup
    const graph = withoutTraces(() => buildGraph(job, { config }).graph)
    this.#sinks.length = 0
    const replaced = replaceEnds(graph, {
      marks: false,
      feedOf: (name) => this.#feed(name, input.get(name) ?? []),
      sinkOf: (name, { sink }) => {
        this.#sinks.push(name)
        const recorder = this.#recorders.get(name) ?? new Recorder()
        this.#recorders.set(name, recorder)
        return timingOut(sinks.has(name) ? sink : recorder.sink(sink), () => this.#commitStrike())
      },
      spec: (operator) => throwing(operator, () => this.#strike()),
    })
    const checkpoint = { ...graph.checkpoint, everyMs: this.#plan.checkpointEveryMs, minPauseMs: 0 }
    const most = Math.min(parallelism, graph.maxParallelism)
    return toJobGraph({ ...replaced, checkpoint }, { parallelism: most })
  }

  #feed(name: string, records: readonly unknown[]): Feed {
    let feed = this.#feeds.get(name)
    if (feed === undefined) {
      feed = new Feed(name)
      feed.append(records)
      feed.end()
      feed.beforePoll = () => {
        if (this.#strike() !== 'none') throw new Error(`source "${name}" could not be read, ${INJECTED}`)
      }
      this.#feeds.set(name, feed)
    }
    return feed
  }

  // ---- faults -------------------------------------------------------------------------------------

  #nextAim(): void {
    this.#aim = this.#healed ? undefined : this.#crashes.shift()
    const point = this.#aim?.point
    const usual = this.#setup.usualSteps ?? 1000
    this.#aimLeft = point === undefined ? 0
      : point.kind === 'progress' ? Math.max(1, Math.floor(usual * point.share)) : point.times
  }

  #beforeStep(process: EngineProcess): void {
    const { usualSteps } = this.#setup
    const calmFrom = usualSteps === undefined ? FIRST_RUN_STEPS : 8 * usualSteps + 20_000
    if (!this.#healed && this.#steps > calmFrom) {
      this.#healed = true
      this.#aim = undefined
      this.#plan = only(this.#plan, [])
    }
    if (this.#steps > 3 * calmFrom + 100_000) {
      this.#stuck = `not after ${this.#steps} steps, the last of them without faults`
    }
    if (this.#aim?.point.kind === 'progress' && --this.#aimLeft === 0) process.storage.kill()
  }

  #onProbe(step: string): void {
    const point = this.#aim?.point
    if (point?.kind !== 'step' || stepName(step) !== point.step) return
    if (--this.#aimLeft === 0) this.#process?.storage.kill()
  }

  #die(): void {
    const { point, disk = 'kill' } = this.#aim ?? {}
    this.#crashed += 1
    const where = point?.kind === 'step' ? `at ${point.step}` : `at step ${this.#steps}`
    this.#event(`process ${this.#processes} died ${where}${disk === 'kill' ? '' : ', power cut'}`)
    if (disk === 'kill') this.#disk.killAll()
    else this.#disk.powerCut(this.#random, disk)
    for (const recorder of this.#recorders.values()) recorder.crash()
  }

  #fate(info: OperationInfo): Fate {
    const { ioErrorOneIn } = this.#plan
    if (ioErrorOneIn === 0 || this.#ioErrors === MOST_STRIKES || !this.#strikes.chance(1, ioErrorOneIn)) return OK
    this.#ioErrors += 1
    const errno = this.#strikes.pick(ERRNOS)
    this.#event(`${errno} of ${info.operation} ${info.path}`)
    return { kind: 'fail', errno, partial: this.#strikes.below(20) }
  }

  /** A lost notification comes so late that mostly the next one has overtaken it. */
  #carry(message: ToSubtask, deliver: () => void): void {
    const { dropOneIn } = this.#plan
    const lost = message.kind === 'complete' && dropOneIn > 0 && this.#strikes.chance(1, dropOneIn)
    if (!lost) {
      deliver()
      return
    }
    this.#event(`lost: checkpoint ${message.id} is complete`)
    this.#scheduler.after(200 + this.#strikes.below(2000), deliver)
  }

  #strike(): Strike {
    this.#calls += 1
    if (!this.#plan.throwsAt.includes(this.#calls)) return 'none'
    return this.#strikes.chance(1, 2) ? 'before' : 'after'
  }

  #commitStrike(): Strike {
    const { commitTimeoutOneIn } = this.#plan
    if (commitTimeoutOneIn === 0 || this.#timeouts === MOST_STRIKES) return 'none'
    if (!this.#strikes.chance(1, commitTimeoutOneIn)) return 'none'
    this.#timeouts += 1
    return this.#strikes.chance(1, 2) ? 'before' : 'after'
  }

  #judge(error: StreamError): void {
    const { ioErrorOneIn } = this.#plan
    const ofDisk = ioErrorOneIn > 0 || this.#healed
    const injected = error.message.includes(INJECTED) || causeText(error).includes(INJECTED) ||
      (ofDisk && ['E041', 'E052', 'E053'].includes(error.code)) ||
      (ofDisk && isStreamError(error.cause) && ['E052', 'E053'].includes(error.cause.code))
    if (!injected) this.#error ??= error
  }

  #event(text: string): void {
    if (this.#events.length < 50) this.#events.push(text)
  }
}

const causeText = (error: Error): string => (error.cause instanceof Error ? error.cause.message : '')

/** Places in the job file were found when explore() began; looking for them again costs more than the build. */
function withoutTraces<T>(build: () => T): T {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return build()
  } finally {
    Error.stackTraceLimit = before
  }
}
