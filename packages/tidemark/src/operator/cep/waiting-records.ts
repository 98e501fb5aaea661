/**
 * Records of all keys that wait for the watermark to reach their event time.
 *
 * Owned by the match operator. Records that come in order of event time are appended to arrays and cost no
 * object; those that come after a later one go through a heap.
 *
 *   WR-1  `next` gives records by event time, then in order of arrival, also across restores within a key.
 *   WR-2  What was given is not referred to any more; room is that of the records that wait, and at most
 *         as much again.
 *
 * Source: Flink CepOperator's elementQueueState, which is a map from time to records for each key.
 */
import { Heap } from '../../base/heap.ts'
import type { Key } from '../../graph/key.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../../state/snapshot.ts'

interface Waiting {
  readonly time: number
  readonly order: number
  readonly key: Key
  readonly value: unknown
}

const NAME = 'waiting'
/** Arrays with room for more than this are let go of when they are empty. */
const ROOM_KEPT = 65_536

const before = (a: Waiting, b: Waiting): boolean =>
  a.time < b.time || (a.time === b.time && a.order < b.order)

export class WaitingRecords {
  /** In order of time; the four are in step, and hold what waits from `#head` up to `#tail`. */
  #times: number[] = []
  #orders: number[] = []
  #keys: Key[] = []
  #values: unknown[] = []
  #head = 0
  /** Kept apart from the length: an array that is emptied by its length must grow anew each time. */
  #tail = 0
  readonly #late = new Heap<Waiting>(before)
  #order = 0

  /** Of the record that `next` gave last. */
  time = 0
  key: Key = ''
  value: unknown

  add(key: Key, value: unknown, time: number): void {
    const order = this.#order++
    const tail = this.#tail
    if (tail > this.#head && (this.#times[tail - 1] as number) > time) {
      this.#late.push({ time, order, key, value })
      return
    }
    this.#times[tail] = time
    this.#orders[tail] = order
    this.#keys[tail] = key
    this.#values[tail] = value
    this.#tail = tail + 1
  }

  /** False if no record up to `limit` waits. Otherwise the record is in `time`, `key` and `value`. */
  next(limit: number): boolean {
    const head = this.#head
    const time = head < this.#tail ? (this.#times[head] as number) : Infinity
    const other = this.#late.peek()
    if (other !== undefined) {
      const first = other.time < time || (other.time === time && other.order < (this.#orders[head] as number))
      if (first) {
        if (other.time > limit) return false
        this.#late.pop()
        this.time = other.time
        this.key = other.key
        this.value = other.value
        return true
      }
    }
    if (time > limit) return false
    this.time = time
    this.key = this.#keys[head] as Key
    this.value = this.#values[head]
    this.#values[head] = undefined
    this.#head = head + 1
    return true
  }

  /** To be called after a run of `next`: makes the room of what was given free again. */
  forget(): void {
    const head = this.#head
    const left = this.#tail - head
    this.value = undefined
    if (left > head || head === 0) return
    this.#head = 0
    this.#tail = left
    if (left === 0 && this.#times.length <= ROOM_KEPT) return
    // At least half of it was given, so each record is moved once on average.
    this.#times = this.#times.slice(head, head + left)
    this.#orders = this.#orders.slice(head, head + left)
    this.#keys = this.#keys.slice(head, head + left)
    this.#values = this.#values.slice(head, head + left)
  }

  /** For each key its records as [time, record], in order of arrival. */
  snapshot(maxParallelism: number): KeyedStateSnapshot {
    const all: Waiting[] = [...this.#late.values()]
    for (let i = this.#head; i < this.#tail; i++) {
      all.push({
        time: this.#times[i] as number, order: this.#orders[i] as number,
        key: this.#keys[i] as Key, value: this.#values[i],
      })
    }
    const byKey = new Map<Key, (readonly [number, unknown])[]>()
    for (const { key, time, value } of all.sort((a, b) => a.order - b.order)) {
      const known = byKey.get(key)
      if (known === undefined) byKey.set(key, [[time, value]])
      else known.push([time, value])
    }
    const builder = new KeyedSnapshotBuilder({ name: NAME, kind: 'list', version: 1, maxParallelism })
    for (const [key, records] of byKey) builder.put(key, undefined, records)
    return builder.build()
  }

  restore(restored: RestoredOperator): void {
    const all: { readonly key: Key; readonly time: number; readonly value: unknown }[] = []
    for (const { key, value: records } of restored.keyed(NAME)) {
      for (const [time, value] of records as readonly (readonly [number, unknown])[]) {
        all.push({ key, time, value })
      }
    }
    // Sorted, so that they are appended; the sort is stable, which keeps the order of arrival within a key.
    for (const { key, time, value } of all.sort((a, b) => a.time - b.time)) this.add(key, value, time)
  }
}
