import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reportRescale, type RescaleReport } from '../../src/checkpoint/inspection/rescale.ts'
import { partsOf, readPart } from '../../src/checkpoint/inspection/operator-parts.ts'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { failureOf, StateDirectory, type OperatorContent } from './state-world.ts'
import { run } from './world.ts'

const MAX = 16
const splits = (subtask: number, items: readonly unknown[]) =>
  ({ name: 'splits', redistribute: 'split' as const, subtask, items })

const content = fc.record({
  from: fc.integer({ min: 1, max: MAX }),
  keys: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 40 }),
  items: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: MAX, maxLength: MAX }),
})
type Content = typeof content extends fc.Arbitrary<infer T> ? T : never

function written({ from, keys, items }: Content): StateDirectory {
  const directory = new StateDirectory()
  const operator: OperatorContent = {
    name: 'op', parallelism: from,
    states: [
      { name: 's', entries: keys.map((key) => [key, undefined, 'x'.repeat(key)] as const) },
      { name: 't', entries: keys.slice(0, 3).map((key) => [key, [key, key + 1], key] as const) },
    ],
    lists: Array.from({ length: from }, (_, i) => splits(i, Array.from({ length: items[i] as number }, (_item, n) => `${i}.${n}`))),
  }
  const alone: OperatorContent = { name: 'alone', parallelism: from === 1 ? 2 : 1, states: [{ name: 's', entries: [['k', undefined, 1]] }] }
  directory.write(1, [operator, alone], MAX)
  return directory
}

function report(directory: StateDirectory, from: number, to: number): RescaleReport {
  const opened = directory.open('latest')
  let now = 0
  const at = { ...opened, manifest: { ...opened.manifest, parallelism: from } }
  return run(reportRescale(at, to, () => (now += 50)))
}

const whole = ({ moved, stayed }: { readonly moved: number; readonly stayed: number }): number => moved + stayed

describe('rescale', () => {
  test('RR-1 RR-2 the parts add up to the whole, and what a restore gives each subtask is what was said', () => {
    fc.assert(fc.property(content, fc.integer({ min: 1, max: MAX }), (given, to) => {
      const directory = written(given)
      const { from, keys } = given
      const { operators } = report(directory, from, to)
      const said = operators.find(({ operator }) => operator === 'op')
      const opened = directory.open('latest')
      const segments = partsOf(opened.manifest, 'op').map((part) => run(readPart(opened, part)))

      expect(said).toMatchObject({ from, to })
      expect(whole(said?.keyGroups ?? { moved: 0, stayed: 0 })).toBe(MAX)
      expect(whole(said?.entries ?? { moved: 0, stayed: 0 })).toBe(keys.length + Math.min(3, keys.length))
      const groups = segments.flatMap(({ snapshot }) => snapshot.keyed).flatMap((state) => state.groups)
      expect(whole(said?.bytes ?? { moved: 0, stayed: 0 })).toBe(groups.reduce((sum, { bytes }) => sum + bytes.length, 0))

      const before = new Map(segments.flatMap(({ subtask, snapshot }) =>
        snapshot.lists.flatMap(({ items }) => items.map((item) => [item, subtask] as const))))
      const restored = Array.from({ length: to }, (_, subtask) => {
        const got = restoreOperator(segments, { subtask, parallelism: to, keyGroups: keyGroupRange(subtask, to, MAX) })
        const states = ['s', 't'].map((name) => {
          const builder = new KeyedSnapshotBuilder({ name, kind: 'value', version: 1, maxParallelism: MAX })
          for (const { key, namespace, value } of got.keyed(name)) builder.put(key, namespace, value)
          return builder
        })
        return {
          subtask, bytes: states.reduce((sum, { bytes }) => sum + bytes, 0),
          entries: states.flatMap((each) => each.build().groups).reduce((sum, { entries }) => sum + entries, 0),
          stayed: got.list('splits').filter((item) => before.get(item) === subtask).length,
        }
      })
      const most = Math.max(...restored.map(({ bytes }) => bytes))
      const first = restored.find(({ bytes }) => bytes === most)
      const mean = restored.reduce((sum, { bytes }) => sum + bytes, 0) / to
      expect(said?.largest).toMatchObject({ subtask: first?.subtask, bytes: most, entries: first?.entries })
      expect(said?.largest?.factor).toBeCloseTo(most / mean, 9)
      expect(said?.items.stayed).toBe(restored.reduce((sum, { stayed }) => sum + stayed, 0))
      expect(whole(said?.items ?? { moved: 0, stayed: 0 })).toBe(before.size)
      if (from === to) expect(said).toMatchObject({ keyGroups: { moved: 0 }, entries: { moved: 0 }, bytes: { moved: 0 } })
    }), { numRuns: 60 })
  })

  test('RR-3 an operator with a parallelism of its own keeps it, and nothing of it moves', () => {
    const directory = written({ from: 4, keys: [1, 2, 3], items: Array.from({ length: MAX }, () => 0) })
    const { operators } = report(directory, 4, 8)
    expect(operators.find(({ operator }) => operator === 'alone')).toMatchObject({ from: 1, to: 1, entries: { moved: 0, stayed: 1 } })
  })

  test('the time is that of reading: bytes and a rate are said with it', () => {
    const directory = written({ from: 2, keys: [1, 2, 300], items: Array.from({ length: MAX }, () => 1) })
    const { restore } = report(directory, 2, 3)
    const bytes = directory.open('latest').manifest.segments.reduce((sum, { length }) => sum + length, 0)
    expect(restore).toEqual({ bytes, measuredMs: 50, bytesPerSecond: bytes * 20 })
  })

  test('beyond the number of key groups it is refused with that number', () => {
    const directory = written({ from: 2, keys: [1], items: Array.from({ length: MAX }, () => 0) })
    expect(whole(report(directory, 2, MAX).operators[0]?.keyGroups ?? { moved: 0, stayed: 0 })).toBe(MAX)
    const error = failureOf(() => report(directory, 2, MAX + 1))
    expect(error).toMatchObject({ code: 'E180', message: expect.stringContaining(`${MAX} key groups`) })
  })
})
