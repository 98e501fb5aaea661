/**
 * The cells of one keyed state, and what changed among them: on the heap here, in a store in paged/paged-cells.ts.
 *
 * Owned by state-cells.ts and by the rolling aggregate, which ask for a cell with every record: the table gives the
 * slot itself, and what is done to it costs one comparison as long as its key is not asked for the first time since
 * the last cut (change-log.ts).
 *
 *   HC-1  A cell changes only after `log.touch`, unless its `touched` is `log.epoch`. A slot may be changed until
 *         another key is asked for.
 *   HC-2  `write` gives what a cell was at the last cut, as long as nobody has said `log.written`.
 */
import { isStreamError } from '../base/errors.ts'
import type { Key } from '../graph/key.ts'
import { ChangeLog, type Changes, type Slot } from './change-log.ts'
import { KeyMap } from './key-map.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import type { PartsToWrite } from './slices.ts'

/** What a table has to know of the cells in it. */
export interface CellForm<S extends Slot> {
  /** Of one key, in errors: `state "v" of key string k`. */
  place?(key: Key): string
  /** All of a cell, to be stored. */
  stored(slot: S): unknown
  /** The reverse. */
  slotOf(stored: unknown): S
  /** What a base holds of it; undefined: nothing was alive at the cut. Absent: all of it. */
  alive?: ((slot: S) => unknown) | undefined
}

export interface CellLog<S extends Slot> {
  readonly epoch: number
  /** Before the first change of a slot whose `touched` differs from `epoch`. */
  touch(key: Key, slot: S): void
  /** `beforeChange` is told of slots that the cut still needs; a table that can look back does not ask. */
  cut(beforeChange: (key: Key, slot: Slot) => void): Changes
  /** The last cut is written, or given up. */
  written(): void
  /** Before user code goes through a cell that it may change meanwhile. */
  settle?(key: Key, slot: S): void
}

/** What a table on the heap says to it, besides. */
export interface HeapLog<S extends Slot> extends CellLog<S> {
  created(key: Key, slot: S): void
  removed(key: Key, slot: S): void
}

export interface CellTable<S extends Slot> {
  readonly size: number
  /** Entries, where cells consist of several that are written one by one; absent: cells. */
  readonly weight?: number
  readonly inParts?: PartsToWrite
  readonly log: CellLog<S>
  get(key: Key): S | undefined
  /** A key that is not there. */
  add(key: Key, slot: S): void
  remove(key: Key, slot: S): void
  /** The same as `add` while a checkpoint is loaded, which is no change. */
  load(key: Key, slot: S): void
  /** Lets go of a cell of which nothing was alive at the cut that is being written. */
  drop(key: Key): void
  /** Those whose cell `lives`, in stored order. */
  keys(lives: ((slot: S) => boolean) | undefined): Iterable<Key>
  /**
   * So many cells, on from the last one that was visited; they may be changed and removed by the visitor. False: the
   * end was reached, and the next call begins anew.
   */
  visit(entries: number, visitor: (key: Key, slot: S) => void): boolean
  /** Of everything that is there now, or was at the last cut; to be given to `write` at once. */
  slots(as: 'of now' | 'of the cut'): Iterator<readonly [Key, Slot]>
  /** False: nothing of it is alive, which only a base asks for. */
  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot, asks: 'as it is' | 'if alive'): boolean
}

export class HeapCells<S extends Slot> extends KeyMap<S> implements CellTable<S> {
  readonly log: HeapLog<S>
  readonly #form: CellForm<S>
  /** Where the next `visit` goes on; undefined: at the beginning. */
  #visiting: Iterator<[Key, S]> | undefined

  constructor(form: CellForm<S>, mapLimit?: number, log: HeapLog<S> = new ChangeLog<S>()) {
    super(mapLimit)
    this.#form = form
    this.log = log
  }

  add(key: Key, slot: S): void {
    this.set(key, slot)
    this.log.created(key, slot)
  }

  remove(key: Key, slot: S): void {
    this.log.removed(key, slot)
    this.delete(key)
  }

  load(key: Key, slot: S): void {
    this.set(key, slot)
  }

  drop(key: Key): void {
    this.delete(key)
  }

  * keys(lives: ((slot: S) => boolean) | undefined): Generator<Key, void, undefined> {
    for (const [key, slot] of this.entries()) if (lives === undefined || lives(slot)) yield key
  }

  visit(entries: number, visitor: (key: Key, slot: S) => void): boolean {
    for (let left = entries; left > 0; left--) {
      const next = (this.#visiting ??= this.entries()).next()
      if (next.done === true) {
        this.#visiting = undefined
        return false
      }
      visitor(next.value[0], next.value[1])
    }
    return true
  }

  slots(): Iterator<[Key, S]> {
    return this.entries()
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot, asks: 'as it is' | 'if alive'): boolean {
    const { alive } = this.#form
    const dumps = asks === 'if alive' && alive !== undefined
    const stored = dumps ? alive(slot as S) : this.#form.stored(slot as S)
    if (dumps && stored === undefined) return false
    try {
      builder.put(key, undefined, stored)
    } catch (error) {
      throw placed(error, this.#form, key)
    }
    return true
  }
}

/** An error of encoding, with the key whose value it was. */
export function placed<S extends Slot>(error: unknown, form: CellForm<S>, key: Key): unknown {
  if (!isStreamError(error) || form.place === undefined) return error
  return error.withPlace({ position: form.place(key) })
}
