import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import { MIN_TIMESTAMP } from '../../src/base/time.ts'
import type { Key } from '../../src/graph/key.ts'
import type { TtlSpec, ValueStateSpec } from '../../src/graph/state-spec.ts'
import { KeyedBackend, type KeyedBackendInit } from '../../src/state/keyed-backend.ts'
import { MemoryPagedStore, type MemoryPagedTable } from '../../src/state/paged/memory-paged-store.ts'
import { DIRTY_CELLS, PagedCells } from '../../src/state/paged/paged-cells.ts'
import { migratedTableNameOf, tableNameOf, type PagedStore } from '../../src/state/paged/paged-store.ts'
import { SlotCache } from '../../src/state/paged/slot-cache.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../../src/state/snapshot.ts'
import { TINY_CACHE_BYTES } from './backends.ts'

const MAX = 8
const keyGroups = { start: 0, end: MAX - 1 }
const value: ValueStateSpec = { kind: 'value', version: 1 }

function backendOf(pagedStore: PagedStore | undefined, init: Partial<KeyedBackendInit> = {}): KeyedBackend {
  return new KeyedBackend({ operator: 'op', maxParallelism: MAX, now: () => 0, freeze: true, pagedStore, ...init })
}

const digests = (states: readonly KeyedStateSnapshot[]): unknown =>
  states.map(({ name, groups }) => [name, groups.map(({ group, entries, digest }) => [group, entries, digest])])

function savedBy(backend: KeyedBackend): RestoredOperator {
  const { bytes } = encodeSegment({ operator: 'op', subtask: 0, keyGroups, snapshot: { keyed: backend.snapshot(), lists: [] } })
  return restoreOperator([decodeSegment(bytes)], { subtask: 0, parallelism: 1, keyGroups })
}

/** What that store has of the named states, as a restore that has put it there. */
function landed(restored: RestoredOperator, from: PagedStore, to: MemoryPagedStore, names: readonly string[]): RestoredOperator {
  for (const name of names) {
    const entries = from.table(tableNameOf(name)).entriesAfter(undefined)
    for (let next = entries.next(); next.done !== true; next = entries.next()) to.table(tableNameOf(name)).write([next.value])
  }
  return { ...restored, landed: (name) => names.includes(name) }
}

test('PK-2: a cut writes a bounded number of cells, whatever the size of the state and of what changed', () => {
  for (const [keys, changes] of [[100, 50], [20_000, 100], [20_000, 15_000]] as const) {
    const store = new MemoryPagedStore(100_000)
    const backend = backendOf(store, { freeze: false })
    const state = backend.declare('v', value)
    const table: MemoryPagedTable = store.table(tableNameOf('v'))
    const write = (count: number, n: number): void => {
      for (let key = 0; key < count; key++) {
        backend.setCurrentKey(key)
        state.set(n)
      }
    }
    write(keys, 1)
    for (let id = 1; id <= 3; id++) {
      const before = table.writes
      const slices = backend.cut(checkpointId(id))
      expect(table.writes - before).toBeLessThanOrEqual(DIRTY_CELLS)
      expect([slices.ready, table.views]).toEqual([0, 1])
      const writing = table.writes
      while (slices.advance(1000));
      expect([table.writes, table.views]).toEqual([writing, 0])
      backend.onCheckpointComplete(checkpointId(id))
      write(changes, id)
    }
  }
})

test('PK-3: the view of a cut that is given up is closed by the next one', () => {
  const store = new MemoryPagedStore(1000)
  const backend = backendOf(store)
  const state = backend.declare('v', value)
  backend.setCurrentKey('k')
  state.set(1)
  for (let id = 1; id <= 3; id++) {
    backend.cut(checkpointId(id))
    backend.onCheckpointAborted(checkpointId(id))
    expect(store.table(tableNameOf('v')).views).toBe(1)
  }
})

interface Cell { touched: number; n: unknown }
const cellsOf = (store: PagedStore, dirtyLimit = 2): PagedCells<Cell> => new PagedCells<Cell>({
  store, operator: 'op', state: 's', dirtyLimit, notedKeys: 10,
  form: { stored: ({ n }) => n, slotOf: (n) => ({ touched: 0, n }) },
})

