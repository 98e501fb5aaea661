/** Two clusters of subtasks run the same program, each on a backend of its own; a restore swaps their backends. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import { keyGroupRange, subtaskOfGroup } from '../../src/graph/key-groups.ts'
import type { Key } from '../../src/graph/key.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../../src/state/handles.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, encodeSegment, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot, SnapshotSlices } from '../../src/state/snapshot.ts'
import { BACKENDS, usesLmdb, type StateBackendKind } from './backends.ts'
import { assertUntilSeen } from './until-seen.ts'

const MAX = 16
const [HEAP, ...OTHERS] = BACKENDS as [StateBackendKind, ...StateBackendKind[]]
const concat = {
  create: () => ({ text: '' }), add: (acc: { text: string }, x: unknown) => ({ text: `${acc.text},${String(x)}` }),
  result: (acc: { text: string }) => acc.text,
}

interface Operation { readonly kind: string; readonly key: Key; readonly field: Key; readonly n: number }

class Subtask {
  readonly backend: KeyedBackend
  readonly v: ValueState<unknown>
  readonly l: ListState<unknown>
  readonly m: MapState<Key, unknown>
  readonly r: ReducingState<unknown>
  readonly a: AggregatingState<unknown, unknown>
  readonly #place: { readonly subtask: number; readonly parallelism: number }
  readonly #chains = new Map<number, readonly DecodedSegment[]>()

  constructor(kind: StateBackendKind, subtask: number, parallelism: number, segments: readonly DecodedSegment[]) {
    this.#place = { subtask, parallelism }
    this.backend = new KeyedBackend({ maxParallelism: MAX, now: () => 0, freeze: false, copiedParts: 2, ...kind.part() })
    const keyGroups = keyGroupRange(subtask, parallelism, MAX)
    if (segments.length > 0) this.backend.restore(restoreOperator(segments, { subtask, parallelism, keyGroups }))
    this.v = this.backend.declare('v', { kind: 'value', version: 1 })
    this.l = this.backend.declare('l', { kind: 'list', version: 1 })
    this.m = this.backend.declare('m', { kind: 'map', version: 1 })
    this.r = this.backend.declare('r', { kind: 'reducing', version: 1, reduce: (x, y) => Math.max(Number(x), Number(y)) })
    this.a = this.backend.declare('a', { kind: 'aggregating', version: 1, aggregate: concat })
  }

  apply({ kind, key, field, n }: Operation): void {
    const { v, l, m, r, a } = this
    this.backend.setCurrentKey(key)
    if (kind === 'v.set') v.set(n)
    else if (kind === 'v.update') v.update((now) => Number(now ?? 0) + n)
    else if (kind === 'l.push') l.push(n)
    else if (kind === 'l.set') l.set([n, field])
    else if (kind === 'm.set') m.set(field, n)
    else if (kind === 'm.delete') m.delete(field)
    else if (kind === 'r.add') r.add(n)
    else if (kind === 'a.add') a.add(n)
    else for (const state of [v, l, m, r, a]) if (kind === 'clear all' || state === v) state.clear()
    this.backend.clearCurrentKey()
  }

  read(key: Key): unknown {
    this.backend.setCurrentKey(key)
    return [this.v.get(), this.l.get(), [...this.m], this.r.get(), this.a.get()]
  }

  whole(): DecodedSegment {
    return this.#encoded(this.backend.snapshot())
  }

  /** What a restore from this cut would read. */
  written(checkpoint: number, slices: SnapshotSlices): DecodedSegment {
    const below = slices.onto === undefined ? [] : (this.#chains.get(slices.onto.checkpoint) ?? []).slice(0, slices.onto.increments)
    const chain = [...below, this.#encoded(slices.take())]
    this.#chains.set(checkpoint, chain)
    return mergeChains(chain)[0] as DecodedSegment
  }

  #encoded(keyed: readonly KeyedStateSnapshot[]): DecodedSegment {
    const { subtask, parallelism } = this.#place
    const keyGroups = keyGroupRange(subtask, parallelism, MAX)
    return decodeSegment(encodeSegment({ operator: 'op', subtask, keyGroups, snapshot: { keyed, lists: [] } }).bytes)
  }
}

class Cluster {
  readonly subtasks: readonly Subtask[]
  #writing: readonly SnapshotSlices[] = []

  constructor(kind: StateBackendKind, parallelism: number, segments: readonly DecodedSegment[] = []) {
    this.subtasks = Array.from({ length: parallelism }, (_, i) => new Subtask(kind, i, parallelism, segments))
  }

  on(key: Key): Subtask {
    return this.subtasks[subtaskOfGroup(keyGroupOf(key, MAX), this.subtasks.length, MAX)] as Subtask
  }

  cut(checkpoint: number): void {
    this.#writing = this.subtasks.map(({ backend }) => backend.cut(checkpointId(checkpoint)))
  }

