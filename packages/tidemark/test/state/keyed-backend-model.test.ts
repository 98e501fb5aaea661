import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyGroupRange, subtaskOfGroup } from '../../src/graph/key-groups.ts'
import type { Key } from '../../src/graph/key.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../../src/state/handles.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'

const MAX = 128
const max = (a: unknown, b: unknown): unknown => Math.max(Number(a), Number(b))
const concat = {
  create: () => ({ text: '' }), add: (acc: { text: string }, x: unknown) => ({ text: `${acc.text},${String(x)}` }),
  result: (acc: { text: string }) => acc.text,
}

interface Subtask {
  readonly backend: KeyedBackend
  readonly v: ValueState<unknown>
  readonly l: ListState<unknown>
  readonly m: MapState<Key, unknown>
  readonly r: ReducingState<unknown>
  readonly a: AggregatingState<unknown, unknown>
}

interface Model {
  v?: number
  l: number[]
  m: Map<Key, number>
  r?: number
  a?: string
}

/** Several subtasks as the engine would run them: a key goes to the owner of its group. */
class Cluster {
  #subtasks: Subtask[] = []

  constructor(parallelism: number) {
    this.#deploy(parallelism, undefined)
  }

  on(key: Key): Subtask {
    const subtask = this.#subtasks[subtaskOfGroup(keyGroupOf(key, MAX), this.#subtasks.length, MAX)] as Subtask
    subtask.backend.setCurrentKey(key)
    return subtask
  }

  /** Snapshot, bytes, restore at another parallelism. */
  rescale(parallelism: number): void {
    this.#deploy(parallelism, this.#subtasks.map((_, subtask) => this.#segment(subtask)))
  }

  /** Per state and group: entries and digest, whatever subtask holds them. */
  digests(): Map<string, string> {
    const digests = new Map<string, string>()
    this.#subtasks.forEach((_, subtask) => {
      for (const state of this.#segment(subtask).snapshot.keyed) {
        for (const g of state.groups) digests.set(`${state.name}/${g.group}`, `${g.entries}/${g.digest}`)
      }
    })
    return digests
  }

  #segment(subtask: number): DecodedSegment {
    const { backend } = this.#subtasks[subtask] as Subtask
    const keyGroups = keyGroupRange(subtask, this.#subtasks.length, MAX)
    const snapshot = { keyed: backend.snapshot(), lists: [] }
    return decodeSegment(encodeSegment({ operator: 'op', subtask, keyGroups, snapshot }).bytes)
  }

  #deploy(parallelism: number, segments: DecodedSegment[] | undefined): void {
    this.#subtasks = Array.from({ length: parallelism }, (_, subtask) => {
      // A tiny limit, so that states are spread over several Maps here, too.
      const backend = new KeyedBackend({ maxParallelism: MAX, now: () => 0, freeze: true, mapLimit: 3, ...newStore() })
      if (segments !== undefined) {
        const keyGroups = keyGroupRange(subtask, parallelism, MAX)
        backend.restore(restoreOperator(segments, { subtask, parallelism, keyGroups }))
      }
      return {
        backend,
        v: backend.declare('v', { kind: 'value', version: 1 }),
        l: backend.declare('l', { kind: 'list', version: 1 }),
        m: backend.declare('m', { kind: 'map', version: 1 }),
        r: backend.declare('r', { kind: 'reducing', version: 1, reduce: max }),
        a: backend.declare('a', { kind: 'aggregating', version: 1, aggregate: concat }),
      }
    })
  }
}

const key = fc.oneof(
  fc.nat(12).map((n) => `key-${n}`), fc.nat(4), fc.nat(4).map(BigInt), fc.nat(4).map(String), fc.constant(0.5),
)
const operation = fc.record({
  kind: fc.constantFrom(
    'v.set', 'v.update', 'v.clear', 'l.push', 'l.set', 'l.clear', 'm.set', 'm.delete', 'm.clear', 'r.add', 'r.clear',
    'a.add', 'a.clear',
  ),
  key, field: fc.oneof(fc.nat(3), fc.nat(3).map(String)), n: fc.integer(),
})
const step = fc.oneof(
  { weight: 20, arbitrary: operation },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rescale' as const), to: fc.constantFrom(1, 2, 3, 5) }) },
)

function applyToModel(model: Model, kind: string, field: Key, n: number): void {
  if (kind === 'v.set') model.v = n
  else if (kind === 'v.update') model.v = (model.v ?? 0) + 1
  else if (kind === 'v.clear') delete model.v
  else if (kind === 'l.push') model.l.push(n)
  else if (kind === 'l.set') model.l = [n, n]
  else if (kind === 'l.clear') model.l = []
  else if (kind === 'm.set') model.m.set(field, n)
  else if (kind === 'm.delete') model.m.delete(field)
  else if (kind === 'm.clear') model.m.clear()
  else if (kind === 'r.add') model.r = model.r === undefined ? n : Math.max(model.r, n)
  else if (kind === 'r.clear') delete model.r
  else if (kind === 'a.add') model.a = `${model.a ?? ''},${n}`
  else delete model.a
}

function applyToStates({ v, l, m, r, a }: Subtask, kind: string, field: Key, n: number): void {
  if (kind === 'v.set') v.set(n)
  else if (kind === 'v.update') v.update((now) => Number(now ?? 0) + 1)
  else if (kind === 'v.clear') v.clear()
  else if (kind === 'l.push') l.push(n)
  else if (kind === 'l.set') l.set([n, n])
  else if (kind === 'l.clear') l.clear()
  else if (kind === 'm.set') m.set(field, n)
  else if (kind === 'm.delete') m.delete(field)
  else if (kind === 'm.clear') m.clear()
  else if (kind === 'r.add') r.add(n)
  else if (kind === 'r.clear') r.clear()
  else if (kind === 'a.add') a.add(n)
  else a.clear()
}

function expectEqual(cluster: Cluster, models: Map<Key, Model>): void {
  for (const [k, model] of models) {
    const { v, l, m, r, a } = cluster.on(k)
    expect([v.get(), l.get(), [...m.entries()], r.get(), a.get()]).toEqual(
      [model.v, model.l, [...model.m], model.r, model.a])
  }
}

onEveryBackend(() => {
  test('KB-3: the backend equals a plain Map of Maps through any operations and rescales', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const cluster = new Cluster(1)
      const models = new Map<Key, Model>()
      for (const now of steps) {
        if (now.kind === 'rescale') {
          const before = cluster.digests()
          cluster.rescale(now.to)
          expect(cluster.digests()).toEqual(before)
          expectEqual(cluster, models)
        } else {
          const model = models.get(now.key) ?? { l: [], m: new Map<Key, number>() }
          models.set(now.key, model)
          applyToModel(model, now.kind, now.field, now.n)
          applyToStates(cluster.on(now.key), now.kind, now.field, now.n)
        }
      }
      for (const parallelism of [1, 3, 2]) cluster.rescale(parallelism)
      expectEqual(cluster, models)
    }), { numRuns: runs(200) })
  })

  test('equal state gives equal digests, whatever the order of writes, detours and parallelism', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(key, fc.integer()), { selector: ([k]) => k }), (pairs) => {
      const one = new Cluster(1)
      const two = new Cluster(3)
      for (const [k, n] of pairs) one.on(k).v.set(n)
      for (const [k, n] of [...pairs].reverse()) {
        const { v, l } = two.on(k)
        v.set('something else')
        l.push(1)
        l.clear()
        v.set(n)
      }
      expect(two.digests()).toEqual(one.digests())
    }), { numRuns: runs(100) })
  })
})
