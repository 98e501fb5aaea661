/**
 * A failure in one part of a job: that part goes back to the last checkpoint, the others go on.
 *
 * Owned by a job attempt, which does what is decided here. One fiber works through what has failed, one round after
 * another; a failure that comes meanwhile begins a new round, with everything that is down.
 *
 *   running ──failure──► cancel ──► coordinator at rest ──► delay ──► restore ──► deploy ──► running
 *      │                    ▲                                            │
 *      │                    └──────────────── another failure ───────────┘
 *      └── it concerns everybody, or cannot be healed ──► the attempt ends (and another one begins)
 *
 *   RH-1  From the failure on nothing is heard of the failed subtasks and nothing reaches them: those that take their
 *         place have a higher attempt. Vertices of other regions are not touched.
 *   RH-2  No checkpoint is on its way between the failure and the start of the last one of the region: the one that
 *         was is over, and sources that are not running allow no other (plan.ts). So what is restored is the newest
 *         checkpoint, and every later one holds one attempt of each subtask.
 *   RH-3  A failure is counted once, whatever regions it took: by the attempt, whose end it is if it goes down.
 *   RH-4  Of two rounds the second does nothing before the first has ended: the removal of what an attempt left staged
 *         never meets what its successor stages.
 *   RH-5  Everybody goes back if every region is down, if the error is not to be retried, if the coordinator cannot
 *         tell which checkpoint is the newest, or if going back itself fails.
 *
 * Source: FLIP-1; Flink DefaultScheduler.restartTasksWithDelay, row D2.
 */
import { attempt, type Attempt } from '../base/ids.ts'
import { start, wait, type Done, type Io } from '../base/io.ts'
import type { Ports, TimerHandle } from '../base/ports.ts'
import { describeThrown, isStreamError, type StreamError } from '../base/errors.ts'
import type { SubtaskId } from '../base/protocol.ts'
import type { Rewound } from '../checkpoint/rewind.ts'
import type { Manifest } from '../checkpoint/manifest.ts'
import { E083_JOB_BROKEN } from './errors.ts'
import type { FailoverRegion } from './failover-regions.ts'
import type { RestoredJob } from './restore.ts'

export type Vertices = ReadonlySet<number>

export interface RegionFailoverInit {
  readonly ports: Pick<Ports, 'clock' | 'timers'>
  readonly regions: readonly FailoverRegion[]
  /** RH-1. */
  cancel(vertices: Vertices, attempt: Attempt): void
  rewind(vertices: Vertices, who: SubtaskId | undefined): Io<Rewound>
  /** The delay in ms before what failed is started again; undefined: it is not. */
  decide(error: StreamError, vertices: Vertices): number | undefined
  /** Reads the state, and removes what was staged after it. */
  restore(manifest: Manifest | undefined, vertices: Vertices): Io<RestoredJob>
  deploy(vertices: Vertices, attempt: Attempt, restored: RestoredJob, manifest: Manifest | undefined): void
  /** The attempt ends. */
  giveUp(error: StreamError): void
}

interface Failure {
  readonly error: StreamError
  readonly vertices: Vertices
  readonly who: SubtaskId | undefined
}

export class RegionFailover {
  readonly #init: RegionFailoverInit
  #down: Vertices = new Set()
  /** Failures whose delay is not decided yet. */
  #undecided: Failure[] = []
  #dueMs = 0
  #round = 0
  #working = false
  #hurried = false
  #closed = false
  #timer: TimerHandle | undefined
  #waiting: Done<void> | undefined
  #idle: Done<void>[] = []

  constructor(init: RegionFailoverInit) {
    this.#init = init
  }

  /** What is being started again. */
  get down(): Vertices {
    return this.#down
  }

  /** Something in `failed` is not running any more. `who`: the subtask that said so. */
  onFailure(failed: Iterable<number>, error: StreamError, who?: SubtaskId): void {
    if (this.#closed) return
    const { regions } = this.#init
    const wanted = new Set(failed)
    const vertices = new Set(regions.filter((region) => region.some((vertex) => wanted.has(vertex))).flat())
    const down = new Set([...this.#down, ...vertices])
    const everybody = regions.every((region) => region.every((vertex) => down.has(vertex)))
    if (vertices.size === 0 || everybody || !error.retryable) {
      this.#giveUp(error)
      return
    }
    this.#down = down
    this.#undecided.push({ error, vertices, who })
    this.#round += 1
    this.#init.cancel(down, attempt(this.#round))
    this.#poke()
    if (this.#working) return
    this.#working = true
    start(this.#work(), (outcome) => {
      this.#working = false
      for (const idle of this.#idle.splice(0)) idle({ ok: true, value: undefined })
      if (!outcome.ok) this.#giveUp(asStreamError(outcome.error))
    })
  }

  /** Somebody waits for what is down: the delay ends here. */
  hurry(): void {
    this.#hurried = this.#working
    this.#poke()
  }

  /** Nothing is started any more; returns when nothing is under way. */
  *close(): Io<void> {
    this.#closed = true
    this.#poke()
    if (this.#working) yield* wait<void>((done) => void this.#idle.push(done))
  }

  *#work(): Io<void> {
    while (!this.#closed && this.#down.size > 0) yield* this.#go(this.#round, this.#down)
    this.#hurried = false
  }

  *#go(round: number, vertices: Vertices): Io<void> {
    const init = this.#init
    const over = (): boolean => this.#closed || this.#round !== round
    const rewound = yield* init.rewind(vertices, this.#undecided.at(-1)?.who)
    if (over()) return
    if (rewound.kind === 'all' || !this.#decide()) {
      this.#giveUp(this.#undecided.at(-1)?.error)
      return
    }
    while (!over() && !this.#hurried && this.#leftMs > 0) yield* this.#pause()
    if (over()) return
    const restored = yield* init.restore(rewound.manifest, vertices)
    if (over()) return
    this.#down = new Set()
    init.deploy(vertices, attempt(round), restored, rewound.manifest)
  }

  /** RH-3. */
  #decide(): boolean {
    const init = this.#init
    for (let failure = this.#undecided[0]; failure !== undefined; failure = this.#undecided[0]) {
      const delayMs = init.decide(failure.error, failure.vertices)
      if (delayMs === undefined) return false
      this.#undecided.shift()
      this.#dueMs = Math.max(this.#dueMs, init.ports.clock.monotonicMs() + delayMs)
    }
    return true
  }

  get #leftMs(): number {
    return this.#dueMs - this.#init.ports.clock.monotonicMs()
  }

  #pause(): Io<void> {
    return wait<void>((done) => {
      this.#waiting = done
      this.#timer = this.#init.ports.timers.after(this.#leftMs, () => this.#poke())
    })
  }

  /** Whoever waits for the delay looks again. */
  #poke(): void {
    this.#timer?.cancel()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.({ ok: true, value: undefined })
  }

  #giveUp(error: StreamError | undefined): void {
    if (this.#closed || error === undefined) return
    this.#closed = true
    this.#poke()
    this.#init.giveUp(error)
  }
}

const asStreamError = (thrown: unknown): StreamError =>
  isStreamError(thrown) ? thrown : E083_JOB_BROKEN({ thrown: describeThrown(thrown) }, { cause: thrown })
