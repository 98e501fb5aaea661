import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import type { DecodedSegment } from '../../src/state/snapshot-format.ts'
import type { Redistribute, RestoredOperator } from '../../src/state/snapshot.ts'

const MAX = 128

function segmentsOf(
  keys: readonly string[], lists: readonly (readonly number[])[], redistribute: Redistribute,
): DecodedSegment[] {
  return lists.map((items, subtask) => {
    const keyGroups = keyGroupRange(subtask, lists.length, MAX)
    const builder = new KeyedSnapshotBuilder({ name: 's', kind: 'value', version: 1, maxParallelism: MAX })
    for (const key of keys) {
      const group = keyGroupOf(key, MAX)
      if (group >= keyGroups.start && group <= keyGroups.end) builder.put(key, undefined, key.length)
    }
    const snapshot = { keyed: [builder.build()], lists: [{ name: 'l', redistribute, items }] }
    return { format: 1, operator: 'op', subtask, keyGroups, snapshot }
  })
}

function restoreAll(segments: readonly DecodedSegment[], parallelism: number): RestoredOperator[] {
  return Array.from({ length: parallelism }, (_, subtask) =>
    restoreOperator(segments, { subtask, parallelism, keyGroups: keyGroupRange(subtask, parallelism, MAX) }))
}

const cases = fc.tuple(
  fc.uniqueArray(fc.string(), { maxLength: 200 }),
  fc.array(fc.array(fc.integer(), { maxLength: 6 }), { minLength: 1, maxLength: 7 }),
  fc.integer({ min: 1, max: 7 }),
)

test('RS-1: every entry goes to the one owner of its key group, at any old and new parallelism', () => {
  fc.assert(fc.property(cases, ([keys, lists, parallelism]) => {
    const restored = restoreAll(segmentsOf(keys, lists, 'split'), parallelism)
    const seen = restored.flatMap((one, subtask) => [...one.keyed('s')].map(({ key, value }) => {
      const { start, end } = keyGroupRange(subtask, parallelism, MAX)
      const group = keyGroupOf(key, MAX)
      expect(group >= start && group <= end).toBe(true)
      expect(value).toBe(String(key).length)
      return key
    }))
    expect(seen.length).toBe(keys.length)
    expect(new Set(seen)).toEqual(new Set(keys))
    for (const one of restored) expect(one.keyedStates).toEqual([{ name: 's', kind: 'value', version: 1 }])
  }))
})

test('RS-2: split items go round, each to exactly one subtask; union items to all', () => {
  fc.assert(fc.property(cases, ([keys, lists, parallelism]) => {
    const flat = lists.flat()
    const split = restoreAll(segmentsOf(keys, lists, 'split'), parallelism)
    split.forEach((one, subtask) => {
      expect(one.list('l')).toEqual(flat.filter((_, i) => i % parallelism === subtask))
    })
    for (const one of restoreAll(segmentsOf(keys, lists, 'union'), parallelism)) expect(one.list('l')).toEqual(flat)
  }))
})

test('RS-2: overlap items go to those that own a key group of their writer; without a writer left, all to all', () => {
  const lists = [[10], [20], [30], [40]]
  const at = (parallelism: number, segments = segmentsOf([], lists, 'overlap')): unknown[] =>
    restoreAll(segments, parallelism).map((one) => one.list('l'))
  expect(at(4)).toEqual([[10], [20], [30], [40]])
  expect(at(2)).toEqual([[10, 20], [30, 40]])
  expect(at(3)).toEqual([[10, 20], [20, 30], [30, 40]])
  expect(at(1)).toEqual([[10, 20, 30, 40]])
  expect(at(4, segmentsOf([], lists, 'overlap').slice(1))).toEqual([[20, 30, 40], [20], [30], [40]])
})

test('RS-3: the order in which segments were read does not matter', () => {
  const segments = segmentsOf(['a', 'b', 'c', 'd'], [[1], [2, 3], [4]], 'split')
  const shape = (list: readonly DecodedSegment[]): unknown =>
    restoreAll(list, 2).map((one) => [[...one.keyed('s')], one.list('l')])
  expect(shape([...segments].reverse())).toEqual(shape(segments))
})

test('a state that is not there is empty', () => {
  const [one] = restoreAll([], 1)
  expect([...(one?.keyed('x') ?? [1])]).toEqual([])
  expect(one?.list('x')).toEqual([])
})

test('E057: a key group held by two old subtasks is refused, it would count twice', () => {
  const [segment] = segmentsOf(['a'], [[1]], 'split')
  const twice = [segment as DecodedSegment, { ...(segment as DecodedSegment), subtask: 1 }]
  expect(() => restoreAll(twice, 1)).toThrow(expect.objectContaining({ code: 'E057' }))
})

test('E057: subtasks that disagree about a state are refused', () => {
  const [a, b] = segmentsOf([], [[1], [2]], 'split') as [DecodedSegment, DecodedSegment]
  const lists = b.snapshot.lists.map((list) => ({ ...list, redistribute: 'union' as const }))
  expect(() => restoreAll([a, { ...b, snapshot: { ...b.snapshot, lists } }], 1)).toThrow(
    expect.objectContaining({ code: 'E057' }))
})
