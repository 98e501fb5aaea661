/**
 * What people do to a simulated job beside and between its processes: they take savepoints, stop it, begin it again in
 * another state directory, change its parallelism, go over to a later version, and clean up.
 *
 * Owned by the simulator of a full world, which asks it how the next process is started. Draws from a stream of its
 * own. Savepoints are judged in savepoints.ts, cleaning in cleaning.ts.
 *
 *   LF-1  A job is begun elsewhere only where nothing of it is put out twice: from the savepoint that it was stopped
 *         with, or from the state directory of a process that is dead and has no rival. So its output is that of an
 *         undisturbed run, whatever directories it came through.
 *   LF-2  Whoever begins says from where, and whether that becomes its own, until it has opened its directory; later it
 *         may, or may not.
 *   LF-3  A version never follows a later one whose checkpoint could be restored. One that has no edge, or no operator,
 *         for what is in flight to it is refused (E115; E031 of the operator that only version 2 has): then the
 *         version of that checkpoint goes on, until its next one.
 *   LF-4  Whoever asks for something is answered once, before the process comes to its end by itself.
 */
import type { StreamError } from '../../base/errors.ts'
import { Prng } from '../../base/prng.ts'
import type { BeginPlace } from '../../checkpoint/begin-from.ts'
import type { StopOutcome } from '../../job/stop.ts'
import type { SavepointOutcome } from '../../checkpoint/live-savepoint.ts'
import { E031_STATE_WITHOUT_OPERATOR } from '../../checkpoint/evolution/errors.ts'
import { E115_NO_SUCH_EDGE } from '../../task/errors.ts'
import { cleanOnce } from './cleaning.ts'
import type { Cut } from './cut.ts'
import type { Examiner } from './examiner.ts'
import { STATE, type Incarnation } from './incarnation.ts'
import type { Violation } from './result.ts'
import { Savepoints } from './savepoints.ts'
import type { SimulatedDisk } from './storage.ts'
import { STORY, type StoryPlan } from './story-plan.ts'
import type { Trace } from './trace.ts'
import { isPassingOn, LAST_VERSION, versionOf, type Version } from './versions.ts'
import type { World } from './world.ts'

export interface StoryInit {
  readonly world: World
  readonly disk: SimulatedDisk
  readonly trace: Trace
  readonly examiner: Examiner
  violate(violation: Violation): void
  /** By the faults of the world. */
  explained(error: StreamError): boolean
}

/** How things stand between two processes. */
export interface Between {
  readonly zombie: boolean
  readonly flipped: boolean
  readonly healed: boolean
}

type Ask = 'savepoint' | 'stop' | 'stop with savepoint' | 'rescale'

const NOTHING: StoryPlan = { savepoints: false, evolves: false, cleans: false, rescales: false }
const OF_SAVEPOINTS: readonly Ask[] = ['savepoint', 'savepoint', 'stop', 'stop with savepoint', 'stop with savepoint']
const MOST_STOPS = 2
const PATIENCE = 3
const MOST_LINES = 3
const MOST_PARALLELISM = 4
/** Steps of a process in which somebody asks for something, at the latest. */
const ASKED_BY = 500

export class Story {
  readonly #init: StoryInit
  readonly #plan: StoryPlan
  readonly #random: Prng
  readonly #savepoints: Savepoints
  /** So often a savepoint of this process that failed is asked for again. */
  #patience = 0
  #version: Version = 1
  /** Of the newest checkpoint; undefined: there is none. */
  #kept: Version | undefined
  /** No later version, until there is another checkpoint. */
  #refused = false
  #directory = STATE
  #start: BeginPlace | undefined
  /** Some process has opened `#directory`. */
  #opened = true
  #lines = 1
  #stops = 0
  #ask: { readonly at: number; readonly what: Ask; readonly atOnce: boolean } | undefined
  /** What is asked of this process and was not answered yet. */
  #unanswered = new Set<string>()
  #asks = 0
  /** The job was stopped with it: to be begun from. */
  #stoppedWith: string | undefined
  /**
   * Parts that another line, or a sink under its former name, left staged stay there; also those whose removal was not
   * durable: nobody knows them any more.
   */
  untidy = false
  begun = 0
  evolutions = 0
  cleanings = 0
  rescales = 0

  constructor(init: StoryInit) {
    this.#init = init
    this.#plan = init.world.story ?? NOTHING
    this.#random = new Prng(init.world.seed ^ STORY ^ 0x6c696665)
    this.#savepoints = new Savepoints(init.world, init.disk, this.#random.fork())
  }

