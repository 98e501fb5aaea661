/**
 * The timers of one time domain of one operator: a set of (time, key, namespace) in time order.
 *
 * Owned by a TimerService; nobody else calls it.
 *
 *   TQ-1  At most one timer per (time, key, namespace).
 *   TQ-2  `pop` gives them by time, and those of equal time in the order of registration.
 *   TQ-3  A deleted timer stays in the heap until it surfaces or more than half of the heap is dead; so a
 *         deletion costs no search, and memory stays within twice the live timers.
 *   TQ-4  `slots` gives them in the order of registration, which is all that a snapshot has to keep: what is added to
 *         another queue in this order fires there in the same order as here. Those of the last cut may be gone through while
 *         timers come and go; of what has come meanwhile some is given, too.
 *   TQ-5  As keyed state they are a bag (segment-chain.ts): what is written of one, also when it goes, is all of it.
 */
import { Heap } from '../base/heap.ts'
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'
import { GONE, type Slot } from '../state/change-log.ts'
import type { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent } from '../state/snapshot.ts'
import { PassingLog } from './passing-log.ts'

export interface Timer {
  readonly key: Key
  /** Undefined for process functions, the window for window operators. */
  readonly namespace: Window | undefined
  readonly time: number
}

interface Entry extends Timer, Slot {
  /** Of registration; unique in the queue. */
  readonly order: number
  /** Another timer of the same key and time, for another window. */
  next: Entry | undefined
  /** In the order of registration. */
  earlier: Entry | undefined
  later: Entry | undefined
}

const COMPACT_FROM = 64

const isLive = ({ touched }: Entry): boolean => touched !== GONE
const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

export class TimerQueue implements TrackedTable {
  readonly log = new PassingLog()
  readonly #builder: (extent: Extent) => KeyedSnapshotBuilder
  #heap = new Heap<Entry>(before)
  /** By key and time, so that a registration of what is there already costs two look-ups. */
  readonly #byKey = new Map<Key, Map<number, Entry>>()
  #first: Entry | undefined
  #last: Entry | undefined
  /** How far whoever goes through those of the last cut has come. */
  #cut: { next: Entry | undefined } = { next: undefined }
  #size = 0
  #order = 0

  /** `builder`: of snapshots. */
  constructor(builder: (extent: Extent) => KeyedSnapshotBuilder) {
    this.#builder = builder
  }

  get count(): number {
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
    const earlier = this.#last
    const entry: Entry = { touched: 0, key, namespace, time, order: this.#order++, next: first, earlier, later: undefined }
    if (earlier === undefined) this.#first = entry
    else earlier.later = entry
    this.#last = entry
    ofKey.set(time, entry)
    this.#heap.push(entry)
    this.#size += 1
    this.log.came(entry)
    return true
  }

  delete(key: Key, namespace: Window | undefined, time: number): boolean {
    const entry = find(this.#byKey.get(key)?.get(time), namespace)
    if (entry === undefined) return false
    this.#forget(entry)
    const heap = this.#heap
    if (heap.size > COMPACT_FROM && heap.size > 2 * this.#size) {
      this.#heap = new Heap<Entry>(before)
      for (const each of heap.values()) if (isLive(each)) this.#heap.push(each)
    }
    return true
  }

  peek(): Timer | undefined {
    for (;;) {
      const entry = this.#heap.peek()
      if (entry === undefined || isLive(entry)) return entry
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

  builder(extent: Extent): KeyedSnapshotBuilder {
    return this.#builder(extent)
  }

  * slots(as: 'of now' | 'of the cut'): Generator<readonly [Key, Entry], void, undefined> {
    const cursor = { next: this.#first }
    if (as === 'of the cut') this.#cut = cursor
    for (let entry = cursor.next; entry !== undefined; entry = cursor.next) {
      cursor.next = entry.later
      yield [entry.key, entry]
    }
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, this.namespaceOf(slot), this.valueIn(slot))
    return true
  }

  drop(): void {}

  namespaceOf(slot: Slot): readonly [number, number] | undefined {
    const { namespace } = slot as Entry
    return namespace === undefined ? undefined : [namespace.start, namespace.end]
  }

  valueIn(slot: Slot): number {
    return (slot as Entry).time
  }

  #forget(entry: Entry): void {
    this.log.gone(entry)
    this.#size -= 1
    const { earlier, later } = entry
    if (this.#cut.next === entry) this.#cut.next = later
    // Whoever keeps what has gone must not keep others with it.
    entry.earlier = entry.later = undefined
    if (earlier === undefined) this.#first = later
    else earlier.later = later
    if (later === undefined) this.#last = earlier
    else later.earlier = earlier
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
  const { next } = entry
  entry.next = undefined
  if (first === entry) return next
  for (let at = first; at !== undefined; at = at.next) if (at.next === entry) at.next = next
  return first
}

const isSame = (a: Window | undefined, b: Window | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.start === b.start && a.end === b.end)
