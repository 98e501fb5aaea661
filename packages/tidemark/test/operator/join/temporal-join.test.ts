import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TemporalJoinSpec } from '../../../src/graph/join-spec.ts'
import { decodeSegment, readEntries } from '../../../src/state/snapshot-format.ts'
import { OperatorHarness } from '../../../src/testing/operator-harness.ts'
import { verifyInAllModes } from '../../../src/testing/operator-script.ts'
import { expected, found, keysOf, late, main, scripts, type Model, type Row } from './scripts.ts'

const types = fc.constantFrom('inner' as const, 'left' as const)

const spec = (type: TemporalJoinSpec['type'], ends?: TemporalJoinSpec['ends']): TemporalJoinSpec => ({
  kind: 'temporal-join', type, keysOf, ...(ends === undefined ? {} : { ends }),
  fn: (left: Row, version: Row | undefined, ctx) => [left.n, version?.n, ctx.leftTimestamp, ctx.rightTimestamp],
})

/** Remembers every version there ever was. */
function model({ type, ends }: TemporalJoinSpec): Model {
  const versions: Row[] = []
  let waiting: Row[] = []
  const validAt = (k: string, time: number): Row | undefined => versions
    .filter((each) => each.k === k && each.t <= time)
    .reduce<Row | undefined>((best, each) => (best === undefined || each.t >= best.t ? each : best), undefined)
  return {
    record(row, input, watermark) {
      if (input === 0) {
        if (row.t <= watermark) return [late(row, 0, watermark)]
        waiting.push(row)
        return []
      }
      const valid = row.t <= watermark ? validAt(row.k, watermark) : undefined
      if (valid !== undefined && valid.t > row.t) return [late(row, 1, watermark)]
      versions.push(row)
      return []
    },
    watermark(watermark) {
      const due = waiting.filter(({ t }) => t <= watermark)
      waiting = waiting.filter(({ t }) => t > watermark)
      return due.flatMap((row) => {
        const last = validAt(row.k, row.t)
        const version = last !== undefined && ends?.(last) === true ? undefined : last
        if (version === undefined && type === 'inner') return []
        return [main([row.n, version?.n, row.t, version?.t], row.t)]
      })
    },
  }
}

test('a temporal join equals one that remembers all versions, in every mode', () => {
  fc.assert(fc.property(types, scripts, (type, script) => {
    const operator = spec(type)
    expect(found(verifyInAllModes({ operator, steps: script }))).toEqual(expected(script, model(operator)))
  }), { numRuns: 60 })
})

test('a version that ends its key leaves none, until the next one starts', () => {
  fc.assert(fc.property(types, scripts, (type, script) => {
    // Of a key that has ended nothing is remembered, so late versions are left out here.
    let reached = -Infinity
    const timely = script.filter((step) => {
      if (step.kind === 'watermark') reached = Math.max(reached, step.watermark)
      return step.kind !== 'send' || step.input === 0 || (step.timestamp as number) > reached
    })
    const operator = spec(type, (version: Row) => version.n % 3 === 0)
    expect(found(verifyInAllModes({ operator, steps: timely }))).toEqual(expected(timely, model(operator)))
  }), { numRuns: 60 })
})

test('results come in order of time, each when the watermark has reached it', () => {
  const harness = new OperatorHarness(spec('left'))
  const at = (k: string, t: number, input: number): void => harness.send({ k, n: t, t }, t, input)
  at('a', 7, 0)
  at('b', 5, 0)
  at('a', 3, 0)
  at('a', 2, 1)
  at('a', 6, 1)
  harness.watermark(5)
  expect(harness.values()).toEqual([[3, 2, 3, 2], [5, undefined, 5, undefined]])
  harness.watermark(9)
  expect(harness.values()).toHaveLength(3)
  expect(harness.values().at(-1)).toEqual([7, 6, 7, 6])
})

function keptVersions(harness: OperatorHarness): number[] {
  const states = decodeSegment(harness.snapshot()).snapshot.keyed.filter(({ name }) => name === 'right')
  return states.flatMap(({ groups }) => groups.flatMap((group) =>
    [...readEntries(group)].flatMap(({ value }) => (value as [number][]).map(([time]) => time))))
}

test('kept are the version that is valid and those to come, and nothing of a key that has ended', () => {
  const harness = new OperatorHarness(spec('inner', (version: Row) => version.n === 9))
  const version = (n: number, t: number): void => harness.send({ k: 'a', n, t }, t, 1)
  for (const t of [1, 5, 3, 8]) version(0, t)
  expect(keptVersions(harness)).toEqual([1, 3, 5, 8])
  harness.watermark(4)
  expect(keptVersions(harness)).toEqual([3, 5, 8])
  harness.watermark(5)
  expect(keptVersions(harness)).toEqual([5, 8])
  version(1, 5) // late, but in force: it takes the place of the one at the same time
  version(1, 4) // late and superseded
  expect(keptVersions(harness)).toEqual([5, 8])
  expect(harness.values('late:right')).toMatchObject([{ key: 'a', lateByMs: 1 }])
  version(9, 10)
  harness.watermark(9)
  expect(keptVersions(harness)).toEqual([8, 10])
  harness.watermark(10)
  expect(keptVersions(harness)).toEqual([])
  expect(harness.metrics.late).toBe(1)
})
