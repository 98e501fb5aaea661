/**
 * The cells of one keyed state in a store that may be larger than memory: a cache in front of a table of bytes.
 *
 * Made by keyed-backend.ts and by the rolling aggregate where the job keeps its state on disk. Cells that were asked
 * for lately are decoded (slot-cache.ts). What changed is written some thousand cells at a time: in one transaction a
 * write costs a few microseconds, alone a hundred.
 *
 *   PK-1  What is read is what was written last: a changed cell is in `#dirty` until the store has it, and there is
 *         one slot of a key at most, wherever it is asked for.
 *   PK-2  At most `dirtyLimit` cells are dirty, whatever was changed since the last cut. So a cut writes as many at
 *         most, and opens a view, whatever the size of the state is.
 *   PK-3  What a cut holds is read from its view (MVCC), so nobody is told before a change (CG-2). The slots of its
 *         lists stand for what the view has of their key; one that is in several lists is written once a cut.
 *   PK-4  A key that was changed since the last cut is in `#changed`, one that was removed in `#gone`, one that was
 *         removed and added in both. More than `NOTED_KEYS` are not remembered: the cut is of everything then.
 *   PK-5  A base and an increment copy the bytes that the store has; they are decoded only where a TTL has to be
 *         looked at.
 *   PK-6  Loading a checkpoint writes and does not read. Entries that it has put into the table before are taken over.
 *
 * Source: Flink RocksDBKeyedStateBackend, which writes every change through; own design of the rest.
 */
import { assert } from '../../base/assert.ts'
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Key } from '../../graph/key.ts'
import { decodeKey, encodeKey } from '../../record/key-codec.ts'
import { decodeValue, encodeValue } from '../../record/value-codec.ts'
import { placed, type CellForm, type CellTable } from '../cell-table.ts'
import { GONE, noChanges, type Changes, type Slot } from '../change-log.ts'
import type { KeyedSnapshotBuilder } from '../keyed-snapshot.ts'
import { checkKeyBytes, migratedTableNameOf, tableNameOf } from './paged-store.ts'
import type { PagedEntries, PagedStore, PagedTable, PagedView } from './paged-store.ts'
import { SlotCache } from './slot-cache.ts'

export interface PagedCellsInit<S extends Slot> {
  readonly store: PagedStore
  /** For errors. */
  readonly operator: string
  readonly state: string
  readonly form: CellForm<S>
  /** For tests. */
  readonly dirtyLimit?: number | undefined
  readonly notedKeys?: number
}

/** What is written in one transaction. */
export const DIRTY_CELLS = 2048
const NOTED_KEYS = 2 ** 22

/** Stands for what a cut has of a key. Nobody changes it, so it takes no mark. */
class CutSlot implements Slot {
  /** Undefined: what the view has. */
  bytes: Uint8Array | undefined = undefined

  get touched(): number {
    return 0
  }

  set touched(_: number) {}
}

const IN_VIEW = new CutSlot()

export class PagedCells<S extends Slot> implements CellTable<S> {
  /** Of every dirty slot; a clean one has 0. */
  readonly epoch = 1
  readonly log = this
  readonly #init: PagedCellsInit<S>
  readonly #dirtyLimit: number
  #table: PagedTable
  readonly #cache: SlotCache<S>
  /** Null: removed. */
  readonly #dirty = new Map<Key, S | null>()
  #size = 0
  readonly #keyWriter = new ByteWriter()
  readonly #batchWriter = new ByteWriter(4096)
  /** Undefined before the first cut, which holds everything. */
  #changed: Set<Key> | undefined
  #gone = new Set<Key>()
  #tooMany = false
  /** Of the cut that is being written. */
  #view: PagedView | undefined
  /** Of the changes in it: keys that were written. */
  readonly #written = new Set<Key>()
  /** Bytes of the key that was visited last; undefined: the next one is the first. */
  #visited: Uint8Array | undefined

