/**
 * What one seed of an exploration does to the job: drawn from the seed, plain data, printable.
 *
 * Called by explore-run.ts and, to leave out fault after fault, by explore.ts. Each part of a plan is
 * drawn whether its fault is on or not, so that a plan with fewer faults is else the same.
 */
import { Prng } from '../base/prng.ts'
import { STEPS } from '../host/failpoints.ts'
import type { Survival } from '../host/simulator/inodes.ts'
import { POLICIES, type Policy } from '../host/simulator/scheduler.ts'
import type { TaskOptions } from '../task/options.ts'

export type FaultKind = 'kill' | 'slow-channel' | 'drop-notification' | 'torn-file' | 'commit-timeout' | 'throw'

export const FAULT_KINDS: readonly FaultKind[] = [
  'kill', 'slow-channel', 'drop-notification', 'torn-file', 'commit-timeout', 'throw',
]

/** Where a process dies: share of the undisturbed run's steps, or a named step of the protocol. */
export type CrashPoint =
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'step'; readonly step: string; readonly times: number }

export interface Crash {
  readonly point: CrashPoint
  readonly disk: 'kill' | Survival
}

export interface ExplorePlan {
  readonly seed: number
  readonly faults: readonly FaultKind[]
  readonly crashes: readonly Crash[]
  /** One in so many storage operations fails. */
  readonly ioErrorOneIn: number
  /** One in so many notifications comes very late. */
  readonly dropOneIn: number
  /** One in so many commits times out, having taken place or not. */
  readonly commitTimeoutOneIn: number
  /** At which calls of user functions, counted over the run, one throws. */
  readonly throwsAt: readonly number[]
  readonly checkpointEveryMs: number
  /** Wall clock at the start. */
  readonly wallMs: number
  readonly shuffled: boolean
}

/** What is drawn for each process of a run. */
export interface ProcessPlan {
  readonly parallelism: number
  readonly policy: Policy
  readonly options: TaskOptions
}

/** A few moments in recent history and not so recent future; a job that asks for the date may tell. */
const WALL_STARTS: readonly number[] = [1_000_000_000_000, 1_700_000_123_457, 1_900_000_000_999, 4_102_444_800_000]

export const UNDISTURBED: ExplorePlan = {
  seed: 0, faults: [], crashes: [], ioErrorOneIn: 0, dropOneIn: 0, commitTimeoutOneIn: 0, throwsAt: [],
  checkpointEveryMs: 20, wallMs: 1_700_000_000_000, shuffled: false,
}

/** `seed` and the kinds that may be used; each is on in half of the seeds, at least one in all. */
export function drawPlan(seed: number, kinds: readonly FaultKind[], calls: number): ExplorePlan {
  const random = new Prng(seed)
  const drawn = kinds.filter(() => random.chance(1, 2))
  const faults = drawn.length > 0 || kinds.length === 0 ? drawn : [random.pick(kinds)]
  const parts = new Prng(seed ^ 0x5eed)
  const crashes = Array.from({ length: 1 + parts.below(4) }, () => drawCrash(parts))
  const torn = faults.includes('torn-file')
  const plan = {
    crashes: crashes.map((crash) => ({ ...crash, disk: torn ? crash.disk : ('kill' as const) })),
    ioErrorOneIn: parts.pick([60, 200, 600]),
    dropOneIn: parts.pick([1, 2, 4]),
    commitTimeoutOneIn: parts.pick([2, 3, 6]),
    throwsAt: Array.from({ length: 1 + parts.below(3) }, () => 1 + parts.below(Math.max(1, calls))),
    checkpointEveryMs: parts.pick([1, 4, 15, 60]),
    wallMs: parts.pick(WALL_STARTS) + parts.below(100_000),
  }
  return only({ seed, faults, shuffled: true, ...plan }, faults)
}

/** The same plan with nothing but these faults. */
export function only(plan: ExplorePlan, faults: readonly FaultKind[]): ExplorePlan {
  const on = (kind: FaultKind, value: number): number => (faults.includes(kind) ? value : 0)
  const crashes = faults.includes('kill')
    ? plan.crashes
    : faults.includes('torn-file') ? plan.crashes.filter(({ disk }) => disk !== 'kill') : []
  return {
    ...plan, faults,
    crashes: crashes.map((crash) => ({ ...crash, disk: faults.includes('torn-file') ? crash.disk : 'kill' })),
    ioErrorOneIn: on('torn-file', plan.ioErrorOneIn),
    dropOneIn: on('drop-notification', plan.dropOneIn),
    commitTimeoutOneIn: on('commit-timeout', plan.commitTimeoutOneIn),
    throwsAt: faults.includes('throw') ? plan.throwsAt : [],
  }
}

export function drawProcess(random: Prng, plan: ExplorePlan, parallelisms: readonly number[]): ProcessPlan {
  const parallelism = plan.shuffled ? random.pick(parallelisms) : (parallelisms[0] ?? 1)
  const policy = random.pick(POLICIES)
  const options = {
    batchRecords: random.pick([1, 2, 10, 500]), sourceBatchRecords: 1, channelBatches: random.pick([1, 2, 8]),
    freeze: true, pick: 'random',
  } as const
  if (!plan.shuffled) {
    return { parallelism, policy: 'uniform', options: { ...options, batchRecords: 500, channelBatches: 8 } }
  }
  const slow = plan.faults.includes('slow-channel')
  return {
    parallelism,
    policy: slow ? policy : 'uniform',
    options: slow ? { ...options, channelBatches: 1 } : options,
  }
}

function drawCrash(random: Prng): Crash {
  const disk = random.pick(['kill', 'none', 'all', 'some'] as const)
  const point: CrashPoint = random.chance(1, 3)
    ? { kind: 'progress', share: (1 + random.below(100)) / 100 }
    : { kind: 'step', step: random.pick(STEPS), times: 1 + random.below(1 + random.below(6)) }
  return { disk, point }
}
