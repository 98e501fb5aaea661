/**
 * Which entries of one table came and went since the last cut, where none ever changes and many go soon.
 *
 * Owned by timer-queue.ts and session-table.ts. A change-log.ts for such entries: of a timer that is moved ahead with
 * every record it keeps nothing of where it was meanwhile.
 *
 *   TI-1  An entry that came since the last cut and is still there is in the changes, and so is one that was there at it
 *         and has gone. Of one that came and went there is nothing but room in the list, which is cleared when that is
 *         more than half.
 *   TI-2  While a cut is being written, an entry is handed to it before it goes (CG-2).
 */
import type { Key } from '../graph/key.ts'
import { GONE, noChanges, type ChangeLog, type Changes, type Slot } from '../state/change-log.ts'

interface Passing extends Slot {
  readonly key: Key
}

const COMPACT_FROM = 64

export class PassingLog implements Pick<ChangeLog, 'epoch' | 'cut' | 'written'> {
  epoch = 1
  #changes = noChanges()
  /** Of those in the list: the ones that are still there. */
  #came = 0
  #cut = false
  #beforeChange: ((key: Key, slot: Slot) => void) | undefined

  came(entry: Passing): void {
    entry.touched = this.epoch
    if (!this.#cut) return
    this.#came += 1
    this.#changes.keys.push(entry.key)
    this.#changes.slots.push(entry)
  }

  gone(entry: Passing): void {
    const isNew = entry.touched === this.epoch
    if (!isNew) this.#beforeChange?.(entry.key, entry)
    entry.touched = GONE
    if (!this.#cut) return
    if (!isNew) {
      this.#changes.goneKeys.push(entry.key)
      this.#changes.goneSlots.push(entry)
      return
    }
    this.#came -= 1
    if (this.#changes.slots.length > 2 * this.#came + COMPACT_FROM) this.#compact()
  }

  cut(beforeChange: (key: Key, slot: Slot) => void): Changes {
    const changes = this.#changes
    this.#changes = noChanges()
    this.#came = 0
    this.#cut = true
    this.#beforeChange = beforeChange
    this.epoch += 1
    return changes
  }

  written(): void {
    this.#beforeChange = undefined
  }

  #compact(): void {
    const { keys, slots } = this.#changes
    let kept = 0
    for (const slot of slots) {
      if (slot.touched === GONE) continue
      slots[kept] = slot
      keys[kept++] = (slot as Passing).key
    }
    slots.length = keys.length = kept
  }
}
