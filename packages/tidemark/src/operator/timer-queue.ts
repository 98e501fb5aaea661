/**
 * The timers of one time domain of one operator: a set of (time, key, namespace) in time order.
 *
 * Owned by a TimerService; nobody else calls it.
 *
 *   TQ-1  At most one timer per (time, key, namespace).
 *   TQ-2  `pop` gives them by time, and those of equal time in the order of registration.
 *   TQ-3  A deleted timer stays in the heap until it surfaces or more than half of the heap is dead; so a
 *         deletion costs no search, and memory stays within twice the live timers.
 */
import { Heap } from '../base/heap.ts'
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'

export interface Timer {
  readonly key: Key
  /** Undefined for process functions, the window for window operators. */
  readonly namespace: Window | undefined
  readonly time: number
}

interface Entry extends Timer {
  readonly order: number
  live: boolean
}

const COMPACT_FROM = 64

const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

export class TimerQueue {
  #heap = new Heap<Entry>(before)
  readonly #byKey = new Map<Key, Map<number | string, Entry>>()
  #size = 0
  #order = 0

  get size(): number {
    return this.#size
  }

  /** False if it was there already. */
  add(key: Key, namespace: Window | undefined, time: number): boolean {
    let ofKey = this.#byKey.get(key)
    if (ofKey === undefined) {
      ofKey = new Map()
      this.#byKey.set(key, ofKey)
    }
    const id = idOf(namespace, time)
    if (ofKey.has(id)) return false
    const entry: Entry = { key, namespace, time, order: this.#order++, live: true }
    ofKey.set(id, entry)
    this.#heap.push(entry)
    this.#size += 1
    return true
  }

  delete(key: Key, namespace: Window | undefined, time: number): boolean {
    const entry = this.#byKey.get(key)?.get(idOf(namespace, time))
    if (entry === undefined) return false
    this.#forget(entry)
    const heap = this.#heap
    if (heap.size > COMPACT_FROM && heap.size > 2 * this.#size) {
      this.#heap = new Heap<Entry>(before)
      for (const each of heap.values()) if (each.live) this.#heap.push(each)
    }
    return true
  }

  peek(): Timer | undefined {
    for (;;) {
      const entry = this.#heap.peek()
      if (entry === undefined || entry.live) return entry
      this.#heap.pop()
    }
  }

  /** Removes and returns the first timer if it is due at `time`. */
  pop(time: number): Timer | undefined {
    const entry = this.peek() as Entry | undefined
    if (entry === undefined || entry.time > time) return undefined
    this.#heap.pop()
    this.#forget(entry)
    return entry
  }

  /** All, in the order in which they would fire. */
  sorted(): Timer[] {
    const live: Entry[] = []
    for (const entry of this.#heap.values()) if (entry.live) live.push(entry)
    return live.sort((a, b) => a.time - b.time || a.order - b.order)
  }

  #forget(entry: Entry): void {
    entry.live = false
    this.#size -= 1
    const ofKey = this.#byKey.get(entry.key)
    ofKey?.delete(idOf(entry.namespace, entry.time))
    if (ofKey?.size === 0) this.#byKey.delete(entry.key)
  }
}

function idOf(namespace: Window | undefined, time: number): number | string {
  return namespace === undefined ? time : `${time} ${namespace.start} ${namespace.end}`
}
