/**
 * The fluent API: streams, keyed streams, windowed streams. Types only; fluent.ts builds the graph.
 *
 * Every call adds to the graph of the job and returns a new value; nothing runs. Whatever owns
 * state, a position or a transaction takes a name: the name is its state key, metric label and error
 * anchor. `G` is the guarantee of the job, which decides what `to` accepts.
 */
import type { Duration } from '../base/duration.ts'
import type { Key } from '../graph/key.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import type { Commit, SinkSpec } from '../graph/sink.ts'
import type { MalformedRow } from '../graph/source.ts'
import type { Aggregate, SumOptions } from './aggregates.ts'
import type { KeyedFunctions, StreamFunctions } from './functions.ts'
import type { KeyedJoins, StreamJoins } from './joins.ts'
import type { MatchOptions, Pattern, PatternMatch, PatternRecords, PatternStart,
  TimedOutMatch } from './patterns.ts'
import type { NoSides, NoState, ProcessHandlers, ProcessOptions, SideDeclarations, SideValue,
  StreamProcessHandlers, WindowContext } from './process.ts'
import type { EvolutionOptions, StateDeclarations } from './state.ts'
import type { Evictor, Trigger } from './triggers.ts'
import type { WindowAssigner } from './windows.ts'

/** Sinks a job may write to. The condition stays in a type argument, so that inference works. */
export type CommitFor<G extends Guarantee> =
  G extends 'exactly-once' ? 'transactional' | 'idempotent' : Commit

/** A named operator can say what it was called before, so that its state is found again. */
export interface Renamed {
  was(formerName: string): this
}

export interface Stream<T, G extends Guarantee = Guarantee> extends StreamFunctions<T, G>, StreamJoins<T, G> {
  /** Phantom: the record type. */
  readonly '~record'?: T

  map<U>(fn: (record: T) => U): Stream<U, G>
  filter<U extends T>(fn: (record: T) => record is U): Stream<U, G>
  filter(fn: (record: T) => boolean): Stream<T, G>
  /** Any number of records for each: an array, a Set, a generator. */
  flatMap<U>(fn: (record: T) => Iterable<U>): Stream<U, G>
  union<U>(other: Stream<U, G>): Stream<T | U, G>
  /** Each record goes to the first route whose test holds, else to `rest`. */
  split<const R extends Readonly<Record<string, (record: T) => boolean>>>(
    routes: R,
  ): { readonly [P in keyof R | 'rest']: Stream<T, G> }
  /** Records of one key are handled in one place, in order, with state of their own. */
  keyBy<K extends Key>(fn: (record: T) => K): KeyedStream<K, T, G>
  /** Spreads the records evenly over all subtasks; their order is lost. */
  rebalance(): Stream<T, G>
  /** Windows over all records, in one subtask. */
  windowAll(name: string, windows: WindowAssigner<T>, options?: WindowOptions<T>): WindowedStream<never, T, G>
  /** A function with side outputs; state and timers need `keyBy` before it. */
  process<O = never, const Side extends SideDeclarations = NoSides>(
    name: string, options: { readonly side?: Side }, handlers: StreamProcessHandlers<T, O, Side>,
  ): ProcessedStream<O, Side, G>
  /**
   * Prints each record, for looking at it: a tap and no sink, allowed in every job. Lines that
   * repeat after a recovery are marked as replayed.
   */
  print(label?: string): Stream<T, G>
  /** Writes to a sink, in one transaction with the checkpoints of the job. */
  to(name: string, sink: SinkSpec<T, CommitFor<G>>): Renamed
}

export interface NamedStream<T, G extends Guarantee = Guarantee> extends Stream<T, G>, Renamed {}

/** A row that could not become a record: its text, why not, and where it stands. */
export type InvalidRecord = MalformedRow

export interface SourceStream<T, G extends Guarantee = Guarantee> extends NamedStream<T, G> {
  /** What does not fit, if the source has `onInvalid: 'side'`. */
  readonly invalid: Stream<InvalidRecord, G>
}

export type ProcessedStream<O, Side, G extends Guarantee = Guarantee> = NamedStream<O, G> & {
  readonly side: { readonly [P in keyof Side]: Stream<SideValue<Side[P]>, G> }
}

export interface Keyed<K, V> {
  readonly key: K
  readonly value: V
}

/** Named aggregates of records `T`, e.g. `{ n: count(), delay: sum((f) => f.delay) }`. */
export type Aggregates<T> = Readonly<Record<string, Aggregate<T, unknown>>>
export type Results<A> = { readonly [P in keyof A]: A[P] extends Aggregate<never, infer Out> ? Out : never }

/** One flat object type out of several, so that messages and hovers are readable. */
export type Flat<T> = { readonly [P in keyof T]: T[P] } & {}
type KeyPart<K> = [K] extends [never] ? unknown : { readonly key: K }

