/**
 * The matches in progress as a table that is cut without being encoded.
 *
 * Owned by the match operator. A place that is empty is in memory and not in the table.
 *
 *   MU-1  The log is told of a place before the matcher gets it, unless it is empty; and when it became empty, or
 *         is empty no more. Also a record that no match takes is a change: its number counts for what is next.
 */
import type { Key } from '../../graph/key.ts'
import { ChangeLog, type Slot } from '../../state/change-log.ts'
import type { KeyMap } from '../../state/key-map.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { TrackedTable } from '../../state/slices.ts'
import type { Extent } from '../../state/snapshot.ts'
import type { KeyMatches } from './key-matches.ts'

export const MATCHES = 'matches'

export class MatchTable implements TrackedTable {
  readonly log = new ChangeLog<KeyMatches>()
  readonly #places: KeyMap<KeyMatches>
  readonly #maxParallelism: number
  /** Places that are not empty. */
  count = 0

  constructor(places: KeyMap<KeyMatches>, maxParallelism: number) {
    this.#places = places
    this.#maxParallelism = maxParallelism
  }

  /** The matches of a place that is not empty are about to change. */
  touch(matches: KeyMatches): void {
    if (matches.touched !== this.log.epoch) this.log.touch(matches.key, matches)
  }

  /** A place that was empty is not any more, or the other way round. */
  turned(matches: KeyMatches): void {
    if (matches.empty) {
      this.count -= 1
      this.log.removed(matches.key, matches)
    } else {
      this.count += 1
      this.log.created(matches.key, matches)
    }
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    return new KeyedSnapshotBuilder({ name: MATCHES, kind: 'value', version: 1, extent, maxParallelism: this.#maxParallelism })
  }

  * slots(): Generator<readonly [Key, KeyMatches], void, undefined> {
    for (const entry of this.#places.entries()) if (!entry[1].empty) yield entry
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, undefined, (slot as KeyMatches).store())
    return true
  }

  drop(): void {}
}
