/**
 * The timers of one time domain of one operator: a set of (time, key, namespace) in time order.
 *
 * Owned by a TimerService; nobody else calls it.
 *
 *   TQ-1  At most one timer per (time, key, namespace).
 *   TQ-2  `pop` gives them by time, and those of equal time in the order of registration.
 *   TQ-3  A deleted timer stays in the heap until it surfaces or more than half of the heap is dead; so a
 *         deletion costs no search, and memory stays within twice the live timers.
 *   TQ-4  The order of registration is all that a snapshot has to keep: what is added to another queue in
 *         this order fires there in the same order as here.
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
  /** Of registration; unique in the queue. */
  order: number
  live: boolean
  /** Another timer of the same key and time, for another window. */
  next: Entry | undefined
}

const COMPACT_FROM = 64
/** So many numbers to each timer, and they are put in order by place and not by comparing. */
const PLACES_PER_TIMER = 4

const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

export class TimerQueue {
  #heap = new Heap<Entry>(before)
  /** By key and time, so that a registration of what is there already costs two look-ups. */
  readonly #byKey = new Map<Key, Map<number, Entry>>()
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
    const first = ofKey.get(time)
    if (find(first, namespace) !== undefined) return false
    const entry: Entry = { key, namespace, time, order: this.#order++, live: true, next: first }
    ofKey.set(time, entry)
    this.#heap.push(entry)
    this.#size += 1
    return true
  }

  delete(key: Key, namespace: Window | undefined, time: number): boolean {
    const entry = find(this.#byKey.get(key)?.get(time), namespace)
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

  /**
   * All, in the order of registration. Numbers them anew from 0 on, so that the next call finds few numbers
   * without a timer.
   */
  registered(): Timer[] {
    const entries = this.#inOrder()
    const live: Entry[] = []
    let order = 0
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]
      if (entry === undefined) continue
      // Dead ones, too: each keeps its place among the others, which is what the heap goes by.
      entry.order = order++
      if (entry.live) live.push(entry)
    }
    this.#order = order
    return live
  }

  /** Live and dead, by number; with gaps if they are put in order by place. */
  #inOrder(): (Entry | undefined)[] {
    const heap = this.#heap
    if (this.#order > PLACES_PER_TIMER * heap.size) {
      return [...heap.values()].sort((a, b) => a.order - b.order)
    }
    const places = Array<Entry | undefined>(this.#order)
    for (const entry of heap.values()) places[entry.order] = entry
    return places
  }

  #forget(entry: Entry): void {
    entry.live = false
    this.#size -= 1
    const ofKey = this.#byKey.get(entry.key)
    if (ofKey === undefined) return
    const rest = without(ofKey.get(entry.time), entry)
    if (rest === undefined) ofKey.delete(entry.time)
    else ofKey.set(entry.time, rest)
    if (ofKey.size === 0) this.#byKey.delete(entry.key)
  }
}

function find(first: Entry | undefined, namespace: Window | undefined): Entry | undefined {
  let entry = first
  while (entry !== undefined && !isSame(entry.namespace, namespace)) entry = entry.next
  return entry
}

/** The chain that begins with `first`, without `entry`. */
function without(first: Entry | undefined, entry: Entry): Entry | undefined {
  if (first === entry) return entry.next
  for (let at = first; at !== undefined; at = at.next) if (at.next === entry) at.next = entry.next
  return first
}

const isSame = (a: Window | undefined, b: Window | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.start === b.start && a.end === b.end)