  /** Some entries of each subtask; false: nothing is left. */
  advance(entries: number): boolean {
    return this.#writing.map((slices) => slices.advance(entries)).includes(true)
  }

  written(checkpoint: number): DecodedSegment[] {
    return this.#writing.map((slices, i) => (this.subtasks[i] as Subtask).written(checkpoint, slices))
  }

  get increments(): number {
    return this.#writing.filter(({ onto }) => onto !== undefined).length
  }
}

/** Entries and digest of each state and group. */
const digests = (segments: readonly DecodedSegment[]): unknown => segments.map(({ snapshot: { keyed } }) =>
  keyed.map(({ name, groups }) => [name, groups.map(({ group, entries, digest }) => [group, entries, digest])]))

const key = fc.oneof(fc.nat(30).map((n) => `k${n}`), fc.nat(3), fc.nat(3).map(BigInt), fc.constant(0.5))
const operation = fc.record({
  kind: fc.constantFrom(
    'v.set', 'v.update', 'v.clear', 'l.push', 'l.set', 'm.set', 'm.set', 'm.set', 'm.delete', 'r.add', 'a.add', 'clear all',
  ),
  key, field: fc.nat(9), n: fc.integer(),
})
const step = fc.oneof(
  { weight: 12, arbitrary: operation },
  {
    weight: 3, arbitrary: fc.record({
      kind: fc.constant('checkpoint' as const), entries: fc.constantFrom(1, 3, 100),
      /** What goes on while it is written. */
      beside: fc.array(operation, { maxLength: 12 }), ends: fc.constantFrom('complete', 'complete', 'abort', 'later', 'given up'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), parallelism: fc.constantFrom(1, 2, 3) }) },
)

usesLmdb()

describe.each(OTHERS)('$name', (other) => {
  test('PK-1 to PK-4: any program reads and snapshots the same as on the heap, also restored from the other one\'s checkpoints', () => {
    let increments = 0
    const law = fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
      let kinds: readonly StateBackendKind[] = [HEAP, other]
      let clusters = kinds.map((kind) => new Cluster(kind, 1))
      let last = 0
      /** Of the newest checkpoint that completed, and of one whose end is not known yet; each as both wrote it. */
      let complete: readonly DecodedSegment[][] = [[], []]
      let open: { readonly id: number; readonly segments: readonly DecodedSegment[][] } | undefined
      const seen = new Set<Key>()
      const applied = (now: Operation): void => {
        seen.add(now.key)
        for (const cluster of clusters) cluster.on(now.key).apply(now)
      }
      const completes = (id: number, segments: readonly DecodedSegment[][]): void => {
        complete = segments
        for (const { subtasks } of clusters) for (const { backend } of subtasks) backend.onCheckpointComplete(checkpointId(id))
      }
      for (const now of steps) {
        if (now.kind === 'checkpoint' && 'beside' in now) {
          last += 1
          for (const cluster of clusters) cluster.cut(last)
          const beside = [...now.beside]
          const more = now.ends === 'given up' ? 1 : Infinity
          for (let n = 0; n < more && clusters.map((cluster) => cluster.advance(now.entries)).includes(true); n++) {
            const next = beside.shift()
            if (next !== undefined) applied(next)
          }
          for (const rest of beside) applied(rest)
          increments += clusters[0]?.increments ?? 0
          if (now.ends === 'given up' || now.ends === 'abort') {
            for (const { subtasks } of clusters) for (const { backend } of subtasks) backend.onCheckpointAborted(checkpointId(last))
            continue
          }
          const segments = clusters.map((cluster) => cluster.written(last))
          expect(digests(segments[1] as DecodedSegment[])).toEqual(digests(segments[0] as DecodedSegment[]))
          if (open !== undefined) completes(open.id, open.segments)
          open = now.ends === 'later' ? { id: last, segments } : undefined
          if (open === undefined) completes(last, segments)
        } else if (now.kind === 'restore' && 'parallelism' in now) {
          kinds = kinds.toReversed()
          // Each from its own checkpoint, which the other backend wrote.
          clusters = kinds.map((kind, i) => new Cluster(kind, now.parallelism, complete[i]))
          open = undefined
        } else if ('field' in now) applied(now)
        const [one, two] = clusters as [Cluster, Cluster]
        if (now.kind === 'restore') for (const each of seen) expect(two.on(each).read(each)).toEqual(one.on(each).read(each))
      }
      const [one, two] = clusters as [Cluster, Cluster]
      for (const each of seen) expect(two.on(each).read(each)).toEqual(one.on(each).read(each))
      expect(digests(two.subtasks.map((subtask) => subtask.whole()))).toEqual(digests(one.subtasks.map((subtask) => subtask.whole())))
    })
    assertUntilSeen(law, Math.ceil(150 / other.costs), () => increments > 50 / other.costs)
  })
})
