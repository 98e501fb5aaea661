/**
 * Runs a range of seeds and adds up what came of them; plain data, so that workers can send it.
 *
 * Called by scripts/sim.mjs in each of its workers.
 */
import { stepName } from '../failpoints.ts'
import { simulate, simulateProtocol, type SimulationResult, type Violation } from './simulator.ts'

export type SeedKind = 'protocol' | 'full'

export interface Failure {
  readonly kind: SeedKind
  readonly seed: number
  readonly violation: Violation
  readonly plan: unknown
}

export interface Sums {
  seeds: number
  steps: number
  processes: number
  crashes: number
  checkpoints: number
  restarts: number
  records: number
  overtaken: number
  replayed: number
  increments: number
  workerDeaths: number
  savepoints: number
  begun: number
  evolutions: number
  cleanings: number
  rescales: number
  moves: number
  partRestarts: number
  /** Seeds with at least one crash and one completed checkpoint. */
  crashedAndCompleted: number
  /** Named steps, counted ones under their name with k. */
  reached: Record<string, number>
  failures: Failure[]
  /** Seeds that passed and came to less than a full seed must. */
  shapeless: { readonly seed: number; readonly lacks: readonly string[] }[]
}

const COUNTS = [
  'steps', 'processes', 'crashes', 'checkpoints', 'restarts', 'records', 'overtaken', 'replayed',
  'increments', 'workerDeaths', 'savepoints', 'begun', 'evolutions', 'cleanings',
  'rescales', 'moves', 'partRestarts',
] as const

export const emptySums = (): Sums => ({
  seeds: 0, steps: 0, processes: 0, crashes: 0, checkpoints: 0, restarts: 0, records: 0, overtaken: 0, replayed: 0,
  increments: 0, workerDeaths: 0, savepoints: 0, begun: 0, evolutions: 0, cleanings: 0, rescales: 0, moves: 0,
  partRestarts: 0, crashedAndCompleted: 0, reached: {}, failures: [], shapeless: [],
})

export const RUN: Readonly<Record<SeedKind, (seed: number) => SimulationResult>> = {
  protocol: (seed) => simulateProtocol(seed),
  full: (seed) => simulate(seed),
}

export function runChunk(kind: SeedKind, first: number, howMany: number): Sums {
  const sums = emptySums()
  for (let seed = first; seed < first + howMany; seed++) addResult(sums, kind, RUN[kind](seed))
  return sums
}

export function addResult(sums: Sums, kind: SeedKind, result: SimulationResult): void {
  const { seed, violation, plan, lacks } = result
  sums.seeds += 1
  for (const count of COUNTS) sums[count] += result[count]
  if (result.crashes > 0 && result.checkpoints > 0) sums.crashedAndCompleted += 1
  for (const [step, times] of result.reached) {
    const name = stepName(step)
    sums.reached[name] = (sums.reached[name] ?? 0) + times
  }
  if (violation !== undefined) sums.failures.push({ kind, seed, violation, plan })
  else if (lacks.length > 0) sums.shapeless.push({ seed, lacks })
}

export function addSums(into: Sums, from: Sums): void {
  into.seeds += from.seeds
  into.crashedAndCompleted += from.crashedAndCompleted
  for (const count of COUNTS) into[count] += from[count]
  for (const [step, times] of Object.entries(from.reached)) into.reached[step] = (into.reached[step] ?? 0) + times
  into.failures.push(...from.failures)
  into.shapeless.push(...from.shapeless)
}
