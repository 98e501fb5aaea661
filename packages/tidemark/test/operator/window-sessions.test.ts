/** The fast operator for sessions beside the general one, which is tested against a model of its own. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import { asGeneralSessions } from '../../src/operator/session-form.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import { createSessionWindow, isPlainSession } from '../../src/operator/window-sessions.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import {
  compareOutputs, recordsOf, runScript, ScaledHarness, type ScriptStep,
} from '../../src/testing/operator-script.ts'
import { errorOf } from '../api/fakes.ts'
import { inLine } from './in-line.ts'
import { aggregateWindow, session, type Row } from './specs.ts'
import { lateness, steps } from './window-model.ts'

/** As the API makes it: one gap for all records. */
const plain = (gap: number): WindowSpec['assigner'] => {
  const assigner = session(gap)
  return assigner.kind === 'session' ? { ...assigner, fixedGapMs: gap } : assigner
}
/** As window.ts calls it. */
const createGeneral: typeof createGeneralWindow = (spec, context) =>
  createGeneralWindow(spec, { ...context, restored: asGeneralSessions(spec, context.restored) })
const gaps = fc.integer({ min: 1, max: 8 })

test('WS-1: sessions of the fast and of the general operator agree on any input, order and lateness', () => {
  fc.assert(fc.property(gaps, lateness, steps, (gap, latenessMs, script) => {
    const operator = aggregateWindow(plain(gap), { latenessMs })
    expect(isPlainSession(operator)).toBe(true)
    const fast = runScript({ operator, steps: script, create: createSessionWindow }, 'plain')
    const general = runScript({ operator, steps: script, create: createGeneral }, 'plain')
    compareOutputs(fast, general, 'general')
    compareOutputs(fast, runScript({ operator, steps: script, create: createSessionWindow }, 'restored'), 'restored')
    compareOutputs(fast, runScript({ operator, steps: script, create: createSessionWindow }, 'rescaled'), 'rescaled')
  }), { numRuns: 120 })
})

/** Counts, as the API writes them: in line there is no call of `add`. */
const counting = (gap: number, latenessMs: number): WindowSpec => ({
  ...aggregateWindow(plain(gap), { latenessMs }),
  compute: {
    kind: 'aggregate',
    aggregate: {
      create: () => [0],
      add(cells: number[]) {
        cells[0] = (cells[0] as number) + 1
        return cells
      },
      merge: ([a]: number[], [b]: number[]) => [(a as number) + (b as number)],
      result: ([n]: number[]) => n,
      code: { cells: 'accumulator', steps: [{ kind: 'count', at: 0 }] },
    },
    result: (key: string, window: { start: number; end: number }, n: number) => [key, window.start, window.end, n],
  },
})

test('WS-1: written in line, sessions are those of the general operator, in every mode', () => {
  const create = inLine(createSessionWindow)
  fc.assert(fc.property(gaps, lateness, steps, fc.boolean(), (gap, latenessMs, script, counted) => {
    const operator = counted ? counting(gap, latenessMs) : aggregateWindow(plain(gap), { latenessMs })
    const general = runScript({ operator, steps: script, create: createGeneral }, 'plain')
    compareOutputs(runScript({ operator, steps: script, create }, 'plain'), general, 'general')
    compareOutputs(runScript({ operator, steps: script, create }, 'rescaled'), general, 'general')
  }), { numRuns: 80 })
})

test('OS-6: sessions become one in the order in which they were opened or last merged', () => {
  const operator: WindowSpec = {
    ...aggregateWindow(plain(5)),
    compute: {
      kind: 'aggregate',
      aggregate: {
        create: () => '', add: (text: string, row: Row) => text + String(row[1]),
        merge: (a: string, b: string) => `(${a}+${b})`, result: (text: string) => text,
      },
      result: (_key: unknown, _window: unknown, text: string) => text,
    },
  }
  // 4 joins those of 1 and 3, which are younger than that of 2 then; 5 joins all.
  const times = [20, 40, 30, 25, 35]
  const script = times.map((timestamp, i): ScriptStep => ({ kind: 'send', value: ['a', i + 1], timestamp }))
  for (const create of [createSessionWindow, inLine(createSessionWindow), createGeneral]) {
    const steps: readonly ScriptStep[] = [...script, { kind: 'watermark', watermark: 99 }]
    const outputs = runScript({ operator, steps, create }, 'plain')
    const values = outputs.flat().flatMap((each) => (each.kind === 'record' ? [each.value] : []))
    expect(values).toEqual(['(2+(1+3)4)5'])
  }
})

