/**
 * The list of one key, which is held as it is at no cost, and knows how much of it did not change.
 *
 * Owned by its slot in the table of the state (list-table.ts on the heap, paged/paged-cells.ts); list-state.ts works on it.
 *
 *   LX-1  Items do not change, and are only added behind the others; everything else takes another array. So an array with
 *         a length is a list as it was.
 *   LX-2  Of the `ListChanges` of several epochs the least says how many items, from the first on, are what they were.
 */
import type { CellInParts, Held, PartsTally } from './parts-log.ts'

/** What changed in one list: all but so many items. */
export interface ListChanges {
  kept: number
}

export interface ListAtCut extends Held {
  readonly items: readonly unknown[]
}

export class ListCell implements CellInParts<ListAtCut, ListChanges> {
  readonly #tally: PartsTally
  #items: unknown[]
  #changes: ListChanges | undefined
  #trimmed = false

  constructor(tally: PartsTally, items: unknown[]) {
    this.#tally = tally
    this.#items = items
  }

  get size(): number {
    return this.#items.length
  }

  get items(): readonly unknown[] {
    return this.#items
  }

  push(item: unknown): void {
    this.#items.push(item)
    this.#tally.parts += 1
    this.#tally.changed += 1
  }

  replace(items: unknown[]): void {
    this.#tally.parts += items.length - this.#items.length
    this.#tally.changed += items.length
    this.#items = items
    this.#trimmed = false
    if (this.#changes !== undefined) this.#changes.kept = 0
  }

  present(): ListAtCut {
    return { items: this.#items, size: this.#items.length }
  }

  hold(): ListAtCut {
    return this.present()
  }

  release(): void {}

  track(changes: ListChanges | undefined): void {
    this.#changes = changes
  }

  /** A base may lack some of it, which had expired: then what is kept cannot be counted in what was written. */
  get trimmed(): boolean {
    return this.#trimmed
  }

  trim(): void {
    this.#trimmed = true
  }
}
