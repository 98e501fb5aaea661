/**
 * What changed in the cells of one state since the last cut, and how they were at it, where cells may be large.
 *
 * Owned by parts-table.ts. In place of a change-log.ts, which has an entry written before it changes: a cell may be too
 * large for that, so it is held as it was.
 *
 *   MV-1  A cell that was created, changed or removed since the last cut is in the changes, with what changed in it.
 *   MV-2  Until the cut is written, `asOfCut` gives each cell of it as it was then, once.
 *   MV-3  At a cut no cell is held any more. One that was, because a checkpoint was given up, takes up then what was
 *         changed beside it.
 */
import type { Key } from '../graph/key.ts'
import type { CellLog } from './cell-table.ts'
import { GONE, noChanges, type Changes, type Slot } from './change-log.ts'

/** Of all cells of one state. */
export class PartsTally {
  parts = 0
  /** Since the last cut; a part that came and went may count twice. */
  changed = 0
}

/** A cell that consists of parts, which are written one by one. */
export interface CellInParts<H extends Held, I> {
  readonly size: number
  /** As it is, to be read at once. */
  present(): H
  /** As it is, until `release`. At most so many parts are copied for it. */
  hold(copied: number): H
  release(): void
  /** What changes from now on is told to these, too; undefined: all of it counts as changed, or nobody asks. */
  track(inside: I | undefined): void
}

/** A cell as it was. */
export interface Held {
  readonly size: number
}

export interface PartsSlot<H extends Held, I> extends Slot {
  readonly cell: CellInParts<H, I>
}

/** Copied when they have to be held. */
const COPIED_PARTS = 64
/** Of a cell that is not larger any change is half of it. */
const TINY = 2

export interface PartsLogInit<H extends Held, I> {
  readonly tally: PartsTally
  /** What is to be told of what changes in this cell from now on. */
  readonly inside: (cell: CellInParts<H, I>) => I
  /** For tests. */
  readonly copied: number | undefined
}

export class PartsLog<H extends Held, I extends object, S extends PartsSlot<H, I>> implements CellLog<S> {
  epoch = 1
  readonly #init: PartsLogInit<H, I>
  readonly #copied: number
  #changes = noChanges()
  #inside: (I | undefined)[] = []
  #cut = false
  /** While a cut is written: what changed since, and what is being written. */
  #held: Map<S, { readonly key: Key; readonly as: H }> | undefined
  /** What did not change in the last epoch before the cut is none of it. */
  #onlyNewest = false

  constructor(init: PartsLogInit<H, I>) {
    this.#init = init
    this.#copied = init.copied ?? COPIED_PARTS
  }

  touch(key: Key, slot: S): void {
    if (this.#needs(slot)) this.#hold(key, slot)
    slot.touched = this.epoch
    if (!this.#cut) return
    const { cell } = slot
    if (cell.size <= TINY) this.#init.tally.changed += cell.size
    this.#note(key, slot, cell.size <= TINY ? undefined : this.#init.inside(cell))
  }

  created(key: Key, slot: S): void {
    slot.touched = this.epoch
    if (this.#cut) this.#note(key, slot, undefined)
  }

  removed(key: Key, slot: S): void {
    if (this.#needs(slot)) this.#held?.set(slot, { key, as: slot.cell.present() })
    slot.touched = GONE
    if (!this.#cut) return
    this.#init.tally.changed += 1
    this.#changes.goneKeys.push(key)
    this.#changes.goneSlots.push(slot)
  }

  /** Before user code goes through a cell, and perhaps changes it meanwhile: then it would be held half-way. */
  settle(key: Key, slot: S): void {
    if (slot.cell.size > this.#copied && this.#needs(slot)) this.#hold(key, slot)
  }

  cut(): Changes {
    this.written()
    const { tally } = this.#init
    const changes: Changes = { ...this.#changes, inside: this.#inside, weight: tally.changed }
    this.#changes = noChanges()
    this.#inside = []
    tally.changed = 0
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

  /** A cell of less than so many parts of which the cut needs what it is now: it counts as given. False: it is none such. */
  takesAtOnce(slot: S, parts: number): boolean {
    if (slot.cell.size >= parts || !this.#needs(slot)) return false
    slot.touched = 1 - this.epoch
    return true
  }

  /** What is to be written of a cut; undefined: it is none of it, or was given. To be let go of with `given`. */
  asOfCut(key: Key, slot: S): H | undefined {
    return this.#needs(slot) ? this.#hold(key, slot) : this.#held?.get(slot)?.as
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

  #hold(key: Key, slot: S): H {
    const as = slot.cell.hold(this.#copied)
    this.#held?.set(slot, { key, as })
    slot.touched = 1 - this.epoch
    return as
  }

  #note(key: Key, slot: S, inside: I | undefined): void {
    slot.cell.track(inside)
    this.#changes.keys.push(key)
    this.#changes.slots.push(slot)
    this.#inside.push(inside)
  }
}
