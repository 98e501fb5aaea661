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
import { isStreamError, type StreamError } from '../../base/errors.ts'
import type { CheckpointId } from '../../base/ids.ts'
import { Prng } from '../../base/prng.ts'
import type { ToSubtask } from '../../base/protocol.ts'
import { parseEpochFile } from '../../checkpoint/layout.ts'
import { stepName } from '../failpoints.ts'
import { Examiner } from './examiner.ts'
import { drawWorkers, ERRNOS, type Crash } from './faults.ts'
import { Flips } from './flips.ts'
import { Incarnation } from './incarnation.ts'
import { describeError, isDamage, isExplained } from './judge.ts'
import { Parallelisms } from './parallelisms.ts'
import { drawProtocolWorld } from './protocol-world.ts'
import type { SimulationOptions, SimulationResult, Violation } from './result.ts'
import { lacking } from './shape.ts'
import { OK, SimulatedDisk, type Fate, type OperationInfo } from './storage.ts'
import { Story } from './story.ts'
import { Trace } from './trace.ts'
import { drawWorld, type World } from './world.ts'
import { writeInputs } from './write-inputs.ts'

export type { SimulationOptions, SimulationResult, Violation } from './result.ts'

/** After so many starts faults end. */
const SAFETY_PROCESSES = 30
const MAX_PROCESSES = 60
/** So many steps a process that was given up goes on beside its successor. */
const ZOMBIE_STEPS = 400
const NOW: readonly number[] = [0]
/** Steps, on average, after which a thread of a process that has some is lost. */
const LOST_ONE_IN = 400

/** A whole job: windows, timers, files. */
export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  return new Simulation(drawWorld(seed), new Trace(options.recordTrace ?? false)).run()
}

/** The checkpoint protocol alone, with small operators around it. */
export function simulateProtocol(seed: number, options: SimulationOptions = {}): SimulationResult {
  return new Simulation(drawProtocolWorld(seed), new Trace(options.recordTrace ?? false)).run()
}

class Simulation {
  readonly #world: World
  readonly #trace: Trace
  readonly #disk = new SimulatedDisk()
  readonly #random: Prng
  readonly #crashes: Crash[]
  readonly #examiner: Examiner
  readonly #flips: Flips
  readonly #story: Story
  #steps = 0
  #nowMs = 1000
  #processes = 0
  #crashed = 0
  #checkpoints = 0
  #restarts = 0
  #replayed = 0
  #workerDeaths = 0
  #partRestarts = 0
  /** Drawn apart: what happens to threads changes nothing else. */
  readonly #ofWorkers: Prng
  readonly #parallelisms = new Parallelisms()
  /** Kinds of fault that happened. */
  readonly #kinds = new Set<string>()
  #healed = false
  /** The clock on the wall jumps at the next step. */
  #jumps = false
  #incarnation: Incarnation | undefined
  #aim: Crash | undefined
  #aimLeft = 0
  /** The process is to be left to itself beside its successor. */
  #letGo = false
  #zombie: Incarnation | undefined
  #zombieSteps = 0
  #rivals = false
  /** An epoch was claimed while this process and one that was given up were both at work. */
  #rivalClaim = false
  #violation: Violation | undefined

