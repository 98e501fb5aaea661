/** The fast operator for sessions beside the general one, which is tested against a model of its own. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import { createSessionWindow, isPlainSession } from '../../src/operator/window-sessions.ts'
import {
  compareOutputs, recordsOf, runScript, ScaledHarness, type ScriptStep,
} from '../../src/testing/operator-script.ts'
import { aggregateWindow, session } from './specs.ts'
import { lateness, steps } from './window-model.ts'

/** As the API makes it: one gap for all records. */
const plain = (gap: number): WindowSpec['assigner'] => {
  const assigner = session(gap)
  return assigner.kind === 'session' ? { ...assigner, fixedGapMs: gap } : assigner
}
const gaps = fc.integer({ min: 1, max: 8 })

test('WS-1: sessions of the fast and of the general operator agree on any input, order and lateness', () => {
  fc.assert(fc.property(gaps, lateness, steps, (gap, latenessMs, script) => {
    const operator = aggregateWindow(plain(gap), { latenessMs })
    expect(isPlainSession(operator)).toBe(true)
    const fast = runScript({ operator, steps: script, create: createSessionWindow }, 'plain')
    const general = runScript({ operator, steps: script, create: createGeneralWindow }, 'plain')
    compareOutputs(fast, general, 'general')
    compareOutputs(fast, runScript({ operator, steps: script, create: createSessionWindow }, 'restored'), 'restored')
    compareOutputs(fast, runScript({ operator, steps: script, create: createSessionWindow }, 'rescaled'), 'rescaled')
  }), { numRuns: 120 })
})

test('WS-3: either operator of sessions goes on from the snapshot of the other', () => {
  fc.assert(fc.property(gaps, lateness, steps, steps, fc.boolean(), (gap, latenessMs, before, after, flip) => {
    const operator = aggregateWindow(plain(gap), { latenessMs })
    const pair = [createSessionWindow, createGeneralWindow] as const
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
  for (const create of [createSessionWindow, createGeneralWindow]) {
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
