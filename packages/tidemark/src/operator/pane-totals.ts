/**
 * Merges the panes of windows that slide where a merge can be taken back: counts and sums of integers.
 *
 * Owned by open-panes.ts, instead of pane-merger.ts. Holds one total per key of the window that was covered
 * last; the next window adds the panes that enter it and takes back those that leave it. It is a cache:
 * nothing of it is in a snapshot.
 *
 *   RT-1  The total of a key is the merge of its accumulators in all covered panes, to the last bit; a key
 *         without a pane has no total.
 *   RT-2  What `each` hands out is valid during the call alone, and may not be changed.
 *   RT-3  Taking back comes before adding, so that no total goes beyond what a window holds.
 *
 * Source: Tangwongsan et al. (DEBS 2017), subtract-on-evict; the aggregates that may do it say so (`unmerge`).
 */
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import type { Pane } from './pane-merger.ts'

type Invertible = AggregateSpec<unknown, unknown, unknown> & Required<Pick<AggregateSpec, 'merge' | 'unmerge'>>

interface Total {
  readonly accumulator: unknown
  /** How many covered panes have the key. */
  panes: number
}

/** Whether `PaneTotals` may merge this aggregate. */
export function isInvertible(aggregate: AggregateSpec): aggregate is Invertible {
  return aggregate.unmerge !== undefined && aggregate.merge !== undefined && aggregate.exact === true
}

export class PaneTotals {
  readonly #aggregate: Invertible
  readonly #totals = new Map<Key, Total>()
  /** The panes in the totals; some of them may be forgotten by everybody else. */
  #covered: Pane[] = []
  #from = 0
  #to = 0

  constructor(aggregate: Invertible) {
    this.#aggregate = aggregate
  }

  /** Prepares the window [from, to); `panes` are sorted by start. */
  cover(from: number, to: number, panes: readonly Pane[]): void {
    const kept: Pane[] = []
    for (const pane of this.#covered) {
      if (pane.start >= from && pane.start < to) kept.push(pane)
      else this.#takeBack(pane)
    }
    const known = new Set(kept)
    for (const pane of panes) {
      if (pane.start < from || pane.start >= to || known.has(pane)) continue
      kept.push(pane)
      this.#add(pane)
    }
    this.#covered = kept
    this.#from = from
    this.#to = to
  }

  /** The accumulator of every key of the covered window. */
  each(visit: (key: Key, accumulator: unknown) => void): void {
    for (const [key, { accumulator }] of this.#totals) visit(key, accumulator)
  }

  /** A pane that may be covered already got a record of `key`: the total of that key is made anew. */
  changed(pane: Pane, key: Key): void {
    if (pane.start < this.#from || pane.start >= this.#to) return
    if (!this.#covered.includes(pane)) this.#covered.push(pane)
    this.#totals.delete(key)
    for (const { cells } of this.#covered) if (cells.has(key)) this.#addTo(key, cells.get(key)?.accumulator)
  }

  fresh(accumulator: unknown): unknown {
    return this.join(this.#aggregate.create(), accumulator)
  }

  /** `into` may be changed, `from` is not. */
  join(into: unknown, from: unknown): unknown {
    return this.#aggregate.merge(into, from)
  }

  #add({ cells }: Pane): void {
    for (const [key, { accumulator }] of cells) this.#addTo(key, accumulator)
  }

  #addTo(key: Key, accumulator: unknown): void {
    const total = this.#totals.get(key)
    if (total === undefined) {
      this.#totals.set(key, { accumulator: this.fresh(accumulator), panes: 1 })
    } else {
      this.join(total.accumulator, accumulator)
      total.panes += 1
    }
  }

  #takeBack({ cells }: Pane): void {
    for (const [key, { accumulator }] of cells) {
      const total = this.#totals.get(key)
      assert(total !== undefined, 'a covered pane is in the totals')
      total.panes -= 1
      if (total.panes === 0) this.#totals.delete(key)
      else this.#aggregate.unmerge(total.accumulator, accumulator)
    }
  }
}
