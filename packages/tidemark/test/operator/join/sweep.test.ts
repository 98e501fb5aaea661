import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../../src/base/time.ts'
import { Sweep } from '../../../src/operator/join/sweep.ts'

interface Rows {
  until: number
  readonly n: number
}

const EVERY = 10

/** A sweep over rows that are over at a time of their own, and what it did. */
function sweeping(first: number) {
  const state = { watermark: first, looked: 0, forgotten: [] as number[] }
  const sweep = new Sweep<Rows>({
    everyMs: EVERY,
    trim({ until }) {
      state.looked += 1
      return until > state.watermark
    },
    forget: ({ n }) => void state.forgotten.push(n),
  }, first)
  const rise = (watermark: number): void => {
    state.watermark = watermark
    sweep.onWatermark(watermark)
  }
  return { sweep, state, rise }
}

const action = fc.oneof(
  fc.record({ add: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ rise: fc.integer({ min: 1, max: 15 }) }),
)

test('XS-1, XS-2: rows that are over are forgotten once, within two rounds, and no others', () => {
  fc.assert(fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
    const { sweep, state, rise } = sweeping(0)
    const all: Rows[] = []
    for (const each of actions) {
      if ('add' in each) {
        const rows = { n: all.length, until: state.watermark + each.add }
        all.push(rows)
        sweep.add(rows)
      } else {
        rise(state.watermark + each.rise)
      }
      const gone = new Set(state.forgotten)
      expect(gone.size).toBe(state.forgotten.length)
      for (const { n, until } of all) {
        if (gone.has(n)) expect(until).toBeLessThanOrEqual(state.watermark)
        // A watermark may be as much as 15 behind the next.
        else expect(until + EVERY + 15).toBeGreaterThan(state.watermark)
      }
    }
    rise(MAX_TIMESTAMP)
    expect(state.forgotten.toSorted((a, b) => a - b)).toEqual(all.map(({ n }) => n))
  }), { numRuns: 200 })
})

test('XS-1: a watermark looks at 4,096 keys at most, and the next ones go on where it stopped', () => {
  const { sweep, state, rise } = sweeping(0)
  for (let n = 0; n < 10_000; n++) sweep.add({ n, until: n % 2 === 0 ? 0 : 1000 })
  const looked = [1, 2, 3, 4].map((watermark) => {
    rise(watermark)
    return state.looked
  })
  expect(looked).toEqual([4096, 8192, 10_000, 10_000])
  expect(state.forgotten).toHaveLength(5000)
  rise(11)
  expect(state.looked).toBe(10_000 + 4096)
  // Half way through a round, the end of time still reaches all.
  rise(MAX_TIMESTAMP)
  expect(state.forgotten).toHaveLength(10_000)
})
