/** A checkpoint of one operator with keyed state, as old subtasks wrote it in increments, in files of memory. */
import fc from 'fast-check'
import { checkpointId, type CheckpointId } from '../../src/base/ids.ts'
import { start, type Io } from '../../src/base/io.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { StateSegment } from '../../src/base/protocol.ts'
import { checkpointFile } from '../../src/checkpoint/layout.ts'
import type { Manifest } from '../../src/checkpoint/manifest.ts'
import { crc32 } from '../../src/base/crc32.ts'
import { keyGroupRange, type KeyGroupRange } from '../../src/graph/key-groups.ts'
import type { JobGraph } from '../../src/graph/job-graph.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import type { ListState, MapState, ValueState } from '../../src/state/handles.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { decodeSegment } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../../src/state/snapshot.ts'
import { SegmentChains } from '../../src/task/segment-chains.ts'
import { writeSnapshot } from '../../src/task/write-snapshot.ts'

export const MAX_PARALLELISM = 8
export const OPERATOR = 'counts'
export const STATES = {
  amount: { kind: 'value', version: 1 }, seen: { kind: 'map', version: 1 }, told: { kind: 'list', version: 1 },
} as const

/** What happens to one key, of which two are busy; every so many changes there is a checkpoint. */
const change = fc.record({
  key: fc.oneof(fc.nat(20), fc.nat(1)), n: fc.nat(9),
  what: fc.constantFrom('set', 'set', 'set', 'put', 'put some', 'put some', 'take', 'tell', 'tell', 'clear'),
})
export const history = fc.record({
  parallelism: fc.integer({ min: 1, max: 4 }),
  epochs: fc.array(fc.array(change, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
  sliceEntries: fc.integer({ min: 1, max: 5 }),
})
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

export interface StoredCheckpoint {
  readonly manifest: Manifest
  readonly ports: Pick<Ports, 'storage' | 'timers' | 'probe'>
  /** Segments that were read. */
  readonly reads: { count: number }
  /** Kinds of the states that changed in part in it. */
  readonly patched: ReadonlySet<string>
}

const TIMERS = 'timers/event'
const DIRECTORY = '/state'
export const reading = { directory: DIRECTORY, maxParallelism: MAX_PARALLELISM } as const

export function storedCheckpoint({ parallelism, epochs, sliceEntries }: History): StoredCheckpoint {
  const files = new Map<string, Uint8Array>()
  const last = checkpointId(epochs.length)
  const segments = Array.from({ length: parallelism }, (_, subtask) => subtask).flatMap((subtask) => {
    const backend = new KeyedBackend({ maxParallelism: MAX_PARALLELISM, now: () => 0, freeze: true })
    const [amount, seen, told] = [
      backend.declare('amount', STATES.amount), backend.declare('seen', STATES.seen), backend.declare('told', STATES.told),
    ] as [ValueState<unknown>, MapState<number, unknown>, ListState<unknown>]
    const keyGroups = keyGroupRange(subtask, parallelism, MAX_PARALLELISM)
    const chains = new SegmentChains()
    let written: StateSegment[] = []
    for (const [i, changes] of epochs.entries()) {
      for (const { key, what, n } of changes) {
        const group = keyGroupOf(key, MAX_PARALLELISM)
        if (group < keyGroups.start || group > keyGroups.end) continue
        backend.setCurrentKey(key)
        if (what === 'set') amount.set(n)
        else if (what === 'put') seen.set(n, key)
        else if (what === 'put some') for (let i = 0; i < 8; i++) seen.set(n + i * 3, i)
        else if (what === 'take') seen.delete(n)
        else if (what === 'tell') told.addAll(Array.from({ length: 1 + (n % 3) }, (_, i) => n + i))
        else for (const state of [amount, seen, told]) state.clear()
      }
      const id = checkpointId(i + 1)
      const append = function* (checkpoint: CheckpointId, bytes: Uint8Array): Io<{ file: string; offset: number; length: number; crc32: number }> {
        const file = `${subtask}-${files.size}`
        files.set(checkpointFile(DIRECTORY, checkpoint, file), bytes.slice())
        return { file, offset: 0, length: bytes.length, crc32: crc32(bytes) }
      }
      const snapshot = {
        keyed: [timersAt(i, keyGroups)], slices: backend.cut(id),
        lists: [
          { name: 'numbers', redistribute: 'union' as const, items: [subtask * 100 + i] },
          { name: 'of groups', redistribute: 'overlap' as const, items: [subtask * 100 + i] },
        ],
      }
      const place = { subtask, keyGroups, segments: { append }, probe: () => {}, options: { sliceEntries, segmentBytes: 1 } }
      written = chains.add(id, ended(writeSnapshot(place, id, [{ operator: OPERATOR, snapshot }], none)), chains.known)
      chains.complete(id)
      backend.onCheckpointComplete(id)
    }
    return written
  })
  const reads = { count: 0 }
  const storage = {
    * openRead(path: string) {
      reads.count += 1
      return { path }
    },
    * read({ path }: { path: string }) {
      return files.get(path)
    },
    * close() {},
  }
  const ports = { storage, timers: {}, probe: () => {} } as unknown as StoredCheckpoint['ports']
  const vertices = [{ index: 0, name: OPERATOR, parallelism, operators: [{ name: OPERATOR, kind: 'process' }] }]
  const patched = new Set([...files.values()].flatMap((bytes) => decodeSegment(bytes).snapshot.keyed
    .filter(({ groups }) => groups.some((group) => group.patched !== undefined)).map(({ kind }) => kind)))
  return { manifest: { checkpoint: last, segments, vertices } as unknown as Manifest, ports, reads, patched }
}

/** What the engine keeps beside the states of users, whole each time. */
function timersAt(time: number, { start: first, end }: KeyGroupRange): KeyedStateSnapshot {
  const builder = new KeyedSnapshotBuilder({ name: TIMERS, kind: 'timers', version: 1, maxParallelism: MAX_PARALLELISM })
  for (let key = 0; key < 9; key++) {
    const group = keyGroupOf(key, MAX_PARALLELISM)
    if (group >= first && group <= end) builder.put(key, time, true)
  }
  return builder.build()
}

function* none(): Io<void> {}

/** Of what waits for nothing. */
export function ended<T>(io: Io<T>): T {
  let result: { readonly value: T } | undefined
  start(io, (outcome) => {
    if (!outcome.ok) throw outcome.error
    result = { value: outcome.value }
  })
  if (result === undefined) throw new Error('it waits')
  return result.value
}

/** A job of that one operator. */
export function graphAt(parallelism: number): JobGraph {
  const operator = {
    index: 0, name: OPERATOR, named: true, was: [], inputs: [],
    spec: { kind: 'process', keyOf: (key: number) => key, state: STATES, sides: [], onRecord: () => {} },
  }
  const vertex = { index: 0, name: OPERATOR, parallelism, operators: [operator], inputs: [], outputs: [] }
  return { vertices: [vertex], maxParallelism: MAX_PARALLELISM, parallelism, edges: [], logical: { operators: [operator] } } as unknown as JobGraph
}

/** Everything that an operator gets back, in one order. */
export function contentOf(restored: RestoredOperator | undefined): unknown {
  const ordered = (value: unknown): unknown => (value instanceof Map ? [...value] : value)
  const states = [...Object.keys(STATES), TIMERS].map((name) => [
    name,
    [...restored?.keyed(name) ?? []].map(({ key, namespace, value }) => [key, namespace, ordered(value)])
      .sort(([a], [b]) => Number(a) - Number(b)),
  ])
  return { states, numbers: restored?.list('numbers'), ofGroups: restored?.list('of groups') }
}
