import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ValueState } from '../../src/state/handles.ts'
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import { rigEvent } from '../state/increments-rig.ts'
import { rigOf } from './operator-rig.ts'
import { aggregateWindow, exactWindow, session, sliding, tumbling } from './specs.ts'

/** With one gap for all records, as the API makes it: the fast operator. */
function sessions(gap: number): WindowSpec['assigner'] {
  const assigner = session(gap)
  return assigner.kind === 'session' ? { ...assigner, fixedGapMs: gap } : assigner
}

/** A window function over elements, which keeps a total of its own. */
const elements: Partial<WindowSpec> = {
  compute: {
    kind: 'elements', state: { total: { kind: 'value', version: 1 } },
    fn(key, _window, values, ctx) {
      const total = ctx.state['total'] as ValueState<number>
      total.update((before) => (before ?? 0) + values.length)
      return [[key, values.length]]
    },
  },
}

/** Windows of the general operator. */
const general = fc.record({
  assigner: fc.oneof(
    fc.constantFrom(5, 20).map((size) => tumbling(size)), fc.constantFrom(10, 25).map((slide) => sliding(50, slide)),
    fc.constantFrom(2, 8, 40).map((gap) => session(gap)), fc.constant<WindowSpec['assigner']>({ kind: 'global' }),
  ),
  more: fc.constantFrom<Partial<WindowSpec>>(
    {}, { trigger: { kind: 'count', count: 2 } }, { trigger: { kind: 'purging', inner: { kind: 'count', count: 3 } } },
    elements, { ...elements, evictor: { kind: 'count', count: 3, after: true }, trigger: { kind: 'count', count: 2 } },
  ),
  latenessMs: fc.constantFrom(0, 30),
}).map(({ assigner, more, latenessMs }) => aggregateWindow(assigner, {
  latenessMs, ...(assigner.kind === 'global' ? { trigger: { kind: 'count', count: 4 } } : {}), ...more,
}))

const spec = fc.oneof(
  general,
  fc.record({ size: fc.constantFrom(5, 20, 100), lateness: fc.constantFrom(0, 30) })
    .map(({ size, lateness }) => aggregateWindow(tumbling(size), { latenessMs: lateness })),
  fc.constantFrom(10, 25).map((slide) => aggregateWindow(sliding(50, slide))),
  fc.record({ slide: fc.constantFrom(10, 25), lateness: fc.constantFrom(0, 30) })
    .map(({ slide, lateness }) => exactWindow(sliding(50, slide), { latenessMs: lateness })),
  fc.record({ gap: fc.constantFrom(2, 8, 40), lateness: fc.constantFrom(0, 30) })
    .map(({ gap, lateness }) => aggregateWindow(sessions(gap), { latenessMs: lateness })),
  fc.constantFrom(5, 60).map((sizeMs) => aggregateWindow({ kind: 'tumbling', time: 'processing', sizeMs, offsetMs: 0 })),
)
const record = fc.record({ key: fc.nat(40).map((n) => `k${n}`), value: fc.nat(9), ahead: fc.integer({ min: -30, max: 6 }) })

test('WX-1, OS-4, SL-1, IS-1, WT-2, WO-8, PN-4: windows in a checkpoint are those of its cut, whatever is added, fires or is forgotten while it is written', () => {
  let increments = 0
  fc.assert(fc.property(
    spec, fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000),
    fc.array(fc.oneof({ weight: 8, arbitrary: record }, { weight: 3, arbitrary: rigEvent }), { minLength: 20, maxLength: 200 }),
    (window, sliceEntries, segmentBytes, events) => {
      const { harness, rig } = rigOf(window, { sliceEntries, segmentBytes })
      let now = 0
      for (let i = 0; i < 40; i++) harness.send([`k${i}`, i], i % 10)
      rig.playThrough(events, (each) => {
        if ('kind' in each) return each
        harness.send([each.key, each.value], now + each.ahead)
        now += Math.max(0, each.ahead)
        harness.watermark(now - 10)
        harness.processingTime(now)
        return undefined
      })
      increments += rig.increments
    },
  ), { numRuns: 150 })
  expect(increments).toBeGreaterThan(100)
})

test('a window that is forgotten after the cut and before it is encoded is in the checkpoint, and not in the next', () => {
  const { harness, rig } = rigOf(aggregateWindow(tumbling(10)), { sliceEntries: 1, segmentBytes: 1 })
  const send = (key: string, timestamp: number): void => harness.send([key, 1], timestamp)
  for (let i = 0; i < 20; i++) send(`old${i}`, 5)
  for (let i = 0; i < 60; i++) send(`new${i}`, 15)
  rig.cut()
  harness.watermark(10)
  rig.finishWriting()
  rig.complete(0)
  send('new1', 16)
  rig.cut()
  rig.finishWriting()
  expect([rig.checked, rig.increments]).toEqual([2, 1])
})
