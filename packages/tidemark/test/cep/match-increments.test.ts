import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pattern } from '../../src/api/pattern-builder.ts'
import type { Pattern } from '../../src/api/patterns.ts'
import type { MatchSpec } from '../../src/graph/operator-spec.ts'
import { rigOf } from '../operator/operator-rig.ts'
import { rigEvent } from '../state/increments-rig.ts'

type Row = readonly [key: string, value: number]
const is = (wanted: number) => ([, value]: Row): boolean => value === wanted
const begin = pattern<Row>().begin('a', is(0))

const patterns: readonly Pattern<Row, any>[] = [
  begin.next('b', is(1)).followedBy('c', is(2)).within(30),
  begin.oneOrMore().followedBy('b', is(1)).within(12),
  begin.notFollowedBy('x', is(2)).within(9),
  begin.followedByAny('b', is(1)).followedBy('c', is(2)),
]
const record = fc.record({ key: fc.nat(40).map((n) => `k${n}`), value: fc.nat(3), ahead: fc.integer({ min: -9, max: 4 }) })

test('MU-1, MO-6, SL-1: matches in a checkpoint are those of its cut, whatever goes on, ends or begins again while it is written', () => {
  let increments = 0
  fc.assert(fc.property(
    fc.constantFrom(...patterns), fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000),
    fc.array(fc.oneof({ weight: 8, arbitrary: record }, { weight: 3, arbitrary: rigEvent }), { minLength: 20, maxLength: 200 }),
    (of, sliceEntries, segmentBytes, events) => {
      const spec: MatchSpec = { kind: 'match', keyOf: ([key]: Row) => key, pattern: of.spec }
      const { harness, rig } = rigOf(spec, { sliceEntries, segmentBytes })
      let now = 1
      for (let i = 0; i < 40; i++) harness.send([`k${i}`, 0], 1)
      harness.watermark(1)
      rig.playThrough(events, (each) => {
        if ('kind' in each) return each
        now += Math.max(0, each.ahead)
        harness.send([each.key, each.value], now + Math.min(0, each.ahead))
        harness.watermark(now - 5)
        return undefined
      })
      increments += rig.increments
    },
  ), { numRuns: 150 })
  expect(increments).toBeGreaterThan(100)
})