  constructor(init: PagedCellsInit<S>) {
    this.#init = init
    this.#dirtyLimit = init.dirtyLimit ?? DIRTY_CELLS
    this.#table = init.store.table(tableNameOf(init.state))
    this.#cache = new SlotCache(init.store.cacheBytes)
  }

  get size(): number {
    return this.#size
  }

  /** Before the first `load`. True: what a checkpoint has put into the table is what this state holds (PK-6). */
  begin(landed: boolean, asItIs: boolean): boolean {
    assert(this.#size === 0 && this.#dirty.size === 0, 'a checkpoint is loaded before the first record')
    if (landed && asItIs) {
      this.#size = this.#table.entries
      return true
    }
    if (landed) this.#table = this.#init.store.table(migratedTableNameOf(this.#init.state))
    assert(this.#table.entries === 0, 'a checkpoint is loaded into an empty table')
    return false
  }

  get(key: Key): S | undefined {
    const cached = this.#cache.get(key)
    if (cached !== undefined) return cached
    let slot = this.#dirty.get(key)
    if (slot === null) return undefined
    if (slot === undefined) {
      const bytes = this.#table.get(this.#bytesOf(key))
      if (bytes === undefined) return undefined
      slot = this.#decoded(bytes)
    }
    this.#cache.put(key, slot)
    return slot
  }

  add(key: Key, slot: S): void {
    this.#size += 1
    this.touch(key, slot)
    this.#cache.put(key, slot)
  }

  load(key: Key, slot: S): void {
    this.#size += 1
    this.#makeDirty(key, slot)
    slot.touched = this.epoch
  }

  remove(key: Key, slot: S): void {
    this.#makeDirty(key, null)
    this.#size -= 1
    this.#cache.delete(key)
    slot.touched = GONE
    if (this.#changed === undefined || !this.#notes()) return
    this.#changed.delete(key)
    this.#gone.add(key)
  }

  /** What was not alive at the cut may be so again; if not, a sweep removes it. */
  drop(): void {}

  touch(key: Key, slot: S): void {
    this.#makeDirty(key, slot)
    slot.touched = this.epoch
    if (this.#changed !== undefined && this.#notes()) this.#changed.add(key)
  }

  * keys(lives: ((slot: S) => boolean) | undefined): Generator<Key, void, undefined> {
    this.flush()
    for (const [key, bytes] of decodedKeys(this.#table.entriesAfter(undefined))) {
      if (lives === undefined || lives(this.#slotOf(key, bytes))) yield key
    }
  }

  visit(entries: number, visitor: (key: Key, slot: S) => void): boolean {
    this.flush()
    const found: [Key, S][] = []
    const rest = this.#table.entriesAfter(this.#visited)
    while (found.length < entries) {
      const next = rest.next()
      if (next.done === true) break
      const [bytes, value] = next.value
      const key = decodeKey(new ByteReader(bytes))
      found.push([key, this.#slotOf(key, value)])
      if (found.length === entries) this.#visited = bytes.slice()
    }
    rest.return?.()
    const more = found.length === entries
    if (!more) this.#visited = undefined
    for (const [key, slot] of found) visitor(key, slot)
    return more
  }

  cut(): Changes {
    this.flush()
    this.written()
    this.#view = this.#table.view()
    const [changed, gone] = [this.#changed, this.#gone]
    const all = this.#tooMany
    this.#changed = new Set()
    this.#gone = new Set()
    this.#tooMany = false
    if (changed === undefined) return noChanges()
    return {
      keys: [...changed], slots: Array.from({ length: changed.size }, () => IN_VIEW),
      goneKeys: [...gone], goneSlots: Array.from({ length: gone.size }, () => IN_VIEW), all,
    }
  }

  written(): void {
    this.#view?.close()
    this.#view = undefined
    this.#written.clear()
  }

  * slots(as: 'of now' | 'of the cut'): Generator<readonly [Key, CutSlot], void, undefined> {
    if (as === 'of now') this.flush()
    const slot = new CutSlot()
    const entries = as === 'of now' ? this.#table.entriesAfter(undefined) : this.#viewed().entries()
    for (const [key, bytes] of decodedKeys(entries)) {
      slot.bytes = bytes
      yield [key, slot]
    }
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot, asks: 'as it is' | 'if alive'): boolean {
    const bytes = (slot as CutSlot).bytes ?? this.#unwritten(key)
    if (bytes === undefined) return false
    const { alive } = this.#init.form
    if (asks === 'as it is' || alive === undefined) {
      builder.putEncoded(key, undefined, bytes)
      return true
    }
    const stored = alive(this.#decoded(bytes))
    if (stored === undefined) return false
    builder.put(key, undefined, stored)
    return true
  }

  /** Dirty cells become clean. */
  flush(): void {
    if (this.#dirty.size === 0) return
    const { form } = this.#init
    const writer = this.#batchWriter
    writer.reset()
    const ends: number[] = []
    for (const [key, slot] of this.#dirty) {
      const from = writer.length
      encodeKey(writer, key)
      checkKeyBytes(writer.length - from, key, this.#init)
      ends.push(writer.length)
      if (slot !== null) {
        try {
          encodeValue(writer, form.stored(slot))
        } catch (error) {
          throw placed(error, form, key)
        }
      }
      ends.push(writer.length)
    }
    const bytes = writer.peek()
    const batch: [Uint8Array, Uint8Array | undefined][] = []
    let at = 0
    for (const slot of this.#dirty.values()) {
      const [from, middle, end] = [ends[at - 1] ?? 0, ends[at] as number, ends[at + 1] as number]
      batch.push([bytes.subarray(from, middle), slot === null ? undefined : bytes.subarray(middle, end)])
      if (slot !== null) this.#cache.sized(end - middle)
      at += 2
    }
    this.#table.write(batch)
    for (const slot of this.#dirty.values()) if (slot !== null) slot.touched = 0
    this.#dirty.clear()
  }

  /** The one that is about to change is written with the others after it, never before. */
  #makeDirty(key: Key, slot: S | null): void {
    if (this.#dirty.size >= this.#dirtyLimit && !this.#dirty.has(key)) this.flush()
    this.#dirty.set(key, slot)
  }

  /** Whether there is room for a key more in the lists of changes; if not, they are given up. */
  #notes(): boolean {
    if (this.#tooMany) return false
    const { notedKeys = NOTED_KEYS } = this.#init
    if ((this.#changed?.size ?? 0) + this.#gone.size < notedKeys) return true
    this.#changed = new Set()
    this.#gone = new Set()
    this.#tooMany = true
    return false
  }

  /** What the view has of a changed key; undefined: nothing, or it was given before. */
  #unwritten(key: Key): Uint8Array | undefined {
    if (this.#written.has(key)) return undefined
    this.#written.add(key)
    return this.#viewed().get(this.#bytesOf(key))
  }

  #viewed(): PagedView {
    assert(this.#view !== undefined, 'what is cut is read until it is written')
    return this.#view
  }

  #bytesOf(key: Key): Uint8Array {
    const writer = this.#keyWriter
    writer.reset()
    encodeKey(writer, key)
    const bytes = writer.peek()
    checkKeyBytes(bytes.length, key, this.#init)
    return bytes
  }

  /** The one slot of that key; `bytes` are what the store has of it. */
  #slotOf(key: Key, bytes: Uint8Array): S {
    return this.#cache.peek(key) ?? this.#dirty.get(key) ?? this.#decoded(bytes)
  }

  #decoded(bytes: Uint8Array): S {
    this.#cache.sized(bytes.length)
    return this.#init.form.slotOf(decodeValue(new ByteReader(bytes)))
  }
}

function* decodedKeys(entries: PagedEntries): Generator<readonly [Key, Uint8Array], void, undefined> {
  try {
    for (let next = entries.next(); next.done !== true; next = entries.next()) {
      const [key, value] = next.value
      yield [decodeKey(new ByteReader(key)), value]
    }
  } finally {
    entries.return?.()
  }
}