  constructor(world: World, trace: Trace) {
    this.#world = world
    this.#trace = trace
    this.#random = this.#world.random.fork()
    this.#ofWorkers = new Prng(world.seed ^ 0x776f726b)
    this.#crashes = [...this.#world.faults.crashes]
    const violate = (violation: Violation): void => this.#violate(violation)
    this.#flips = new Flips(this.#disk, this.#random)
    this.#examiner = new Examiner(world, this.#disk, violate)
    this.#story = new Story({
      world, disk: this.#disk, trace, examiner: this.#examiner, violate, explained: (error) => this.#isExplained(error),
    })
    trace.where = () =>
      `${String(this.#steps).padStart(6)} #${this.#processes} ${this.#incarnation?.scheduler.monotonicMs() ?? 0} ms`
    writeInputs(this.#disk, world.files)
    this.#disk.onOperation = (info) => this.#fate(info)
    world.onVisible((id) => this.#examiner.onVisible(id))
  }

  run(): SimulationResult {
    try {
      this.#runToEnd()
    } catch (error) {
      this.#violate({ kind: 'unexpected-error', error: describeError(error) })
    }
    const { plan, seed, records, kind } = this.#world
    const { savepoints, begun, evolutions, cleanings, rescales } = this.#story
    const { overtaken, increments } = this.#examiner
    const reached = this.#world.reached()
    if (reached.threw) this.#kinds.add('user function')
    const shape = {
      operators: this.#world.graphOf(1).operators.length, parallelism: this.#parallelisms.most, records: reached.records,
      checkpoints: reached.checkpoints, crashes: this.#crashed, faults: [...this.#kinds],
    }
    return {
      shape, lacks: kind === 'full' ? lacking(shape) : [],
      seed, plan, records, violation: this.#violation, hash: this.#trace.hash, steps: this.#steps,
      processes: this.#processes, crashes: this.#crashed, checkpoints: this.#checkpoints, restarts: this.#restarts,
      overtaken, replayed: this.#replayed, increments, workerDeaths: this.#workerDeaths,
      savepoints, begun, evolutions, cleanings, rescales, moves: this.#parallelisms.moves, partRestarts: this.#partRestarts,
      leastParallelism: this.#parallelisms.least, reached: this.#trace.reached, trace: this.#trace.lines,
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
      this.#story.between({ zombie: this.#zombie !== undefined, flipped: this.#flips.flipped, healed: this.#healed })
    }
    this.#heal()
    // A removal of the last minute may have failed; the next start, without faults, has to repeat it.
    this.#check(this.#world.faults.ioErrorOneIn > 0 ? 'staged files may be there' : undefined)
    if (this.#random.chance(1, 2)) {
      this.#disk.powerCut(this.#random, this.#random.pick(['none', 'some'] as const))
      this.#trace.note('power-cut', 'after the end')
      // Removals that were not synced are undone; the next start repeats them.
      this.#check('staged files may be there')
    }
    if (this.#often(8)) this.#startAgain()
    if (this.#violation === undefined) this.#story.end()
  }

  /** Of the small worlds one in `n` is enough: the rest begin anew sooner. */
  #often(n: number): boolean {
    return this.#world.kind === 'full' || this.#random.chance(1, n)
  }

  /** A start after the end finds nothing to do and writes nothing. */
  #startAgain(): void {
    if (this.#violation !== undefined) return
    const before = this.#world.outputSize(this.#disk)
    let how = this.#runProcess()
    // Without its mark of the end, for which a disk may have been too full, it finds that by itself; and a
    // checkpoint for it may expire on a slow machine.
    const mayBeUnmarked = this.#world.faults.ioErrorOneIn > 0
    while (mayBeUnmarked && how === 'failed' && this.#violation === undefined && this.#processes < MAX_PROCESSES) {
      how = this.#runProcess()
    }
    if (this.#violation !== undefined) return
    const after = this.#world.outputSize(this.#disk)
    if (how !== 'already-finished' && !(mayBeUnmarked && how === 'finished')) this.#violate({ kind: 'not-idle-after-end', what: `it ended '${how}'` })
    else if (before.lines !== after.lines || after.staged > before.staged) {
      this.#violate({ kind: 'not-idle-after-end', what: 'it wrote output' })
    } else this.#check()
  }

  #runProcess(): 'finished' | 'already-finished' | 'died' | 'failed' | 'stopped' {
    this.#processes += 1
    this.#rivalClaim = false
    this.#nextAim()
    const story = this.#story
    story.next()
    const { version, directory, start: begin } = story
    this.#examiner.moveTo(directory)
    const random = this.#random.fork()
    const process = this.#world.drawProcess(random)
    this.#parallelisms.onStarted(process.parallelism)
    this.#trace.note('process', JSON.stringify(process))
    let newest = 0
    const incarnation: Incarnation = new Incarnation({
      world: this.#world, disk: this.#disk, trace: this.#trace, process, random, version, directory, begin,
      workers: drawWorkers(this.#ofWorkers, process.parallelism),
      number: this.#processes, nowMs: this.#nowMs,
      delayMs: (info) => this.#delayMs(info),
      delivery: (message) => this.#delivery(message),
      onProbe: (step) => this.#onProbe(step, incarnation),
      onOpened: () => {
        if (incarnation === this.#incarnation) story.onOpened()
      },
      onRestore: (id) => {
        newest = id
        this.#examine(id)
        if (this.#examiner.hasInFlight(id)) this.#replayed += 1
        this.#parallelisms.onRestored(incarnation.parallelism)
      },
      onCheckpoint: (id, finished) => {
        this.#checkpoints += 1
        const { parallelism } = incarnation
        this.#parallelisms.onCompleted(parallelism)
        this.#world.onCompleted(parallelism)
        if (id <= newest) this.#violate({ kind: 'checkpoint-went-back', checkpoint: id, after: newest })
        newest = id
        this.#examine(id)
        if (this.#crashed === 0 && !this.#healed && incarnation === this.#incarnation) this.#lastChances(finished)
      },
      onBrokenLaw: (law) => this.#violate({ kind: 'broken-law', what: law.message }),
      onRestart: (error) => this.#onRestart(error, incarnation),
      onPartAgain: () => {
        this.#partRestarts += 1
      },
      onLeft: () => {
        if (incarnation !== this.#incarnation) incarnation.kill()
      },
    })
    this.#incarnation = incarnation
    if (this.#healed) incarnation.scheduler.calm()
    incarnation.start()
    while (!this.#hasLeft(incarnation) && this.#violation === undefined) {
      this.#steps += 1
      this.#beforeStep(incarnation)
      if (this.#hasLeft(incarnation)) break
      story.beforeStep(incarnation)
      if (this.#zombie !== undefined && this.#random.chance(1, 3)) this.#stepZombie(this.#zombie)
      else if (!this.#stepOrDie(incarnation)) {
        this.#violate({ kind: 'not-finished', why: 'nothing is left to do, and the job has not ended' })
      }
    }
    this.#nowMs = incarnation.scheduler.monotonicMs() + 50
    if (this.#letGo) {
      this.#letGo = false
      this.#crashed += 1
      this.#trace.note('let-go', this.#processes)
      this.#bury()
      this.#zombie = incarnation
      this.#zombieSteps = ZOMBIE_STEPS
      this.#rivals = true
      this.#kinds.add('zombie')
      this.#flips.repair()
      return 'died'
    }
    if (!incarnation.alive) {
      this.#die()
      return 'died'
    }
    const { end } = incarnation
    if (end?.kind === 'finished' && !this.#healed && (this.#crashed === 0 || this.#tooCalm)) {
      // The end of the job is the last moment at which a process can die, and other things can happen.
      incarnation.kill()
      this.#jumps = this.#tooCalm
      this.#die()
      return 'died'
    }
    // The process exits: what its background work had not done yet is not done.
    incarnation.kill()
    story.ended()
    if (end?.kind === 'failed') this.#judge(end.error)
    this.#flips.repair()
    this.#checkRetained()
    return end?.kind ?? 'finished'
  }

  /** False: nothing is left to do. A start that is refused while the job is deployed ends its process. */
  #stepOrDie(incarnation: Incarnation): boolean {
    try {
      return incarnation.step()
    } catch (error) {
      if (!isStreamError(error) || !this.#story.explains(error)) throw error
      this.#trace.note('refused', error.code)
      incarnation.kill()
      return true
    }
  }

  /** A full seed has two kinds of fault at least. */
  get #tooCalm(): boolean {
    return this.#world.kind === 'full' && this.#kinds.size < 2
  }

  #hasLeft(incarnation: Incarnation): boolean {
    return !incarnation.alive || incarnation.end !== undefined || this.#letGo
  }

  // ---- faults -----------------------------------------------------------------------------------

  #nextAim(): void {
    this.#aim = this.#healed ? undefined : this.#crashes.shift()
    const { zombieOneIn } = this.#world.faults
    if (this.#aim?.disk === 'kill' && zombieOneIn > 0 && this.#random.chance(1, zombieOneIn)) {
      this.#aim = { ...this.#aim, disk: 'zombie' }
    }
    const { point } = this.#aim ?? {}
    this.#aimLeft = point === undefined ? 0 : point.kind === 'probe' ? point.times : point.at
  }

  #beforeStep(incarnation: Incarnation): void {
    const { faults, limits: { safetySteps, livenessSteps } } = this.#world
    if (!this.#healed && (this.#steps > safetySteps || this.#processes > SAFETY_PROCESSES)) {
      if (this.#crashed === 0) {
        this.#strike(incarnation)
        return
      }
      // A slow disk may have kept the other faults from their occasions.
      if (!this.#tooCalm || this.#steps > 3 * safetySteps) this.#heal()
    }
    if (this.#steps > safetySteps + livenessSteps) {
      this.#violate({ kind: 'not-finished', why: `not after ${livenessSteps} steps without faults` })
      return
    }
    if (this.#healed) return
    if (this.#jumps || (faults.wallJumpOneIn > 0 && this.#random.chance(1, faults.wallJumpOneIn))) {
      this.#jumps = false
      this.#kinds.add('clock jump')
      incarnation.scheduler.jumpWall(this.#random.below(20_000) - 10_000)
    }
    if (faults.stallOneIn > 0 && this.#random.chance(1, faults.stallOneIn)) {
      this.#kinds.add('stall')
      incarnation.scheduler.stall('from:', 1 + this.#random.below(faults.stallOneIn))
    }
    if (this.#ofWorkers.chance(1, LOST_ONE_IN)) this.#loseWorker(incarnation)
    if (this.#aim?.point.kind === 'step' && --this.#aimLeft === 0) this.#strike(incarnation)
  }

  #loseWorker(incarnation: Incarnation): void {
    const noticedMs = this.#ofWorkers.pick([0, 1, 20, 500])
    if (!incarnation.loseWorker(this.#ofWorkers.below(8), noticedMs)) return
    this.#workerDeaths += 1
    this.#kinds.add('worker death')
    this.#trace.note('worker', `lost, noticed after ${noticedMs} ms`)
  }

  #heal(): void {
    this.#healed = true
    this.#aim = undefined
    this.#world.heal()
    this.#incarnation?.scheduler.calm()
    this.#bury()
    this.#trace.note('healed', '')
  }

  /** The end of a process that ends its work: by death, or by being given up while it lives on. */
  #strike(incarnation: Incarnation): void {
    if (this.#aim?.disk === 'zombie') this.#letGo = true
    else incarnation.kill()
  }

  /** Nothing has died yet: somewhere in the second half of the records, or as the job ends. */
  #lastChances(finished: boolean): void {
    if (finished) this.#lastChance(8)
    else if (this.#world.kind === 'full' && this.#checkpoints === 2 && this.#random.chance(3, 4)) this.#lastChance(200)
  }

  /** Now or within a few steps. */
  #lastChance(steps: number): void {
    const disk = this.#random.pick(['kill', 'none', 'some'] as const)
    this.#aimLeft = 1 + (this.#random.chance(1, 2) ? 0 : this.#random.below(steps))
    this.#aim = { disk, point: { kind: 'step', at: this.#aimLeft } }
  }

  #onProbe(step: string, incarnation: Incarnation): void {
    this.#trace.step(step)
    const point = this.#aim?.point
    if (point?.kind !== 'probe' || incarnation !== this.#incarnation || stepName(step) !== point.step) return
    // SM-2: the storage is dead from here on, and the scheduler is left after this step.
    if (--this.#aimLeft === 0) this.#strike(incarnation)
  }

  #onRestart(error: StreamError, incarnation: Incarnation): void {
    // A given-up process may try again only by claiming a term of its own: it is not let.
    if (incarnation !== this.#incarnation) {
      incarnation.kill()
      return
    }
    this.#restarts += 1
    this.#judge(error)
    if (isDamage(error)) this.#flips.repair()
  }

  #stepZombie(zombie: Incarnation): void {
    this.#zombieSteps -= 1
    if (!zombie.alive || zombie.end !== undefined || this.#zombieSteps <= 0 || !zombie.step()) this.#bury()
  }

  #bury(): void {
    this.#zombie?.kill()
    this.#zombie = undefined
  }

  #flipOne(): void {
    const { flipOneIn } = this.#world.faults
    if (this.#healed || this.#zombie !== undefined || flipOneIn === 0 || !this.#random.chance(1, flipOneIn)) return
    const flipped = this.#flips.flipOne(this.#story.directory)
    if (flipped === undefined) return
    this.#kinds.add('bit flip')
    this.#trace.note('flip', flipped)
  }

  #delivery(message: ToSubtask): readonly number[] {
    const { notices } = this.#world.faults
    if (this.#healed || notices === 'prompt' || message.kind !== 'complete') return NOW
    const times = notices === 'lost'
      ? this.#random.pick([NOW, [4000]])
      : this.#random.pick([NOW, [0, 15], [30], [3, 90]])
    if (times !== NOW) this.#kinds.add(`${notices} notice`)
    return times
  }

  #fate(info: OperationInfo): Fate {
    const fate = this.#healed ? OK : this.#drawFate(info)
    if (info.operation === 'link' && (fate.kind === 'ok' || fate.kind === 'crash-after')) this.#onLink(info.path)
    return fate
  }

  #drawFate(info: OperationInfo): Fate {
    const point = this.#aim?.point
    if (point?.kind === 'operation' && --this.#aimLeft === 0) {
      if (this.#aim?.disk !== 'zombie') return { kind: point.when }
      this.#letGo = true
      return OK
    }
    const { ioErrorOneIn } = this.#world.faults
    if (ioErrorOneIn === 0 || !this.#random.chance(1, ioErrorOneIn)) return OK
    const errno = this.#random.pick(ERRNOS)
    this.#kinds.add(errno)
    this.#trace.note('fault', `${errno} ${info.operation}`)
    return { kind: 'fail', errno, partial: this.#random.below(20) }
  }

  #delayMs({ operation }: OperationInfo): number {
    const { slowSyncMs } = this.#world.faults
    if (operation === 'sync' || operation === 'syncDirectory') {
      if (this.#healed || slowSyncMs === 0) return 1
      this.#kinds.add('slow sync')
      return slowSyncMs
    }
    return this.#random.chance(1, 8) ? 2 : 0
  }

  #die(): void {
    const disk = this.#aim?.disk ?? (this.#tooCalm ? 'some' : 'kill')
    this.#crashed += 1
    this.#trace.note('crash', disk)
    this.#flips.repair()
    if (disk !== 'kill' && disk !== 'zombie') {
      this.#bury()
      this.#disk.powerCut(this.#random, disk)
      this.#kinds.add('power cut')
    }
    this.#checkRetained()
    this.#flipOne()
  }

  // ---- judgement --------------------------------------------------------------------------------

  #judge(error: StreamError): void {
    if (this.#story.explains(error) || this.#isExplained(error)) return
    this.#violate({ kind: 'unexpected-error', error: describeError(error) })
  }

  #isExplained(error: StreamError): boolean {
    const circumstances = { flipped: this.#flips.flipped, rivalClaim: this.#rivalClaim, lost: this.#workerDeaths > 0 }
    return isExplained(error, this.#world.faults, circumstances)
  }

  /** A checkpoint is said to be complete, or is gone on from. */
  #examine(id: CheckpointId): void {
    const cut = this.#examiner.examine(id)
    if (cut !== undefined) this.#story.onCheckpoint(cut)
  }

  #onLink(path: string): void {
    const cut = path.lastIndexOf('/')
    const [directory, name] = [path.slice(0, cut), path.slice(cut + 1)]
    const claimsTerm = directory.endsWith('/epochs') && parseEpochFile(name) !== undefined
    if (this.#zombie !== undefined && claimsTerm && this.#disk.lookup(path) === undefined) this.#rivalClaim = true
    if (!this.#world.directories.includes(directory) || this.#disk.lookup(path) !== undefined) return
    // What a checkpoint from elsewhere owes is committed before an attempt goes on from it (OB-2).
    const { newest } = this.#story.start === undefined || this.#examiner.covers(name) ? { newest: undefined } : this.#examiner
    if (newest !== undefined) this.#examine(newest)
    this.#examiner.onVisible(name)
  }

  #checkRetained(): void {
    if (this.#often(3)) this.#examiner.checkRetained()
  }

  #check(allowed?: 'staged files may be there'): void {
    const comparison = this.#world.compare(this.#disk)
    const { lost, duplicate, corrupt, outOfOrder, staged } = comparison
    const untidy = staged.length > 0 && allowed === undefined && !this.#rivals && !this.#story.untidy
    if (lost + duplicate + corrupt + outOfOrder > 0 || untidy) this.#violate({ kind: 'output', comparison })
  }

  #violate(violation: Violation): void {
    this.#violation ??= violation
    this.#trace.note('VIOLATION', violation.kind)
  }
}
