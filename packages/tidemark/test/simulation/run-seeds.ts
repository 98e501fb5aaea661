/** Runs a range of seeds and says what failed, with what is needed to look at it. */
import { describe, expect, test } from 'vitest'
import { stepName, STEPS } from '../../src/host/failpoints.ts'
import { simulate, type SimulationResult } from '../../src/host/simulator/simulator.ts'

const CHUNK = 50
const TIMEOUT_MS = 120_000

export function describeFailure(result: SimulationResult): string {
  const { seed, plan, violation } = result
  return `SEED ${seed}\n${JSON.stringify(violation, null, 1)}\n${JSON.stringify(plan)}\nnpm run sim -- --seed ${seed}`
}

/** One test for every CHUNK seeds, and one that they were worth running. */
export function seedsFinishExactly(from: number, howMany: number): void {
  const sums = {
    crashes: 0, checkpoints: 0, restarts: 0, records: 0, overtaken: 0, replayed: 0, increments: 0, workerDeaths: 0,
    savepoints: 0, begun: 0, evolutions: 0, cleanings: 0, rescales: 0, moves: 0, partRestarts: 0,
  }
  const reached = new Map<string, number>()
  describe(`${howMany} seeds from ${from}`, () => {
    for (let first = from; first < from + howMany; first += CHUNK) {
      test(`seeds ${first} to ${first + CHUNK - 1}: output equals the plain loop, whatever fails`, () => {
        for (let seed = first; seed < first + CHUNK; seed++) {
          const result = simulate(seed)
          expect(result.violation === undefined ? 'fine' : describeFailure(result)).toBe('fine')
          expect(result.lacks, `seed ${seed} has not the shape of a full one`).toEqual([])
          sums.crashes += result.crashes
          sums.checkpoints += result.checkpoints
          sums.restarts += result.restarts
          sums.records += result.records
          sums.overtaken += result.overtaken
          sums.replayed += result.replayed
          sums.increments += result.increments
          sums.workerDeaths += result.workerDeaths
          sums.savepoints += result.savepoints
          sums.begun += result.begun
          sums.evolutions += result.evolutions
          sums.cleanings += result.cleanings
          sums.rescales += result.rescales
          sums.moves += result.moves
          sums.partRestarts += result.partRestarts
          for (const [step, times] of result.reached) {
            reached.set(stepName(step), (reached.get(stepName(step)) ?? 0) + times)
          }
        }
      }, TIMEOUT_MS)
    }

    test('these seeds did crash, restart, complete checkpoints and reach every kind of step', () => {
      expect(sums.crashes).toBeGreaterThanOrEqual(howMany)
      expect(sums.restarts).toBeGreaterThan(howMany / 2)
      expect(sums.checkpoints).toBeGreaterThan(3 * howMany)
      expect(sums.records).toBeGreaterThanOrEqual(500 * howMany)
      expect(sums.overtaken).toBeGreaterThan(howMany / 4)
      expect(sums.replayed).toBeGreaterThan(howMany / 10)
      expect(sums.increments).toBeGreaterThan(howMany / 20)
      expect(sums.workerDeaths).toBeGreaterThan(howMany / 10)
      expect(sums.savepoints).toBeGreaterThan(howMany / 30)
      expect(sums.begun).toBeGreaterThan(howMany / 20)
      expect(sums.evolutions).toBeGreaterThan(howMany / 20)
      expect(sums.cleanings).toBeGreaterThan(howMany / 5)
      expect(sums.rescales).toBeGreaterThan(howMany / 40)
      expect(sums.moves).toBeGreaterThan(howMany / 5)
      expect(sums.partRestarts).toBeGreaterThan(howMany / 4)
      for (const step of STEPS) expect(reached.get(step) ?? 0, step).toBeGreaterThan(100)
    })
  })
}
