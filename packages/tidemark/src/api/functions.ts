/**
 * What streams and keyed streams can do with functions beyond those of streams.ts: connected streams,
 * broadcast state, asynchronous functions, first records, rankings, changelogs. Types only.
 */
import type { Key } from '../graph/key.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import type { AsyncFunction, AsyncOptions, AsyncStream } from './async.ts'
import type { BroadcastConnected, BroadcastDeclarations, BroadcastStream,
  KeyedBroadcastConnected } from './broadcast.ts'
import type { Change, Changelog, LatestOptions, NamedChangelog } from './changelog.ts'
import type { ConnectedKeyedStreams, ConnectedStreams } from './connect.ts'
import type { DedupeOptions } from './dedupe.ts'
import type { WideKey } from './joins.ts'
import type { Sortable } from './sorting.ts'
import type { Keyed, KeyedStream, NamedStream, Stream } from './streams.ts'
import type { TopOptions, TopRow } from './top-n.ts'

export interface StreamFunctions<T, G extends Guarantee> {
  /** Two streams of different records into one function each. */
  connect<U>(other: Stream<U, G>): ConnectedStreams<T, U, G>
  /** This stream and broadcast state. */
  connect<R, B>(other: BroadcastStream<R, B, G>): BroadcastConnected<T, R, B, G>
  /** Every record goes to every subtask of what is connected with it, and fills the maps declared here. */
  broadcast<const B extends BroadcastDeclarations>(states: B): BroadcastStream<T, B, G>
  /**
   * A function that waits for something outside, for up to `capacity` records at a time. Records in
   * flight are part of every checkpoint and are called again after a failure.
   */
  mapAsync<U>(name: string, fn: AsyncFunction<T, U>, options?: AsyncOptions<T, U>): AsyncStream<T, U, G>
  /** A table with the last record of each key, as a changelog. */
  latestBy<K extends Key>(
    name: string, key: (record: T) => K, options?: LatestOptions<T>,
  ): NamedChangelog<T, G>
  /** These records are changes: `{ op, row }`. */
  asChangelog<R>(this: Stream<Change<R>, G>): Changelog<R, G>
  /**
   * Changes without the rows they replace, such as an upsert log with deletes, as a changelog. Only
   * 'delete' takes a row away; 'insert' and 'update-after' put one in, 'update-before' is ignored.
   */
  normalize<R, K extends Key>(
    this: Stream<Change<R>, G>, name: string, key: (row: R) => K,
  ): NamedChangelog<R, G>
}

export interface KeyedFunctions<K, T, G extends Guarantee> {
  /** Two keyed streams into functions that share the state and the timers of equal keys. */
  connect<U, K2 extends WideKey<K>>(other: KeyedStream<K2, U, G>): ConnectedKeyedStreams<K | K2, T, U, G>
  /** This stream and broadcast state. */
  connect<R, B>(other: BroadcastStream<R, B, G>): KeyedBroadcastConnected<K, T, R, B, G>
  /** The first record of each key, or of each kind within a key. */
  dedupe(name: string, options?: DedupeOptions<T>): NamedStream<T, G>
  /** The first `n` records of each key in an order of your own, as a changelog of places. */
  topN(name: string, n: number, options: TopOptions<T>): NamedChangelog<TopRow<K, T>, G>
  /** The smallest value so far, for every record. */
  min(name: string, fn: (record: T) => number): NamedStream<Keyed<K, number>, G>
  max(name: string, fn: (record: T) => number): NamedStream<Keyed<K, number>, G>
  /** The record with the smallest value so far, for every record; of equal ones the first. */
  minBy(name: string, fn: (record: T) => Sortable): NamedStream<Keyed<K, T>, G>
  maxBy(name: string, fn: (record: T) => Sortable): NamedStream<Keyed<K, T>, G>
}
