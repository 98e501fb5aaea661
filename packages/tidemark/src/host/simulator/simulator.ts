/**
 * Runs one world from its seed to its verdict: processes that die, a disk that forgets, one answer.
 *
 * Owns the run. Processes (incarnation.ts) follow each other over one disk until the job has finished;
 * first faults happen (safety phase), then none do any more (liveness phase) and it has to finish.
 * Called by scripts/sim.mjs and by tests.
 *
 *   SM-1  Same seed, same trace hash, on every machine.
 *   SM-2  A dying process does nothing any more: no handler of it runs, its operations never end.
 *   SM-3  Errors that no fault explains are violations, also if the job recovers from them.
 */
import { start } from '../../base/io.ts'
import { isStreamError, type StreamError } from '../../base/errors.ts'
import type { FileHandle } from '../../base/ports.ts'
import type { Prng } from '../../base/prng.ts'
import { stepName } from '../failpoints.ts'
import { ERRNOS, type Crash } from './faults.ts'
import { Incarnation } from './incarnation.ts'
import { compareOutput, readOutput, type Comparison } from './output.ts'
import { OK, SimulatedDisk, type Fate, type OperationInfo } from './storage.ts'
import { Trace } from './trace.ts'
import { drawProcess, drawWorld, POISONED, type World, type WorldPlan } from './world.ts'

/** After so many steps faults end, whatever has not happened yet. */
const SAFETY_STEPS = 8_000
/** So many more and the job must have finished. */
const LIVENESS_STEPS = 150_000
/** After so many starts faults end, too. */
const SAFETY_PROCESSES = 30
const MAX_PROCESSES = 60

export type Violation =
  | { readonly kind: 'output'; readonly comparison: Comparison }
  | { readonly kind: 'unexpected-error'; readonly error: string }
  | { readonly kind: 'not-finished'; readonly why: string }
  | { readonly kind: 'not-idle-after-end'; readonly what: string }

export interface SimulationResult {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly hash: string
  readonly steps: number
  readonly processes: number
  readonly crashes: number
  readonly checkpoints: number
  readonly restarts: number
  readonly records: number
  /** Named steps reached, and how often. */
  readonly reached: ReadonlyMap<string, number>
  readonly plan: WorldPlan
  /** Present if recording. */
  readonly trace: readonly string[]
}

export interface SimulationOptions {
  readonly recordTrace?: boolean
}

export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  return new Simulation(seed, new Trace(options.recordTrace ?? false)).run()
}

class Simulation {
  readonly #world: World
  readonly #trace: Trace
  readonly #disk = new SimulatedDisk()
  readonly #random: Prng
  readonly #crashes: Crash[]
  #steps = 0
  #nowMs = 1000
  #processes = 0
  #crashed = 0
  #checkpoints = 0
  #restarts = 0
  #healed = false
  #incarnation: Incarnation | undefined
  #aim: Crash | undefined
  #aimLeft = 0
  #violation: Violation | undefined

  constructor(seed: number, trace: Trace) {
    this.#world = drawWorld(seed)
    this.#trace = trace
    this.#random = this.#world.random.fork()
    this.#crashes = [...this.#world.plan.faults.crashes]
    trace.where = () =>
      `${String(this.#steps).padStart(6)} #${this.#processes} ${this.#incarnation?.scheduler.monotonicMs() ?? 0} ms`
    this.#writeInputs()
    this.#disk.onOperation = (info) => this.#fate(info)
  }

  run(): SimulationResult {
    try {
      this.#runToEnd()
    } catch (error) {
      this.#violate({ kind: 'unexpected-error', error: describe(error) })
    }
    const { plan, seed } = this.#world
    return {
      seed, plan, violation: this.#violation, hash: this.#trace.hash, steps: this.#steps,
      processes: this.#processes, crashes: this.#crashed, checkpoints: this.#checkpoints, restarts: this.#restarts,
      records: plan.inputs.reduce((sum, input) => sum + input.records, 0),
      reached: this.#trace.reached, trace: this.#trace.lines,
    }
  }

