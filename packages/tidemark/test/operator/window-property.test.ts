import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAlignedWindow } from '../../src/operator/window-aligned.ts'
import { withTimers } from '../../src/operator/window-fired.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import {
  compareOutputs, recordsOf, runScript, ScaledHarness, type OperatorScript, type ScriptStep,
} from '../../src/testing/operator-script.ts'
import { aggregateWindow, session, tumbling, type Row } from './specs.ts'
import { aligned, comparable, lateness, model, steps } from './window-model.ts'

test('aligned, general and recomputed windows agree on any input, order, lateness and restore point', () => {
  fc.assert(fc.property(aligned, lateness, steps, (assigner, latenessMs, script) => {
    const operator = aggregateWindow(assigner, { latenessMs })
    const fast = runScript({ operator, steps: script, create: createAlignedWindow }, 'plain')
    const general = runScript({ operator, steps: script, create: createGeneralWindow }, 'plain')
    expect(comparable(fast)).toEqual(model(operator, script))
    compareOutputs(fast, general, 'general')
  }), { numRuns: 400 })
})

/** As window.ts calls it. */
const createGeneral: typeof createGeneralWindow = (spec, context) =>
  createGeneralWindow(spec, { ...context, restored: withTimers(spec, context.restored, context.maxParallelism) })

test('either operator goes on from the snapshot of the other', () => {
  fc.assert(fc.property(aligned, lateness, steps, steps, fc.boolean(), (assigner, latenessMs, before, after, flip) => {
    const operator = aggregateWindow(assigner, { latenessMs })
    const pair = [createAlignedWindow, createGeneral] as const
    const outputs = [0, 1].map((i) => {
      const first: OperatorScript = { operator, steps: [], create: pair[(i + Number(flip)) % 2]! }
      const harness = new ScaledHarness(first)
      for (const each of before) harness.play(each)
      harness.take()
      const second = new ScaledHarness({ operator, steps: [], create: pair[i]! })
      second.restore(2, harness.snapshot())
      return after.map((each) => {
        second.play(each)
        return second.take()
      })
    })
    compareOutputs(outputs[0]!, outputs[1]!, 'the other')
  }), { numRuns: 200 })
})

test('a restore that goes back before the end of a fired window fires no key twice', () => {
  // Two old subtasks at different watermarks: the smallest is the floor after the restore.
  const operator = aggregateWindow(tumbling(10), { latenessMs: 100 })
  for (const create of [createAlignedWindow, createGeneralWindow]) {
    const old = new ScaledHarness({ operator, steps: [], parallelism: 2, create })
    for (const row of [['a', 1], ['b', 2], ['c', 3], ['d', 4]]) old.play({ kind: 'send', value: row, timestamp: 5 })
    old.subtasks[0]!.watermark(20)
    const before = recordsOf([old.take()])[0]!
    old.restore(1)
    old.play({ kind: 'watermark', watermark: 30 })
    const after = recordsOf([old.take()])[0]!
    expect(before.length).toBeGreaterThan(0)
    expect(after.length).toBeGreaterThan(0)
    expect(new Set([...before, ...after]).size).toBe(4)
    expect(before.length + after.length).toBe(4)
  }
})

test('sessions equal those recomputed from all elements, in every mode', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), steps, (gap, script) => {
    const inOrder = script.filter((each) => each.kind === 'send')
    const operator = aggregateWindow(session(gap))
    const all: ScriptStep[] = [...inOrder, { kind: 'watermark', watermark: 1000 }]
    const plain = runScript({ operator, steps: all }, 'plain')
    const expected: string[] = []
    for (const k of ['a', 'b', 'c']) {
      const rows = inOrder.map((s) => ({ row: s.value as Row, t: s.timestamp as number }))
        .filter(({ row }) => row[0] === k).sort((x, y) => x.t - y.t)
      let open: { start: number; end: number; count: number; sum: number } | undefined
      const close = (): void => {
        if (open === undefined) return
        const value = [k, open.start, open.end, open.count, open.sum]
        expected.push(JSON.stringify({ kind: 'record', tag: 'main', value, timestamp: open.end - 1 }))
      }
      for (const { row, t } of rows) {
        if (open !== undefined && t <= open.end) {
          open = { start: open.start, end: Math.max(open.end, t + gap), count: open.count + 1, sum: open.sum + row[1] }
        } else {
          close()
          open = { start: t, end: t + gap, count: 1, sum: row[1] }
        }
      }
      close()
    }
    expect(comparable([plain.at(-1)!])[0]).toEqual(expected.sort())
    compareOutputs(runScript({ operator, steps: script }, 'plain'), runScript({ operator, steps: script }, 'restored'), 'restored')
    compareOutputs(runScript({ operator, steps: script }, 'plain'), runScript({ operator, steps: script }, 'rescaled'), 'rescaled')
  }), { numRuns: 200 })
})