export interface KeyedStream<K, T, G extends Guarantee = Guarantee>
  extends KeyedJoins<K, T, G>, KeyedFunctions<K, T, G> {
  window(name: string, windows: WindowAssigner<T>, options?: WindowOptions<T>): WindowedStream<K, T, G>
  /** Your own state machine per key, with declared state, timers and side outputs. */
  process<
    O = never,
    const S extends StateDeclarations = NoState,
    const Side extends SideDeclarations = NoSides,
  >(
    name: string, options: ProcessOptions<S, Side>, handlers: ProcessHandlers<K, T, O, S, Side>,
  ): ProcessedStream<O, Side, G>
  /** Complex events: every match of a pattern, in event time. See patterns.ts for what can be said. */
  match<E extends PatternRecords>(
    name: string,
    pattern: Pattern<T, E> | ((start: PatternStart<T>) => Pattern<T, E>),
    options?: MatchOptions<T>,
  ): MatchStream<K, T, E, G>
  /** Running result per key: one output for every record. `step` returns the new value. */
  reduce<A>(
    name: string, init: () => A, step: (value: A, record: T) => A, options?: EvolutionOptions<A>,
  ): NamedStream<Keyed<K, A>, G>
  count(name: string): NamedStream<Keyed<K, number>, G>
  sum(name: string, fn: (record: T) => number, options?: SumOptions): NamedStream<Keyed<K, number>, G>
  aggregate<A extends Aggregates<T>>(
    name: string, aggregates: A, options?: EvolutionOptions<Readonly<Partial<Record<keyof A, unknown>>>>,
  ): NamedStream<Flat<{ readonly key: K } & Results<A>>, G>
}

/** `version` and `upgrade` are of the accumulators or records that the window keeps. */
export interface WindowOptions<T = unknown> extends EvolutionOptions {
  /** Records this much behind the watermark still count; the window speaks again for each. Default 0. */
  readonly lateness?: Duration
  /** When the window speaks; default: at its end. */
  readonly trigger?: Trigger<T>
  /** Results before the end too: at most one in this span of the machine's clock, if a record came. */
  readonly early?: Duration
  /** Which records count; default: all. */
  readonly evictor?: Evictor<T>
}

/** A result of one window of one key; `end` is exclusive. Windows over all records have no key. */
export type WindowRow<K, V> = Flat<KeyPart<K> & { readonly start: Date; readonly end: Date } & V>
export type WindowResult<K, A> = WindowRow<K, { readonly value: A }>

/** A record all of whose windows were closed when it came. */
export type LateRecord<K, T> = Flat<
  KeyPart<K> & { readonly record: T; readonly eventTime: Date; readonly lateByMs: number }
>

export interface WindowedStream<K, T, G extends Guarantee = Guarantee> {
  count(): WindowResultStream<K, T, { readonly value: number }, G>
  /** Float sum in order of arrival, unless `{ integers: true }`. */
  sum(
    fn: (record: T) => number, options?: SumOptions,
  ): WindowResultStream<K, T, { readonly value: number }, G>
  min(fn: (record: T) => number): WindowResultStream<K, T, { readonly value: number }, G>
  max(fn: (record: T) => number): WindowResultStream<K, T, { readonly value: number }, G>
  /** `step` and `merge` return the new value; session windows need `merge`. */
  reduce<A>(
    init: () => A, step: (value: A, record: T) => A, merge?: (a: A, b: A) => A,
  ): WindowResultStream<K, T, { readonly value: A }, G>
  /** Several aggregates at once; their names become fields of the row. */
  aggregate<A extends Aggregates<T>>(aggregates: A): WindowResultStream<K, T, Results<A>, G>
  /** A function over all records of the window, which are kept in state until then. */
  process<
    O = never,
    const S extends StateDeclarations = NoState,
    const Side extends SideDeclarations = NoSides,
  >(
    fn: (records: readonly T[], context: WindowContext<K, S, Side>) => Iterable<O> | void,
    options?: ProcessOptions<S, Side>,
  ): ProcessedStream<O, Side, G> & LateOutput<K, T, G>
}

export interface LateOutput<K, T, G extends Guarantee = Guarantee> {
  /** Records that came after their windows were closed: an ordinary stream, never silently dropped. */
  readonly late: Stream<LateRecord<K, T>, G>
}

export interface MatchStream<K, T, E, G extends Guarantee = Guarantee>
  extends NamedStream<PatternMatch<K, E>, G>, LateOutput<K, T, G> {
  /** Partial matches whose time was over before they found an end; they also carry their deadline. */
  readonly timedOut: Stream<TimedOutMatch<K, E>, G>
}

export interface WindowResultStream<K, T, V, G extends Guarantee = Guarantee>
  extends NamedStream<WindowRow<K, V>, G>, LateOutput<K, T, G> {}
