import { expect, test } from 'vitest'
import { runConformance } from '../../../src/testing/conformance/main.ts'

const run = (...cases: unknown[]) => runConformance(JSON.stringify({ cases })).results.map((r) => r.verdict)

const interval = {
  name: 'interval', operation: {
    kind: 'interval join', key: 'one single key', lower_ms: -1, lower_inclusive: true, upper_ms: 2, upper_inclusive: false,
  },
  given: [
    { left: 'a', ts: 5 }, { right: 'b', ts: 6 }, { right: 'c', ts: 7 }, { watermark_on: 'left', watermark: 9 },
    { watermark_on: 'right', watermark: 6 }, { right: 'd', ts: 4 },
  ],
  expected: [
    { record: ['a', 'b'], ts: 6, after_step: 1 },
    { after_step: 3, kept_left_timestamps: [5], kept_right_timestamps: [6, 7] },
    { after_step: 4, kept_left_timestamps: [], kept_right_timestamps: [6, 7] },
  ],
  expected_late_side_output: [{ record: 'd' }],
}

test('cases of interval joins fail where a pair, a row in state or a late record is not as expected', () => {
  expect(run(interval)).toEqual(['passed'])
  const [pair, before, after] = interval.expected
  const wrong: unknown[][] = [
    [{ record: ['a', 'c'], ts: 6 }, before, after],
    [{ record: ['a', 'b'], ts: 5 }, before, after],
    [pair, { after_step: 3, kept_left_timestamps: [] }],
    [pair, before, { after_step: 4, kept_right_timestamps: [7] }],
    [pair, { after_step: 99, kept_left_timestamps: [] }],
  ]
  for (const expected of wrong) expect(run({ ...interval, expected })).toEqual(['failed'])
  expect(run({ ...interval, expected_late_side_output: [] })).toEqual(['failed'])
  const wider = { ...interval.operation, upper_inclusive: true }
  expect(run({ ...interval, operation: wider })).toEqual(['failed'])
})

const lists = {
  name: 'lists', operation: { kind: 'window join (inner)', key: 'field 0', assigner: 'tumbling event-time 3 ms' },
  given: {
    left: [{ element: ['a', 1], ts: 0 }, { element: ['a', 2], ts: 3 }], right: [{ element: ['a', 3], ts: 2 }],
    watermarks: 'after each element: its timestamp - 1; MAX at the end',
  },
  expected: [{ record: [['a', 1], ['a', 3]], ts: 2 }],
}

test('both sides as lists are played in several orders; outer joins and a stream with itself are known', () => {
  expect(run(lists)).toEqual(['passed'])
  expect(run({ ...lists, expected: [] })).toEqual(['failed'])
  const alone = { record: [['a', 2], null], ts: 5 }
  const left = { ...lists, operation: { ...lists.operation, kind: 'window join (left outer)' } }
  expect(run({ ...left, expected: [...lists.expected, alone] }, left)).toEqual(['passed', 'failed'])
  const itself = {
    ...lists, operation: { ...lists.operation, kind: 'window join of a stream with itself' },
    given: { elements: lists.given.left, watermarks: 'ascending timestamps' },
    expected: lists.given.left.map(({ element }) => ({ record: [element, element] })),
  }
  expect(run(itself)).toEqual(['passed'])
})

test('what is not known of a join is unsupported, never passed', () => {
  expect(run(
    { ...interval, variants: 'upside down' },
    { ...interval, given: [{ middle: 1, ts: 1 }] },
    { ...interval, operation: { ...interval.operation, lower_ms: 'yesterday' } },
    { ...lists, given: { ...lists.given, watermarks: 'now and then' } },
    { ...lists, operation: { ...lists.operation, kind: 'window join (cross)' } },
  )).toEqual(Array.from({ length: 5 }, () => 'unsupported'))
})
