/**
 * Entries that were listed at the cut and never change: encoded in slices, as a whole state.
 *
 * Made by operators at the barrier, for what they can list cheaply; pulled by the writer of the snapshot.
 *
 *   ES-1  All entries are given once, in their order: the first part as 'whole', the others as 'more'.
 *   ES-2  One pull encodes so many entries at most as it is given.
 */
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import type { Extent, KeyedStateSnapshot, SnapshotSlices } from './snapshot.ts'

export class EntrySlices<T> implements SnapshotSlices {
  readonly onto = undefined
  readonly #entries: readonly T[]
  readonly #newBuilder: (extent: Extent) => KeyedSnapshotBuilder
  readonly #put: (builder: KeyedSnapshotBuilder, entry: T) => void
  #builder: KeyedSnapshotBuilder | undefined
  #at = 0

  constructor(
    entries: readonly T[], newBuilder: (extent: Extent) => KeyedSnapshotBuilder,
    put: (builder: KeyedSnapshotBuilder, entry: T) => void,
  ) {
    this.#entries = entries
    this.#newBuilder = newBuilder
    this.#put = put
    this.#builder = newBuilder('whole')
  }

  advance(entries: number): boolean {
    const end = Math.min(this.#entries.length, this.#at + entries)
    for (; this.#at < end; this.#at++) {
      this.#builder ??= this.#newBuilder('more')
      this.#put(this.#builder, this.#entries[this.#at] as T)
    }
    return this.#at < this.#entries.length
  }

  get ready(): number {
    return this.#builder?.bytes ?? 0
  }

  take(): readonly KeyedStateSnapshot[] {
    const builder = this.#builder
    this.#builder = undefined
    return builder === undefined ? [] : [builder.build()]
  }
}

/** One after the other; at most one of them goes on top of an earlier checkpoint. */
export function inTurn(parts: readonly SnapshotSlices[]): SnapshotSlices {
  let turn = 0
  return {
    onto: parts.find(({ onto }) => onto !== undefined)?.onto,
    advance(entries) {
      if (parts[turn]?.advance(entries) !== true) turn += 1
      return turn < parts.length
    },
    get ready() {
      return parts.reduce((sum, { ready }) => sum + ready, 0)
    },
    take: () => parts.flatMap((part) => part.take()),
  }
}
