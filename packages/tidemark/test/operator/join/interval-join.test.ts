import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IntervalJoinSpec, JoinType } from '../../../src/graph/join-spec.ts'
import { OperatorHarness } from '../../../src/testing/operator-harness.ts'
import { runScript, verifyInAllModes, type ScriptStep } from '../../../src/testing/operator-script.ts'
import { createIntervalJoin } from '../../../src/operator/join/interval-join.ts'
import { errorOf } from '../../api/fakes.ts'
import { inLine } from '../in-line.ts'
import { expected, found, keysOf, late, main, scripts, type Emitted, type Model, type Row } from './scripts.ts'

const types = fc.constantFrom<JoinType>('inner', 'left', 'right', 'full')
const bounds = fc.tuple(fc.integer({ min: -8, max: 8 }), fc.integer({ min: 0, max: 8 }))
  .map(([lower, width]) => ({ lowerMs: lower, upperMs: lower + width }))

const spec = (given: { lowerMs: number; upperMs: number }, type: JoinType = 'inner'): IntervalJoinSpec => ({
  kind: 'interval-join', type, keysOf, ...given,
  fn: (left: Row | undefined, right: Row | undefined, ctx) =>
    [ctx.key, left?.n, right?.n, ctx.leftTimestamp, ctx.rightTimestamp, ctx.timestamp],
})

interface Kept {
  readonly row: Row
  readonly input: number
  matched: boolean
}

/** Looks at all rows for every record, and at every watermark. */
function model({ lowerMs, upperMs, type }: IntervalJoinSpec): Model {
  let kept: Kept[] = []
  const result = (left: Row | undefined, right: Row | undefined, at: number): Emitted =>
    main([left?.k ?? right?.k, left?.n, right?.n, left?.t, right?.t, at], at)
  const meets = (left: Row, right: Row): boolean =>
    left.k === right.k && left.t + lowerMs <= right.t && right.t <= left.t + upperMs
  const end = ({ row, input }: Kept): number => row.t + Math.max(0, input === 0 ? upperMs : -lowerMs)
  const alone = ({ input, matched }: Kept): boolean =>
    !matched && (type === 'full' || type === (input === 0 ? 'left' : 'right'))
  return {
    record(row, input, watermark) {
      if (row.t < watermark) return [late(row, input, watermark)]
      const fresh: Kept = { row, input, matched: false }
      const results = kept.filter((each) => each.input !== input).flatMap((each) => {
        const [left, right] = input === 0 ? [row, each.row] : [each.row, row]
        if (!meets(left, right)) return []
        each.matched = true
        fresh.matched = true
        return [result(left, right, Math.max(left.t, right.t))]
      })
      kept.push(fresh)
      return results
    },
    watermark(watermark) {
      const over = kept.filter((each) => end(each) <= watermark)
      kept = kept.filter((each) => end(each) > watermark)
      return over.filter(alone).map((each) =>
        (each.input === 0 ? result(each.row, undefined, end(each)) : result(undefined, each.row, end(each))))
    },
  }
}

test('every type of interval join equals one that looks at all rows, in every mode', () => {
  fc.assert(fc.property(bounds, types, scripts, (interval, type, script) => {
    const operator = spec(interval, type)
    expect(found(verifyInAllModes({ operator, steps: script }))).toEqual(expected(script, model(operator)))
  }), { numRuns: 60 })
})

test('IJ-6: the function made for an inner join does what the operator does otherwise, in every mode', () => {
  const create = inLine(createIntervalJoin)
  fc.assert(fc.property(bounds, scripts, (interval, script) => {
    const operator = spec(interval)
    expect(found(verifyInAllModes({ operator, steps: script, create }))).toEqual(expected(script, model(operator)))
  }), { numRuns: 40 })
})

test('IJ-3: rows are kept for as long as a record after the watermark can join them, and no longer', () => {
  for (const create of [createIntervalJoin, inLine(createIntervalJoin)]) {
    for (const [input, interval] of [[0, { lowerMs: 3, upperMs: 8 }], [1, { lowerMs: -8, upperMs: -3 }]] as const) {
      for (const [watermark, joined] of [[17, 1], [18, 0]] as const) {
        const harness = new OperatorHarness(spec(interval), { create })
        harness.send({ k: 'a', n: 0, t: 10 }, 10, input)
        // Sweeps, and so does not again at the next: what is still there must not be joined either.
        harness.watermark(11)
        harness.watermark(watermark)
        harness.send({ k: 'a', n: 1, t: 18 }, 18, 1 - input)
        expect(harness.values()).toHaveLength(joined)
      }
    }
  }
})

