/**
 * What goes wrong in one simulated run: drawn from the seed, each kind off half of the time.
 *
 * Plain data, printed with a failing seed. Called by the simulator; decides nothing itself.
 */
import type { Prng } from '../../base/prng.ts'
import { STEPS } from '../failpoints.ts'
import type { Survival } from './inodes.ts'

/** Where a process dies: after so many steps, storage operations, or when a named step is reached. */
export type CrashPoint =
  | { readonly kind: 'step'; readonly at: number }
  | { readonly kind: 'operation'; readonly at: number; readonly when: 'crash-before' | 'crash-after' }
  | { readonly kind: 'probe'; readonly step: string; readonly times: number }

export interface Crash {
  readonly point: CrashPoint
  /** What the disk keeps: 'kill' is the end of the process alone, the others a power cut. */
  readonly disk: 'kill' | Survival
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

const CALM: FaultPlan = { crashes: [], ioErrorOneIn: 0, slowSyncMs: 0, wallJumpOneIn: 0, poison: [] }

export const ERRNOS: readonly string[] = ['EIO', 'ENOSPC']

/** Small numbers often, large ones sometimes. */
const skewed = (random: Prng, most: number): number => 1 + random.below(1 + random.below(most))

function drawCrash(random: Prng): Crash {
  const disk = random.pick(['kill', 'none', 'all', 'some'] as const)
  switch (random.below(4)) {
    case 0:
      return { disk, point: { kind: 'step', at: skewed(random, 1500) } }
    case 1: {
      const when = random.pick(['crash-before', 'crash-after'] as const)
      return { disk, point: { kind: 'operation', at: skewed(random, 300), when } }
    }
    default:
      return { disk, point: { kind: 'probe', step: random.pick(STEPS), times: skewed(random, 8) } }
  }
}

export function drawFaults(random: Prng, records: number): FaultPlan {
  const half = (): boolean => random.chance(1, 2)
  return {
    crashes: half() ? Array.from({ length: 1 + random.below(6) }, () => drawCrash(random)) : CALM.crashes,
    ioErrorOneIn: half() ? random.pick([100, 400, 1500]) : 0,
    slowSyncMs: half() ? random.pick([20, 300]) : 0,
    wallJumpOneIn: half() ? 200 : 0,
    poison: half()
      ? Array.from({ length: 1 + random.below(2) }, () => [random.below(records), 1 + random.below(2)] as const)
      : CALM.poison,
  }
}
