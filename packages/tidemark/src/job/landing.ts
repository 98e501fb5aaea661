/**
 * Where the keyed state of a checkpoint goes that may be larger than memory: into the stores of the new subtasks,
 * segment by segment, while it is read.
 *
 * Made by a host for each part that it deploys; filled by restore.ts before anything is built, and asked by the
 * deployment for the store of each subtask. Entries stay bytes all the way.
 *
 *   LD-1  When the last segment is in, a table holds what its subtask owns: as if the chain had been put together in
 *         memory first (state/segment-chain.ts, XM-1), whatever the parallelism was.
 *   LD-2  At most one segment is in memory.
 *   LD-3  Only operators that keep their state in a store (graph/paged-operators.ts), and only states of users, land;
 *         the rest of a segment is given back.
 *
 * Source: Flink RocksDBIncrementalRestoreOperation in what it is for; own design.
 */
import { assert } from '../base/assert.ts'
import { ByteReader } from '../base/bytes.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import { subtaskOfGroup } from '../graph/key-groups.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import { isPaged } from '../graph/paged-operators.ts'
import { decodeKey } from '../record/key-codec.ts'
import { decodeValue } from '../record/value-codec.ts'
import { skipValue } from '../record/value-skip.ts'
import { E057_CORRUPT_STATE } from '../state/errors.ts'
import { patchFormOf } from '../state/patch.ts'
import { checkKeyBytes, tableNameOf, type PagedBatch, type PagedStore, type PagedTable } from '../state/paged/paged-store.ts'
import type { PagedStores } from '../state/paged/paged-stores.ts'
import type { DecodedSegment } from '../state/snapshot-format.ts'
import {
  isUserState, type KeyedEntry, type KeyedStateSnapshot, type KeyGroupSnapshot, type RestoredOperator,
} from '../state/snapshot.ts'

export interface LandingInit {
  readonly graph: JobGraph
  readonly stores: PagedStores
  /** The subtasks that are deployed together with this. */
  readonly isHere: (subtask: number) => boolean
  /** Undefined: all. */
  readonly vertices?: ReadonlySet<number> | undefined
}

type Batch = PagedBatch[number][]

interface Place {
  readonly operator: LogicalOperator
  readonly vertex: JobVertex
}

export class Landing {
  readonly #init: LandingInit
  readonly #places: readonly Place[]
  /** By the name in the checkpoint. */
  #targets: ReadonlyMap<string, Place> = new Map()
  /** By operator and subtask. */
  readonly #stores = new Map<string, PagedStore>()
  /** Of each operator by its name in the checkpoint: states that have landed. */
  readonly #landed = new Map<string, Set<string>>()
  /** Of which chain and state the first part has come. */
  readonly #begun = new Set<string>()

  constructor(init: LandingInit) {
    this.#init = init
    this.#places = init.graph.vertices
      .filter(({ index }) => init.vertices?.has(index) ?? true)
      .flatMap((vertex) => vertex.operators.filter(({ spec }) => isPaged(spec)).map((operator) => ({ operator, vertex })))
  }

  /** Before the first segment: which operators the checkpoint has, by their names in it. */
  expect(stored: ReadonlySet<string>): void {
    const targets = new Map<string, Place>()
    for (const place of this.#places) {
      const { name, was } = place.operator
      const found = [name, ...was].find((each) => stored.has(each))
      if (found !== undefined) targets.set(found, place)
    }
    this.#targets = targets
  }

