/**
 * Keyed state, on the heap or in a store that may be larger than memory: all declared states of one operator of one subtask.
 *
 * Owns the tables and the current key. The operator sets the key before it calls user code and clears
 * it afterwards; user code holds the handles.
 *
 *   KB-1  A handle reads and writes only the entry of the current key; without one it throws E062.
 *   KB-2  `cut` and `snapshot` contain the effect of every call before and of none after, though what is cut is
 *         encoded later, beside processing.
 *   KB-3  `restore` then `snapshot` gives equal digests, whatever the parallelism was.
 *   KB-4  What was restored under a name that is never declared stays in `unclaimed`, so that nobody
 *         loses state without a word.
 *   KB-5  What is restored is of the declared version when `restore` and `declare` have returned (EV-1).
 */
import { assert, assertNever } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { Key } from '../graph/key.ts'
import type {
  AggregatingStateSpec, ListStateSpec, MapStateSpec, ReducingStateSpec, StateSpec, ValueStateSpec,
} from '../graph/state-spec.ts'
import { migrationOf, storedFor } from './evolution/migrate.ts'
import type { EventClock } from './expiry.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from './handles.ts'
import { IncrementalSnapshots } from './incremental.ts'
import { ListCells } from './list-state.ts'
import { MapCells } from './map-state.ts'
import { AggregatingCells, ReducingCells, ValueCells } from './single-states.ts'
import type { StateContext } from './state-cells.ts'
import { tableNameOf, type PagedStore } from './paged/paged-store.ts'
import { everythingIn, type TrackedTable } from './slices.ts'
import { isUserState, stampsOf, type KeyedStateSnapshot, type RestoredOperator, type SnapshotSlices } from './snapshot.ts'

export interface KeyedBackendInit {
  /** For errors. */
  readonly operator?: string
  readonly maxParallelism: number
  /** Processing time, wall ms; decides what has expired, where a TTL goes by it. */
  readonly now: () => number
  /** Undefined: no state may have a TTL by event time. */
  readonly eventTime?: EventClock | undefined
  readonly freeze: boolean
  /** Where cells are kept; undefined: on the heap. Nobody else uses its tables of this operator's states. */
  readonly pagedStore?: PagedStore | undefined
  /** Entries per JavaScript Map before a state is spread over several; for tests. */
  readonly mapLimit?: number
  /** Changed cells that are written to the paged store at a time; for tests. */
  readonly dirtyLimit?: number
  /** Of a large cell so many parts are copied when it has to be held as it is; for tests. */
  readonly copiedParts?: number
}

/** At each cut; about a tenth of a millisecond. */
const SWEPT_ENTRIES = 1024

type AnyCells = ValueCells | ListCells | MapCells | ReducingCells | AggregatingCells
export type AnyStateHandle =
  | ValueState<unknown> | ListState<unknown> | MapState<Key, unknown>
  | ReducingState<unknown> | AggregatingState<unknown, unknown>

export class KeyedBackend {
  readonly #context: StateContext
  readonly #operator: string
  readonly #states = new Map<string, AnyCells>()
  /** Entries for states still to be declared; let go at the first snapshot, they can be large. */
  #restored: RestoredOperator | undefined
  #restoredStates: RestoredOperator['keyedStates'] = []
  /** Names of states that took over what a restore had put into their tables. */
  readonly #adopted = new Set<string>()
  /** Made at the first cut, when all states are declared. */
  #increments: IncrementalSnapshots | undefined
  #sealed = false

