/**
 * What is due at which time of event time: a heap for what is near, and buckets for the rest.
 *
 * Owned by open-sessions.ts. Nearly all that is put in is due much later than what comes out next, and
 * together with much else; so it goes into the bucket of its time, and into the heap with that bucket. The
 * heap stays small, where a heap of all would miss the cache at every level.
 *
 *   DQ-1  What is due comes out in order of time, and of equal time in the order in which it was put in.
 *   DQ-2  The heap has all that is due before `near`, the buckets have the rest.
 *
 * Source: calendar queues (Brown, CACM 1988), with a heap in place of sorted buckets.
 */
import { Heap } from '../base/heap.ts'
import { windowStart } from '../time/window-assigner.ts'

export interface Due<T> {
  readonly time: number
  readonly order: number
  readonly item: T
}

const before = <T>(a: Due<T>, b: Due<T>): boolean =>
  a.time < b.time || (a.time === b.time && a.order < b.order)

export class DueQueue<T> {
  readonly #widthMs: number
  readonly #heap = new Heap<Due<T>>(before)
  /** By the time at which they begin, a multiple of the width. */
  readonly #buckets = new Map<number, Due<T>[]>()
  readonly #begins = new Heap<number>((a, b) => a < b)
  #near = -Infinity
  #order = 0

  /** `widthMs`: time that shares a bucket, at least 1; a small part of how far ahead things are put in. */
  constructor(widthMs: number) {
    this.#widthMs = widthMs
  }

  push(time: number, item: T): void {
    const due = { time, order: this.#order++, item }
    if (time < this.#near) {
      this.#heap.push(due)
      return
    }
    // Not by division: its rounding would move what is due in the last moments of a far bucket to the next.
    const begin = windowStart(time, 0, this.#widthMs)
    const bucket = this.#buckets.get(begin)
    if (bucket !== undefined) {
      bucket.push(due)
      return
    }
    this.#buckets.set(begin, [due])
    this.#begins.push(begin)
  }

  /** Removes and gives the first, if it is due at `time` or before. */
  pop(time: number): Due<T> | undefined {
    for (;;) {
      const first = this.#heap.peek()
      if (first !== undefined) return first.time <= time ? this.#heap.pop() : undefined
      const begin = this.#begins.peek()
      if (begin === undefined || begin > time) return undefined
      this.#begins.pop()
      this.#near = begin + this.#widthMs
      for (const due of this.#buckets.get(begin) ?? []) this.#heap.push(due)
      this.#buckets.delete(begin)
    }
  }
}