test('PK-4: a cut tells what was changed and what removed since the one before; everything, if it was too much', () => {
  const cells = cellsOf(new MemoryPagedStore(TINY_CACHE_BYTES))
  const add = (key: Key): void => cells.add(key, { touched: 0, n: 1 })
  const remove = (key: Key): void => cells.remove(key, cells.get(key) as Cell)
  for (let key = 0; key < 5; key++) add(key)
  // Before the first cut nothing is noted.
  expect(cells.cut()).toMatchObject({ keys: [], goneKeys: [] })
  add(7)
  remove(1)
  remove(2)
  add(2)
  cells.touch(3, cells.get(3) as Cell)
  add(8)
  remove(8)
  expect(cells.cut()).toMatchObject({ keys: [7, 2, 3], goneKeys: [1, 2, 8], all: false })
  for (let key = 20; key < 40; key++) add(key)
  expect(cells.cut()).toMatchObject({ keys: [], goneKeys: [], all: true })
  add(50)
  expect(cells.cut()).toMatchObject({ keys: [50], goneKeys: [], all: false })
})

test('PK-4: changes that were too many to be noted are written as a base', () => {
  const store = new MemoryPagedStore(TINY_CACHE_BYTES)
  const changes = { keys: [], slots: [], goneKeys: [], goneSlots: [], all: true }
  const backend = backendOf(store)
  const state = backend.declare('v', value)
  for (let key = 0; key < 50; key++) {
    backend.setCurrentKey(key)
    state.set(key)
  }
  const [table] = backend.tables()
  const first = backend.cut(checkpointId(1))
  while (first.advance(100));
  backend.onCheckpointComplete(checkpointId(1))
  const { log } = table as NonNullable<typeof table>
  const cut = log.cut.bind(log)
  log.cut = (beforeChange) => ({ ...cut(beforeChange), ...changes })
  expect(backend.cut(checkpointId(2)).onto).toBeUndefined()
})

test('PK-6: loading a checkpoint reads nothing from the store', () => {
  const heap = backendOf(undefined)
  const before = heap.declare('v', value)
  for (let key = 0; key < 50; key++) {
    heap.setCurrentKey(key)
    before.set(key)
  }
  const store = new MemoryPagedStore(TINY_CACHE_BYTES)
  const table = store.table(tableNameOf('v'))
  const get = table.get.bind(table)
  table.get = () => {
    throw new Error('nothing is read')
  }
  const backend = backendOf(store, { dirtyLimit: 3 })
  const state = backend.declare('v', value)
  backend.restore(savedBy(heap))
  table.get = get
  expect(digests(backend.snapshot())).toEqual(digests(heap.snapshot()))
  backend.setCurrentKey(7)
  expect(state.get()).toBe(7)
})

test('PK-6: what a restore has put into the table is taken over as it is, and counted', () => {
  const from = new MemoryPagedStore(TINY_CACHE_BYTES)
  const old = backendOf(from)
  const [v, m] = [old.declare('v', value), old.declare('m', { kind: 'map', version: 1 })]
  for (const key of ['a', 'b', 'c']) {
    old.setCurrentKey(key)
    v.set(key)
    m.set(1, key)
  }
  const to = new MemoryPagedStore(TINY_CACHE_BYTES)
  const restored = landed(savedBy(old), from, to, ['v', 'm'])
  const backend = backendOf(to)
  backend.restore({ ...restored, keyed: () => { throw new Error('it is there already') } })
  const [again] = [backend.declare('v', value), backend.declare('m', { kind: 'map', version: 1 })]
  backend.setCurrentKey('b')
  expect(again.get()).toBe('b')
  expect(backend.tables().map(({ count }) => count)).toEqual([3, 3])
  expect(digests(backend.snapshot())).toEqual(digests(old.snapshot()))
})

