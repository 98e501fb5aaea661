/**
 * The maps of one state on the heap, and how a cut of them is written: entry by entry, where maps are large.
 *
 * Owned by map-state.ts; the slices of a cut (slices.ts) pull `inParts`.
 *
 *   HM-1  An increment holds of a map what changed in it (MK-3), or all of it if that is no more than twice as much.
 *   HM-2  One step encodes `STEP_ENTRIES` entries at most, however large a map is.
 *   HM-3  A base holds of a map what was alive at the cut; if that is nothing, and nothing came since, the map goes.
 */
import { ByteWriter } from '../base/bytes.ts'
import type { Key } from '../graph/key.ts'
import { encodeMapEntry, encodeMapHead, encodeValue } from '../record/value-codec.ts'
import { HeapCells, placed, type CellForm } from './cell-table.ts'
import type { Changes } from './change-log.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import { EntryChanges, type EntryTally } from './map-cell.ts'
import { MapLog, type MapAtCut, type MapSlot } from './map-log.ts'
import type { PartsToWrite } from './slices.ts'

/** What is to be known of one entry of a map. */
export interface ItemForm {
  stored(item: unknown): unknown
  /** Absent: all are. */
  readonly aliveAtCut: ((item: unknown) => boolean) | undefined
}

export interface HeapMapsInit<S extends MapSlot> {
  readonly form: CellForm<S>
  readonly item: ItemForm
  readonly tally: EntryTally
  /** For tests. */
  readonly mapLimit: number | undefined
  readonly copied: number | undefined
}

const STEP_ENTRIES = 4
const MOST_KEPT_BYTES = 2 ** 20

type Steps<T = void> = Generator<void, T, undefined>

export class HeapMaps<S extends MapSlot> extends HeapCells<S> implements PartsToWrite {
  readonly inParts = this
  declare readonly log: MapLog<S>
  readonly #form: CellForm<S>
  readonly #item: ItemForm
  readonly #tally: EntryTally
  #writer = new ByteWriter()

  constructor({ form, item, tally, mapLimit, copied }: HeapMapsInit<S>) {
    super(form, mapLimit, new MapLog<S>(tally, copied))
    this.#form = form
    this.#item = item
    this.#tally = tally
  }

  /** Entries of all maps. */
  get weight(): number {
    return this.#tally.entries
  }

  override remove(key: Key, slot: S): void {
    super.remove(key, slot)
    this.#tally.entries -= slot.cell.size
  }

  override load(key: Key, slot: S): void {
    super.load(key, slot)
    this.#tally.entries += slot.cell.size
  }

  override drop(key: Key): void {
    this.#tally.entries -= this.get(key)?.cell.size ?? 0
    super.drop(key)
  }

  * everything(builder: () => KeyedSnapshotBuilder, drop: (key: Key) => void): Steps {
    const cut = this.log.epoch - 1
    for (const [key, slot] of this.entries()) {
      const map = this.log.asOfCut(key, slot, STEP_ENTRIES)
      if (map !== undefined) {
        const alive = yield* this.#whole(key, map, this.#item.aliveAtCut, builder)
        this.log.given(slot)
        if (!alive && slot.touched === -cut) drop(key)
      }
      yield
    }
    for (const [key, slot] of this.log.left()) {
      const map = this.log.asOfCut(key, slot, STEP_ENTRIES)
      if (map !== undefined) yield* this.#whole(key, map, this.#item.aliveAtCut, builder)
      this.log.given(slot)
      yield
    }
  }

  changes(of: Changes, merged: boolean, builder: () => KeyedSnapshotBuilder): Steps {
    if (!merged) this.log.wantsOnlyNewest()
    return merged ? this.#merged(of, builder) : this.#newest(of, builder)
  }

