/**
 * What changed in the maps of one state since the last cut, and how they were at it.
 *
 * Owned by map-table.ts. In place of a change-log.ts, which has an entry written before it changes: a map may be too
 * large for that, so it is held as it was.
 *
 *   MV-1  A map that was created, changed or removed since the last cut is in the changes, with what changed in it.
 *   MV-2  Until the cut is written, `asOfCut` gives each map of it as it was then, once.
 *   MV-3  At a cut no map is held any more. One that was, because a checkpoint was given up, takes up then what was changed
 *         beside it.
 */
import type { Key } from '../graph/key.ts'
import type { CellLog } from './cell-table.ts'
import { GONE, noChanges, type Changes, type Slot } from './change-log.ts'
import { EntryChanges, type EntryTally, type MapCell } from './map-cell.ts'

export interface MapSlot extends Slot {
  readonly cell: MapCell
}

export type MapAtCut = ReadonlyMap<Key, unknown>
type Inside = (EntryChanges | undefined)[]

/** Copied when they have to be held. */
const COPIED_ENTRIES = 64
/** Of a map that is not larger any change is half of it. */
const TINY = 2

export class MapLog<S extends MapSlot> implements CellLog<S> {
  epoch = 1
  readonly #tally: EntryTally
  readonly #copied: number
  #changes = noChanges()
  #inside: Inside = []
  #cut = false
  /** While a cut is written: what changed since, and what is being written. */
  #held: Map<S, { readonly key: Key; readonly map: MapAtCut }> | undefined
  /** What did not change in the last epoch before the cut is none of it. */
  #onlyNewest = false

  constructor(tally: EntryTally, copied = COPIED_ENTRIES) {
    this.#tally = tally
    this.#copied = copied
  }

  touch(key: Key, slot: S): void {
    if (this.#needs(slot)) this.#hold(key, slot)
    slot.touched = this.epoch
    if (!this.#cut) return
    const { size } = slot.cell
    if (size <= TINY) this.#tally.changed += size
    this.#note(key, slot, size <= TINY ? undefined : new EntryChanges())
  }

  created(key: Key, slot: S): void {
    slot.touched = this.epoch
    if (this.#cut) this.#note(key, slot, undefined)
  }

  removed(key: Key, slot: S): void {
    if (this.#needs(slot)) this.#held?.set(slot, { key, map: slot.cell.asMap() })
    slot.touched = GONE
    if (!this.#cut) return
    this.#tally.changed += 1
    this.#changes.goneKeys.push(key)
    this.#changes.goneSlots.push(slot)
  }

  /** Before user code goes through a map, and perhaps changes it meanwhile: then it would be held half-way. */
  settle(key: Key, slot: S): void {
    if (slot.cell.size > this.#copied && this.#needs(slot)) this.#hold(key, slot)
  }

  cut(): Changes {
    this.written()
    const changes: Changes = { ...this.#changes, inside: this.#inside, weight: this.#tally.changed }
    this.#changes = noChanges()
    this.#inside = []
    this.#tally.changed = 0
    this.#cut = true
    this.#held = new Map()
    this.#onlyNewest = false
    this.epoch += 1
    return changes
  }

  written(): void {
    for (const { cell } of this.#held?.keys() ?? []) cell.release()
    this.#held = undefined
  }

  /** Said at once after `cut`: it is of changes of the last epoch alone. */
  wantsOnlyNewest(): void {
    this.#onlyNewest = true
  }

  /**
   * What is to be written of a cut; undefined: it is none of it, or was given. To be let go of with `given`. A map of
   * fewer than `atOnce` entries is written before anybody changes it.
   */
  asOfCut(key: Key, slot: S, atOnce: number): MapAtCut | undefined {
    if (!this.#needs(slot)) return this.#held?.get(slot)?.map
    if (slot.cell.size >= atOnce) return this.#hold(key, slot)
    slot.touched = 1 - this.epoch
    return slot.cell.asMap()
  }

  given(slot: S): void {
    this.#held?.delete(slot)
    slot.cell.release()
  }

  /** Of what is held: what nobody comes across any more, as it has left the table. */
  * left(): Generator<readonly [Key, S], void, undefined> {
    for (const [slot, { key }] of this.#held ?? []) yield [key, slot]
  }

  #needs({ touched }: S): boolean {
    if (this.#held === undefined) return false
    const cut = this.epoch - 1
    if (touched > cut || touched === -cut || touched === GONE) return false
    return !this.#onlyNewest || touched === cut
  }

  #hold(key: Key, slot: S): MapAtCut {
    const map = slot.cell.hold(this.#copied)
    this.#held?.set(slot, { key, map })
    slot.touched = 1 - this.epoch
    return map
  }

  #note(key: Key, slot: S, inside: EntryChanges | undefined): void {
    slot.cell.track(inside)
    this.#changes.keys.push(key)
    this.#changes.slots.push(slot)
    this.#inside.push(inside)
  }
}