test('PK-6: what a restore has put there is made into something else in another table, and removed from the first', () => {
  const from = new MemoryPagedStore(TINY_CACHE_BYTES)
  const old = backendOf(from)
  const [v, w] = [old.declare('v', value), old.declare('w', value)]
  old.setCurrentKey('k')
  v.set(1)
  w.set('w')
  const to = new MemoryPagedStore(TINY_CACHE_BYTES)
  const backend = backendOf(to)
  backend.restore(landed(savedBy(old), from, to, ['v', 'w']))
  const upgraded = backend.declare('v', { ...value, version: 2, upgrade: (_, n) => Number(n) + 1 })
  // Two go on from one: the order in which they are declared does not matter.
  const renamed = backend.declare('x', { ...value, was: ['w'] })
  const kept = backend.declare('w', value)
  backend.setCurrentKey('k')
  expect([upgraded.get(), renamed.get(), kept.get()]).toEqual([2, 'w', 'w'])
  renamed.set('x')
  expect(backend.snapshot().map(({ version, groups }) => [version, groups.length])).toEqual([[2, 1], [1, 1], [1, 1]])
  expect([tableNameOf('v'), migratedTableNameOf('v'), tableNameOf('w'), tableNameOf('x')].map((name) => to.table(name).entries))
    .toEqual([0, 1, 1, 1])
  backend.setCurrentKey('k')
  expect([renamed.get(), kept.get()]).toEqual(['x', 'w'])
})

test.each([
  ['without a watermark', MIN_TIMESTAMP], ['with one', 5_000],
])('TE-5, PK-6: undated values that are taken over %s are what they are where they are loaded', (_, watermark) => {
  const ttl: TtlSpec = { ttlMs: 100, time: 'event' }
  let now = MIN_TIMESTAMP
  const eventTime = { now: () => now, stamp: () => now }
  const from = new MemoryPagedStore(TINY_CACHE_BYTES)
  const old = backendOf(from, { eventTime })
  const before = old.declare('v', { ...value, ttl })
  old.setCurrentKey('k')
  before.set('x')
  const saved = savedBy(old)
  now = watermark
  const to = new MemoryPagedStore(TINY_CACHE_BYTES)
  const begun = (backend: KeyedBackend, restored: RestoredOperator) => {
    backend.restore(restored)
    const state = backend.declare('v', { ...value, ttl })
    backend.setCurrentKey('k')
    return { backend, state }
  }
  const heap = begun(backendOf(undefined, { eventTime }), saved)
  const paged = begun(backendOf(to, { eventTime }), landed(saved, from, to, ['v']))
  for (const at of [5_000, 5_050, 5_099, 5_100]) {
    now = at
    expect(digests(paged.backend.snapshot()), `${at}`).toEqual(digests(heap.backend.snapshot()))
    expect(paged.state.get(), `${at}`).toBe(heap.state.get())
  }
  expect(paged.state.get()).toBeUndefined()
})

test('E197: a key that no page could hold is refused with operator, state and length, when it comes and when it is restored', () => {
  const long = 'k'.repeat(1980)
  const store = new MemoryPagedStore(TINY_CACHE_BYTES)
  const backend = backendOf(store)
  const state = backend.declare('v', value)
  const refused = expect.objectContaining({
    code: 'E197', message: expect.stringMatching(/"v" of "op" has 1983 bytes, beginning with k{40}/) as string,
  }) as unknown
  backend.setCurrentKey(long)
  expect(() => state.set(1)).toThrow(refused)
  expect(() => state.get()).toThrow(refused)
  backend.setCurrentKey('k'.repeat(1975))
  state.set(1)
  const heap = backendOf(undefined)
  const held = heap.declare('v', value)
  heap.setCurrentKey(long)
  held.set(1)
  const again = backendOf(new MemoryPagedStore(TINY_CACHE_BYTES))
  again.declare('v', value)
  again.restore(savedBy(heap))
  expect(() => again.snapshot()).toThrow(refused)
})

test('WB-1, WB-2: what was put last is there, and what is kept takes no more than its room, about', () => {
  fc.assert(fc.property(fc.constantFrom(0, 2_000, 20_000), fc.constantFrom(10, 100, 1000), fc.array(fc.nat(200), { minLength: 1 }), (bytes, each, keys) => {
    const cache = new SlotCache<{ readonly key: Key }>(bytes)
    for (const key of keys) {
      cache.sized(each)
      const slot = cache.get(key) ?? { key }
      cache.put(key, slot)
      expect(cache.peek(key)).toBe(slot)
      expect(cache.size * (each * 6 + 200)).toBeLessThanOrEqual(Math.max(bytes, 2 * (each * 6 + 200)))
    }
    cache.delete(keys[0] as Key)
    expect(cache.peek(keys[0] as Key)).toBeUndefined()
  }))
})
