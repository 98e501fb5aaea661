import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32 } from '../../src/base/crc32.ts'
import type { Key } from '../../src/graph/key.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { decodeSegment, encodeSegment, readEntries, type SegmentInput } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot } from '../../src/state/snapshot.ts'
import { patchOf } from './patch.ts'

const all = { start: 0, end: 127 }
type Entry = readonly [Key, unknown, unknown]

function keyedOf(entries: readonly Entry[], init: object = {}): KeyedStateSnapshot {
  const builder = new KeyedSnapshotBuilder({ name: 'total', kind: 'value', version: 3, maxParallelism: 128, ...init })
  for (const [key, namespace, value] of entries) builder.put(key, namespace, value)
  return builder.build()
}

const sample: SegmentInput = {
  operator: 'per-hour', subtask: 2, keyGroups: all,
  snapshot: {
    keyed: [
      keyedOf([['ORD', undefined, { n: 1 }], ['ORD', [0, 3600_000], 2], [7n, undefined, 'x']]),
      keyedOf([['a', undefined, [5, 'v']]], {
        name: 'seen', kind: 'map', stamped: true, jsonSchema: { type: 'object', title: 'é' },
      }),
      keyedOf([], { name: 'none', kind: 'timers' }),
    ],
    lists: [
      { name: 'splits', redistribute: 'split', items: [{ id: 'a' }, undefined, -0] },
      { name: 'rules', redistribute: 'union', items: [] },
    ],
  },
}

test('SF-1: a decoded segment is what was encoded', () => {
  const { bytes } = encodeSegment(sample)
  expect(new TextDecoder().decode(bytes.subarray(0, 4))).toBe('TMS1')
  expect(decodeSegment(bytes)).toEqual({ format: 3, ...sample })
  expect(encodeSegment(decodeSegment(bytes)).bytes).toEqual(bytes)
})

test('SF-1: a segment without keyed state is itself again', () => {
  const input: SegmentInput = { operator: 'src', subtask: 0, snapshot: { keyed: [], lists: [] } }
  expect(decodeSegment(encodeSegment(input).bytes)).toEqual({ format: 3, ...input })
})

test('the summary counts entries and bytes of every state', () => {
  const { states, bytes } = encodeSegment(sample)
  expect(states.map(({ name, kind, entries }) => [name, kind, entries])).toEqual([
    ['total', 'value', 3], ['seen', 'map', 1], ['none', 'timers', 0],
    ['splits', 'operator-list', 3], ['rules', 'operator-union-list', 0],
  ])
  const sum = states.reduce((total, state) => total + state.bytes, 0)
  expect(sum).toBeGreaterThan(0)
  expect(sum).toBeLessThan(bytes.length)
})

const entry = fc.tuple(
  fc.oneof(fc.string(), fc.integer(), fc.bigInt()),
  fc.option(fc.tuple(fc.integer(), fc.integer()), { nil: undefined }),
  fc.oneof(fc.integer(), fc.string(), fc.dictionary(fc.string(), fc.double(), { noNullPrototype: true })),
)

test('KS-1: entries come back, each in the group of its key', () => {
  fc.assert(fc.property(fc.array(entry), (entries) => {
    const snapshot = keyedOf(entries)
    const back = snapshot.groups.flatMap((group) => [...readEntries(group)].map((e) => {
      expect(keyGroupOf(e.key, 128)).toBe(group.group)
      return [e.key, e.namespace, e.value]
    }))
    const sorted = (list: readonly (readonly unknown[])[]): string[] =>
      list.map((e) => e.map((part) => typeof part === 'bigint' ? `${part}n` : JSON.stringify(part) ?? '').join()).sort()
    expect(sorted(back)).toEqual(sorted(entries))
    expect(snapshot.groups.map(({ group }) => group)).toEqual(
      [...new Set(entries.map(([key]) => keyGroupOf(key, 128) as number))].sort((a, b) => a - b))
  }))
})

test('KS-2: the digest does not depend on the order of writes, but on every entry', () => {
  const shape = (s: KeyedStateSnapshot): unknown => s.groups.map((g) => [g.group, g.entries, g.digest])
  fc.assert(fc.property(fc.uniqueArray(entry, { selector: ([key]) => key, minLength: 1 }), fc.nat(), (entries, n) => {
    const digest = shape(keyedOf(entries))
    expect(shape(keyedOf([...entries].reverse()))).toEqual(digest)
    const changed = entries.map((e, i) => (i === n % entries.length ? [e[0], e[1], { other: e[2] }] as const : e))
    expect(shape(keyedOf(changed))).not.toEqual(digest)
  }))
})