test('without late records the results are those of the definition, whatever the order of arrival', () => {
  const rows = fc.array(fc.record({
    k: fc.constantFrom('a', 'b'), t: fc.integer({ min: 0, max: 20 }), input: fc.constantFrom(0, 1), order: fc.nat(),
  }), { maxLength: 25 })
  fc.assert(fc.property(bounds, rows, ({ lowerMs, upperMs }, given) => {
    const sends = given.map(({ k, t, input, order }, n) => ({ row: { k, n, t }, input, order }))
    const script: ScriptStep[] = sends.toSorted((a, b) => a.order - b.order)
      .map(({ row, input }) => ({ kind: 'send', value: row, timestamp: row.t, input }))
    const outputs = runScript({
      operator: { ...spec({ lowerMs, upperMs }, 'full'), fn: (l?: Row, r?: Row) => [l?.n, r?.n] },
      steps: [...script, { kind: 'watermark', watermark: 100 }],
    }, 'plain')
    const of = (input: number): Row[] => sends.filter((each) => each.input === input).map(({ row }) => row)
    const pairs = of(0).flatMap((l) => of(1).flatMap((r) =>
      (l.k === r.k && r.t - l.t >= lowerMs && r.t - l.t <= upperMs ? [[l.n, r.n]] : [])))
    const single = (input: number): (number | undefined)[][] => of(input)
      .filter(({ n }) => pairs.every((pair) => pair[input] !== n))
      .map(({ n }) => (input === 0 ? [n, undefined] : [undefined, n]))
    const results = outputs.flat().flatMap((each) => (each.kind === 'record' ? [each.value] : []))
    expect(results.map((each) => JSON.stringify(each)).sort())
      .toEqual([...pairs, ...single(0), ...single(1)].map((each) => JSON.stringify(each)).sort())
  }), { numRuns: 60 })
})

test('rows that are put out alone come in order of the time at which that was certain', () => {
  const operator = spec({ lowerMs: -4, upperMs: 2 }, 'full')
  const harness = new OperatorHarness(operator)
  const rows: readonly (readonly [string, number, number])[] =
    [['a', 9, 0], ['b', 3, 1], ['c', 4, 0], ['a', 2, 1], ['d', 1, 0], ['b', 30, 0]]
  rows.forEach(([k, t, input], n) => harness.send({ k, n, t }, t, input))
  harness.watermark(20)
  const times = harness.outputs.flatMap((each) => (each.kind === 'record' ? [each.timestamp] : []))
  expect(times).toEqual([3, 6, 6, 7, 11])
})

test('a row that is put out alone is not late for what comes after the join', () => {
  fc.assert(fc.property(bounds, types, scripts, (interval, type, script) => {
    let forwarded = -Infinity
    for (const each of runScript({ operator: spec(interval, type), steps: script }, 'plain').flat()) {
      if (each.kind === 'watermark') forwarded = each.watermark
      if (each.kind === 'record' && each.tag === 'main') expect(each.timestamp).toBeGreaterThanOrEqual(forwarded)
    }
  }), { numRuns: 100 })
})

test('nothing is left in state or of timers when the watermark has passed everything', () => {
  fc.assert(fc.property(bounds, types, scripts, (interval, type, script) => {
    const operator = spec(interval, type)
    const used = new OperatorHarness(operator)
    for (const step of script) {
      if (step.kind === 'send') used.send(step.value, step.timestamp, step.input)
      if (step.kind === 'watermark') used.watermark(step.watermark)
    }
    const empty = new OperatorHarness(operator)
    empty.watermark(1000)
    expect(used.snapshot()).toEqual(empty.snapshot())
  }), { numRuns: 50 })
})

test('after a restore with other bounds rows go when the new bounds say so', () => {
  const before = new OperatorHarness(spec({ lowerMs: 0, upperMs: 5 }))
  before.send({ k: 'a', n: 0, t: 10 }, 10, 0)
  for (const [upperMs, joined] of [[20, 1], [2, 0]] as const) {
    const after = new OperatorHarness(spec({ lowerMs: 0, upperMs }), { restored: [before.snapshot()] })
    after.watermark(14)
    after.send({ k: 'a', n: 1, t: 15 }, 15, 1)
    expect(after.values()).toHaveLength(joined)
  }
})

test('an error of the function names the join; a record without event time is refused', () => {
  for (const create of [createIntervalJoin, inLine(createIntervalJoin)]) {
    const operator = { ...spec({ lowerMs: 0, upperMs: 0 }), fn: () => { throw new Error('no') } }
    const harness = new OperatorHarness(operator, { create })
    // A record of either side is there, so that the second of each goes the usual way.
    harness.send({ k: 'a', n: 0, t: 1 }, 1, 0)
    for (const [input, t] of [[1, 1], [0, 1]] as const) {
      const thrown = errorOf(() => harness.send({ k: 'a', n: 1, t }, t, input))
      expect(thrown).toMatchObject({ code: 'E061', place: { operator: 'under-test' } })
      expect(thrown.message).toContain('join of operator')
    }
    expect(errorOf(() => harness.send({ k: 'a', n: 2, t: 1 }, undefined, 1))).toMatchObject({ code: 'E153' })
    expect(errorOf(() => harness.send({ k: Number.NaN, n: 3, t: 1 }, 1, 0))).toMatchObject({ code: 'E072' })
  }
})
