import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinSpec } from '../../../src/api/joins.ts'
import { countTrigger, deltaEvictor, deltaTrigger, purging, trigger } from '../../../src/api/triggers.ts'
import { countWindow, globalWindow, session, sliding, tumbling, type WindowAssigner } from '../../../src/api/windows.ts'
import type { JoinType, WindowJoinSpec } from '../../../src/graph/join-spec.ts'
import { runScript, verifyInAllModes, type ScriptStep } from '../../../src/testing/operator-script.ts'
import { errorOf } from '../../api/fakes.ts'
import { expected, found, keysOf, late, main, scripts, type Emitted, type Model, type Row } from './scripts.ts'

const TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full']
const types = fc.constantFrom(...TYPES)

type Numbers = readonly (number | undefined)[]
interface Context { readonly key: string; readonly start: Date; readonly end: Date }

function spec(window: WindowAssigner<never>, more: object = {}): WindowJoinSpec {
  const made = joinSpec('j', keysOf, { window, ...more }, (left?: Row, right?: Row, { key, start, end }: Context = never()) =>
    [key, start.getTime(), end.getTime(), left?.n, right?.n])
  if (made.kind !== 'window-join') throw new Error('a join with a window is a window join')
  return made
}

const never = (): Context => { throw new Error('every call has a context') }

/** The pairs of two lists, and what stands alone. */
function paired(type: JoinType, lefts: readonly Row[], rights: readonly Row[]): Numbers[] {
  if (lefts.length > 0 && rights.length > 0) return lefts.flatMap((l) => rights.map((r) => [l.n, r.n]))
  return [
    ...(type === 'left' || type === 'full' ? lefts.map((l) => [l.n, undefined]) : []),
    ...(type === 'right' || type === 'full' ? rights.map((r) => [undefined, r.n]) : []),
  ]
}

/** Computes a window from all records there were, each time it speaks. */
function model(type: JoinType, sizeMs: number, slideMs: number, latenessMs: number): Model {
  const rows: { readonly row: Row; readonly input: number; readonly starts: readonly number[] }[] = []
  const startsOf = (t: number): number[] => {
    const starts: number[] = []
    for (let start = Math.floor(t / slideMs) * slideMs; start > t - sizeMs; start -= slideMs) starts.push(start)
    return starts
  }
  const last = (start: number): number => start + sizeMs - 1
  const speak = (k: string, start: number): Emitted[] => {
    const of = (input: number): Row[] => rows
      .filter((each) => each.input === input && each.row.k === k && each.starts.includes(start)).map(({ row }) => row)
    return paired(type, of(0), of(1)).map((pair) => main([k, start, start + sizeMs, ...pair], last(start)))
  }
  return {
    record(row, input, watermark) {
      const starts = startsOf(row.t).filter((start) => last(start) + latenessMs > watermark)
      if (starts.length === 0) return row.t + latenessMs <= watermark ? [late(row, input, watermark)] : []
      rows.push({ row, input, starts })
      return starts.filter((start) => last(start) <= watermark).flatMap((start) => speak(row.k, start))
    },
    watermark(watermark, before) {
      const all = new Set(rows.flatMap(({ row, starts }) => starts.map((start) => `${row.k} ${start}`)))
      return [...all].flatMap((each) => {
        const [k, start] = each.split(' ') as [string, string]
        const time = last(Number(start))
        return time > before && time <= watermark ? speak(k, Number(start)) : []
      })
    },
  }
}

test('every type of window join equals one computed from all records, with lateness, in every mode', () => {
  const windows = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
    .map(([a, b]) => ({ sizeMs: Math.max(a, b), slideMs: Math.min(a, b) }))
  fc.assert(fc.property(windows, types, fc.integer({ min: 0, max: 6 }), scripts, ({ sizeMs, slideMs }, type, lateness, script) => {
    const assigner = sizeMs === slideMs ? tumbling(sizeMs) : sliding(sizeMs, { every: slideMs })
    const operator = spec(assigner, { type, lateness })
    expect(found(verifyInAllModes({ operator, steps: script })))
      .toEqual(expected(script, model(type, sizeMs, slideMs, lateness)))
  }), { numRuns: 50 })
})