test('E057: any single damaged byte of a keyed entry or its count is found, with file and offset', () => {
  const { bytes } = encodeSegment(sample)
  const whole = JSON.stringify(decodeSegment(bytes), (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))
  let found = 0
  for (let i = 0; i < bytes.length; i++) {
    const damaged = bytes.slice()
    damaged[i] = (damaged[i] as number) ^ 0x11
    try {
      const other = decodeSegment(damaged, { file: '/s/1.state', offset: 100 })
      // Names, versions and list items carry no digest: the caller's checksum covers them.
      expect(JSON.stringify(other, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))).not.toBe(whole)
      expect(crc32(damaged)).not.toBe(crc32(bytes))
    } catch (error) {
      found += 1
      expect((error as { code?: unknown }).code).toMatch(/^E05[78]$/)
      expect(error).toMatchObject({ place: { file: '/s/1.state' } })
    }
  }
  expect(found).toBeGreaterThan(bytes.length / 2)
})

test('E057: a flipped bit in a value is named by state and key group', () => {
  const snapshot = keyedOf([['ORD', undefined, 'abcdef']])
  const [group] = snapshot.groups
  const bytes = group?.bytes.slice() ?? new Uint8Array()
  bytes[bytes.length - 1] = 0x7a
  const damaged = { ...snapshot, groups: [{ ...group, bytes } as never] }
  const segment = encodeSegment({ ...sample, snapshot: { keyed: [damaged], lists: [] } })
  expect(() => decodeSegment(segment.bytes)).toThrow(expect.objectContaining({
    code: 'E057', message: expect.stringContaining(`key group ${keyGroupOf('ORD', 128)} of "total"`) as string,
  }))
})

test('E057: every cut of a segment and every trailing byte is refused', () => {
  const { bytes } = encodeSegment(sample)
  for (let cut = 0; cut < bytes.length; cut++) {
    expect(() => decodeSegment(bytes.slice(0, cut))).toThrow(expect.objectContaining({ code: 'E057' }))
  }
  expect(() => decodeSegment(Uint8Array.of(...bytes, 0))).toThrow(expect.objectContaining({ code: 'E057' }))
})

test('SF-1, E057: what changed in a map comes back; of a state that is none, or with another count, it is refused', () => {
  const builder = new KeyedSnapshotBuilder({ name: 'seen', kind: 'map', version: 1, extent: 'changes', maxParallelism: 128 })
  builder.patch('ORD', undefined, patchOf(['gone', 7n], new Map([['set', 1]])))
  const changes = builder.build()
  const bytesOf = (state: KeyedStateSnapshot): Uint8Array =>
    encodeSegment({ ...sample, snapshot: { keyed: [state], lists: [] } }).bytes
  expect(decodeSegment(bytesOf(changes)).snapshot.keyed).toEqual([changes])
  const [group] = changes.groups
  const twice = { ...group, patched: { ...group?.patched, entries: 2 } } as never
  for (const odd of [{ ...changes, kind: 'value' as const }, { ...changes, groups: [twice] }]) {
    expect(() => decodeSegment(bytesOf(odd))).toThrow(expect.objectContaining({ code: 'E057' }))
  }
})

test('E057: a group that the subtask did not own is refused', () => {
  const segment = encodeSegment({ ...sample, keyGroups: { start: 0, end: 0 } })
  expect(() => decodeSegment(segment.bytes)).toThrow(expect.objectContaining({ code: 'E057' }))
})

test('E058: a newer format is refused with both versions', () => {
  const { bytes } = encodeSegment(sample)
  bytes[4] = 4
  expect(() => decodeSegment(bytes)).toThrow(expect.objectContaining({
    code: 'E058', message: 'The state segment has format 4; this version reads up to 3.',
  }))
})

test('E058: an unknown kind of state is refused, not skipped', () => {
  const odd = { ...keyedOf([]), kind: 'holograph' as never }
  const segment = encodeSegment({ ...sample, snapshot: { keyed: [odd], lists: [] } })
  expect(() => decodeSegment(segment.bytes)).toThrow(expect.objectContaining({
    code: 'E058', message: expect.stringContaining('holograph') as string,
  }))
})
