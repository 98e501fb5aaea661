/** A restore into stores, beside one that puts the chains together in memory. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Landing } from '../../src/job/landing.ts'
import { readCheckpoint } from '../../src/job/restore.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { MemoryPagedStore } from '../../src/state/paged/memory-paged-store.ts'
import { tableNameOf } from '../../src/state/paged/paged-store.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import { assertUntilSeen } from '../state/until-seen.ts'
import {
  contentOf, ended, graphAt, history, MAX_PARALLELISM, OPERATOR, reading, STATES, storedCheckpoint,
} from './stored-checkpoint.ts'

const ALL = { kind: 'all' } as const

function landing(parallelism: number, isHere: (subtask: number) => boolean): { landing: Landing; stores: Map<number, MemoryPagedStore> } {
  const stores = new Map<number, MemoryPagedStore>()
  const open = (_operator: string, subtask: number): MemoryPagedStore => {
    const store = new MemoryPagedStore(1000)
    stores.set(subtask, store)
    return store
  }
  return { landing: new Landing({ graph: graphAt(parallelism), stores: { open }, isHere }), stores }
}

test('LD-1, LD-3: whatever the chains and the parallelism, the tables hold what a restore in memory gives each subtask', () => {
  const seen = { entries: 0, absent: 0, map: 0, list: 0 }
  const law = fc.property(history, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (given, parallelism, workers) => {
    const { manifest, ports, patched } = storedCheckpoint(given)
    for (const kind of ['map', 'list'] as const) if (patched.has(kind)) seen[kind] += 1
    const graph = graphAt(parallelism)
    const [vertex] = graph.vertices
    const [operator] = graph.logical.operators
    if (vertex === undefined || operator === undefined) throw new Error('there is one')
    const all = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL }))
    let described = 0
    for (let worker = 0; worker < workers; worker++) {
      const there = landing(parallelism, (subtask) => subtask % workers === worker)
      const landed = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL, landing: there.landing }))
      for (let subtask = worker; subtask < parallelism; subtask += workers) {
        const restored = landed.of(OPERATOR, vertex, subtask)
        expect(contentOf(restored)).toEqual(contentOf(all.of(OPERATOR, vertex, subtask)))
        expect(there.landing.storeOf(operator, subtask)).toBe(there.stores.get(subtask))
        for (const name of Object.keys(STATES)) {
          expect(restored?.landed?.(name)).toBe(true)
          const { entries } = (there.stores.get(subtask) as MemoryPagedStore).table(tableNameOf(name))
          described += entries
          seen[entries === 0 ? 'absent' : 'entries'] += 1
        }
        // LD-3.
        expect(restored?.landed?.('timers/event')).toBe(false)
      }
    }
    const counts = all.describe().flatMap(({ keyed }) => keyed.filter(({ kind }) => kind !== 'timers').map(({ entries }) => entries))
    expect(described).toBe(counts.reduce((sum, entries) => sum + entries, 0))
  })
  assertUntilSeen(law, 100, () => Math.min(seen.entries, seen.absent) > 20 && Math.min(seen.map, seen.list) > 3)
})

test('LD-2: what has landed is not held in memory, and what is said of the checkpoint is exact all the same', () => {
  fc.assert(fc.property(history, (given) => {
    const { manifest, ports } = storedCheckpoint(given)
    const there = landing(1, () => true)
    const landed = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL, landing: there.landing }))
    const all = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL }))
    expect(landed.describe()).toEqual(all.describe())
    expect(there.stores.size).toBe(1)
  }))
})

test('a chain that does not begin with everything is damage', () => {
  const { manifest, ports } = storedCheckpoint({
    parallelism: 1, sliceEntries: 5,
    epochs: [Array.from({ length: 9 }, (_, key) => ({ key, what: 'set', n: 1 })), [{ key: 1, what: 'set', n: 2 }]],
  })
  const changes = manifest.segments.filter(({ checkpoint }) => checkpoint === undefined)
  expect(changes.length).toBeLessThan(manifest.segments.length)
  const cut = { ...manifest, segments: changes }
  const there = landing(1, () => true)
  expect(() => ended(readCheckpoint(ports, { ...reading, manifest: cut, plan: ALL, landing: there.landing })))
    .toThrow(expect.objectContaining({ code: 'E057' }))
})

test('a key that no table can hold is refused by name while it lands', () => {
  const long = 'k'.repeat(3000)
  const backend = new KeyedBackend({ maxParallelism: MAX_PARALLELISM, now: () => 0, freeze: true })
  const amount = backend.declare('amount', STATES.amount)
  backend.setCurrentKey(long)
  amount.set(1)
  const keyGroups = { start: 0, end: MAX_PARALLELISM - 1 }
  const { bytes } = encodeSegment({ operator: OPERATOR, subtask: 0, keyGroups, snapshot: { keyed: backend.snapshot(), lists: [] } })
  const there = landing(1, () => true)
  there.landing.expect(new Set([OPERATOR]))
  expect(() => there.landing.land(decodeSegment(bytes))).toThrow(expect.objectContaining({ code: 'E197' }))
})
