/**
 * Parts of a simulated job that nothing joins to the rest: failover regions of their own.
 *
 * Called by world.ts. Drawn apart from everything else, so that older seeds stay what they were: half of the worlds
 * have no such part, the others one or two, small, some with a user function that throws.
 */
import { Prng } from '../../base/prng.ts'
import { drawBranches } from './branches.ts'
import type { Part } from './cut-check.ts'
import type { Gate } from './gate.ts'
import { drawInput } from './inputs.ts'

/** Ids of records begin here, so that none is that of another part. */
const FIRST_ID = 100_000
const ID_STEP = 10_000

export interface Apart extends Part {
  /** As in FaultPlan. */
  readonly poison: readonly (readonly [id: number, times: number])[]
}

export function drawApart(seed: number, gate: Gate): Apart[] {
  const random = new Prng(seed ^ 0x61706172)
  return Array.from({ length: random.pick([0, 0, 1, 2]) }, (_, i) => {
    const records = 40 + random.below(160)
    const firstId = FIRST_ID + i * ID_STEP
    const draw = { name: `x${i}-in`, records, firstId, keys: 1 + random.below(8), gate, parity: random.below(2) }
    const poison = random.chance(1, 2) ? [[firstId + random.below(records), 1 + random.below(2)] as const] : []
    const names = new RegExp(`^x${i}-`)
    return { names, inputs: [drawInput(random, draw)], branches: drawBranches(seed, random, 1, 'plain', `x${i}-`), poison }
  })
}
