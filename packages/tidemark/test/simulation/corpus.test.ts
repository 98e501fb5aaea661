/** Every seed that ever failed, run for ever. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RUN, type SeedKind } from '../../src/host/simulator/run-chunk.ts'

const CORPUS = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as
  Readonly<Record<SeedKind, readonly number[]>>

test('every seed that once failed passes', () => {
  for (const kind of ['protocol', 'full'] as const) {
    for (const seed of CORPUS[kind]) {
      expect(Number.isSafeInteger(seed), `${kind} ${seed}`).toBe(true)
      expect(RUN[kind](seed).violation, `npm run sim -- --seed ${seed} --${kind}`).toBeUndefined()
    }
  }
})
