import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import { createClockWindow, goesByClock } from '../../src/operator/window-clock.ts'
import { withTimers } from '../../src/operator/window-fired.ts'
import { createGeneralWindow } from '../../src/operator/window-general.ts'
import {
  compareOutputs, recordsOf, runScript, ScaledHarness, type OperatorScript, type ScriptStep,
} from '../../src/testing/operator-script.ts'
import { aggregateWindow } from './specs.ts'

const clockTumbling = (sizeMs: number, offsetMs: number): WindowSpec['assigner'] =>
  ({ kind: 'tumbling', time: 'processing', sizeMs, offsetMs })
const windows = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: -5, max: 5 }))
  .filter(([size, offset]) => Math.abs(offset) < size)
  .map(([size, offset]) => aggregateWindow(clockTumbling(size, offset)))
const step = (moves: readonly number[]): fc.Arbitrary<ScriptStep> => fc.oneof(
  { weight: 8, arbitrary: fc.record({
    kind: fc.constant('send' as const), value: fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -9, max: 9 })),
  }) },
  { weight: 4, arbitrary: fc.constantFrom(...moves).map((nowMs) => ({ kind: 'processing-time' as const, nowMs })) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 40 }).map((watermark) => ({ kind: 'watermark' as const, watermark })) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 3).map((parallelism) => ({ kind: 'restore' as const, parallelism })) },
)
/** The clock only goes on: the n-th move is to n times a few milliseconds. */
const script = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.array(step([0]), { minLength: 1, maxLength: 60 }))
  .map(([ms, steps]) => {
    let nowMs = 0
    return steps.map((each) => (each.kind === 'processing-time' ? { ...each, nowMs: nowMs += ms } : each))
  })

/** As window.ts calls it. */
const createGeneral: typeof createGeneralWindow = (spec, context) =>
  createGeneralWindow(spec, { ...context, restored: withTimers(spec, context.restored, context.maxParallelism) })

test('windows of the clock give what the general operator gives, whatever is restored when', () => {
  fc.assert(fc.property(windows, script, (operator, steps) => {
    expect(goesByClock(operator)).toBe(true)
    const fast = runScript({ operator, steps, create: createClockWindow }, 'plain')
    compareOutputs(runScript({ operator, steps, create: createGeneralWindow }, 'plain'), fast, 'by the clock')
    compareOutputs(fast, runScript({ operator, steps, create: createClockWindow }, 'rescaled'), 'rescaled')
  }), { numRuns: 80 })
})

test('windows of the clock and general ones go on from the snapshot of the other', () => {
  fc.assert(fc.property(windows, script, script, fc.boolean(), (operator, before, after, flip) => {
    const pair = [createClockWindow, createGeneral] as const
    const outputs = [0, 1].map((i) => {
      const first: OperatorScript = { operator, steps: [], create: pair[(i + Number(flip)) % 2]! }
      const harness = new ScaledHarness(first)
      for (const each of before) harness.play(each)
      const second = new ScaledHarness({ operator, steps: [], create: pair[i]!, nowMs: harness.subtasks[0]!.nowMs })
      second.restore(2, harness.snapshot())
      const base = harness.subtasks[0]!.nowMs
      return after.map((each) => {
        second.play(each.kind === 'processing-time' ? { ...each, nowMs: base + each.nowMs } : each)
        return second.take()
      })
    })
    compareOutputs(outputs[0]!, outputs[1]!, 'the other')
  }), { numRuns: 60 })
})

test('WY-2: a window fires once its last millisecond has come, keys in order of their first record, and can open again', () => {
  const harness = new ScaledHarness({ operator: aggregateWindow(clockTumbling(10, 0)), steps: [], create: createClockWindow })
  for (const key of ['b', 'a', 'b']) harness.play({ kind: 'send', value: [key, 1] })
  harness.play({ kind: 'processing-time', nowMs: 8 })
  expect(recordsOf([harness.take()])).toEqual([[]])
  harness.play({ kind: 'processing-time', nowMs: 9 })
  expect(harness.take()).toMatchObject([
    { value: ['b', 0, 10, 2, 2], timestamp: 9 }, { value: ['a', 0, 10, 1, 1], timestamp: 9 },
  ])
  harness.play({ kind: 'send', value: ['a', 5] })
  expect(harness.take()).toMatchObject([{ value: ['a', 0, 10, 1, 5], timestamp: 9 }])
})
