import { expect, test } from 'vitest'
import { runConformance } from '../../src/testing/conformance/main.ts'

const run = (...cases: unknown[]) => runConformance(JSON.stringify({ cases })).results.map(({ verdict, detail }) =>
  detail === undefined ? verdict : `${verdict}: ${detail}`)
const kind = 'pattern start -> (followedByAny) middle -> (followedByAny) end, by name'

test('a timed-out partial match is put out once, and no match that ends at the duration or later', () => {
  const at = (element: unknown, ts: number) => ({ element, ts })
  const timeouts = {
    name: 'timeouts',
    operation: { kind, output: 'match: prices start,middle,end; timeout: price of start', within_ms: 3 },
    given: [at([1, 'start', 1], 1), at([1, 'middle', 2], 5), at([1, 'start', 2], 4), at([1, 'end', 2], 6)],
    expected: ['1.0', '2.0', '2.0', '2.0,2.0,2.0'],
  }
  expect(run(timeouts)).toEqual(['passed'])
  expect(run({ ...timeouts, expected: { match: ['2,2,2'], timeout: [1, 2, 2] } })).toEqual(['passed'])
  expect(run({ ...timeouts, expected: ['Left(1.0)', 'Left(2.0)', 'Left(2.0)', 'Right(2.0,2.0,2.0)'] })).toEqual(['passed'])
  expect(run({ ...timeouts, expected: ['1.0', '2.0', '2.0,2.0,2.0'] })[0]).toMatch(/^failed/)
  expect(run({ ...timeouts, operation: { ...timeouts.operation, within_ms: 2 } })[0]).toMatch(/^failed/)
})

test('events of equal time are taken in the order of the comparison', () => {
  const at = (element: unknown, ts: number) => ({ element, ts })
  const ordered = {
    name: 'ordered',
    operation: { kind, output: 'ids start,middle,end', extra: 'events of equal timestamp ordered by price' },
    given: [at([1, 'end', 3], 5), at([1, 'middle', 2], 5), at([1, 'start', 1], 5)], expected: ['1,1,1'],
  }
  expect(run(ordered)).toEqual(['passed'])
  expect(run({ ...ordered, operation: { kind, output: 'ids start,middle,end' } })[0]).toMatch(/^failed/)
})

test('what is not known of a pattern is unsupported', () => {
  const given = [[1, 'a']]
  expect(run(
    { name: 'a', operation: { kind: 'pattern start -> (nearly) end, by name', output: 'ids start,end' }, given, expected: [] },
    { name: 'b', operation: { kind, output: 'colours' }, given, expected: [] },
    { name: 'c', operation: { kind: 'pattern: 2 times "a", skip somewhere', output: 'first element of each match' }, given, expected: [] },
    { name: 'd', operation: { kind, output: 'ids start,middle,end', extra: 'moon' }, given, expected: [] },
  ).map((text) => text.split(':')[0])).toEqual(['unsupported', 'unsupported', 'unsupported', 'unsupported'])
})
