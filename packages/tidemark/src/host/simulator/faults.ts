/**
 * What goes wrong in one simulated run: drawn from the seed, each kind off half of the time.
 *
 * Plain data, printed with a failing seed. Called by the simulator; decides nothing itself.
 */
import { Prng } from '../../base/prng.ts'
import { STEPS } from '../failpoints.ts'
import type { Survival } from './inodes.ts'

/** Where a process dies: after so many steps, storage operations, or when a named step is reached. */
export type CrashPoint =
  | { readonly kind: 'step'; readonly at: number }
  | { readonly kind: 'operation'; readonly at: number; readonly when: 'crash-before' | 'crash-after' }
  | { readonly kind: 'probe'; readonly step: string; readonly times: number }

export interface Crash {
  readonly point: CrashPoint
  /**
   * What the disk keeps: 'kill' is the end of the process alone, the others a power cut. A 'zombie' does not
   * die: another process is started beside it, and both go on for a while.
   */
  readonly disk: 'kill' | 'zombie' | Survival
}

export interface FaultPlan {
  readonly crashes: readonly Crash[]
  /** One in so many storage operations fails; 0: none. */
  readonly ioErrorOneIn: number
  /** Longest time a sync takes, ms; 0: no longer than other operations. */
  readonly slowSyncMs: number
  /** One in so many steps the wall clock jumps; 0: never. */
  readonly wallJumpOneIn: number
  /** Ids of records on which a user function throws, and how often. */
  readonly poison: readonly (readonly [id: number, times: number])[]
}

/** Drawn apart, so that a new kind does not change what the seeds of old mean. */
export interface MoreFaults {
  /** One in so many steps the coordinator stops reading its mail for a while; 0: never. */
  readonly stallOneIn: number
  /** Notifications that a checkpoint is complete come late, twice, or so late that they are as good as lost. */
  readonly notices: 'prompt' | 'late' | 'lost'
  /** One in so many deaths a bit of the state directory flips; never two at a time. 0: never. */
  readonly flipOneIn: number
  /** One in so many deaths is none: the process goes on beside its successor. 0: never. */
  readonly zombieOneIn: number
  /** One in so many commits fails, half of these after it took effect; 0: never. */
  readonly commitFailsOneIn: number
  /** One in so many times a sink takes `hangMs` to stage; 0: never. */
  readonly hangOneIn: number
  readonly hangMs: number
}

export type Faults = FaultPlan & MoreFaults

/** How large a world is: where its crash points may lie. */
export interface Scale {
  readonly steps: number
  readonly operations: number
  readonly times: number
  readonly crashes: number
  readonly poisonOneIn: number
  readonly ioErrorOneIn: readonly number[]
}

const FULL: Scale = { steps: 1500, operations: 300, times: 8, crashes: 6, poisonOneIn: 2, ioErrorOneIn: [100, 400, 1500] }

const CALM: FaultPlan = { crashes: [], ioErrorOneIn: 0, slowSyncMs: 0, wallJumpOneIn: 0, poison: [] }

export const ERRNOS: readonly string[] = ['EIO', 'ENOSPC']

/** Small numbers often, large ones sometimes. */
const skewed = (random: Prng, most: number): number => 1 + random.below(1 + random.below(most))

function drawCrash(random: Prng, scale: Scale): Crash {
  const disk = random.pick(['kill', 'none', 'all', 'some'] as const)
  switch (random.below(4)) {
    case 0:
      return { disk, point: { kind: 'step', at: skewed(random, scale.steps) } }
    case 1: {
      const when = random.pick(['crash-before', 'crash-after'] as const)
      return { disk, point: { kind: 'operation', at: skewed(random, scale.operations), when } }
    }
    default:
      return { disk, point: { kind: 'probe', step: random.pick(STEPS), times: skewed(random, scale.times) } }
  }
}

export function drawFaults(random: Prng, records: number, scale: Scale = FULL): FaultPlan {
  const half = (): boolean => random.chance(1, 2)
  return {
    crashes: half() ? Array.from({ length: 1 + random.below(scale.crashes) }, () => drawCrash(random, scale)) : CALM.crashes,
    ioErrorOneIn: half() ? random.pick(scale.ioErrorOneIn) : 0,
    slowSyncMs: half() ? random.pick([20, 300]) : 0,
    wallJumpOneIn: half() ? 200 : 0,
    poison: random.chance(1, scale.poisonOneIn)
      ? Array.from({ length: 1 + random.below(2) }, () => [random.below(records), 1 + random.below(2)] as const)
      : CALM.poison,
  }
}

export function drawMoreFaults(random: Prng, kind: 'protocol' | 'full'): MoreFaults {
  const protocol = kind === 'protocol'
  const one = (n: number, value: number): number => (random.chance(1, n) ? value : 0)
  return {
    stallOneIn: one(4, protocol ? 60 : 300),
    notices: random.pick(['prompt', 'prompt', 'late', 'lost'] as const),
    flipOneIn: one(4, 1),
    zombieOneIn: one(3, 2),
    commitFailsOneIn: protocol ? one(4, 6) : 0,
    hangOneIn: protocol ? one(5, 6) : 0,
    hangMs: random.pick([40, 300]),
  }
}

/** Threads that share the subtasks; 1: the process has none of its own. Drawn apart as well. */
export function drawWorkers(random: Prng, parallelism: number): number {
  return Math.min(random.pick([1, 1, 1, 1, 2, 3]), parallelism)
}

/** From which age on barriers overtake, half of the time; drawn apart as well. */
export function drawOvertaking(seed: number, agesMs: readonly number[]): { readonly unalignedAfterMs?: number } {
  const random = new Prng(seed ^ 0x6f766572)
  return random.chance(1, 2) ? { unalignedAfterMs: random.pick(agesMs) } : {}
}
