/**
 * Changelogs: streams of changes to a table, after Flink's RowKind.
 *
 * A changelog says of each row when it came, how it changed and when it went. An update is two changes:
 * the row as it was, then the row as it is; so whatever counts rows can take back the old one. Types and
 * the making of changes; what consumes them is in changelog-groups.ts and top-n.ts.
 */
import { ByteWriter } from '../base/bytes.ts'
import type { Key } from '../graph/key.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import type { KeySelector, ProcessSpec } from '../graph/operator-spec.ts'
import { encodeValue } from '../record/value-codec.ts'
import type { ValueState } from '../state/handles.ts'
import type { SumOptions } from './aggregates.ts'
import { requireFunction } from './checks.ts'
import { E167_NO_CHANGE } from './function-errors.ts'
import type { Aggregates, Flat, Keyed, Renamed, Results, Stream } from './streams.ts'
import type { TopOptions, TopRow } from './top-n.ts'

/** insert: a new row. update-before, update-after: a row as it was, and as it is. delete: a row is gone. */
export type ChangeOp = 'insert' | 'update-before' | 'update-after' | 'delete'

export interface Change<T> {
  readonly op: ChangeOp
  readonly row: T
}

/** A stream of changes that is consistent: what is taken back was put in before. */
export interface Changelog<T, G extends Guarantee = Guarantee> extends Stream<Change<T>, G> {
  /** Rows of one group are counted in one place. A row that changes its group leaves the old one. */
  groupBy<K extends Key>(fn: (row: T) => K): GroupedChangelog<K, T, G>
}

export interface NamedChangelog<T, G extends Guarantee = Guarantee> extends Changelog<T, G>, Renamed {}

/** Running results per group, themselves changelogs: a group whose last row goes is deleted. */
export interface GroupedChangelog<K, T, G extends Guarantee = Guarantee> {
  count(name: string): NamedChangelog<Keyed<K, number>, G>
  sum(name: string, fn: (row: T) => number, options?: SumOptions): NamedChangelog<Keyed<K, number>, G>
  /**
   * Several aggregates at once. Counts and sums of integers take rows back exactly; for all others the
   * rows of a group are kept, and the result is computed anew when one is taken back.
   */
  aggregate<A extends Aggregates<T>>(
    name: string, aggregates: A,
  ): NamedChangelog<Flat<{ readonly key: K } & Results<A>>, G>
  /** The first `n` rows of each group; all rows of it are kept, since one may move up. */
  topN(name: string, n: number, options: TopOptions<T>): NamedChangelog<TopRow<K, T>, G>
}

export interface LatestOptions<T> {
  /** True: this record says that the row of its key is gone. */
  readonly deleted?: (record: T) => boolean
}

/** What happened to a table when a row became another one; undefined is no row. */
export function changesBetween<T>(before: T | undefined, after: T | undefined): readonly Change<T>[] {
  if (before === undefined) return after === undefined ? [] : [{ op: 'insert', row: after }]
  if (after === undefined) return [{ op: 'delete', row: before }]
  if (sameValue(before, after)) return []
  return [{ op: 'update-before', row: before }, { op: 'update-after', row: after }]
}

/** True if the change takes its row back. */
export const takesBack = ({ op }: Change<unknown>): boolean => op === 'update-before' || op === 'delete'

/** A record that says it is a change; anything else is E167. */
export function changeOf(record: unknown, operator: string): Change<unknown> {
  const { op } = (record ?? {}) as Partial<Change<unknown>>
  switch (op) {
    case 'insert':
    case 'update-before':
    case 'update-after':
    case 'delete':
      return record as Change<unknown>
    default:
      throw E167_NO_CHANGE({ operator, given: record }, { place: { operator } })
  }
}

/** Equal as stored: values have no identity of their own once they have been in a checkpoint. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  const [x, y] = [bytesOf(a), bytesOf(b)]
  return x.length === y.length && x.every((byte, i) => byte === y[i])
}

function bytesOf(value: unknown): Uint8Array {
  const writer = new ByteWriter()
  encodeValue(writer, value)
  return writer.toBytes()
}

/** A process function that says itself how its input is keyed. */
export type KeyingSpec = ProcessSpec & { readonly keyOf: KeySelector }

interface Context {
  readonly state: { readonly row: ValueState<unknown> }
}

const STATE = { row: { kind: 'value', version: 1 } } as const

/** The last record of each key is its row. */
export function latestBySpec(keyOf: KeySelector, options: LatestOptions<unknown> = {}): KeyingSpec {
  const deleted = options.deleted === undefined ? () => false : requireFunction(options.deleted, 'deleted')
  return {
    kind: 'process', label: 'latest by key', state: STATE, sides: [],
    keyOf: requireFunction(keyOf, 'latestBy'),
    onRecord: (record: unknown, context: Context) => replace(context, deleted(record) ? undefined : record),
  }
}

/** The row of each key after each change of it; the rows that changes claim to replace are not believed. */
export function normalizeSpec(name: string, keyOf: KeySelector): KeyingSpec {
  const keyOfRow = requireFunction(keyOf, 'normalize')
  return {
    kind: 'process', label: 'normalize changelog', state: STATE, sides: [],
    keyOf: (record) => keyOfRow(changeOf(record, name).row),
    onRecord({ op, row }: Change<unknown>, context: Context) {
      return op === 'update-before' ? [] : replace(context, op === 'delete' ? undefined : row)
    },
  }
}

function replace({ state }: Context, after: unknown): readonly Change<unknown>[] {
  const changes = changesBetween(state.row.get(), after)
  if (after === undefined) state.row.clear()
  else state.row.set(after)
  return changes
}
