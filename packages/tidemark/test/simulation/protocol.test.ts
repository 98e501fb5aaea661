import { describe, expect, test } from 'vitest'
import { STEPS } from '../../src/host/failpoints.ts'
import { emptySums, addResult } from '../../src/host/simulator/run-chunk.ts'
import { simulateProtocol } from '../../src/host/simulator/simulator.ts'

const SEEDS = 600
const CHUNK = 100
const TIMEOUT_MS = 120_000

describe('the checkpoint protocol', () => {
  const sums = emptySums()
  for (let first = 1; first <= SEEDS; first += CHUNK) {
    test(`seeds ${first} to ${first + CHUNK - 1}: the ledger and every checkpoint hold what they should`, () => {
      for (let seed = first; seed < first + CHUNK; seed++) {
        const result = simulateProtocol(seed)
        expect(result.violation, `npm run sim -- --seed ${seed} --protocol`).toBeUndefined()
        expect(result.leastParallelism).toBeGreaterThanOrEqual(2)
        addResult(sums, 'protocol', result)
      }
    }, TIMEOUT_MS)
  }

  test('these seeds did crash, complete checkpoints, restart and reach every named step 100 times', () => {
    expect(sums.crashedAndCompleted).toBeGreaterThan(SEEDS * 0.95)
    expect(sums.restarts).toBeGreaterThan(SEEDS / 10)
    // Checkpoints that hold what barriers overtook, and attempts that went on from one.
    expect(sums.overtaken).toBeGreaterThan(SEEDS / 10)
    expect(sums.replayed).toBeGreaterThan(SEEDS / 100)
    expect(sums.increments).toBeGreaterThan(SEEDS / 50)
    for (const step of STEPS) expect(sums.reached[step] ?? 0, step).toBeGreaterThan(100)
  })
})

test('the same protocol seed gives the same steps, recorded or not', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const first = simulateProtocol(seed)
    const second = simulateProtocol(seed, { recordTrace: true })
    expect(second.hash, `seed ${seed}`).toBe(first.hash)
    expect(second.trace.length, `seed ${seed}`).toBeGreaterThan(first.steps)
  }
})
