import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, test } from 'vitest'
import { evolve, state } from '../../src/index.ts'
import type { StateSpec } from '../../src/graph/state-spec.ts'
import { checkpointId } from '../../src/base/ids.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment, readEntries } from '../../src/state/snapshot-format.ts'
import { inOneGo, type RestoredOperator } from '../../src/state/snapshot.ts'

const keyGroups = { start: 0, end: 127 }
const backend = (now = 0): KeyedBackend =>
  new KeyedBackend({ operator: 'op', maxParallelism: 128, now: () => now, freeze: true })

interface Handle {
  set(value: unknown, more?: unknown): void
  push(value: unknown): void
  add(value: unknown): void
  get(key?: unknown): unknown
  entries(): Iterable<[unknown, unknown]>
}

/** What a backend holds that `fill` has filled, one call a key. */
function stored(spec: StateSpec, fill: (handle: Handle, key: string) => void, now = 0): RestoredOperator {
  const from = backend(now)
  const handle = from.declare('s', spec) as unknown as Handle
  for (const key of ['a', 'b']) {
    from.setCurrentKey(key)
    fill(handle, key)
  }
  const { bytes } = encodeSegment({ operator: 'op', subtask: 0, keyGroups, snapshot: { keyed: from.snapshot(), lists: [] } })
  return restoreOperator([decodeSegment(bytes)], { subtask: 0, parallelism: 1, keyGroups })
}

function loaded(restored: RestoredOperator, spec: StateSpec, name = 's', now = 0): Handle {
  const to = backend(now)
  to.restore(restored)
  const handle = to.declare(name, spec) as unknown as Handle
  to.setCurrentKey('a')
  return handle
}

const refusal = (code: string, ...words: string[]): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join('[^]*'))) as string })
const specOf = (declared: { readonly spec: StateSpec }): StateSpec => declared.spec

test('EV-1 an upgrade gets every old value with its version and key, and its result is what the state holds', () => {
  const seen: unknown[] = []
  const before = stored(specOf(state.value<number>()), (s, key) => s.set(key === 'a' ? 1 : 2))
  const after = loaded(before, specOf(state.value<string>({
    version: 3,
    upgrade(from, value: number, { key }) {
      seen.push([from, value, key])
      return `${value} of ${String(key)}`
    },
  })))
  expect(after.get()).toBe('1 of a')
  expect(new Set(seen.map(String))).toEqual(new Set(['1,1,a', '1,2,b']))
})

test('lists are upgraded item by item, maps value by value with the map key, in their order', () => {
  const list = stored(specOf(state.list<number>()), (s) => [1, 2].forEach((n) => s.push(n)))
  const items = specOf(state.list<string>({ version: 2, upgrade: (_, n) => `#${String(n)}` }))
  expect(loaded(list, items).get()).toEqual(['#1', '#2'])
  const map = stored(specOf(state.map<string, number>()), (s) => ['z', 'y'].forEach((key, n) => s.set(key, n)))
  const values = specOf(state.map<string, string>({ version: 2, upgrade: (_, n, { mapKey }) => `${String(mapKey)}${String(n)}` }))
  expect([...loaded(map, values).entries()]).toEqual([['z', 'z0'], ['y', 'y1']])
})

test('EV-4 a value keeps the time of its last write: what was due to expire still does', () => {
  const before = stored(specOf(state.value<number>({ ttl: '10s' })), (s) => s.set(1), 1_000)
  const after = specOf(state.value<string>({ ttl: '10s', version: 2, upgrade: (_, n) => String(n) }))
  expect(loaded(before, after, 's', 10_999).get()).toBe('1')
  expect(loaded(before, after, 's', 11_000).get()).toBeUndefined()
})

test('EV-2 an older version without an upgrade, and a newer one, are refused with both versions', () => {
  const first = stored(specOf(state.value<number>()), (s) => s.set(1))
  expect(() => loaded(first, specOf(state.value<number>({ version: 2 })))).toThrow(refusal('E139', 'version 1', 'version 2'))
  const second = stored(specOf(state.value<number>({ version: 2 })), (s) => s.set(1))
  expect(() => loaded(second, specOf(state.value<number>()))).toThrow(refusal('E138', 'version 2', 'version 1'))
  // An upgrade does not lead down.
  expect(() => loaded(second, specOf(state.value<number>({ version: 1, upgrade: () => 1 })))).toThrow(refusal('E138'))
})

