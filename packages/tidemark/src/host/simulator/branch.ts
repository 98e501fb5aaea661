/**
 * What a branch of a simulated job is, and the plain folds that its oracle is made of.
 *
 * Used by branches.ts and the files it draws from. Nothing here calls the engine, which is what it is worth.
 *
 *   BR-1  The lines of a branch do not depend on the order in which records of different splits come.
 *   BR-2  What a branch says of a moment depends on the records read until then and on event time alone.
 */
import type { Stream } from '../../api/streams.ts'
import { MAX_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import type { SinkSpec } from '../../graph/sink.ts'
import type { Row } from './inputs.ts'
import { heldIn, LAST_VERSION, operatorIn, renamed, type Version } from './versions.ts'

export type Rows = Stream<Row, 'exactly-once'>

export interface Entry {
  readonly key: Key
  /** [start, end] of a window; undefined or null where there is none. */
  readonly namespace: unknown
  readonly value: unknown
}

/** A cut through the running job: a checkpoint, or the end. Operators and states have the names of the first version. */
export interface Moment {
  /** Of the job that made it. */
  readonly version: Version
  /** How far event time has come at `operator`, ms. */
  watermark(operator: string): number
  /** Keyed state `name` of `operator`. */
  entries(operator: string, name: string): readonly Entry[]
}

/** Everything was read, every window has spoken, nothing waits. */
export const END: Moment = { version: LAST_VERSION, watermark: () => MAX_TIMESTAMP, entries: () => [] }

export interface Branch {
  /** Plain data: printed with a failing seed. */
  readonly plan: Readonly<Record<string, unknown>>
  readonly directories: readonly string[]
  /** `bite` is called in its user functions with ids of records; it throws where the seed says so. */
  build(rows: Rows, bite: (id: number) => void, version: Version): void
  /** What it has put out once `rows` were read. */
  lines(rows: readonly Row[], moment: Moment): readonly unknown[]
  /** Its keyed state once `rows` were read, against a fold over them: what is wrong, if anything. */
  checkState?(rows: readonly Row[], moment: Moment): string | undefined
  /** An operator whose watermark shows how far event time has come. */
  readonly clock?: string
  /** Most records that one watermark lets `sender` put into one channel; 0: none but what it is given. */
  mostAtOnce?(rows: readonly Row[], sender: string): number
}

/** States that branches declare; the others are the engine's own and keep their names. */
export const DECLARED: ReadonlySet<string> = new Set(['buckets', 'counts', 'ids', 'seen', 'waiting', 'told'])

/** To a sink that is called `name` in the first version. */
export function write<T>(lines: Stream<T, 'exactly-once'>, name: string, sink: SinkSpec<T, 'transactional'>, version: Version): void {
  renamed(lines.to(operatorIn(version, name), sink), version, name)
}

/** Start of the window of `size` that holds `at`. */
export const floor = (at: number, size: number, offset: number): number =>
  Math.floor((at - offset) / size) * size + offset

export interface Total { n: number; sum: number; max: number }
export type Group = readonly [key: number, start: number, total: Total]

/** Adds up per key and window start: the only way the oracle groups anything. */
export class Totals {
  readonly #groups = new Map<number, Map<number, Group>>()

  add(key: number, start: number, value: number): void {
    let ofKey = this.#groups.get(key)
    if (ofKey === undefined) {
      ofKey = new Map()
      this.#groups.set(key, ofKey)
    }
    const found = ofKey.get(start)?.[2]
    if (found === undefined) {
      ofKey.set(start, [key, start, { n: 1, sum: value, max: value }])
      return
    }
    found.n += 1
    found.sum += value
    found.max = Math.max(found.max, value)
  }

  all(): Group[] {
    return [...this.#groups.values()].flatMap((ofKey) => [...ofKey.values()])
  }
}

/** A list of keyed entries, comparable whatever its order: what each is, to how often it is there. */
export class Bag {
  readonly #counts = new Map<string, number>()

  /** `window`: its start and end, or undefined. */
  add(key: Key, window: readonly [number, number] | undefined, value: unknown): void {
    const id = `${key}@${window === undefined ? '' : `${window[0]}-${window[1]}`} ${JSON.stringify(value)}`
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1)
  }

  addEntries(entries: readonly Entry[]): this {
    for (const { key, namespace, value } of entries) {
      this.add(key, Array.isArray(namespace) ? (namespace as [number, number]) : undefined, value)
    }
    return this
  }

  /** The first difference from what was expected, in words; undefined: none. */
  differs(expected: Bag, what: string): string | undefined {
    for (const [id, n] of expected.#counts) {
      if (this.#counts.get(id) !== n) return `${what}: ${id} is there ${this.#counts.get(id) ?? 0} times, not ${n}`
    }
    for (const [id, n] of this.#counts) {
      if (!expected.#counts.has(id)) return `${what}: ${id} is there ${n} times, and should not be`
    }
    return undefined
  }
}

export const stateOf = (moment: Moment, operator: string, name: string): Bag =>
  new Bag().addEntries(moment.entries(operator, name))

/** How often each key occurs. */
export function countKeys(keys: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** State that counts records per key, as its version does, against the records. */
export function checkCounts(
  keys: Iterable<number>, moment: Moment, operator: string, name: string,
): string | undefined {
  const expected = new Bag()
  const held = heldIn(moment.version)
  for (const [key, n] of countKeys(keys)) expected.add(key, undefined, held.of(n))
  return stateOf(moment, operator, name).differs(expected, `${name} of ${operator}`)
}
