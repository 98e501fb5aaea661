/**
 * Records of all keys that wait for the watermark to reach their event time.
 *
 * Owned by the match operator. Records that come in order of event time are appended to a list of chunks and
 * cost no object; those that come after a later one go through a heap.
 *
 *   WR-1  `take` gives records by event time, then in order of arrival, also across restores within a key.
 *   WR-2  What was given is not referred to any more; room is that of the records that wait, and less than
 *         two chunks.
 *   WR-3  A chunk is filled once and then let go of. V8 has to remember each new object that is put into an
 *         array which has grown old, so to fill the same one again and again costs more than a new one.
 *
 * Source: Flink CepOperator's elementQueueState, which is a map from time to records for each key.
 */
import { Heap } from '../../base/heap.ts'
import type { Key } from '../../graph/key.ts'
import { EntrySlices } from '../../state/entry-slices.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { RestoredOperator, SnapshotSlices } from '../../state/snapshot.ts'
import type { KeyMatches } from './key-matches.ts'

interface Waiting {
  readonly time: number
  readonly order: number
  readonly place: KeyMatches
  readonly value: unknown
}

const NAME = 'waiting'
const CHUNK_RECORDS = 512

/** The three arrays are in step, and hold what waits from `head` up to `tail`. */
class Chunk {
  readonly times = Array<number>(CHUNK_RECORDS)
  readonly places = Array<KeyMatches>(CHUNK_RECORDS)
  readonly values = Array<unknown>(CHUNK_RECORDS)
  head = 0
  tail = 0
  next: Chunk | undefined = undefined
}

const before = (a: Waiting, b: Waiting): boolean =>
  a.time < b.time || (a.time === b.time && a.order < b.order)

export class WaitingRecords {
  /** In order of time. What is in the heap came after all of them that have its time. */
  #first = new Chunk()
  #last = this.#first
  readonly #late = new Heap<Waiting>(before)
  #order = 0
  /** Largest time so far. */
  #latest = -Infinity
  #limit: number

  /** `limit`: up to this time, records came and went before. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** All up to this time have been taken; what has such a time must not be added. */
  get limit(): number {
    return this.#limit
  }

  get size(): number {
    let size = this.#late.size
    for (let chunk: Chunk | undefined = this.#first; chunk !== undefined; chunk = chunk.next) {
      size += chunk.tail - chunk.head
    }
    return size
  }

  /** `place`: that of the key of the record. */
  add(place: KeyMatches, value: unknown, time: number): void {
    if (time < this.#latest) {
      this.#late.push({ time, order: this.#order++, place, value })
      return
    }
    this.#latest = time
    let chunk = this.#last
    if (chunk.tail === CHUNK_RECORDS) {
      chunk.next = new Chunk()
      chunk = chunk.next
      this.#last = chunk
    }
    const { tail } = chunk
    chunk.times[tail] = time
    chunk.places[tail] = place
    chunk.values[tail] = value
    chunk.tail = tail + 1
  }

  /** Gives the records up to `limit` to `visit`, which adds none; `reach` is told each time before. */
  take(
    limit: number, reach: (time: number) => void, visit: (place: KeyMatches, value: unknown) => void,
  ): void {
    this.#limit = limit
    const late = this.#late
    const anyLate = late.size > 0
    let nextLate = late.peek()?.time ?? Infinity
    const takeLate = (): void => {
      const { place, value, time } = late.pop() as Waiting
      nextLate = late.peek()?.time ?? Infinity
      reach(time)
      visit(place, value)
    }
    for (let chunk = this.#first; ; chunk = this.#first) {
      const { times, places, values, tail } = chunk
      let { head } = chunk
      let reached = -Infinity
      while (head < tail) {
        const time = times[head] as number
        if (time > limit) break
        if (anyLate) while (nextLate < time) takeLate()
        if (time !== reached) {
          reached = time
          reach(time)
        }
        const value = values[head]
        values[head] = undefined
        visit(places[head] as KeyMatches, value)
        head += 1
      }
      chunk.head = head
      if (head < CHUNK_RECORDS) break
      const { next } = chunk
      this.#first = next ?? new Chunk()
      if (next === undefined) this.#last = this.#first
      // Garbage that has grown old would keep all later chunks alive until the next full collection.
      else chunk.next = undefined
    }
    while (nextLate <= limit) takeLate()
  }

  /** The places that waiting records need. */
  places(): Set<KeyMatches> {
    const places = new Set<KeyMatches>()
    this.#forEach((place) => places.add(place))
    return places
  }

  /** For each key its records as [time, record], those of one time in order of arrival; they never change. */
  slices(maxParallelism: number): SnapshotSlices {
    const byKey = new Map<Key, (readonly [number, unknown])[]>()
    this.#forEach(({ key }, time, value) => {
      const known = byKey.get(key)
      if (known === undefined) byKey.set(key, [[time, value]])
      else known.push([time, value])
    })
    return new EntrySlices(
      [...byKey], (extent) => new KeyedSnapshotBuilder({ name: NAME, kind: 'list', version: 1, extent, maxParallelism }),
      (builder, [key, records]) => builder.put(key, undefined, records),
    )
  }

  restore(restored: RestoredOperator, placeOf: (key: Key) => KeyMatches): void {
    const all: { readonly key: Key; readonly time: number; readonly value: unknown }[] = []
    for (const { key, value: records } of restored.keyed(NAME)) {
      for (const [time, value] of records as readonly (readonly [number, unknown])[]) {
        all.push({ key, time, value })
      }
    }
    // Sorted, so that they are appended; the sort is stable, which keeps the order of arrival within a key.
    for (const { key, time, value } of all.sort((a, b) => a.time - b.time)) {
      this.add(placeOf(key), value, time)
    }
  }

  /** Those of one time in order of arrival. */
  #forEach(visit: (place: KeyMatches, time: number, value: unknown) => void): void {
    for (let chunk: Chunk | undefined = this.#first; chunk !== undefined; chunk = chunk.next) {
      const { times, places, values, head, tail } = chunk
      for (let i = head; i < tail; i++) visit(places[i] as KeyMatches, times[i] as number, values[i])
    }
    const late = [...this.#late.values()].sort((a, b) => a.order - b.order)
    for (const { place, time, value } of late) visit(place, time, value)
  }
}
