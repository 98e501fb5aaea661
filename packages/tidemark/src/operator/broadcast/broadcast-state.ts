/**
 * Broadcast state of one subtask: maps that every subtask holds whole, written by the broadcast side.
 *
 * Owned by broadcast-process.ts. A map is the one cell of a keyed map state whose key never changes, so
 * schemas, freezing and the order of iteration are those of `state.map`.
 *
 *   BS-1  The views for the stream's side show the very state of now and refuse to change it.
 *   BS-2  A snapshot holds the whole of each map, in order; every new subtask gets all of it.
 *
 * Source: Flink HeapBroadcastState, OperatorStateHandle.Mode.BROADCAST.
 */
import type { Key } from '../../graph/key.ts'
import type { MapStateSpec } from '../../graph/state-spec.ts'
import type { MapState } from '../../state/handles.ts'
import { MapCells } from '../../state/map-state.ts'
import type { ListStateSnapshot } from '../../state/snapshot.ts'
import { E162_BROADCAST_STATE_IS_READ_ONLY } from './errors.ts'
import type { OperatorContext } from '../operator.ts'

const THE_KEY = 0
const LIST_PREFIX = 'broadcast/'

export class BroadcastState {
  readonly #cells: readonly MapCells[]
  /** For the broadcast side. */
  readonly writable: Readonly<Record<string, MapState<Key, unknown>>>
  /** For the stream's side. */
  readonly readable: Readonly<Record<string, MapState<Key, unknown>>>

  constructor(specs: Readonly<Record<string, MapStateSpec>>, context: OperatorContext) {
    const { operator, freeze, restored, processingTime, maxParallelism } = context
    const shared = {
      currentKey: THE_KEY, now: () => processingTime.now(), eventTime: undefined, freeze, maxParallelism, operator,
      pagedStore: undefined, mapLimit: undefined, dirtyLimit: undefined, copiedParts: undefined,
    }
    this.#cells = Object.entries(specs).map(([name, spec]) => {
      const cells = new MapCells(name, spec, shared)
      const items = (restored?.list(LIST_PREFIX + name) ?? []) as readonly (readonly [Key, unknown])[]
      if (items.length > 0) cells.put(THE_KEY, new Map(items), undefined)
      return cells
    })
    this.writable = Object.freeze(Object.fromEntries(this.#cells.map((cells) => [cells.name, cells])))
    this.readable = Object.freeze(Object.fromEntries(
      this.#cells.map((cells) => [cells.name, new ReadOnlyMap(cells, operator)]),
    ))
  }

  snapshot(): ListStateSnapshot[] {
    return this.#cells.map((cells) => ({
      name: LIST_PREFIX + cells.name, redistribute: 'broadcast', items: [...cells.entries()],
    }))
  }
}

class ReadOnlyMap implements MapState<Key, unknown> {
  readonly #cells: MapCells
  readonly #operator: string

  constructor(cells: MapCells, operator: string) {
    this.#cells = cells
    this.#operator = operator
  }

  get size(): number {
    return this.#cells.size
  }

  get(key: Key): unknown {
    return this.#cells.get(key)
  }

  has(key: Key): boolean {
    return this.#cells.has(key)
  }

  entries(): Iterable<[Key, unknown]> {
    return [...this.#cells.entries()]
  }

  keys(): Iterable<Key> {
    return [...this.#cells.keys()]
  }

  values(): Iterable<unknown> {
    return [...this.#cells.values()]
  }

  [Symbol.iterator](): Iterator<[Key, unknown]> {
    return this.entries()[Symbol.iterator]()
  }

  set(): never {
    return this.#refuse('set')
  }

  delete(): never {
    return this.#refuse('delete')
  }

  clear(): never {
    return this.#refuse('clear')
  }

  #refuse(call: string): never {
    const { name } = this.#cells
    throw E162_BROADCAST_STATE_IS_READ_ONLY({ operator: this.#operator, state: name, call })
  }
}