  * #newest({ keys, slots, inside }: Changes, builder: () => KeyedSnapshotBuilder): Steps {
    for (let i = 0; i < keys.length; i++) {
      yield* this.#change(keys[i] as Key, slots[i] as S, inside?.[i], builder)
      yield
    }
  }

  /** A map may be in several of the lists that were joined. */
  * #merged({ keys, slots, inside }: Changes, builder: () => KeyedSnapshotBuilder): Steps {
    const found = new Map<S, { readonly key: Key; inside: EntryChanges | undefined; joined: boolean }>()
    for (let i = 0; i < keys.length; i++) {
      const slot = slots[i] as S
      const known = found.get(slot)
      if (known === undefined) {
        found.set(slot, { key: keys[i] as Key, inside: inside?.[i], joined: false })
      } else if (known.inside !== undefined) {
        const more = inside?.[i]
        if (more === undefined) known.inside = undefined
        else {
          // What the lists hold is needed again.
          if (!known.joined) known.inside = yield* joined(new EntryChanges(), known.inside)
          known.joined = true
          yield* joined(known.inside as EntryChanges, more)
        }
      }
      yield
    }
    for (const [slot, change] of found) {
      yield* this.#change(change.key, slot, change.inside, builder)
      yield
    }
  }

  * #change(key: Key, slot: S, inside: EntryChanges | undefined, builder: () => KeyedSnapshotBuilder): Steps {
    const map = this.log.asOfCut(key, slot, STEP_ENTRIES)
    if (map === undefined) return
    if (inside === undefined || inside.all || inside.size * 2 >= map.size) yield* this.#whole(key, map, undefined, builder)
    else yield* this.#patch(key, map, inside, builder)
    this.log.given(slot)
  }

  /** False: nothing is alive, and nothing was written. */
  * #whole(key: Key, map: MapAtCut, alive: ItemForm['aliveAtCut'], builder: () => KeyedSnapshotBuilder): Steps<boolean> {
    const writer = this.#emptyWriter()
    let entries = 0
    let steps = 0
    for (const [of, item] of map) {
      if (steps++ % STEP_ENTRIES === STEP_ENTRIES - 1) yield
      if (alive !== undefined && !alive(item)) continue
      this.#put(key, writer, of, item)
      entries += 1
    }
    if (entries > 0) builder().putMap(key, undefined, entries, writer.peek())
    return entries > 0
  }

  * #patch(key: Key, map: MapAtCut, { set, gone }: EntryChanges, builder: () => KeyedSnapshotBuilder): Steps {
    const writer = this.#emptyWriter()
    let steps = 0
    writer.varint(gone.size)
    for (const of of gone) {
      if (steps++ % STEP_ENTRIES === STEP_ENTRIES - 1) yield
      encodeValue(writer, of)
    }
    encodeMapHead(writer, set.size)
    for (const of of set) {
      if (steps++ % STEP_ENTRIES === STEP_ENTRIES - 1) yield
      this.#put(key, writer, of, map.get(of))
    }
    builder().patch(key, undefined, writer.peek())
  }

  /** One map is written at a time. */
  #emptyWriter(): ByteWriter {
    if (this.#writer.length > MOST_KEPT_BYTES) this.#writer = new ByteWriter()
    this.#writer.reset()
    return this.#writer
  }

  #put(key: Key, writer: ByteWriter, of: Key, item: unknown): void {
    try {
      encodeMapEntry(writer, of, this.#item.stored(item))
    } catch (error) {
      throw placed(error, this.#form, key)
    }
  }
}

/** MK-3: gives `one` with what `next` changed after it. */
function* joined(one: EntryChanges, next: EntryChanges): Steps<EntryChanges> {
  if (next.all) one.giveUp()
  if (one.all) return one
  let steps = 0
  for (const key of next.gone) {
    if (steps++ % STEP_ENTRIES === STEP_ENTRIES - 1) yield
    one.remove(key)
  }
  for (const key of next.set) {
    if (steps++ % STEP_ENTRIES === STEP_ENTRIES - 1) yield
    one.set.add(key)
  }
  return one
}
