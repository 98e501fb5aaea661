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
 *   OW-4  The snapshot is the one the general operator would write: contents under 'window', and under
 *         'timers/event' the end of each key that has yet to fire and the cleanup time.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import { makeWindow, maxTimestamp } from '../time/window-assigner.ts'
import { cleanupTime } from './window-late.ts'
import { namespaceOf, windowFrom, windowSnapshot } from './window-table.ts'

export interface Cell {
  accumulator: unknown
}

export interface OpenWindow {
  readonly window: Window
  readonly maxTimestamp: number
  readonly cleanup: number
  readonly cells: Map<Key, Cell>
  done: boolean
  fired: Set<Key> | undefined
}

export class OpenWindows {
  readonly #spec: WindowSpec
  readonly #windows: OpenWindow[] = []
  /** Nothing happens before the watermark gets here. */
  #nextEvent = MAX_TIMESTAMP

  constructor(spec: WindowSpec) {
    this.#spec = spec
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
    windows.splice(0, over)
    this.#nextEvent = MAX_TIMESTAMP
    for (const open of windows) {
      this.#nextEvent = Math.min(this.#nextEvent, open.done ? open.cleanup : open.maxTimestamp)
    }
  }

  snapshot(maxParallelism: number): KeyedStateSnapshot[] {
    const contents = windowSnapshot('window', maxParallelism)
    const timers = new KeyedSnapshotBuilder({ name: 'timers/event', kind: 'timers', version: 1, maxParallelism })
    for (const open of this.#windows) {
      const namespace = namespaceOf(open.window)
      const cleanup = open.cleanup === MAX_TIMESTAMP ? undefined : open.cleanup
      for (const [key, cell] of open.cells) {
        contents.put(key, namespace, cell.accumulator)
        const waits = !open.done && open.fired?.has(key) !== true
        if (waits) timers.put(key, namespace, open.maxTimestamp)
        if (cleanup !== undefined && !(waits && cleanup === open.maxTimestamp)) timers.put(key, namespace, cleanup)
      }
    }
    return [contents.build(), timers.build()]
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
      open.cells.set(key, { accumulator: value })
    }
    const waiting = new Map<number, Set<Key>>()
    for (const { key, namespace, value } of restored.keyed('timers/event')) {
      const window = windowFrom(namespace)
      if (value !== maxTimestamp(window)) continue
      const keys = waiting.get(window.start) ?? new Set()
      waiting.set(window.start, keys.add(key))
    }
    for (const open of byStart.values()) {
      if (open.done) continue
      const keys = waiting.get(open.window.start)
      const fired = [...open.cells.keys()].filter((key) => keys?.has(key) !== true)
      if (fired.length > 0) open.fired = new Set(fired)
    }
    this.#windows.push(...[...byStart.values()].sort((a, b) => a.window.start - b.window.start))
    this.#nextEvent = -MAX_TIMESTAMP
  }

  #make(window: Window, watermark: number): OpenWindow {
    const end = maxTimestamp(window)
    return {
      window, maxTimestamp: end, cleanup: cleanupTime(window, this.#spec), cells: new Map(),
      done: end <= watermark, fired: undefined,
    }
  }
}
