import { expect, test } from 'vitest'
import { runConformance } from '../../src/testing/conformance/main.ts'

const windowCase = {
  name: 'tumbling', operation: {
    kind: 'keyed window', key: 'field 0 of the element',
    assigner: { type: 'tumbling', time: 'event', size_ms: 10 }, trigger: { type: 'event-time' }, evictor: null,
    allowed_lateness_ms: 0, function: 'sum of field 1 over the window; output [key, sum]',
  },
  given: [{ element: ['a', 1], ts: 3 }, { element: ['a', 2], ts: 4 }, { watermark: 9 }, { element: ['b', 7], ts: 2 }, { watermark: 'MAX' }],
  expected: [{ after_step: 2, record: ['a', 3], ts: 9 }],
  expected_late_side_output: [{ after_step: 3, record: ['b', 7], ts: 2 }],
}
const run = (...cases: unknown[]) => runConformance(JSON.stringify({ cases })).results.map((r) => r.verdict)

test('a case passes if every record is out at its step, and only then', () => {
  expect(run(windowCase)).toEqual(['passed'])
  const wrong: unknown[][] = [
    [], // one record too many came
    [{ after_step: 2, record: ['a', 4], ts: 9 }], // another value
    [{ after_step: 2, record: ['a', 3], ts: 8 }], // another timestamp
    [{ after_step: 1, record: ['a', 3], ts: 9 }], // too late
    [{ after_step: 4, record: ['a', 3], ts: 9 }], // too early
    [{ after_step: 2, record: ['a', 3], ts: 9 }, { after_step: 4, record: ['a', 3], ts: 9 }], // one is missing
  ]
  for (const expected of wrong) expect(run({ ...windowCase, expected })).toEqual(['failed'])
  expect(run({ ...windowCase, expected_late_side_output: [] })).toEqual(['failed'])
})

test('what is not known is unsupported, never passed, and the whole is then not ok', () => {
  const strange = [
    { ...windowCase, operation: { ...windowCase.operation, kind: 'teleport' } },
    { ...windowCase, operation: { ...windowCase.operation, function: 'median of field 1' } },
    { ...windowCase, operation: { ...windowCase.operation, trigger: { type: 'moon phase' } } },
    { ...windowCase, given: [{ earthquake: 1 }] },
  ]
  expect(run(...strange)).toEqual(['unsupported', 'unsupported', 'unsupported', 'unsupported'])
  const report = runConformance(JSON.stringify({ cases: [windowCase, strange[0]] }))
  expect(report.summary).toEqual({ passed: 1, failed: 0, unsupported: 1 })
  expect(report.ok).toBe(false)
  expect(runConformance('{"cases":[]}').ok).toBe(false)
})

test('exact order, timers and restores are checked for process functions', () => {
  const timers = {
    name: 'timers', operation: {
      kind: 'keyed process function',
      function: 'on element: output it, register an event-time timer at current watermark + 5; on timer: output 1777',
    },
    given: [{ watermark: 0 }, { element: 17, ts: 42 }, { watermark: 5 }],
    expected: [{ record: 17, ts: 42, after_step: 1 }, { record: 1777, ts: 5, after_step: 2 }], order: 'exact',
  }
  expect(run(timers)).toEqual(['passed'])
  expect(run({ ...timers, expected: timers.expected.toReversed() })).toEqual(['failed'])
})

test('watermark cases fail where a step puts out what is not expected', () => {
  const valve = {
    name: 'valve',
    operation: { kind: 'combining the watermarks and idle/active status of several input channels', inputs: 2 },
    given: [{ channel: 0, watermark: 5 }, { channel: 1, status: 'idle' }, { channel: 0, status: 'idle' }],
    expected: [{ after_step: 1, emitted: [5] }, { after_step: 2, emitted: ['idle'] }],
  }
  expect(run(valve, { ...valve, expected: [{ after_step: 1, emitted: [5] }] })).toEqual(['passed', 'failed'])
})
