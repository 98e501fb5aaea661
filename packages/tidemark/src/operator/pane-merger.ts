/**
 * Merges the panes of windows that slide, with about three merges per key and window whatever their number.
 *
 * Owned by open-panes.ts. Holds, per key, two stacks: of the panes up to the turning point all suffixes,
 * of those behind it one running total. A window is then one suffix and the total. It is a cache: nothing
 * of it is in a snapshot.
 *
 *   PU-1  What `each` hands out is nobody else's: neither a pane nor a later window sees a change of it.
 *   PU-2  Windows are covered in ascending order; any other order is right too, and as slow as the first.
 *   PU-3  `merge` may change its first argument. Where it gives back its second one, that is copied, so
 *         that no pane is ever changed by a merge.
 *
 * Source: Tangwongsan, Hirzel, Schneider, "Low-latency sliding-window aggregation in worst-case constant
 * time" (DEBS 2017), section on two stacks.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { Key } from '../graph/key.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import { decodeValue, encodeValue } from '../record/value-codec.ts'

export interface Pane {
  readonly start: number
  readonly cells: ReadonlyMap<Key, { readonly accumulator: unknown }>
}

/** No total yet; an accumulator may be anything else. */
const NONE = Symbol('none')

interface Stacks {
  /** Where each suffix begins, descending, and the suffix itself. */
  readonly starts: number[]
  readonly suffixes: unknown[]
  total: unknown
}

export class PaneMerger {
  readonly #aggregate: AggregateSpec
  readonly #merge: NonNullable<AggregateSpec['merge']>
  readonly #keys = new Map<Key, Stacks>()
  #from = 0
  /** First pane that is in the totals and not in the suffixes. */
  #turn = -Infinity
  #to = 0

  constructor(aggregate: AggregateSpec & Required<Pick<AggregateSpec, 'merge'>>) {
    this.#aggregate = aggregate
    this.#merge = aggregate.merge
  }

  /** Prepares the window [from, to); `panes` are sorted by start. */
  cover(from: number, to: number, panes: readonly Pane[]): void {
    if (from < this.#from || from >= this.#turn || to < this.#to) this.#turnOver(from, to, panes)
    else this.#append(this.#to, to, panes)
    this.#from = from
    this.#to = to
  }

  /** The accumulator of every key of the covered window. */
  each(visit: (key: Key, accumulator: unknown) => void): void {
    const from = this.#from
    for (const [key, stacks] of this.#keys) {
      const { starts, suffixes, total } = stacks
      while (starts.length > 0 && (starts[starts.length - 1] as number) < from) {
        starts.pop()
        suffixes.pop()
      }
      if (starts.length > 0) {
        const suffix = this.fresh(suffixes[suffixes.length - 1])
        visit(key, total === NONE ? suffix : this.join(suffix, total))
      } else if (total !== NONE) {
        visit(key, this.fresh(total))
      } else {
        this.#keys.delete(key)
      }
    }
  }

  /** A pane that may be covered already got a record of `key`: what was merged of that key is void. */
  changed(pane: Pane, key: Key, panes: readonly Pane[]): void {
    if (pane.start < this.#from || pane.start >= this.#to || this.#from >= this.#turn) return
    this.#keys.delete(key)
    for (let i = panes.length - 1; i >= 0; i--) {
      const { start, cells } = panes[i] as Pane
      if (start < this.#turn && start >= this.#from && cells.has(key)) this.#push(key, start, cells.get(key)?.accumulator)
    }
    for (const { start, cells } of panes) {
      if (start >= this.#turn && start < this.#to && cells.has(key)) this.#addTotal(key, cells.get(key)?.accumulator)
    }
  }

  /** A copy that may be merged into. */
  fresh(accumulator: unknown): unknown {
    return this.join(this.#aggregate.create(), accumulator)
  }

  /** `into` may be changed, `from` is not. */
  join(into: unknown, from: unknown): unknown {
    const merged = this.#merge(into, from)
    return merged === from && typeof merged === 'object' && merged !== null ? copy(merged) : merged
  }

  #turnOver(from: number, to: number, panes: readonly Pane[]): void {
    this.#keys.clear()
    for (let i = panes.length - 1; i >= 0; i--) {
      const { start, cells } = panes[i] as Pane
      if (start < from) break
      if (start >= to) continue
      for (const [key, { accumulator }] of cells) this.#push(key, start, accumulator)
    }
    this.#turn = to
  }

  #append(from: number, to: number, panes: readonly Pane[]): void {
    for (let i = panes.length - 1; i >= 0; i--) {
      const { start, cells } = panes[i] as Pane
      if (start < from) break
      if (start >= to) continue
      for (const [key, { accumulator }] of cells) this.#addTotal(key, accumulator)
    }
  }

  #push(key: Key, start: number, accumulator: unknown): void {
    const { starts, suffixes } = this.#stacksOf(key)
    const suffix = this.fresh(accumulator)
    suffixes.push(suffixes.length === 0 ? suffix : this.join(suffix, suffixes[suffixes.length - 1]))
    starts.push(start)
  }

  #addTotal(key: Key, accumulator: unknown): void {
    const stacks = this.#stacksOf(key)
    stacks.total = stacks.total === NONE ? this.fresh(accumulator) : this.join(stacks.total, accumulator)
  }

  #stacksOf(key: Key): Stacks {
    let stacks = this.#keys.get(key)
    if (stacks === undefined) {
      stacks = { starts: [], suffixes: [], total: NONE }
      this.#keys.set(key, stacks)
    }
    return stacks
  }
}

function copy(value: unknown): unknown {
  const writer = new ByteWriter()
  encodeValue(writer, value)
  return decodeValue(new ByteReader(writer.toBytes()))
}
