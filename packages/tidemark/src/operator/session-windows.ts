/**
 * The windows of one key of a merging assigner (Flink's MergingWindowSet).
 *
 * Owned by the general window operator, one instance per key. What a merged window holds stays under the
 * first of the windows it came from, its state window, so that a merge moves as little as it can.
 *
 *   SN-1  No two windows of a key overlap or touch; so a start names at most one of them, and at most
 *         one state window.
 *   SN-2  The mapping from window to state window is itself state, and survives restores.
 */
import { assert } from '../base/assert.ts'
import type { Window } from '../graph/window-spec.ts'
import { mergeWindows, sameWindow } from '../time/window-assigner.ts'

export interface SessionMerge {
  readonly into: Window
  /** Windows that are gone now; may contain one equal to `into`. */
  readonly sources: readonly Window[]
  readonly stateWindow: Window
  /** State windows of the sources other than `stateWindow`. */
  readonly otherStateWindows: readonly Window[]
}

export interface Session {
  readonly window: Window
  readonly stateWindow: Window
}

export interface SessionListener<S extends Session> {
  /** The session that is to be kept. */
  came(window: Window, stateWindow: Window): S
  gone(session: S): void
}

export class SessionWindows<S extends Session = Session> {
  readonly #listener: SessionListener<S>
  #sessions: S[] = []

  constructor(listener: SessionListener<S>) {
    this.#listener = listener
  }

  get size(): number {
    return this.#sessions.length
  }

  entries(): readonly S[] {
    return this.#sessions
  }

  restore(window: Window, stateWindow: Window): void {
    this.#sessions.push(this.#listener.came(window, stateWindow))
  }

  /** The window that `window` ended up in. `onMerge` is called before this returns if state must move. */
  add(window: Window, onMerge: (merge: SessionMerge) => void): Window {
    // At most one group: the windows here are apart from each other, only the new one can join some.
    const [merge] = mergeWindows([...this.#sessions.map((session) => session.window), window])
    if (merge === undefined) {
      const known = this.#find(window)
      if (known !== undefined) return known.window
      this.#sessions.push(this.#listener.came(window, window))
      return window
    }
    const sources = this.#sessions.filter((s) => merge.merged.some((each) => sameWindow(each, s.window)))
    const [first, ...others] = sources
    assert(first !== undefined, 'a merge has a window that was there before')
    if (others.length === 0 && sameWindow(first.window, merge.into)) return first.window
    this.#sessions = this.#sessions.filter((session) => !sources.includes(session))
    for (const source of sources) this.#listener.gone(source)
    this.#sessions.push(this.#listener.came(merge.into, first.stateWindow))
    onMerge({
      into: merge.into,
      sources: sources.map((session) => session.window),
      stateWindow: first.stateWindow,
      otherStateWindows: others.map((session) => session.stateWindow),
    })
    return merge.into
  }

  /** Undefined if the window is gone: merged into another, or retired. */
  stateWindowOf(window: Window): Window | undefined {
    return this.#find(window)?.stateWindow
  }

  retire(window: Window): void {
    const session = this.#find(window)
    if (session === undefined) return
    this.#sessions = this.#sessions.filter((each) => each !== session)
    this.#listener.gone(session)
  }

  #find(window: Window): S | undefined {
    return this.#sessions.find((session) => sameWindow(session.window, window))
  }
}
