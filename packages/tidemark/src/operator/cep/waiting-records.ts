/**
 * Records of all keys that wait for the watermark to reach their event time.
 *
 * Owned by the match operator. Records that come in order of event time are appended to arrays and cost no
 * object; those that come after a later one go through a heap.
 *
 *   WR-1  `take` gives records by event time, then in order of arrival, also across restores within a key.
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
  /**
   * In order of time; the three are in step, and hold what waits from `#head` up to `#tail`. What is in the
   * heap came after all of them that have its time.
   */
  #times: number[] = []
  #keys: Key[] = []
  #values: unknown[] = []
  #head = 0
  /** Kept apart from the length: an array that is emptied by its length must grow anew each time. */
  #tail = 0
  readonly #late = new Heap<Waiting>(before)
  #order = 0

  add(key: Key, value: unknown, time: number): void {
    const tail = this.#tail
    if (tail > this.#head && (this.#times[tail - 1] as number) > time) {
      this.#late.push({ time, order: this.#order++, key, value })
      return
    }
    this.#times[tail] = time
    this.#keys[tail] = key
    this.#values[tail] = value
    this.#tail = tail + 1
  }

  /** Gives the records up to `limit` to `visit`, which adds none, and makes their room free again. */
  take(limit: number, visit: (key: Key, value: unknown, time: number) => void): void {
    const times = this.#times
    const keys = this.#keys
    const values = this.#values
    const tail = this.#tail
    const late = this.#late
    let head = this.#head
    let other = late.peek()
    for (;;) {
      const time = head < tail ? (times[head] as number) : Infinity
      if (other !== undefined && other.time < time) {
        if (other.time > limit) break
        const { key, value, time: own } = other
        late.pop()
        other = late.peek()
        visit(key, value, own)
        continue
      }
      if (time > limit || head === tail) break
      const value = values[head]
      values[head] = undefined
      head += 1
      this.#head = head
      visit(keys[head - 1] as Key, value, time)
    }
    this.#free()
  }

  #free(): void {
    const head = this.#head
    const left = this.#tail - head
    if (left > head || head === 0) return
    this.#head = 0
    this.#tail = left
    if (left === 0 && this.#times.length <= ROOM_KEPT) return
    // At least half of it was given, so each record is moved once on average.
    this.#times = this.#times.slice(head, head + left)
    this.#keys = this.#keys.slice(head, head + left)
    this.#values = this.#values.slice(head, head + left)
  }

  /** For each key its records as [time, record]; those of one time in order of arrival. */
  snapshot(maxParallelism: number): KeyedStateSnapshot {
    const byKey = new Map<Key, (readonly [number, unknown])[]>()
    const put = (key: Key, time: number, value: unknown): void => {
      const known = byKey.get(key)
      if (known === undefined) byKey.set(key, [[time, value]])
      else known.push([time, value])
    }
    for (let i = this.#head; i < this.#tail; i++) {
      put(this.#keys[i] as Key, this.#times[i] as number, this.#values[i])
    }
    const late = [...this.#late.values()].sort((a, b) => a.order - b.order)
    for (const { key, time, value } of late) put(key, time, value)
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
