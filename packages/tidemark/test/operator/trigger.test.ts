import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import type { TriggerSpec } from '../../src/graph/window-spec.ts'
import { trigger as custom } from '../../src/api/triggers.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { compareOutputs, runScript, verifyInAllModes, type ScriptStep } from '../../src/testing/operator-script.ts'
import { aggregateWindow, session, sliding, tumbling, type Row } from './specs.ts'
import { steps } from './window-model.ts'

const trigger = { kind: 'continuous-event-time', intervalMs: 10 } as const
const rowsOf = (outputs: readonly (readonly { readonly kind: string }[])[]): unknown[][] =>
  outputs.map((step) => step.flatMap((each) => ('value' in each ? [each.value] : [])))
const send = (key: string, value: number, timestamp: number): ScriptStep => ({ kind: 'send', value: [key, value], timestamp })
const clock = (nowMs: number): ScriptStep => ({ kind: 'processing-time', nowMs })
const watermark = (time: number): ScriptStep => ({ kind: 'watermark', watermark: time })

test('a continuous trigger on a window without end comes to an end with the input', () => {
  const harness = new OperatorHarness(aggregateWindow({ kind: 'global' }, { trigger }))
  harness.send(['a', 1], 3)
  harness.watermark(25)
  expect(harness.values()).toHaveLength(2)
  harness.watermark(MAX_TIMESTAMP)
  expect(harness.values()).toHaveLength(4)
})

test('a continuous trigger fires at every interval of a session and at its end, also at the end of the input', () => {
  const harness = new OperatorHarness(aggregateWindow(session(35), { trigger }))
  harness.send(['a', 1], 3)
  harness.watermark(MAX_TIMESTAMP)
  expect(harness.values()).toHaveLength(4) // 10, 20, 30, 37
})

describe('by the clock', () => {
  test('early results come once in an interval in which a record came, and the final one at the end', () => {
    const operator = aggregateWindow(tumbling(100), { trigger: { kind: 'early', intervalMs: 10 } })
    const outputs = verifyInAllModes({ operator, steps: [
      clock(3), send('a', 1, 5), send('a', 2, 6), clock(9), clock(10), clock(40), send('a', 3, 7), send('b', 1, 7),
      clock(49), clock(50), send('a', 4, 8), watermark(99), clock(100), watermark(500), clock(200),
    ] })
    expect(rowsOf(outputs).map((step) => step.map((row) => (row as unknown[]).filter((_, i) => i !== 1 && i !== 2)))).toEqual([
      [], [], [], [], [['a', 2, 3]], [], [], [], [], [['a', 3, 6], ['b', 1, 1]], [], [['a', 4, 10], ['b', 1, 1]], [], [], [],
    ])
  })

  test('continuous firings go on by the clock without new records, and end with a window of processing time', () => {
    const continuous = { kind: 'continuous-processing-time', intervalMs: 10 } as const
    const ofTime = aggregateWindow({ kind: 'tumbling', time: 'processing', sizeMs: 25, offsetMs: 0 }, { trigger: continuous })
    const outputs = verifyInAllModes({ operator: ofTime, steps: [clock(3), send('a', 1, 0), clock(10), clock(20), clock(24), clock(60)] })
    expect(rowsOf(outputs).map((step) => step.length)).toEqual([0, 0, 1, 1, 1, 0])
    const ofEvents = aggregateWindow(tumbling(100), { trigger: continuous })
    const more = verifyInAllModes({ operator: ofEvents, steps: [clock(3), send('a', 1, 5), clock(10), clock(25), watermark(99), clock(60)] })
    expect(rowsOf(more).map((step) => step.length)).toEqual([0, 0, 1, 1, 0, 0])
  })

  test('a session keeps the earliest firing of those that became one', () => {
    for (const kind of ['early', 'continuous-processing-time'] as const) {
      const operator = aggregateWindow(session(10), { trigger: { kind, intervalMs: 10 } })
      const outputs = verifyInAllModes({ operator, steps: [
        clock(3), send('a', 1, 0), clock(8), send('a', 2, 15), send('a', 3, 8), clock(10), watermark(1000),
      ] })
      expect(rowsOf(outputs).map((step) => step.length)).toEqual([0, 0, 0, 0, 0, 1, kind === 'early' ? 1 : 0])
      expect(rowsOf(outputs)[5]).toEqual([['a', 0, 25, 3, 6]])
    }
  })
})

