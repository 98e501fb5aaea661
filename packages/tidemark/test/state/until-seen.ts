/** A property whose random runs must have met something, else it says nothing: tried again until they have. */
import fc from 'fast-check'
import { expect } from 'vitest'

const MOST_ROUNDS = 10

export function assertUntilSeen<T>(law: fc.IProperty<T>, numRuns: number, seen: () => boolean): void {
  for (let round = 0; round === 0 || (round < MOST_ROUNDS && !seen()); round++) fc.assert(law, { numRuns })
  expect(seen).toSatisfy((met: () => boolean) => met())
}
