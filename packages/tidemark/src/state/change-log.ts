/**
 * Which entries of one table of keyed state changed since the last cut, at the price of one comparison a write.
 *
 * Owned by the table (state-cells.ts, the rolling aggregate), which says before it changes an entry; read by
 * incremental.ts when it cuts.
 *
 *   CG-1  An entry that was created, changed or removed since the last cut is in `changes`; once each as long as
 *         it lives. Before the first cut nothing is noted: it holds everything.
 *   CG-2  While a cut is being written, an entry is handed to it as it was before its first change (pre-image).
 *   CG-3  `touched` of a slot: the epoch of its last change; minus the epoch of the cut that wrote it, if that
 *         was later; GONE once it is removed; 0 after a restore.
 *
 * Source: Flink CopyOnWriteStateMap (entry versions); DESIGN §6.
 */
import type { Key } from '../graph/key.ts'

/** An entry of a table: the table's own object, with room for a mark. */
export interface Slot {
  touched: number
}

export interface Changes {
  /** Key and slot of what was created or changed, in step. */
  readonly keys: Key[]
  readonly slots: Slot[]
  /** The same of what was removed. */
  readonly goneKeys: Key[]
  readonly goneSlots: Slot[]
  /** In step with `keys`, of a table of cells in parts (parts-log.ts): what in each changed; undefined: all. */
  readonly inside?: readonly (object | undefined)[]
  /** As what all this counts; absent: one each. */
  readonly weight?: number
  /** Perhaps everything changed: it was too much to be noted. */
  readonly all?: boolean
}

/** Not the mark of any epoch, which are small numbers. */
export const GONE = -(2 ** 30)

export const noChanges = (): Changes => ({ keys: [], slots: [], goneKeys: [], goneSlots: [] })

export const countOf = ({ keys, goneKeys, all, weight = keys.length + goneKeys.length }: Changes): number =>
  all === true ? Infinity : weight

export function joinChanges(parts: readonly Changes[]): Changes {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return {
    keys: parts.flatMap(({ keys }) => keys), slots: parts.flatMap(({ slots }) => slots),
    goneKeys: parts.flatMap(({ goneKeys }) => goneKeys), goneSlots: parts.flatMap(({ goneSlots }) => goneSlots),
    all: parts.some(({ all }) => all === true),
    ...(parts.some(({ inside }) => inside !== undefined) ? { inside: parts.flatMap(({ inside = [] }) => inside) } : {}),
    weight: parts.reduce((sum, part) => sum + countOf(part), 0),
  }
}

export class ChangeLog<S extends Slot = Slot> {
  /** Of now. Whoever changes a slot whose `touched` differs calls `touch` first. */
  epoch = 1
  #changes = noChanges()
  #cut = false
  #beforeChange: ((key: Key, slot: S) => void) | undefined

  /** The slot is about to change for the first time since the last cut. */
  touch(key: Key, slot: S): void {
    this.#beforeChange?.(key, slot)
    this.created(key, slot)
  }

  /** The slot is new in the table. */
  created(key: Key, slot: S): void {
    slot.touched = this.epoch
    if (!this.#cut) return
    this.#changes.keys.push(key)
    this.#changes.slots.push(slot)
  }

  /** The slot has left the table, as it was. */
  removed(key: Key, slot: S): void {
    if (slot.touched !== this.epoch) this.#beforeChange?.(key, slot)
    slot.touched = GONE
    this.left(key, slot)
  }

  /** The slot has left the table, which knows that it has (TrackedTable.hasLeft), and will not change any more. */
  left(key: Key, slot: S): void {
    if (!this.#cut) return
    this.#changes.goneKeys.push(key)
    this.#changes.goneSlots.push(slot)
  }

  /** A cut: what changed since the one before. `beforeChange` is told from now on, until the next one. */
  cut(beforeChange: (key: Key, slot: S) => void): Changes {
    const changes = this.#changes
    this.#changes = noChanges()
    this.#cut = true
    this.#beforeChange = beforeChange
    this.epoch += 1
    return changes
  }

  /** The last cut is written, or given up. */
  written(): void {
    this.#beforeChange = undefined
  }
}