test('EV-3 an upgrade that throws, forgets to return, promises or cannot be stored names operator, state, key and versions', () => {
  const before = stored(specOf(state.value<number>()), (s) => s.set(1))
  const upgrades: [(from: number, value: unknown) => unknown, string][] = [
    [() => { throw new TypeError('no currency') }, 'threw no currency'],
    [() => undefined, 'undefined'],
    [() => Promise.resolve(1), 'promise'],
    [() => ({ close: () => 1 }), 'close'],
  ]
  for (const [upgrade, words] of upgrades) {
    expect(() => loaded(before, specOf(state.value({ version: 2, upgrade }))))
      .toThrow(refusal('E168', '"a"', '"s" of "op"', 'version 1', 'to 2', words))
  }
})

const schema = (text: string, validate: (value: unknown) => unknown): StandardSchemaV1 => ({
  '~standard': {
    version: 1, vendor: 'test',
    validate: (value) => {
      const made = validate(value)
      return made === undefined ? { issues: [{ message: 'no', path: ['amount'] }] } : { value: made }
    },
    jsonSchema: { output: () => ({ text }), input: () => ({ text }) },
  } as StandardSchemaV1['~standard'],
})

test('EV-3 values go through a schema whose description has changed, and through one that has not they do not', () => {
  const number = schema('a', (value) => (typeof value === 'number' ? value : undefined))
  const before = stored(specOf(state.value(number)), (s) => s.set(1))
  const withDefault = schema('b', (value) => ({ amount: value, currency: 'EUR' }))
  expect(loaded(before, specOf(state.value(withDefault))).get()).toEqual({ amount: 1, currency: 'EUR' })
  expect(loaded(before, specOf(state.value(schema('a', () => 'asked')))).get()).toBe(1)
  const strict = schema('c', () => undefined)
  expect(() => loaded(before, specOf(state.value(strict)))).toThrow(refusal('E168', 'schema at amount: no'))
  const upgraded = specOf(state.value(strict, { version: 2, upgrade: () => 7 as never }))
  expect(() => loaded(before, upgraded)).toThrow(refusal('E168', 'schema at amount'))
})

test('EV-2 another kind is refused, unless fromKind makes the one of the other', () => {
  const value = stored(specOf(state.value<number>()), (s) => s.set(5))
  expect(() => loaded(value, specOf(state.list<number>()))).toThrow(refusal('E032', 'value', 'list'))
  const list = specOf(state.list<number>({ fromKind: ({ kind, version }, held: number) => [kind.length, version, held] }))
  expect(loaded(value, list).get()).toEqual([5, 1, 5])
  const map = specOf(state.map<string, number>({ fromKind: (_, held: number) => new Map([['only', held]]) }))
  expect([...loaded(value, map).entries()]).toEqual([['only', 5]])
  const items = stored(specOf(state.list<number>()), (s) => [1, 2, 3].forEach((n) => s.push(n)))
  const sum = specOf(state.reducing((a: number, b: number) => a + b, {
    fromKind: (_, held: number[]) => held.reduce((a, b) => a + b, 0),
  }))
  const total = loaded(items, sum)
  total.add(4)
  expect(total.get()).toBe(10)
  expect(() => loaded(value, specOf(state.list<number>({ fromKind: () => 1 })))).toThrow(refusal('E168', 'no array'))
})

test('EV-4 what fromKind makes has the latest time of what it was made of', () => {
  let now = 0
  const from = new KeyedBackend({ operator: 'op', maxParallelism: 128, now: () => now, freeze: true })
  const list = from.declare('s', { kind: 'list', version: 1, ttl: { ttlMs: 10_000 } })
  from.setCurrentKey('a')
  list.push(1)
  now = 5_000
  list.push(2)
  const { bytes } = encodeSegment({ operator: 'op', subtask: 0, keyGroups, snapshot: { keyed: from.snapshot(), lists: [] } })
  const restored = restoreOperator([decodeSegment(bytes)], { subtask: 0, parallelism: 1, keyGroups })
  const count = specOf(state.value<number>({ ttl: '10s', fromKind: (_, held: number[]) => held.length }))
  expect(loaded(restored, count, 's', 14_999).get()).toBe(2)
  expect(loaded(restored, count, 's', 15_000).get()).toBeUndefined()
})