  get version(): Version {
    return this.#version
  }
  get directory(): string {
    return this.#directory
  }
  /** Where the directory begins, if elsewhere. */
  get start(): BeginPlace | undefined {
    return this.#start
  }
  get savepoints(): number {
    return this.#savepoints.taken
  }

  /** A process is about to be started. */
  next(): void {
    this.#stoppedWith = undefined
    this.#ask = undefined
    this.#unanswered = new Set()
    const { savepoints, rescales } = this.#plan
    if (!(savepoints || rescales) || !this.#random.chance(3, 4)) return
    this.#patience = PATIENCE
    // At once: perhaps while it starts.
    this.#askAfter(0, this.#drawAsk(), this.#random.chance(1, 4))
  }

  #drawAsk(): Ask {
    const { savepoints, rescales } = this.#plan
    if (!savepoints || (rescales && this.#random.chance(1, 3))) return 'rescale'
    return this.#stops >= MOST_STOPS ? 'savepoint' : this.#random.pick(OF_SAVEPOINTS)
  }

  #askAfter(steps: number, what: Ask, atOnce: boolean): void {
    this.#ask = { at: steps + 1 + this.#random.below(1 + this.#random.below(ASKED_BY)), what, atOnce }
  }

  onOpened(): void {
    this.#opened = true
  }

  /** Of a checkpoint that is complete, or gone on from. */
  onCheckpoint({ manifest: { engine } }: Cut): void {
    const version = versionOf(engine)
    if (this.#kept !== undefined && version > this.#kept) this.evolutions += 1
    this.#kept = version
    this.#refused = false
  }

  /** LF-3. */
  explains(error: StreamError): boolean {
    if (this.#version === (this.#kept ?? 1)) return false
    const gone = error.code === E031_STATE_WITHOUT_OPERATOR.definition.code && isPassingOn((error.details as { operator: string }).operator)
    if (!gone && error.code !== E115_NO_SUCH_EDGE.definition.code) return false
    this.#refused = true
    return true
  }

  beforeStep(incarnation: Incarnation): void {
    const ask = this.#ask
    if (ask === undefined || incarnation.scheduler.steps < ask.at || !(ask.atOnce || incarnation.running)) return
    this.#ask = undefined
    if (ask.what === 'savepoint') this.#askSavepoint(incarnation)
    else if (ask.what === 'rescale') this.#askRescale(incarnation)
    else this.#askStop(incarnation, ask.what === 'stop with savepoint')
  }

  /** The process has come to its end by itself. */
  ended(): void {
    const [asked] = this.#unanswered
    if (asked !== undefined) this.#judge(`${asked} was never answered`)
  }

  /** LF-4: to be called with the answer. */
  #asked(what: string): () => void {
    const ask = `ask ${++this.#asks}, for ${what},`
    const open = this.#unanswered.add(ask)
    return () => {
      if (!open.delete(ask)) this.#judge(`${ask} was answered twice`)
    }
  }

  /** The process has ended, one way or the other, and another one will follow. */
  between(now: Between): void {
    const { trace } = this.#init
    if (this.#refused) this.#version = this.#kept ?? 1
    else if (this.#plan.evolves && this.#version < LAST_VERSION && this.#random.chance(1, 2)) {
      this.#version = (this.#version + 1) as Version
      if (this.#version === LAST_VERSION) this.untidy = true
      trace.note('version', this.#version)
    }
    if (this.#plan.cleans && !now.zombie && !now.healed && this.#random.chance(1, 2)) this.#clean(now)
    this.#judge(this.#savepoints.checkClaimed())
    this.#begin(now)
  }

  /** Everything is over. */
  end(): void {
    if (!this.#plan.savepoints) return
    const savepoints = this.#savepoints
    this.#judge(savepoints.checkClaimed(this.#directory) ?? savepoints.checkAll() ?? savepoints.checkMoved())
  }

  #begin(now: Between): void {
    const wanted = this.#plan.savepoints && this.#lines < MOST_LINES && this.#opened
    const { examiner, trace } = this.#init
    if (wanted && this.#stoppedWith !== undefined && this.#random.chance(3, 4)) this.#goOnFrom(this.#stoppedWith, this.#random.chance(1, 2))
    else if (wanted && !now.zombie && examiner.present.length > 0 && this.#random.chance(1, 6)) {
      this.#goOnFrom(this.#directory, false)
    } else if (this.#start !== undefined && this.#opened && this.#random.chance(1, 2)) this.#start = undefined
    else return
    trace.note('line', `${this.#directory} from ${JSON.stringify(this.#start ?? 'itself')}`)
  }

  #goOnFrom(path: string, claim: boolean): void {
    this.#lines += 1
    this.begun += 1
    this.untidy = true
    this.#start = { path, claim }
    this.#directory = `${STATE}-${this.#lines}`
    if (claim) this.#savepoints.claimed(path, this.#directory)
    this.#opened = false
  }

  #clean({ flipped }: Between): void {
    const { disk, trace, world, examiner } = this.#init
    const random = this.#random
    const place = {
      disk, directory: this.#directory, random, ioErrorOneIn: world.faults.ioErrorOneIn,
      flipped, begins: !this.#opened, newest: examiner.present.at(-1),
    }
    for (let mayDie = random.chance(1, 2); ; mayDie = false) {
      const { what, died, wrong } = cleanOnce(place, mayDie)
      this.cleanings += 1
      trace.note('clean', what)
      this.#judge(wrong)
      if (died && !flipped) {
        const survival = random.pick(['kill', 'none', 'some'] as const)
        if (survival !== 'kill') disk.powerCut(random, survival)
      }
      if (!flipped) examiner.checkRetained()
      if (!died) return
    }
  }

  #askSavepoint(incarnation: Incarnation): void {
    const path = this.#savepoints.ask()
    this.#init.trace.note('ask', path)
    const answered = this.#asked('a savepoint')
    incarnation.savepoint(path, (outcome) => {
      answered()
      this.#told(path, outcome)
      if (outcome.kind === 'taken' || this.#ask !== undefined || --this.#patience < 0) return
      this.#askAfter(incarnation.scheduler.steps, 'savepoint', this.#random.chance(1, 8))
    })
  }

  #askRescale(incarnation: Incarnation): void {
    const most = Math.min(MOST_PARALLELISM, this.#init.world.maxParallelism)
    const to = 1 + this.#random.below(most)
    const { trace } = this.#init
    trace.note('rescale', `${incarnation.parallelism} to ${to}`)
    const answered = this.#asked('another parallelism')
    incarnation.rescale(to, (outcome) => {
      answered()
      trace.note('rescale', outcome.kind === 'failed' ? outcome.error.message : outcome.kind)
      if (outcome.kind === 'failed') this.#judgeError(outcome.error)
      if (outcome.kind === 'rescaled') this.rescales += 1
      if (this.#ask !== undefined || --this.#patience < 0) return
      this.#askAfter(incarnation.scheduler.steps, this.#drawAsk(), this.#random.chance(1, 4))
    })
  }

  #askStop(incarnation: Incarnation, withSavepoint: boolean): void {
    this.#stops += 1
    const path = withSavepoint ? this.#savepoints.ask() : undefined
    const { trace } = this.#init
    const answered = this.#asked('a stop')
    trace.note('stop', path ?? '')
    incarnation.stop({
      ...(path === undefined ? {} : { savepoint: path }),
      answer: (outcome: StopOutcome) => {
        answered()
        trace.note('stop', outcome.kind === 'failed' ? outcome.error.message : outcome.kind)
        if (outcome.kind === 'failed') this.#judgeError(outcome.error)
        if (outcome.kind === 'failed' || path === undefined || outcome.savepoint === undefined) return
        this.#told(path, outcome.savepoint)
        if (outcome.savepoint.kind === 'taken') this.#stoppedWith = path
      },
    })
  }

  #told(path: string, outcome: SavepointOutcome): void {
    const { trace } = this.#init
    trace.note('savepoint', `${path} ${outcome.kind === 'taken' ? 'taken' : outcome.error.message}`)
    if (outcome.kind === 'taken') this.#judge(this.#savepoints.reported(path, outcome.savepoint.checkpoint))
    else this.#judgeError(outcome.error)
  }

  #judgeError(error: StreamError): void {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      const known = cause as StreamError
      if (this.#savepoints.explains(known) || this.#init.explained(known)) return
    }
    this.#judge(`it failed without a reason: ${error.message}`)
  }

  #judge(what: string | undefined): void {
    if (what !== undefined) this.#init.violate({ kind: 'broken-story', what })
  }
}
