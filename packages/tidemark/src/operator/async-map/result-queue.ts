/**
 * The records whose results are still to come, and the marks (watermarks, idleness) between them.
 *
 * Owned by one AsyncMap. Records lie in segments; a mark closes the segment before it. Results of the
 * first segment go out as they come, those of later ones wait. Ordered: a segment for each record.
 *
 *   AQ-1  A mark goes out after the results of all records before it, and before those of any after it.
 *   AQ-2  Ordered: results go out in the order of the records.
 *   AQ-3  `records` gives exactly those whose result has not gone out, in the order in which they came.
 *   AQ-4  Two marks of a kind with no record between them are one: the later. So marks do not pile up.
 *
 * Source: Flink OrderedStreamElementQueue, UnorderedStreamElementQueue.
 */
import { assert } from '../../base/assert.ts'

export type Mark =
  | { readonly kind: 'watermark'; readonly watermark: number }
  | { readonly kind: 'idle'; readonly idle: boolean }

export interface Entry {
  readonly value: unknown
  readonly timestamp: number
}

interface Segment {
  /** In order of arrival, those with a result that has to wait included. */
  readonly records: Set<Entry>
  /** Sends the result; those that have to wait, in the order in which they came. */
  readonly ready: [Entry, () => void][]
  readonly marks: Mark[]
  next: Segment | undefined
}

export class ResultQueue {
  readonly #ordered: boolean
  readonly #send: (mark: Mark) => void
  readonly #segmentOf = new Map<Entry, Segment>()
  #first: Segment | undefined
  #last: Segment | undefined

  constructor(ordered: boolean, send: (mark: Mark) => void) {
    this.#ordered = ordered
    this.#send = send
  }

  get empty(): boolean {
    return this.#first === undefined
  }

  add(entry: Entry): void {
    const last = this.#last
    const segment = last === undefined || this.#ordered || last.marks.length > 0 ? this.#append() : last
    segment.records.add(entry)
    this.#segmentOf.set(entry, segment)
  }

  /** At once where nothing is before it. */
  mark(mark: Mark): void {
    const last = this.#last
    if (last === undefined) {
      this.#send(mark)
      return
    }
    if (last.marks.at(-1)?.kind === mark.kind) last.marks.pop()
    last.marks.push(mark)
  }

  /** The result of `entry` is there: it and all that waited for it goes out as soon as it may. */
  complete(entry: Entry, send: () => void): void {
    const segment = this.#segmentOf.get(entry)
    assert(segment !== undefined, 'a record is completed once')
    this.#segmentOf.delete(entry)
    segment.ready.push([entry, send])
    for (let first = this.#first; first !== undefined; first = this.#first) {
      for (const [done, sendResult] of first.ready.splice(0)) {
        first.records.delete(done)
        sendResult()
      }
      if (first.records.size > 0) return
      this.#first = first.next
      if (this.#first === undefined) this.#last = undefined
      for (const mark of first.marks) this.#send(mark)
    }
  }

  * records(): Generator<Entry, void, undefined> {
    for (let segment = this.#first; segment !== undefined; segment = segment.next) yield* segment.records
  }

  #append(): Segment {
    const segment: Segment = { records: new Set(), ready: [], marks: [], next: undefined }
    if (this.#last === undefined) this.#first = segment
    else this.#last.next = segment
    this.#last = segment
    return segment
  }
}