test('a renamed state goes on from its former name, and is not unclaimed', () => {
  const before = stored(specOf(state.value<number>()), (s) => s.set(5))
  const to = backend()
  const handle = to.declare('total', specOf(state.value<number>({ was: 's' })) as never) as unknown as Handle
  to.restore(before)
  to.setCurrentKey('a')
  expect(handle.get()).toBe(5)
  expect(to.unclaimed()).toEqual([])
})

test('EV-1 the first snapshot after a migration holds everything, of the new version alone: no chain has two', () => {
  const before = stored(specOf(state.value<number>()), (s) => s.set(1))
  const to = backend()
  to.restore(before)
  const handle = to.declare('s', specOf(state.value<number>({ version: 2, upgrade: (_, n) => Number(n) * 10 })) as never) as unknown as Handle
  to.setCurrentKey('b')
  handle.set(7)
  const slices = to.cut(checkpointId(9))
  expect(slices.onto).toBeUndefined()
  const [written] = inOneGo({ keyed: [], lists: [], slices }).keyed
  expect([written?.version, written?.extent ?? 'whole']).toEqual([2, 'whole'])
  const entries = written?.groups.flatMap((group) => [...readEntries(group)].map(({ key, value }) => [key, value]))
  expect(new Map(entries as [string, number][])).toEqual(new Map([['a', 10], ['b', 7]]))
})

test('evolve: a value of any version goes through the steps that follow it, and no step changes what it is given', () => {
  const upgrade = evolve({
    2: [evolve.add('currency', 'EUR'), evolve.remove('note')],
    3: [evolve.rename('n', 'count'), evolve.widen('count', 'bigint'), evolve.within('place', evolve.widen('zip', 'string'))],
    4: (value: { count: bigint }) => ({ ...value, doubled: value.count * 2n }),
  }) as (from: number, value: unknown) => unknown
  const first = Object.freeze({ n: 3, note: 'x', place: Object.freeze({ zip: 10 }) })
  const last = { currency: 'EUR', count: 3n, place: { zip: '10' }, doubled: 6n }
  expect(upgrade(1, first)).toEqual(last)
  expect(upgrade(2, { n: 3, currency: 'CHF', place: { zip: 10 } })).toEqual({ ...last, currency: 'CHF' })
  expect(upgrade(3, { currency: 'EUR', count: 3n, place: { zip: '10' } })).toEqual(last)
  expect(specOf(state.value({ upgrade: upgrade as never })).version).toBe(4)
})

test('evolve: gaps, no steps, a version they do not lead to, and losses are refused', () => {
  expect(() => evolve({ 2: [], 4: [] })).toThrow(refusal('E008'))
  expect(() => evolve({})).toThrow(refusal('E008'))
  expect(() => evolve({ 1: [] })).toThrow(refusal('E008'))
  expect(() => evolve({ 2: ['add'] as never })).toThrow(refusal('E008'))
  expect(() => state.value({ version: 3, upgrade: evolve({ 2: [] }) })).toThrow(refusal('E008'))
  const step = (steps: Parameters<typeof evolve>[0]) => evolve(steps) as (from: number, value: unknown) => unknown
  expect(() => step({ 2: evolve.widen('n', 'bigint') })(1, { n: 1.5 })).toThrow('without a loss')
  expect(() => step({ 2: evolve.rename('n', 'm') })(1, { n: 1, m: 2 })).toThrow('already')
  expect(() => step({ 2: evolve.remove('n') })(1, 5)).toThrow('fields')
  expect(() => step({ 4: [] })(2, {})).toThrow('oldest')
  const hostile = step({ 2: evolve.add('__proto__', 7) })(1, {}) as object
  expect(Object.hasOwn(hostile, '__proto__')).toBe(true)
})
