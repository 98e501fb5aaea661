import { expect, test } from 'vitest'
import { simulate } from '../../src/host/simulator/simulator.ts'

test('the same seed gives the same steps, recorded or not', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const first = simulate(seed)
    const second = simulate(seed, { recordTrace: true })
    expect(second.hash, `seed ${seed}`).toBe(first.hash)
    expect(second.steps, `seed ${seed}`).toBe(first.steps)
    expect(second.trace.length, `seed ${seed}`).toBeGreaterThan(first.steps)
  }
})

test('another seed gives another run', () => {
  const hashes = new Set(Array.from({ length: 25 }, (_, i) => simulate(i + 1).hash))
  expect(hashes.size).toBe(25)
})