test('a delta trigger compares with the record at which it last fired', () => {
  const delta = (a: Row, b: Row): number => Math.abs(a[1] - b[1])
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 9 })), { maxLength: 30 }), (all) => {
    const operator = aggregateWindow({ kind: 'global' }, { trigger: { kind: 'delta', threshold: 3, delta } })
    const outputs = verifyInAllModes({ operator, steps: all.map(([key, value]) => send(key, value, 0)) })
    const last = new Map<string, number>()
    const expected = all.map(([key, value]) => {
      const before = last.get(key)
      const fire = before !== undefined && Math.abs(before - value) > 3
      if (before === undefined || fire) last.set(key, value)
      return fire ? 1 : 0
    })
    expect(rowsOf(outputs).map((step) => step.length)).toEqual(expected)
  }), { numRuns: 50 })
})

/** The built-in triggers, written as a user would write them. */
const eventTime = custom<Row>('by event time', {
  onElement(_row, ctx) {
    const end = ctx.end.getTime() - 1
    if (end <= ctx.watermark) return 'fire'
    ctx.timer.at(end)
    return 'continue'
  },
  onEventTime: (time, ctx) => (time.getTime() === ctx.end.getTime() - 1 ? 'fire' : 'continue'),
  onMerge: (_states, ctx) => ctx.end.getTime() - 1 > ctx.watermark && ctx.timer.at(ctx.end.getTime() - 1),
  clear: (ctx) => ctx.timer.cancel(ctx.end.getTime() - 1),
})
const everyThird = custom<Row, number>('every third', {
  onElement(_row, { state }) {
    const seen = (state.get() ?? 0) + 1
    if (seen < 3) state.set(seen)
    else state.clear()
    return seen < 3 ? 'continue' : 'fire-and-purge'
  },
  onMerge: (states, ctx) => ctx.state.set(states.reduce((a, b) => a + b, 0)),
})

describe('of users', () => {
  const assigners = fc.constantFrom(tumbling(7), sliding(10, 4), session(5))
  const pairs: [TriggerSpec, TriggerSpec][] = [
    [{ kind: 'event-time' }, eventTime],
    [{ kind: 'purging', inner: { kind: 'count', count: 3 } }, everyThird],
  ]

  test('they can do what the built-in ones do, in every mode, over windows that merge too', () => {
    fc.assert(fc.property(assigners, fc.constantFrom(0, 5), steps, fc.constantFrom(...pairs), (assigner, latenessMs, script, [built, own]) => {
      const operator = (each: TriggerSpec): WindowSpec => aggregateWindow(assigner, { latenessMs, trigger: each })
      const plain = runScript({ operator: operator(own), steps: script }, 'plain')
      compareOutputs(runScript({ operator: operator(built), steps: script }, 'plain'), plain, 'built in')
      compareOutputs(plain, runScript({ operator: operator(own), steps: script }, 'restored'), 'restored')
      compareOutputs(plain, runScript({ operator: operator(own), steps: script }, 'rescaled'), 'rescaled')
    }), { numRuns: 80 })
  })

  test('TU-2: a timer for a window that is gone is not shown to its trigger', () => {
    const shown: string[] = []
    const careless = custom<Row>('careless', {
      onElement(_row, ctx) {
        ctx.timer.at(50)
        ctx.timer.atProcessingTime(50)
        return 'continue'
      },
      onEventTime(time) {
        shown.push(`event ${time.getTime()}`)
        return 'continue'
      },
      onProcessingTime(time) {
        shown.push(`clock ${time.getTime()}`)
        return 'continue'
      },
    })
    const harness = new OperatorHarness(aggregateWindow(tumbling(10), { trigger: careless }))
    harness.send(['a', 1], 3)
    harness.watermark(60)
    harness.processingTime(70)
    expect(shown).toEqual(['event 9']) // the cleanup of the window, which a trigger sees as in Flink
    harness.send(['a', 1], 95)
    harness.processingTime(80)
    expect(shown).toEqual(['event 9', 'clock 50'])
  })

  test('an answer that is none, a throw and an impossible timer are errors of the job', () => {
    const answers: [TriggerSpec, string][] = [
      [custom('silent', { onElement: (() => undefined) as never }), 'E141'],
      [custom('thrower', { onElement: () => { throw new Error('no') } }), 'E061'],
      [custom('nowhere', { onElement: (_row, ctx) => { ctx.timer.at(Number.NaN); return 'fire' } }), 'E063'],
    ]
    for (const [each, code] of answers) {
      const harness = new OperatorHarness(aggregateWindow(tumbling(10), { trigger: each }))
      expect(() => harness.send(['a', 1], 3)).toThrow(expect.objectContaining({ code }))
    }
  })
})
