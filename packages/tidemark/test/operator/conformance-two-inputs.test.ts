import { expect, test } from 'vitest'
import { runConformance } from '../../src/testing/conformance/main.ts'

const run = (...cases: unknown[]): string[] => runConformance(JSON.stringify({ cases })).results.map((r) => r.verdict)

const sides = {
  name: 'sides', operation: {
    kind: 'co-process function on two connected streams, both keyed by the element',
    function: 'left: if v < 5: main v, side "l-<key>-<v>"; right: if v >= 5: main v, side "r-<key>-<v>"',
  },
  given: { left: [4, 6], right: [5] }, expected: { main: [4, 5], side: ['l-4-4', 'r-5-5'] }, order: 'sorted',
}
const stamps = {
  name: 'stamps', operation: {
    kind: 'keyed co-process function', function: 'output "<v>WM:<current watermark> TS:<timestamp>"',
  },
  given: [
    { watermark_on: 'left', watermark: 9 }, { watermark_on: 'right', watermark: 7 }, { on: 'right', element: 'x', ts: 8 },
  ],
  expected: [{ record: 'xWM:7 TS:8', ts: 8, after_step: 2 }], forwarded_watermarks: [7], order: 'exact',
}
const rules = {
  name: 'rules', operation: {
    kind: 'keyed broadcast process function',
    function: 'broadcast v: state["<v>.key"] = v; keyed: read the whole broadcast state, event timer 9; on timer: output the state then',
  },
  given: [
    { on: 'broadcast', element: 1, ts: 1 }, { on: 'keyed', element: 'k', ts: 2 }, { on: 'broadcast', element: 2, ts: 3 },
    { watermark_on: 'left', watermark: 9 }, { watermark_on: 'right', watermark: 9 },
  ],
  expected: {
    state_at_keyed_element: { '1.key': 1 }, timer_output: { at: 9, state: { '1.key': 1, '2.key': 2 } }, outputs: 1,
  },
  order: 'exact',
}
const rescale = {
  name: 'rescale', operation: {
    kind: 'keyed broadcast process function', max_parallelism: 10,
    function: 'broadcast v: state[rule1..rule2] = v; keyed: output every entry',
  },
  given: [
    { parallelism: 3 }, { on: 'broadcast, every subtask', element: 8 }, { snapshot_restore_with_parallelism: 2 },
    { on: 'keyed, every subtask', element: 'go' },
  ],
  expected: { each_of_2_subtasks: ['rule1=8', 'rule2=8'] }, order: 'any',
}
const refused = {
  name: 'refused', operation: { kind: 'keyed broadcast process function', function: 'broadcast side reads keyed value state' },
  given: [{ on: 'broadcast', element: 5, ts: 12 }], expected: { error: 'no key set outside a keyed context' },
}

test('cases with two inputs pass if everything is as expected, and only then', () => {
  expect(run(sides, stamps, rules, rescale, refused)).toEqual(Array.from({ length: 5 }, () => 'passed'))
  const wrong = [
    { ...sides, expected: { ...sides.expected, side: ['l-4-4'] } },
    { ...sides, expected: { main: [4, 6], side: sides.expected.side } },
    { ...stamps, expected: [{ record: 'xWM:9 TS:8', ts: 8 }] },
    { ...stamps, forwarded_watermarks: [7, 9] },
    { ...rules, expected: { ...rules.expected, state_at_keyed_element: {} } },
    { ...rules, expected: { ...rules.expected, timer_output: { at: 9, state: { '1.key': 1 } } } },
    { ...rules, expected: { ...rules.expected, timer_output: { at: 8, state: rules.expected.timer_output.state } } },
    { ...rescale, expected: { each_of_2_subtasks: ['rule1=8'] } },
    { ...rescale, expected: { each_of_3_subtasks: ['rule1=8', 'rule2=8'] } },
    { ...refused, expected: { error: 'another error' } },
    { ...refused, given: [{ on: 'keyed', element: 5, ts: 12 }] },
  ]
  expect(run(...wrong)).toEqual(wrong.map(() => 'failed'))
})

test('what is not known is unsupported', () => {
  const strange = [
    { ...sides, operation: { ...sides.operation, function: 'left: nothing' } },
    { ...stamps, given: [{ on: 'middle', element: 1 }] },
    { ...rescale, given: [{ parallelism: 2 }, { on: 'keyed, some subtasks', element: 1 }] },
  ]
  expect(run(...strange)).toEqual(strange.map(() => 'unsupported'))
})
