/**
 * The rows of one side of a join by event time, as a table that is cut without being encoded.
 *
 * Owned by join-sides.ts, one a side. Its slots are the buffers (time-buffer.ts), which tell the log themselves.
 */
import type { Key } from '../../graph/key.ts'
import { ChangeLog, type Slot } from '../../state/change-log.ts'
import type { KeyMap } from '../../state/key-map.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { TrackedTable } from '../../state/slices.ts'
import type { Extent } from '../../state/snapshot.ts'
import type { BufferTable, TimeBuffer } from './time-buffer.ts'

export type Side = 0 | 1
export const LEFT: Side = 0
export const RIGHT: Side = 1

/** State names in snapshots: a list per key of [time, value, mark]. */
export const SIDE_STATES = ['left', 'right'] as const

/** What one key has in state. */
export interface KeyRows {
  readonly key: Key
  readonly left: TimeBuffer
  readonly right: TimeBuffer
  /** When the key is visited next; NOTHING_DUE: never. */
  due: number
}

export const rowsOn = (side: Side, rows: KeyRows): TimeBuffer => (side === LEFT ? rows.left : rows.right)

export class SideTable implements TrackedTable, BufferTable {
  readonly log = new ChangeLog<TimeBuffer>()
  count = 0
  readonly #side: Side
  readonly #keys: KeyMap<KeyRows>
  readonly #maxParallelism: number

  constructor(side: Side, keys: KeyMap<KeyRows>, maxParallelism: number) {
    this.#side = side
    this.#keys = keys
    this.#maxParallelism = maxParallelism
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    const maxParallelism = this.#maxParallelism
    return new KeyedSnapshotBuilder({ name: SIDE_STATES[this.#side], kind: 'list', version: 1, extent, maxParallelism })
  }

  * slots(): Generator<readonly [Key, TimeBuffer], void, undefined> {
    for (const [key, rows] of this.#keys.entries()) {
      const buffer = rowsOn(this.#side, rows)
      if (buffer.length > 0) yield [key, buffer]
    }
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, undefined, (slot as TimeBuffer).rows())
    return true
  }

  drop(): void {}
}
