/**
 * The panes that the open windows of a sliding assigner share: one Map of accumulators per pane.
 *
 * Owned by window-panes.ts.
 *
 *   PN-1  Panes are sorted by start; a pane is kept from its first record until the cleanup of the last
 *          window with it, so what is kept is one accumulator per key and pane, not per key and window.
 *   PN-2  A window is done when its largest timestamp was reached; then every further record fires it at
 *          once. No two firings of `advance` are of one window, and they are in window order.
 *   PN-3  `fired` exists only after a restore that went back before a window's end although some of its
 *          keys had fired already; those keys wait for a new record before they fire again.
 *   PN-4  Panes are cut as a table (window-cells.ts), by key; how far event time had come is told as the aligned
 *          operator tells it (window-fired.ts), and of each key that has held windows which these are. From that a
 *          restore at another parallelism knows what had fired.
 */
import { addSaturating, MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import { makeWindow } from '../time/window-assigner.ts'
import { E140_PANES_DO_NOT_FIT } from '../time/errors.ts'
import type { PaneGrid } from '../time/panes.ts'
import { PaneMerger, type Pane } from './pane-merger.ts'
import { isInvertible, PaneTotals } from './pane-totals.ts'
import { CellTable, type WindowCells } from './window-cells.ts'
import { throughOf } from './window-fired.ts'
import { windowFrom, windowSnapshot } from './window-table.ts'

/** State names; 'window' is that of the other window operators. */
export const PANES = 'panes'
export const SEEN = 'panes/seen'

export interface OpenPane extends Pane, WindowCells {
  readonly cells: WindowCells['cells']
}

export class OpenPanes {
  readonly #grid: PaneGrid
  readonly #latenessMs: number
  readonly #merger: PaneMerger | PaneTotals
  readonly #panes: OpenPane[] = []
  readonly #maxParallelism: number
  readonly table: CellTable
  readonly #fired = new Map<number, Set<Key>>()
  /** Start of the earliest window that is not done and has a pane; MAX_TIMESTAMP: there is none. */
  #next = MAX_TIMESTAMP

  constructor(
    grid: PaneGrid, latenessMs: number, aggregate: AggregateSpec & Required<Pick<AggregateSpec, 'merge'>>,
    maxParallelism: number,
  ) {
    this.#grid = grid
    this.#maxParallelism = maxParallelism
    this.table = new CellTable(() => this.#panes, maxParallelism, PANES)
    this.#latenessMs = latenessMs
    this.#merger = isInvertible(aggregate) ? new PaneTotals(aggregate) : new PaneMerger(aggregate)
  }

  /** True if keys of a restored window must not fire again by themselves. */
  get holdsFired(): boolean {
    return this.#fired.size > 0
  }

  /** When a window, and what only it needs, is forgotten. */
  cleanupOf(windowStart: number): number {
    return addSaturating(windowStart + this.#grid.sizeMs - 1, this.#latenessMs)
  }

  /** The pane that starts there, opened now if it was not. */
  open(start: number, watermark: number): OpenPane {
    const panes = this.#panes
    let at = panes.length
    for (; at > 0; at--) {
      const known = panes[at - 1] as OpenPane
      if (known.start === start) return known
      if (known.start < start) break
    }
    const opened = newPane(makeWindow(start, this.#grid.endOf(start)))
    panes.splice(at, 0, opened)
    this.#schedule(opened, watermark)
    return opened
  }

  /** To be called after a record was added to a pane of which a window may have fired. */
  changed(pane: OpenPane, key: Key): void {
    this.#merger.changed(pane, key, this.#panes)
  }

  /** A record of the key came: the window fires at its end, though it had fired before the restore. */
  rearm(windowStart: number, key: Key): void {
    this.#fired.get(windowStart)?.delete(key)
  }

  /** What one key has in one window; undefined: nothing. */
  of(windowStart: number, key: Key): { readonly accumulator: unknown } | undefined {
    const merger = this.#merger
    let found: { accumulator: unknown } | undefined
    for (const { start, cells } of this.#panes) {
      if (start < windowStart || start >= windowStart + this.#grid.sizeMs || !cells.has(key)) continue
      const accumulator = cells.get(key)?.accumulator
      if (found === undefined) found = { accumulator: merger.fresh(accumulator) }
      else found.accumulator = merger.join(found.accumulator, accumulator)
    }
    return found
  }

  /** Calls `fire` for every key of every window that ends by `watermark`, then forgets what is over. */
  advance(watermark: number, fire: (window: Window, key: Key, total: unknown) => void): void {
    const { sizeMs } = this.#grid
    while (this.#next !== MAX_TIMESTAMP && this.#next + sizeMs - 1 <= watermark) {
      const start = this.#next
      const window = makeWindow(start, start + sizeMs)
      const fired = this.#fired.get(start)
      this.#merger.cover(start, start + sizeMs, this.#panes)
      this.#merger.each((key, accumulator) => {
        if (fired?.has(key) !== true) fire(window, key, accumulator)
      })
      this.#fired.delete(start)
      this.#next = this.#windowFrom(start + this.#grid.slideMs)
    }
    let over = 0
    for (const { start } of this.#panes) {
      if (this.cleanupOf(this.#grid.lastWindowOf(start)) > watermark) break
      over += 1
    }
    for (const pane of this.#panes.splice(0, over)) this.table.forget(pane)
  }

  /** Of each key the windows that are held. */
  held(watermark: number): KeyedStateSnapshot {
    const seen = windowSnapshot(SEEN, this.#maxParallelism)
    const keys = new Map<Key, number[]>()
    for (const [window, fired] of this.#fired) {
      for (const key of fired) {
        const held = keys.get(key)
        if (held === undefined) keys.set(key, [window])
        else held.push(window)
      }
    }
    for (const [key, held] of keys) seen.put(key, undefined, [watermark, ...held])
    return seen.build()
  }

  restore(restored: RestoredOperator, watermark: number, operator: string): void {
    const grid = this.#grid
    const byStart = new Map<number, OpenPane>()
    for (const { key, namespace, value } of restored.keyed(PANES)) {
      const { start, end } = windowFrom(namespace)
      if (grid.startOf(start) !== start || grid.endOf(start) !== end) {
        throw E140_PANES_DO_NOT_FIT({ operator, start, end }, { place: { operator } })
      }
      let pane = byStart.get(start)
      if (pane === undefined) {
        pane = newPane({ start, end })
        byStart.set(start, pane)
      }
      pane.cells.set(key, { touched: 0, accumulator: value, of: pane })
    }
    this.#panes.push(...[...byStart.values()].sort((a, b) => a.start - b.start))
    for (const pane of this.#panes) this.#schedule(pane, watermark)
    const seenBy = seenIn(restored, this.#maxParallelism)
    const keys = new Set<Key>()
    for (const { cells } of this.#panes) for (const key of cells.keys()) keys.add(key)
    for (const key of keys) {
      const [seen, ...held] = seenBy(key)
      for (const window of held) if (window >= grid.firstOpenAt(watermark)) this.#hold(window, key)
      this.#restoreFired(key, seen, watermark)
    }
  }

  #hold(window: number, key: Key): void {
    this.#fired.set(window, (this.#fired.get(window) ?? new Set<Key>()).add(key))
  }

  /** Windows of `key` that had fired at `seen` and are not done at the watermark of this restore. */
  #restoreFired(key: Key, seen: number, watermark: number): void {
    if (seen <= watermark) return
    const { slideMs, sizeMs } = this.#grid
    for (const { start, cells } of this.#panes) {
      if (!cells.has(key)) continue
      const last = this.#grid.lastWindowOf(start)
      const first = Math.max(this.#grid.firstWindowOf(start), this.#grid.firstOpenAt(watermark))
      for (let window = first; window <= last && window + sizeMs - 1 <= seen; window += slideMs) {
        this.#hold(window, key)
      }
    }
  }

  #schedule(pane: OpenPane, watermark: number): void {
    const first = Math.max(this.#grid.firstWindowOf(pane.start), this.#grid.firstOpenAt(watermark))
    if (first <= this.#grid.lastWindowOf(pane.start) && first < this.#next) this.#next = first
  }

  /** The earliest window from `start` on that has a pane. */
  #windowFrom(start: number): number {
    for (const pane of this.#panes) {
      const first = Math.max(start, this.#grid.firstWindowOf(pane.start))
      if (first <= this.#grid.lastWindowOf(pane.start)) return first
    }
    return MAX_TIMESTAMP
  }
}

const newPane = (window: Window): OpenPane => ({ start: window.start, window, cells: new Map(), leftIn: Infinity })

/** Of a key the watermark of the subtask that wrote it, and the windows that were held. */
export function seenIn(
  restored: RestoredOperator, maxParallelism: number,
): (key: Key) => readonly [seen: number, ...held: number[]] {
  type Seen = readonly [number, ...number[]]
  const told = new Map([...restored.keyed(SEEN)].map(({ key, value }) => [key, value as Seen]))
  const through = throughOf(restored, maxParallelism)
  return (key) => told.get(key) ?? [through(key)]
}