test('sessions of both sides together equal those computed from all records', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), types, scripts, (gap, type, script) => {
    const sends = script.filter((step) => step.kind === 'send')
    const operator = spec(session<Row>({ gap: () => gap }), { type })
    const steps: ScriptStep[] = [...sends, { kind: 'watermark', watermark: 1000 }]
    const outputs = verifyInAllModes({ operator, steps })
    const all = sends.map(({ value, input }) => ({ row: value as Row, input: input ?? 0 })).sort((a, b) => a.row.t - b.row.t)
    const results = ['a', 'b', 'c'].flatMap((k) => {
      const groups: (typeof all)[] = []
      for (const each of all) {
        if (each.row.k !== k) continue
        const group = groups.at(-1)
        if (group !== undefined && each.row.t <= (group.at(-1) as typeof each).row.t + gap) group.push(each)
        else groups.push([each])
      }
      return groups.flatMap((group) => {
        const of = (input: number): Row[] => group.filter((each) => each.input === input).map(({ row }) => row)
        return paired(type, of(0), of(1)).map((pair) => JSON.stringify([k, ...pair]))
      })
    })
    const values = outputs.at(-1)?.flatMap((each) => (each.kind === 'record' ? [each.value as unknown[]] : [])) ?? []
    expect(values.map(([k, , , left, right]) => JSON.stringify([k, left, right])).sort()).toEqual(results.sort())
  }), { numRuns: 50 })
})

const rows: readonly (readonly [n: number, input: number])[] = [[1, 0], [2, 1], [9, 0], [3, 1]]
const steps = rows.map(([n, input]): ScriptStep => ({ kind: 'send', value: { k: 'a', n, t: n }, timestamp: n, input }))
const pairsOf = (operator: WindowJoinSpec): unknown[][] => verifyInAllModes({ operator, steps })
  .map((step) => step.flatMap((each) => (each.kind === 'record' ? [(each.value as unknown[]).slice(3)] : [])))

test('triggers and evictors see the records as they came, not how the join keeps them', () => {
  const window = globalWindow()
  expect(pairsOf(spec(window, { trigger: purging(countTrigger(2)) }))).toEqual([[], [[1, 2]], [], [[9, 3]]])
  expect(pairsOf(spec(countWindow(2)))).toEqual([[], [[1, 2]], [], [[9, 3]]])
  expect(pairsOf(spec(countWindow(3, { every: 2 })))).toEqual([[], [[1, 2]], [], [[9, 2], [9, 3]]])
  const jump = deltaTrigger<Row>({ threshold: 5, delta: (last, row) => Math.abs(row.n - last.n) })
  expect(pairsOf(spec(window, { trigger: purging(jump) }))).toEqual([[], [], [[1, 2], [9, 2]], []])
  const three = trigger<Row>('three', { onElement: (row) => (row.n === 3 ? 'fire' : 'continue') })
  const near = deltaEvictor<Row>({ threshold: 3, delta: (row, last) => Math.abs(row.n - last.n) })
  expect(pairsOf(spec(window, { trigger: three, evictor: near }))).toEqual([[], [], [], [[1, 2], [1, 3]]])
})

test('results carry the last timestamp of their window, and come in order of the left, then the right side', () => {
  const [, , , , last] = runScript({
    operator: spec(tumbling(10)), steps: [...steps, { kind: 'watermark', watermark: 9 }],
  }, 'plain')
  expect(last).toMatchObject([[1, 2], [1, 3], [9, 2], [9, 3]].map((pair) => ({ timestamp: 9, value: ['a', 0, 10, ...pair] }))
    .concat([{ watermark: 9 } as never]))
})

test('an error of the function names the join', () => {
  const operator = joinSpec('j', keysOf, { window: tumbling(10) }, () => { throw new Error('no') })
  const all: ScriptStep[] = [...steps, { kind: 'watermark', watermark: 9 }]
  expect(errorOf(() => runScript({ operator, steps: all }, 'plain'))).toMatchObject({ code: 'E061', place: { operator: 'under-test' } })
})
