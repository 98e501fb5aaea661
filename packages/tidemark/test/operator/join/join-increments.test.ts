import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IntervalJoinSpec, TemporalJoinSpec } from '../../../src/graph/join-spec.ts'
import { rigEvent } from '../../state/increments-rig.ts'
import { rigOf } from '../operator-rig.ts'
import { keysOf, type Row } from './scripts.ts'

const spec = fc.oneof(
  fc.constantFrom('inner' as const, 'left' as const, 'full' as const).map((type): IntervalJoinSpec => ({
    kind: 'interval-join', type, keysOf, lowerMs: -6, upperMs: 4, fn: (left?: Row, right?: Row) => [left?.n, right?.n],
  })),
  fc.constantFrom('inner' as const, 'left' as const).map((type): TemporalJoinSpec => ({
    kind: 'temporal-join', type, keysOf, fn: (left: Row, right?: Row) => [left.n, right?.n], ends: (version: Row) => version.n % 7 === 0,
  })),
)
const record = fc.record({
  k: fc.nat(40).map((n) => `k${n}`), input: fc.constantFrom(0, 1), ahead: fc.integer({ min: -9, max: 3 }),
})

test('TB-4, JT-5, SL-1: rows in a checkpoint are those of its cut, whatever comes, is marked or goes while it is written', () => {
  let increments = 0
  fc.assert(fc.property(
    spec, fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000),
    fc.array(fc.oneof({ weight: 8, arbitrary: record }, { weight: 3, arbitrary: rigEvent }), { minLength: 20, maxLength: 200 }),
    (join, sliceEntries, segmentBytes, events) => {
      const { harness, rig } = rigOf(join, { sliceEntries, segmentBytes })
      let now = 1
      for (let n = 0; n < 40; n++) for (const input of [0, 1]) harness.send({ k: `k${n}`, n, t: 1 }, 1, input)
      rig.cut()
      rig.finishWriting()
      rig.complete(0)
      events.forEach((each, n) => {
        if ('kind' in each) {
          rig.play(each.kind, each.n)
        } else {
          now += Math.max(0, each.ahead)
          const t = now + Math.min(0, each.ahead)
          harness.send({ k: each.k, n, t }, t, each.input)
          harness.watermark(now - 6)
        }
      })
      rig.cut()
      rig.finishWriting()
      expect(rig.checked).toBeGreaterThan(0)
      increments += rig.increments
    },
  ), { numRuns: 150 })
  expect(increments).toBeGreaterThan(100)
})
