import { expect, test } from 'vitest'
import { NO_TIMESTAMP } from '../../src/base/time.ts'
import type { OperatorSpec } from '../../src/graph/operator-spec.ts'
import { createProcess as passOn } from '../../src/operator/process.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { verifyInAllModes } from '../../src/testing/operator-script.ts'
import { aggregateWindow, countAndSum, keyOfRow, session, sliding, tumbling } from './specs.ts'

const feed = (spec: OperatorSpec, ...values: unknown[]): OperatorHarness => {
  const harness = new OperatorHarness(spec)
  values.forEach((value, i) => harness.send(value, i))
  return harness
}

test('map, filter, flatMap and split keep order and timestamps', () => {
  expect(feed({ kind: 'map', fn: (x) => x * 2 }, 1, 2).outputs).toEqual([
    { kind: 'record', tag: 'main', value: 2, timestamp: 0 }, { kind: 'record', tag: 'main', value: 4, timestamp: 1 },
  ])
  expect(feed({ kind: 'filter', fn: (x) => x > 1 }, 1, 2, 3).values()).toEqual([2, 3])
  expect(feed({ kind: 'flat-map', * fn(x) { yield x; yield -x } }, 1, 2).values()).toEqual([1, -1, 2, -2])
  const split = feed({ kind: 'split', routes: [{ name: 'even', test: (x) => x % 2 === 0 }, { name: 'big', test: (x) => x > 2 }] }, 1, 2, 3, 4)
  expect([split.values('even'), split.values('big'), split.values('rest')]).toEqual([[2, 4], [3], [1]])
})

test('whatever a user function throws becomes one E061 with operator, function and cause', () => {
  for (const thrown of [new Error('boom'), null, undefined, 7, { odd: true }]) {
    const fail = (): never => { throw thrown }
    const specs: OperatorSpec[] = [
      { kind: 'map', fn: fail }, { kind: 'filter', fn: fail }, { kind: 'flat-map', fn: fail },
      { kind: 'flat-map', * fn() { fail(); yield 1 } },
      { kind: 'split', routes: [{ name: 'r', test: fail }] },
      { kind: 'rolling', keyOf: fail, aggregate: countAndSum, result: (_k, v) => v },
      { kind: 'process', state: {}, sides: [], onRecord: fail },
      { kind: 'process', state: {}, sides: [], keyOf: fail, onRecord: () => {} },
      aggregateWindow(tumbling(10), { keyOf: fail }), aggregateWindow(sliding(10, 5), { keyOf: fail }),
      aggregateWindow({ kind: 'session', time: 'event', gapMs: fail }),
    ]
    for (const spec of specs) {
      let caught: any
      try { new OperatorHarness(spec).send(['a', 1], 1) } catch (error) { caught = error }
      expect(caught).toMatchObject({ code: 'E061', place: { operator: 'under-test' } })
      expect(caught.cause).toBe(thrown)
    }
  }
})

test('a promise or another thing that cannot be iterated is refused', () => {
  const spec = { kind: 'flat-map', fn: async () => [] } as unknown as OperatorSpec
  expect(() => feed(spec, 1)).toThrow(expect.objectContaining({ code: 'E065' }))
})

test('a record without timestamp is refused by event-time windows, on both paths', () => {
  for (const assigner of [tumbling(10), sliding(10, 3), session(5)]) {
    const harness = new OperatorHarness(aggregateWindow(assigner))
    expect(() => harness.send(['a', 1], NO_TIMESTAMP)).toThrow(expect.objectContaining({ code: 'E023' }))
  }
})

test('rolling aggregates and print counters go on after every restore and rescale', () => {
  const rolling: OperatorSpec = { kind: 'rolling', keyOf: keyOfRow, aggregate: countAndSum, result: (k, v) => [k, v] }
  const rows = [['a', 1], ['b', 2], ['a', 3], ['a', 4]] as const
  const outputs = verifyInAllModes({ operator: rolling, steps: rows.map((value) => ({ kind: 'send', value, timestamp: 1 })) })
  expect(outputs.map(([o]) => o?.kind === 'record' && o.value)).toEqual(
    [['a', [1, 1]], ['b', [1, 2]], ['a', [2, 4]], ['a', [3, 8]]])
  const first = feed({ kind: 'print', label: 'p' }, 'x', { n: 1n })
  expect(first.printed).toEqual([{ label: 'p', index: 0, text: 'x' }, { label: 'p', index: 1, text: '{"n":"1n"}' }])
  const second = new OperatorHarness({ kind: 'print', label: 'p' }, { restored: [first.snapshot()] })
  second.send('y', 1)
  expect(second.printed).toEqual([{ label: 'p', index: 2, text: 'y' }])
})

test('an element that every window refused goes to the late output once, with how late it is, and is counted', () => {
  const harness = new OperatorHarness(aggregateWindow(sliding(10, 5), { latenessMs: 2 }))
  harness.watermark(30)
  harness.send(['a', 1], 18)
  harness.send(['a', 1], 24) // [15,25) is closed, [20,30) is not
  expect(harness.metrics.late).toBe(1)
  expect(harness.values('late')).toEqual([{ key: 'a', record: ['a', 1], eventTime: new Date(18), lateByMs: 12 }])
  expect(harness.values()).toEqual([['a', 20, 30, 1, 1]])
})

test('what a downstream operator throws is not blamed on the function that fed it', () => {
  const failing = new OperatorHarness({ kind: 'process', state: {}, sides: [], onRecord: (v) => [v] }, {
    create: (spec, context) => {
      const collector = () => () => { throw new TypeError('downstream') }
      return { ...passOn(spec, { ...context, output: { ...context.output, collector } }) }
    },
  })
  expect(() => failing.send(1, 1)).toThrow(TypeError)
})