  /** What is left of a segment when its keyed states of users are in their stores; segments come in their order. */
  land(segment: DecodedSegment): DecodedSegment {
    const place = this.#targets.get(segment.operator)
    if (place === undefined) return segment
    const { keyed, lists } = segment.snapshot
    const rest = keyed.map((state) => (isUserState(state.kind) ? this.#take(place, segment, state) : state))
    return { ...segment, snapshot: { keyed: rest, lists } }
  }

  /** The store of a subtask that is here; empty unless something has landed in it. Undefined: its state is on the heap. */
  storeOf(operator: LogicalOperator, subtask: number): PagedStore | undefined {
    return isPaged(operator.spec) ? this.#store(operator.name, subtask) : undefined
  }

  /** How many entries of a state there are in the stores; undefined: it has not landed. */
  entriesOf(storedOperator: string, state: string): number | undefined {
    const place = this.#targets.get(storedOperator)
    if (place === undefined || this.#landed.get(storedOperator)?.has(state) !== true) return undefined
    return this.#subtasksOf(place.vertex)
      .reduce((sum, subtask) => sum + this.#store(place.operator.name, subtask).table(tableNameOf(state)).entries, 0)
  }

  /** The same operator with what has landed of it. */
  with(restored: RestoredOperator, storedOperator: string, subtask: number): RestoredOperator {
    const place = this.#targets.get(storedOperator)
    const states = this.#landed.get(storedOperator)
    if (place === undefined || states === undefined) return restored
    const store = this.#store(place.operator.name, subtask)
    return {
      keyedStates: restored.keyedStates,
      list: (name) => restored.list(name),
      keyed: (name) => (states.has(name) ? entriesIn(store.table(tableNameOf(name))) : restored.keyed(name)),
      landed: (name) => states.has(name),
    }
  }

  #take({ operator, vertex }: Place, segment: DecodedSegment, state: KeyedStateSnapshot): KeyedStateSnapshot {
    const begun = `${segment.subtask} ${segment.operator}/${state.name}`
    const extent = state.extent ?? 'whole'
    const known = this.#begun.has(begun)
    if ((extent === 'whole') === known) throw damaged(segment, `"${state.name}" begins ${known ? 'twice' : `with '${extent}'`}`)
    this.#begun.add(begun)
    const names = this.#landed.get(segment.operator) ?? new Set<string>()
    this.#landed.set(segment.operator, names.add(state.name))
    const batches = new Map<number, Batch>()
    for (const group of state.groups) {
      const owner = subtaskOfGroup(group.group, vertex.parallelism, this.#init.graph.maxParallelism)
      if (!this.#init.isHere(owner)) continue
      const batch = batches.get(owner) ?? []
      batches.set(owner, batch)
      collect(group, batch, this.#table(operator, owner, state), { operator: operator.name, state: state.name, kind: state.kind })
    }
    for (const [subtask, batch] of batches) this.#table(operator, subtask, state).write(batch)
    return { ...state, groups: [] }
  }

  #table({ name }: LogicalOperator, subtask: number, state: KeyedStateSnapshot): PagedTable {
    return this.#store(name, subtask).table(tableNameOf(state.name))
  }

  #subtasksOf({ parallelism }: JobVertex): number[] {
    return Array.from({ length: parallelism }, (_, subtask) => subtask).filter((subtask) => this.#init.isHere(subtask))
  }

  #store(operator: string, subtask: number): PagedStore {
    assert(this.#init.isHere(subtask), 'a store is for a subtask of this thread')
    const key = `${operator}/${subtask}`
    const known = this.#stores.get(key)
    if (known !== undefined) return known
    const opened = this.#init.stores.open(operator, subtask)
    this.#stores.set(key, opened)
    return opened
  }
}

/**
 * What was removed comes before what was set, as in a segment. Bytes are not copied: a store does that. What `table` has
 * is what the segments before made of it, for maps and lists that changed in part.
 */
function collect(
  { bytes, removed, patched }: KeyGroupSnapshot, batch: Batch, table: PagedTable,
  of: { readonly operator: string; readonly state: string; readonly kind: string },
): void {
  if (removed !== undefined) {
    for (const reader = new ByteReader(removed.bytes); reader.remaining > 0; skipValue(reader)) {
      batch.push([keyBytes(reader, removed.bytes, of), undefined])
    }
  }
  if (patched !== undefined) {
    const form = patchFormOf(of.kind)
    for (const reader = new ByteReader(patched.bytes); reader.remaining > 0;) {
      const key = keyBytes(reader, patched.bytes, of)
      skipValue(reader)
      const from = reader.position
      form.skip(reader)
      const value = form.begin(table.get(key))
      value.patch(patched.bytes.subarray(from, reader.position))
      batch.push([key, value.size === 0 ? undefined : value.encode()])
    }
  }
  for (const reader = new ByteReader(bytes); reader.remaining > 0;) {
    const key = keyBytes(reader, bytes, of)
    skipValue(reader)
    const from = reader.position
    skipValue(reader)
    batch.push([key, bytes.subarray(from, reader.position)])
  }
}

/** Throws E197: a checkpoint of the heap may hold longer keys. */
function keyBytes(reader: ByteReader, bytes: Uint8Array, of: { readonly operator: string; readonly state: string }): Uint8Array {
  const from = reader.position
  const key = decodeKey(reader)
  checkKeyBytes(reader.position - from, key, of)
  return bytes.subarray(from, reader.position)
}

function entriesIn(table: PagedTable): Iterable<KeyedEntry> {
  return {
    * [Symbol.iterator]() {
      const entries = table.entriesAfter(undefined)
      for (let next = entries.next(); next.done !== true; next = entries.next()) {
        const [key, value] = next.value
        yield { key: decodeKey(new ByteReader(key)), namespace: undefined, value: decodeValue(new ByteReader(value)) }
      }
    },
  }
}

function damaged(segment: DecodedSegment, what: string): Error {
  return E057_CORRUPT_STATE({ what, file: '', offset: 0 }, { place: { operator: segment.operator } })
}
