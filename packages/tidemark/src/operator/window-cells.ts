/**
 * The accumulators of open windows as a table that is cut without being encoded.
 *
 * Owned by open-windows.ts, window-clock.ts and, for panes, open-panes.ts. Entries have the key and, as namespace, the window.
 *
 *   WX-1  A window that is forgotten costs a list entry a key, and encodes nothing: its accumulators change no
 *         more, so that a cut made before still finds them as they were.
 */
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'
import { ChangeLog, type Slot } from '../state/change-log.ts'
import type { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent } from '../state/snapshot.ts'
import { namespaceOf, windowSnapshot } from './window-table.ts'

export interface Cell extends Slot {
  accumulator: unknown
  readonly of: WindowCells
}

export interface WindowCells {
  readonly window: Window
  readonly cells: Map<Key, Cell>
  /** Epoch of the log in which it was forgotten; Infinity: it is open. */
  leftIn: number
}

export class CellTable implements TrackedTable {
  readonly log = new ChangeLog<Cell>()
  readonly #windows: () => Iterable<WindowCells>
  readonly #maxParallelism: number
  readonly #name: string

  /** `windows`: the open ones; asked at every cut. */
  constructor(windows: () => Iterable<WindowCells>, maxParallelism: number, name = 'window') {
    this.#windows = windows
    this.#name = name
    this.#maxParallelism = maxParallelism
  }

  get count(): number {
    let count = 0
    for (const { cells } of this.#windows()) count += cells.size
    return count
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    return windowSnapshot(this.#name, this.#maxParallelism, extent)
  }

  slots(): Iterator<readonly [Key, Cell]> {
    return cellsOf([...this.#windows()])
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, this.namespaceOf(slot), (slot as Cell).accumulator)
    return true
  }

  drop(): void {}

  namespaceOf(slot: Slot): readonly [number, number] {
    return namespaceOf((slot as Cell).of.window)
  }

  hasLeft(slot: Slot, epoch: number): boolean {
    return (slot as Cell).of.leftIn <= epoch
  }

  /** The window is no longer among the open ones. */
  forget(window: WindowCells): void {
    window.leftIn = this.log.epoch
    for (const [key, cell] of window.cells) this.log.left(key, cell)
  }
}

function* cellsOf(windows: readonly WindowCells[]): Iterator<readonly [Key, Cell]> {
  for (const { cells } of windows) yield* cells
}