  #runToEnd(): void {
    for (;;) {
      const how = this.#runProcess()
      if (this.#violation !== undefined) return
      if (how === 'finished' || how === 'already-finished') break
      if (this.#processes >= MAX_PROCESSES) {
        this.#violate({ kind: 'not-finished', why: `it was started ${this.#processes} times` })
        return
      }
    }
    this.#healed = true
    this.#check()
    if (this.#random.chance(1, 2)) {
      this.#disk.powerCut(this.#random, this.#random.pick(['none', 'some'] as const))
      this.#trace.note('power-cut', 'after the end')
      // Removals that were not synced are undone; the next start repeats them.
      this.#check('staged files may be there')
    }
    this.#startAgain()
  }

  /** A start after the end finds nothing to do and writes nothing. */
  #startAgain(): void {
    if (this.#violation !== undefined) return
    const before = readOutput(this.#disk, this.#world.directories)
    const how = this.#runProcess()
    if (this.#violation !== undefined) return
    const after = readOutput(this.#disk, this.#world.directories)
    // Without its mark of the end, for which a disk may have been too full, it finds that by itself.
    const unmarked = how === 'finished' && this.#world.plan.faults.ioErrorOneIn > 0
    if (how !== 'already-finished' && !unmarked) this.#violate({ kind: 'not-idle-after-end', what: `it ended '${how}'` })
    else if (before.lines.length !== after.lines.length || after.staged.length > before.staged.length) {
      this.#violate({ kind: 'not-idle-after-end', what: 'it wrote output' })
    } else this.#check()
  }

  #runProcess(): 'finished' | 'already-finished' | 'died' | 'failed' {
    this.#processes += 1
    this.#nextAim()
    const random = this.#random.fork()
    const process = drawProcess(random, this.#world.plan.maxParallelism)
    this.#trace.note('process', JSON.stringify(process))
    const incarnation = new Incarnation({
      world: this.#world, disk: this.#disk, trace: this.#trace, process, random,
      number: this.#processes, nowMs: this.#nowMs,
      delayMs: (info) => this.#delayMs(info),
      onProbe: (step) => this.#onProbe(step),
      onCheckpoint: () => {
        this.#checkpoints += 1
      },
      onRestart: (error) => {
        this.#restarts += 1
        this.#judge(error)
      },
    })
    this.#incarnation = incarnation
    incarnation.start()
    while (incarnation.storage.alive && incarnation.end === undefined && this.#violation === undefined) {
      this.#steps += 1
      this.#beforeStep(incarnation)
      if (!incarnation.storage.alive) break
      if (!incarnation.step()) {
        this.#violate({ kind: 'not-finished', why: 'nothing is left to do, and the job has not ended' })
      }
    }
    this.#nowMs = incarnation.scheduler.monotonicMs() + 50
    if (!incarnation.storage.alive) {
      this.#die()
      return 'died'
    }
    const { end } = incarnation
    // The process exits: what its background work had not done yet is not done.
    this.#disk.killAll()
    if (end?.kind !== 'failed') return end?.kind === 'already-finished' ? 'already-finished' : 'finished'
    this.#judge(end.error)
    return 'failed'
  }

  // ---- faults -----------------------------------------------------------------------------------

  #nextAim(): void {
    this.#aim = this.#healed ? undefined : this.#crashes.shift()
    const { point } = this.#aim ?? {}
    this.#aimLeft = point === undefined ? 0 : point.kind === 'probe' ? point.times : point.at
  }

  #beforeStep(incarnation: Incarnation): void {
    const { faults } = this.#world.plan
    if (!this.#healed && (this.#steps > SAFETY_STEPS || this.#processes > SAFETY_PROCESSES)) this.#heal()
    if (this.#steps > SAFETY_STEPS + LIVENESS_STEPS) {
      this.#violate({ kind: 'not-finished', why: `not after ${LIVENESS_STEPS} steps without faults` })
      return
    }
    if (this.#healed) return
    if (faults.wallJumpOneIn > 0 && this.#random.chance(1, faults.wallJumpOneIn)) {
      incarnation.scheduler.jumpWall(this.#random.below(20_000) - 10_000)
    }
    if (this.#aim?.point.kind === 'step' && --this.#aimLeft === 0) incarnation.storage.kill()
  }

  #heal(): void {
    this.#healed = true
    this.#aim = undefined
    this.#world.poison.clear()
    this.#trace.note('healed', '')
  }

  #onProbe(step: string): void {
    this.#trace.step(step)
    const point = this.#aim?.point
    if (point?.kind !== 'probe' || stepName(step) !== point.step) return
    // SM-2: the storage is dead from here on, and the scheduler is left after this step.
    if (--this.#aimLeft === 0) this.#incarnation?.storage.kill()
  }

  #fate(info: OperationInfo): Fate {
    if (this.#healed) return OK
    const point = this.#aim?.point
    if (point?.kind === 'operation' && --this.#aimLeft === 0) return { kind: point.when }
    const { ioErrorOneIn } = this.#world.plan.faults
    if (ioErrorOneIn === 0 || !this.#random.chance(1, ioErrorOneIn)) return OK
    const errno = this.#random.pick(ERRNOS)
    this.#trace.note('fault', `${errno} ${info.operation}`)
    return { kind: 'fail', errno, partial: this.#random.below(20) }
  }

  #delayMs({ operation }: OperationInfo): number {
    const { slowSyncMs } = this.#world.plan.faults
    if (operation === 'sync' || operation === 'syncDirectory') return this.#healed ? 1 : Math.max(1, slowSyncMs)
    return this.#random.chance(1, 8) ? 2 : 0
  }

  #die(): void {
    const disk = this.#aim?.disk ?? 'kill'
    this.#crashed += 1
    this.#trace.note('crash', disk)
    if (disk === 'kill') this.#disk.killAll()
    else this.#disk.powerCut(this.#random, disk)
  }

  // ---- judgement --------------------------------------------------------------------------------

  #judge(error: StreamError): void {
    const { faults } = this.#world.plan
    const injected = (faults.poison.length > 0 && error.message.includes(POISONED)) ||
      (faults.ioErrorOneIn > 0 && (['E052', 'E053'].includes(error.code) || isTransient(error))) ||
      ((faults.ioErrorOneIn > 0 || faults.slowSyncMs > 0) && error.code === 'E041')
    if (!injected) this.#violate({ kind: 'unexpected-error', error: describe(error) })
  }

  #check(allowed?: 'staged files may be there'): void {
    const comparison = compareOutput(this.#disk, this.#world)
    const { lost, duplicate, corrupt, staged } = comparison
    if (lost + duplicate + corrupt > 0 || (allowed === undefined && staged.length > 0)) {
      this.#violate({ kind: 'output', comparison })
    }
  }

  #violate(violation: Violation): void {
    this.#violation ??= violation
    this.#trace.note('VIOLATION', violation.kind)
  }

  #writeInputs(): void {
    const storage = this.#disk.mount()
    const { files } = this.#world
    if (files.length === 0) return
    function* write(): Generator<any, void, any> {
      yield* storage.makeDirectory('/in')
      for (const { path, text } of files) {
        const file: FileHandle = yield* storage.create(path)
        yield* storage.append(file, new TextEncoder().encode(text))
        yield* storage.sync(file)
        yield* storage.close(file)
      }
      yield* storage.syncDirectory('/in')
      yield* storage.syncDirectory('/')
    }
    start(write(), (outcome) => {
      if (!outcome.ok) throw outcome.error
    })
  }
}

/** The cause of what is reported, if it is an injected error of storage. */
function isTransient(error: StreamError): boolean {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if (isStreamError(cause) && ['E052', 'E053'].includes(cause.code)) return true
  }
  return false
}

function describe(thrown: unknown): string {
  if (isStreamError(thrown)) {
    const cause = thrown.cause instanceof Error ? `\n${thrown.cause.stack}` : ''
    return `${thrown.code} ${thrown.message}${cause}`
  }
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
}