test('errors of sessions name the function that threw, in line or not', () => {
  const no = (): never => {
    throw new Error('no')
  }
  const add = (n: number, row: Row): number => (row[1] === 13 ? no() : n + 1)
  const aggregate = { create: () => 0, add, merge: no, result: no }
  const compute = { kind: 'aggregate' as const, aggregate, result: (n: unknown) => n }
  const base = aggregateWindow(plain(5), { compute })
  const functions: readonly (readonly [WindowSpec, ...(readonly [Row, number])[]])[] = [
    [base, [['a', 1], 1], [['a', 13], 2]],
    [base, [['a', 1], 1], [['a', 1], 9], [['a', 1], 5]],
    [{ ...base, keyOf: no }, [['a', 1], 1]],
  ]
  for (const create of [createSessionWindow, inLine(createSessionWindow)]) {
    const said = functions.map(([operator, ...sends]) => errorOf(() => {
      const harness = new OperatorHarness(operator, { create })
      for (const [value, timestamp] of sends) harness.send(value, timestamp)
    }).message)
    const blamed = said.map((text) => text.split(' of operator')[0])
    expect(blamed).toEqual(['aggregate', 'merge of the aggregate', 'keyBy'])
  }
})

test('WS-3: either operator of sessions goes on from the snapshot of the other', () => {
  fc.assert(fc.property(gaps, lateness, steps, steps, fc.boolean(), (gap, latenessMs, before, after, flip) => {
    const operator = aggregateWindow(plain(gap), { latenessMs })
    const pair = [createSessionWindow, createGeneral] as const
    const outputs = [0, 1].map((i) => {
      const old = new ScaledHarness({ operator, steps: [], create: pair[(i + Number(flip)) % 2]! })
      for (const each of before) old.play(each)
      const next = new ScaledHarness({ operator, steps: [], create: pair[i]! })
      next.restore(2, old.snapshot())
      return after.map((each) => {
        next.play(each)
        return next.take()
      })
    })
    compareOutputs(outputs[0]!, outputs[1]!, 'the other')
  }), { numRuns: 80 })
})

test('a session that fired before a restore to an earlier watermark does not fire again by itself', () => {
  const operator = aggregateWindow(plain(5), { latenessMs: 100 })
  for (const create of [createSessionWindow, createGeneral]) {
    const old = new ScaledHarness({ operator, steps: [], parallelism: 2, create })
    for (const key of ['a', 'b', 'c', 'd']) old.play({ kind: 'send', value: [key, 1], timestamp: 5 })
    old.subtasks[0]!.watermark(20)
    const before = recordsOf([old.take()])[0]!
    old.restore(1)
    old.play({ kind: 'watermark', watermark: 30 })
    const after = recordsOf([old.take()])[0]!
    expect(before.length).toBeGreaterThan(0)
    expect(new Set([...before, ...after]).size).toBe(4)
    expect(before.length + after.length).toBe(4)
  }
})

test('OS-3: sessions end in order of time, however they grew', () => {
  const operator = aggregateWindow(plain(5))
  const script: ScriptStep[] = []
  // The one that began last grows least, so that it ends first.
  for (const [key, upTo] of [['a', 40], ['b', 30], ['c', 20]] as const) {
    for (let time = 10; time <= upTo; time += 4) script.push({ kind: 'send', value: [key, 1], timestamp: time })
  }
  script.push({ kind: 'watermark', watermark: 12 }, { kind: 'watermark', watermark: 100 })
  const outputs = runScript({ operator, steps: script, create: createSessionWindow }, 'plain')
  const keys = outputs.flat().flatMap((each) => (each.kind === 'record' ? [(each.value as unknown[])[0]] : []))
  expect(keys).toEqual(['c', 'b', 'a'])
})
