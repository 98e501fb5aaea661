/**
 * The open windows of the aligned window operator: one Map of accumulators per window, in window order.
 *
 * Owned by window-aligned.ts. Windows of one assigner have one size, so that order by start is order by
 * end, and no timer per key is needed.
 *
 *   OW-1  `windows` is sorted by start; a window is in it from its first element to its cleanup.
 *   OW-2  A window is done when its largest timestamp was reached: its results are out, and every further
 *         element fires at once.
 *   OW-3  `fired` exists only after a restore that went back before a window's end although some of its
 *         keys had fired already; those keys wait for a new element before they fire again.
 *   OW-4  Contents are cut as a table (window-cells.ts), under 'window' as in the general operator; instead of
 *         timers the snapshot tells how far event time had come (window-fired.ts).
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import { makeWindow, maxTimestamp } from '../time/window-assigner.ts'
import { cleanupTime } from './window-late.ts'
import { CellTable, type Cell, type WindowCells } from './window-cells.ts'
import { firedState, waitingIn } from './window-fired.ts'
import { windowFrom } from './window-table.ts'

export interface OpenWindow extends WindowCells {
  readonly maxTimestamp: number
  readonly cleanup: number
  done: boolean
  fired: Set<Key> | undefined
}

export class OpenWindows {
  readonly #spec: WindowSpec
  readonly #windows: OpenWindow[] = []
  readonly #maxParallelism: number
  readonly table: CellTable
  /** Nothing happens before the watermark gets here. */
  #nextEvent = MAX_TIMESTAMP

  constructor(spec: WindowSpec, maxParallelism: number) {
    this.#spec = spec
    this.#maxParallelism = maxParallelism
    this.table = new CellTable(() => this.#windows, maxParallelism)
  }

  /** The open window at `start`, opened now if it was not, or undefined if it is late at `watermark`. */
  open(start: number, end: number, watermark: number): OpenWindow | undefined {
    const windows = this.#windows
    let at = windows.length
    // Nearly always the last one or a neighbour of it.
    for (; at > 0; at--) {
      const known = windows[at - 1] as OpenWindow
      if (known.window.start === start) return known.cleanup <= watermark ? undefined : known
      if (known.window.start < start) break
    }
    const opened = this.#make(makeWindow(start, end), watermark)
    if (opened.cleanup <= watermark) return undefined
    windows.splice(at, 0, opened)
    this.#nextEvent = Math.min(this.#nextEvent, opened.done ? opened.cleanup : opened.maxTimestamp)
    return opened
  }

  /** Calls `fire` for every key of every window that ends by `watermark`, then forgets what is over. */
  advance(watermark: number, fire: (window: OpenWindow, key: Key, cell: Cell) => void): void {
    if (watermark < this.#nextEvent) return
    const windows = this.#windows
    let over = 0
    for (const open of windows) {
      if (open.maxTimestamp > watermark) break
      if (!open.done) {
        open.done = true
        const { fired } = open
        for (const [key, cell] of open.cells) if (fired === undefined || !fired.has(key)) fire(open, key, cell)
        open.fired = undefined
      }
      if (open.cleanup <= watermark) over += 1
    }
    // Sorted by end, and the lateness is the same for all: those that are over come first.
    for (const each of windows.splice(0, over)) this.table.forget(each)
    this.#nextEvent = MAX_TIMESTAMP
    for (const open of windows) {
      this.#nextEvent = Math.min(this.#nextEvent, open.done ? open.cleanup : open.maxTimestamp)
    }
  }

  /** Keys that wait for a new element (OW-3). */
  fired(): KeyedStateSnapshot {
    return firedState(this.#windows, this.#maxParallelism)
  }

  restore(restored: RestoredOperator, watermark: number): void {
    const byStart = new Map<number, OpenWindow>()
    for (const { key, namespace, value } of restored.keyed('window')) {
      const window = windowFrom(namespace)
      let open = byStart.get(window.start)
      if (open === undefined) {
        open = this.#make(window, watermark)
        byStart.set(window.start, open)
      }
      open.cells.set(key, { touched: 0, accumulator: value, of: open })
    }
    const waits = waitingIn(restored, this.#maxParallelism)
    for (const open of byStart.values()) {
      if (open.done) continue
      const fired = [...open.cells.keys()].filter((key) => !waits(open.window, key))
      if (fired.length > 0) open.fired = new Set(fired)
    }
    this.#windows.push(...[...byStart.values()].sort((a, b) => a.window.start - b.window.start))
    this.#nextEvent = -MAX_TIMESTAMP
  }

  #make(window: Window, watermark: number): OpenWindow {
    const end = maxTimestamp(window)
    return {
      window, maxTimestamp: end, cleanup: cleanupTime(window, this.#spec), cells: new Map(),
      leftIn: Infinity, done: end <= watermark, fired: undefined,
    }
  }
}
