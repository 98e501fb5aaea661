import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EntrySlices, inTurn } from '../../src/state/entry-slices.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, encodeSegment, readEntries } from '../../src/state/snapshot-format.ts'

const GROUPS = 3
const keyGroups = { start: 0, end: GROUPS - 1 }

function slicesOf(name: string, entries: readonly number[]): EntrySlices<number> {
  return new EntrySlices(
    entries, (extent) => new KeyedSnapshotBuilder({ name, kind: 'timers', version: 1, extent, maxParallelism: GROUPS }),
    (builder, entry) => builder.put(entry % 5, undefined, entry),
  )
}

test('ES-1, ES-2: whatever is pulled and taken when, the parts are the whole, in order', () => {
  const entries = fc.array(fc.nat(1000), { maxLength: 30 })
  fc.assert(fc.property(entries, entries, fc.array(fc.nat(4), { minLength: 1 }), (left, right, pulls) => {
    const slices = inTurn([slicesOf('a', left), slicesOf('b', right)])
    const parts: Uint8Array[] = []
    const take = (): void => {
      const keyed = slices.take()
      expect(slices.ready).toBe(0)
      if (keyed.length === 0) return
      parts.push(encodeSegment({ operator: 'op', subtask: 0, keyGroups, snapshot: { keyed, lists: [] } }).bytes)
    }
    for (let i = 0; slices.advance(1 + (pulls[i % pulls.length] as number)); i++) if (i % 2 === 0) take()
    take()
    const [merged] = mergeChains(parts.map((bytes) => decodeSegment(bytes)))
    const found = Object.fromEntries((merged?.snapshot.keyed ?? []).map(({ name, groups }) =>
      [name, groups.flatMap((group) => [...readEntries(group)].map(({ value }) => value as number))]))
    const byKey = (values: readonly number[]): number[][] => [0, 1, 2, 3, 4].map((key) => values.filter((n) => n % 5 === key))
    expect({ a: byKey(found['a'] ?? []), b: byKey(found['b'] ?? []) }).toEqual({ a: byKey(left), b: byKey(right) })
    expect(Object.keys(found).sort()).toEqual(['a', 'b'])
  }))
})