  constructor(init: KeyedBackendInit) {
    const { now, eventTime, freeze, pagedStore, mapLimit, dirtyLimit, copiedParts, maxParallelism, operator = '' } = init
    this.#operator = operator
    this.#context = {
      currentKey: undefined, now, eventTime, freeze, operator, pagedStore, mapLimit, dirtyLimit, copiedParts, maxParallelism,
    }
  }

  /** The key must have passed `checkKey`. */
  setCurrentKey(key: Key): void {
    this.#context.currentKey = key
  }

  clearCurrentKey(): void {
    this.#context.currentKey = undefined
  }

  /**
   * Once per name, before the first snapshot; before or after `restore`. Throws E032, E138, E139, E168 if what
   * the checkpoint holds under that name, or a former one, cannot become what is declared.
   */
  declare(name: string, spec: ValueStateSpec): ValueState<unknown>
  declare(name: string, spec: ListStateSpec): ListState<unknown>
  declare(name: string, spec: MapStateSpec): MapState<Key, unknown>
  declare(name: string, spec: ReducingStateSpec): ReducingState<unknown>
  declare(name: string, spec: AggregatingStateSpec): AggregatingState<unknown, unknown>
  declare(name: string, spec: StateSpec): AnyStateHandle
  declare(name: string, spec: StateSpec): AnyStateHandle {
    assert(!this.#states.has(name), 'a state is declared once')
    assert(!this.#sealed, 'states are declared before the first snapshot')
    const cells = createCells(name, spec, this.#context)
    this.#states.set(name, cells)
    if (this.#restored !== undefined) this.#load(cells, this.#restored)
    return cells
  }

  /** Keys that have something stored in one state now, in stored order. */
  keys(name: string): Key[] {
    const cells = this.#states.get(name)
    assert(cells !== undefined, 'the keys of a declared state are asked for')
    return [...cells.storedKeys()]
  }

  /**
   * The states as of now, to be encoded beside processing; only what changed, where that is enough. What has expired
   * is swept out here, some entries at a time (TC-5), so that keys which are never touched again go, too.
   */
  cut(checkpoint: CheckpointId): SnapshotSlices {
    this.#increments ??= new IncrementalSnapshots(this.tables())
    this.beginCut()
    return this.#increments.cut(checkpoint)
  }

  /** All states, for an operator that cuts them together with tables of its own; it calls `beginCut` before. */
  tables(): readonly TrackedTable[] {
    this.#seal()
    return [...this.#states.values()]
  }

  /** Before each cut. */
  beginCut(): void {
    for (const cells of this.#states.values()) {
      cells.beginCut()
      cells.sweep(SWEPT_ENTRIES)
    }
  }

  /** To be told of the end of every checkpoint that was cut. */
  onCheckpointComplete(checkpoint: CheckpointId): void {
    this.#increments?.confirm(checkpoint)
  }

  onCheckpointAborted(checkpoint: CheckpointId): void {
    this.#increments?.abort(checkpoint)
  }

  /** Everything, at once: for owners that do not cut in slices, and for who only looks. */
  snapshot(): KeyedStateSnapshot[] {
    this.#seal()
    this.beginCut()
    return everythingIn([...this.#states.values()])
  }

  /** Once, before the first record. Entries are those this subtask owns (restore.ts). */
  restore(restored: RestoredOperator): void {
    assert(this.#restored === undefined && !this.#sealed, 'a backend is restored once, at first')
    this.#restored = restored
    this.#restoredStates = restored.keyedStates
    for (const cells of this.#states.values()) this.#load(cells, restored)
  }

  /** Names of restored states of users that nothing has declared. */
  unclaimed(): readonly string[] {
    const claimed = [...this.#states].map(([name, { spec }]) => storedFor(this.#restoredStates, name, spec)?.name)
    return this.#restoredStates
      .filter(({ name, kind }) => isUserState(kind) && !claimed.includes(name))
      .map(({ name }) => name)
  }

  #load(cells: AnyCells, restored: RestoredOperator): void {
    const { name, spec } = cells
    const stored = storedFor(restored.keyedStates, name, spec)
    if (stored === undefined) return
    const migrate = migrationOf(stored, { operator: this.#operator, name, spec })
    const clock = stampsOf(stored)
    const landed = stored.name === name && restored.landed?.(name) === true
    if (cells.begin(landed, migrate === undefined, clock)) {
      this.#adopted.add(name)
      return
    }
    for (const { key, value } of restored.keyed(stored.name)) {
      const held = migrate === undefined ? value : migrate(key, value)
      if (held !== undefined) cells.put(key, held, clock)
    }
  }

  #seal(): void {
    this.#sealed = true
    const restored = this.#restored
    this.#restored = undefined
    const store = this.#context.pagedStore
    if (restored === undefined || store === undefined) return
    // Only now: two declarations may go on from one stored state.
    for (const { name, kind } of restored.keyedStates) {
      const mine = isUserState(kind) && restored.landed?.(name) === true && !this.#adopted.has(name)
      if (mine) store.table(tableNameOf(name)).clear()
    }
  }
}

function createCells(name: string, spec: StateSpec, context: StateContext): AnyCells {
  switch (spec.kind) {
    case 'value':
      return new ValueCells(name, spec, context)
    case 'list':
      return new ListCells(name, spec, context)
    case 'map':
      return new MapCells(name, spec, context)
    case 'reducing':
      return new ReducingCells(name, spec, context)
    case 'aggregating':
      return new AggregatingCells(name, spec, context)
    default:
      return assertNever(spec, 'kind of state')
  }
}
