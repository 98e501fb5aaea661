/**
 * Joins of two keyed streams: what users write, and the operators that follow from it.
 *
 * Types are those of the methods of a keyed stream (streams.ts); the functions at the end check the options
 * and are called by fluent.ts.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import { E151_EMPTY_INTERVAL, E152_UNKNOWN_JOIN_TYPE } from '../graph/join-errors.ts'
import { keepsLeft, keepsRight } from '../graph/join-spec.ts'
import type { IntervalJoinSpec, JoinFunction, JoinType, KeyedJoinSpec, LookupJoinSpec,
  TemporalJoinSpec, WindowJoinSpec } from '../graph/join-spec.ts'
import type { Key } from '../graph/key.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import type { KeySelector } from '../graph/operator-spec.ts'
import { asyncSpec, type AsyncFunction, type AsyncOptions, type AsyncStream } from './async.ts'
import type { NamedChangelog } from './changelog.ts'
import { checkSides, requireFunction } from './checks.ts'
import type { NoSides, NoState, ProcessOptions, SideDeclarations, WindowContext } from './process.ts'
import { keptEvolution, stateSpecs, type EvolutionOptions, type StateDeclarations } from './state.ts'
import type { KeyedStream, LateRecord, NamedStream, ProcessedStream, Stream,
  WindowOptions } from './streams.ts'
import { ttlSpec, type TtlOptions } from './ttl.ts'
import { triggerOf, windowFunction, type UntypedWindowContext } from './window-function.ts'
import type { WindowAssigner } from './windows.ts'

export type { JoinType }

/** What a function of a join sees on each side: nothing, where the other side is put out alone. */
export type LeftOf<J extends JoinType, L> = J extends 'right' | 'full' ? L | undefined : L
export type RightOf<J extends JoinType, R> = J extends 'left' | 'full' ? R | undefined : R

/** Keys of both sides are strings, or numbers, or bigints: `1` and `'1'` would never meet. */
export type WideKey<K> =
  K extends string ? string : K extends number ? number : K extends bigint ? bigint : never

/** One object for all calls of an operator: read what you need of it during the call. */
export interface JoinContext<K> {
  readonly key: K
  /** Of the result, in milliseconds: event time. */
  readonly timestamp: number
  /** The same as a Date. */
  readonly eventTime: Date
}

/** With the times of both records, where the join goes by them. */
export interface TimedJoinContext<K, J extends JoinType> extends JoinContext<K> {
  readonly leftTimestamp: LeftOf<J, number>
  /** In a temporal join: since when the version is valid. */
  readonly rightTimestamp: RightOf<J, number>
}

export type Bound = 'inclusive' | 'exclusive'

export interface IntervalJoinOptions<J extends JoinType = JoinType> extends EvolutionOptions {
  /** Right records from `lower` to `upper` after the left one; negative is before: `['-5m', '1h']`. */
  readonly between: readonly [lower: Duration, upper: Duration]
  /** Whether a right record exactly at the bound belongs to it. Default 'inclusive'. */
  readonly lower?: Bound
  readonly upper?: Bound
  /** Of which side a record without a partner is put out, too. Default 'inner': of none. */
  readonly type?: J
}

export interface WindowJoinOptions<J extends JoinType, T> extends WindowOptions<T> {
  /** Records of one key and one window meet. */
  readonly window: WindowAssigner<T>
  readonly type?: J
}

export interface CoGroupOptions<T, S, Side> extends WindowOptions<T>, ProcessOptions<S, Side> {
  readonly window: WindowAssigner<T>
}

export interface TemporalJoinOptions<J extends 'inner' | 'left', R> extends EvolutionOptions {
  /** 'left': records that came before the first version are put out, too, without one. Default 'inner'. */
  readonly type?: J
  /** True: this record ends the last version and starts none. */
  readonly ends?: (version: R) => boolean
}

export interface KeyedJoinOptions<J extends JoinType = JoinType> extends EvolutionOptions {
  readonly window?: undefined
  /** Outer joins give a changelog: what stood alone is taken back when a partner comes. Default 'inner'. */
  readonly type?: J
  /** A record is forgotten this long after it came, by the machine's clock; or as the options say. Default: never. */
  readonly ttl?: Duration | TtlOptions
}

export interface LookupOptions<T, K extends Key, V, J extends 'inner' | 'left'>
  extends Omit<AsyncOptions<T, never>, 'onTimeout'> {
  readonly key: (record: T) => K
  /** Pass the signal on: it is aborted at the time limit and when the job ends. */
  readonly load: (key: K, signal: AbortSignal) => PromiseLike<V | undefined>
  /** Answers are remembered in each subtask, `size` keys, each for `ttl`. Default: none. */
  readonly cache?: { readonly size: number; readonly ttl: Duration }
  /** 'left': records for which there is nothing are put out, too. Default 'inner'. */
  readonly type?: J
}

export interface JoinLate<K, K2, L, R, G extends Guarantee> {
  /** Records that came too late to be joined, of each side: ordinary streams, never silently dropped. */
  readonly late: {
    readonly left: Stream<LateRecord<K, L>, G>
    readonly right: Stream<LateRecord<K2, R>, G>
  }
}

export interface JoinedStream<K, K2, L, R, O, G extends Guarantee = Guarantee>
  extends NamedStream<O, G>, JoinLate<K, K2, L, R, G> {}

/** The joins of a keyed stream, which is the left side of them. Equal keys meet. */
export interface KeyedJoins<K, T, G extends Guarantee> {
  /**
   * Pairs of records whose times lie close together: right.time is within `between` of left.time. One
   * result a pair, at the later of both times, as soon as both are there.
   */
  intervalJoin<R, K2 extends WideKey<K>, O, const J extends JoinType = 'inner'>(
    name: string,
    right: KeyedStream<K2, R, G>,
    options: IntervalJoinOptions<J>,
    join: (left: LeftOf<J, T>, right: RightOf<J, R>, context: TimedJoinContext<K | K2, J>) => O,
  ): JoinedStream<K, K2, T, R, O, G>

  /** Every pair of records of one key and one window, when the window speaks. */
  join<R, K2 extends WideKey<K>, O, const J extends JoinType = 'inner'>(
    name: string,
    right: KeyedStream<K2, R, G>,
    options: WindowJoinOptions<J, T | R>,
    join: (
      left: LeftOf<J, T>, right: RightOf<J, R>, context: WindowContext<K | K2, NoState, NoSides>,
    ) => O,
  ): JoinedStream<K, K2, T, R, O, G>

  /** Every pair of records of one key, however far apart: state grows for ever unless `ttl` is given. */
  join<R, K2 extends WideKey<K>, O>(
    name: string,
    right: KeyedStream<K2, R, G>,
    options: KeyedJoinOptions<'inner'>,
    join: (left: T, right: R, context: JoinContext<K | K2>) => O,
  ): NamedStream<O, G>

  /** The same, with what has no partner: a changelog, since a partner may still come. */
  join<R, K2 extends WideKey<K>, O, const J extends 'left' | 'right' | 'full'>(
    name: string,
    right: KeyedStream<K2, R, G>,
    options: KeyedJoinOptions<J> & { readonly type: J },
    join: (left: LeftOf<J, T>, right: RightOf<J, R>, context: JoinContext<K | K2>) => O,
  ): NamedChangelog<O, G>

  /** A function of all records of both sides of one key and one window. */
  coGroup<
    R,
    K2 extends WideKey<K>,
    O = never,
    const S extends StateDeclarations = NoState,
    const Side extends SideDeclarations = NoSides,
  >(
    name: string,
    right: KeyedStream<K2, R, G>,
    options: CoGroupOptions<T | R, S, Side>,
    group: (
      lefts: readonly T[], rights: readonly R[], context: WindowContext<K | K2, S, Side>,
    ) => Iterable<O> | void,
  ): ProcessedStream<O, Side, G> & JoinLate<K, K2, T, R, G>

  /**
   * Each record with the version of the right side that was valid at its time, when the watermark has
   * passed it. A right record starts a version, which is valid until the next one of its key.
   */
  temporalJoin<R, K2 extends WideKey<K>, O, const J extends 'inner' | 'left' = 'inner'>(
    name: string,
    versions: KeyedStream<K2, R, G>,
    options: TemporalJoinOptions<J, R>,
    join: (left: T, version: RightOf<J, R>, context: TimedJoinContext<K, J>) => O,
  ): JoinedStream<K, K2, T, R, O, G>
}

const TYPES: readonly string[] = ['inner', 'left', 'right', 'full'] satisfies JoinType[]
const TEMPORAL_TYPES: readonly string[] = ['inner', 'left'] satisfies JoinType[]

/** The join of a stream with what is outside. */
export interface StreamJoins<T, G extends Guarantee> {
  /**
   * Each record with what `load` gives for its key; `undefined` is nothing. Order, capacity, time limit,
   * retries and `.failed` are those of mapAsync.
   */
  lookupJoin<K extends Key, V, O, const J extends 'inner' | 'left' = 'inner'>(
    name: string,
    options: LookupOptions<T, K, V, J>,
    join: (record: T, value: RightOf<J, V>) => O,
  ): AsyncStream<T, O, G>
}

type Keys = readonly [KeySelector, KeySelector]
type AnyWindow = WindowJoinOptions<JoinType, never>
type AnyCoGroup = CoGroupOptions<never, StateDeclarations, SideDeclarations>
type Group = (lefts: readonly unknown[], rights: readonly unknown[], context: UntypedWindowContext) => unknown

export function intervalJoinSpec(
  name: string, keysOf: Keys, options: IntervalJoinOptions, fn: JoinFunction,
): IntervalJoinSpec {
  const { between, lower = 'inclusive', upper = 'inclusive', type = 'inner' } = options ?? {}
  if (!Array.isArray(between) || between.length !== 2) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `between of the interval join "${name}" is no interval`, given: between,
      why: 'It says from when to when after a left record its right records lie.',
      fix: "write between: ['-5m', '1h'] for five minutes before to an hour after",
    })
  }
  const ms = (bound: Duration): number =>
    durationMs(bound, `between of the interval join "${name}"`, Number.MIN_SAFE_INTEGER)
  checkType(type, TYPES, name)
  const lowerMs = ms(between[0]) + exclusive(lower, name)
  const upperMs = ms(between[1]) - exclusive(upper, name)
  if (lowerMs > upperMs) throw E151_EMPTY_INTERVAL({ name, lowerMs, upperMs })
  return {
    kind: 'interval-join', keysOf, type, lowerMs, upperMs, ...keptEvolution(options),
    fn: requireFunction(fn, 'intervalJoin'),
  }
}

export function joinSpec(
  name: string, keysOf: Keys, options: AnyWindow | KeyedJoinOptions, fn: JoinFunction,
): WindowJoinSpec | KeyedJoinSpec {
  requireFunction(fn, 'join')
  const type = options?.type ?? 'inner'
  checkType(type, TYPES, name)
  if (options?.window !== undefined) {
    const group: Group = (lefts, rights, context) => pairs(type, lefts, rights, (l, r) => fn(l, r, context))
    return windowJoinSpec(name, keysOf, options, group)
  }
  const ttl = options?.ttl
  return {
    kind: 'keyed-join', keysOf, type, fn, ...keptEvolution(options),
    ...(ttl === undefined ? {} : { ttl: ttlSpec(ttl, `ttl of the join "${name}"`) }),
  }
}

export function coGroupSpec(name: string, keysOf: Keys, options: AnyCoGroup, group: Group): WindowJoinSpec {
  return windowJoinSpec(name, keysOf, options, requireFunction(group, 'coGroup'))
}

export function temporalJoinSpec(
  name: string, keysOf: Keys, options: TemporalJoinOptions<'inner' | 'left', unknown>, fn: JoinFunction,
): TemporalJoinSpec {
  const { type = 'inner', ends } = options ?? {}
  checkType(type, TEMPORAL_TYPES, name)
  return {
    kind: 'temporal-join', keysOf, type, ...keptEvolution(options), fn: requireFunction(fn, 'temporalJoin'),
    ...(ends === undefined ? {} : { ends: requireFunction(ends, 'ends') }),
  }
}

export function lookupJoinSpec(
  name: string, options: LookupOptions<unknown, Key, unknown, 'inner' | 'left'>, fn: LookupJoinSpec['fn'],
): LookupJoinSpec {
  const { key, load, cache, type = 'inner', ...asynchronous } = options ?? {}
  checkType(type, TEMPORAL_TYPES, name)
  requireFunction(load, 'load of lookupJoin')
  // What is said of the waiting is that of mapAsync; its function is the operator's.
  const waiting = asyncSpec(name, load as AsyncFunction<unknown, unknown>, asynchronous)
  return {
    ...waiting,
    kind: 'lookup-join', type, load,
    lookupKey: requireFunction(key, 'key of lookupJoin'),
    ...(cache === undefined ? {} : { cache: cacheSpec(name, cache) }),
    fn: requireFunction(fn, 'lookupJoin'),
  }
}

function cacheSpec(
  name: string, { size, ttl }: { readonly size: number; readonly ttl: Duration },
): NonNullable<LookupJoinSpec['cache']> {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The cache of the lookup join "${name}" has an impossible size`, given: size,
      why: 'It is the largest number of keys remembered in a subtask.', fix: 'use a whole number from 1',
    })
  }
  return { size, ttlMs: durationMs(ttl, `ttl of the cache of the lookup join "${name}"`, 1) }
}

function windowJoinSpec(
  name: string, keysOf: Keys, options: AnyWindow & Partial<AnyCoGroup>, group: Group,
): WindowJoinSpec {
  const { window, lateness, state, side } = options
  if (typeof window?.spec?.kind !== 'string') {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The join "${name}" got no window`, given: window,
      why: 'It says which records belong together.', fix: "give { window: tumbling('1h') }",
    })
  }
  const trigger = triggerOf(name, window, options)
  const evictor = options.evictor?.spec ?? window.evictor
  // Two lists instead of one go through the adapter that makes the context of window functions.
  const adapted = windowFunction((sides, context) => {
    const [lefts, rights] = sides as readonly [readonly unknown[], readonly unknown[]]
    return group(lefts, rights, context) as Iterable<unknown> | void
  }, true)
  return {
    kind: 'window-join', keysOf,
    assigner: window.spec,
    ...keptEvolution(options),
    ...(trigger === undefined ? {} : { trigger }),
    ...(evictor === undefined ? {} : { evictor }),
    latenessMs: durationMs(lateness ?? 0, `lateness of the join "${name}"`),
    sides: checkSides(side),
    state: stateSpecs(state),
    group: (key, of, lefts, rights, context) => adapted(key, of, [lefts, rights], context),
  }
}

/** Results of a window one at a time: a window of 1,000 by 1,000 records has a million. */
export function* pairs(
  type: JoinType, lefts: readonly unknown[], rights: readonly unknown[],
  fn: (left: unknown, right: unknown) => unknown,
): Generator<unknown, void, undefined> {
  if (rights.length === 0 && keepsLeft(type)) for (const left of lefts) yield fn(left, undefined)
  if (lefts.length === 0 && keepsRight(type)) for (const right of rights) yield fn(undefined, right)
  for (const left of lefts) for (const right of rights) yield fn(left, right)
}

function checkType(given: unknown, known: readonly string[], name: string): void {
  if (!known.includes(given as string)) throw E152_UNKNOWN_JOIN_TYPE({ name, given, known })
}

function exclusive(bound: Bound, name: string): 0 | 1 {
  if (bound === 'inclusive') return 0
  if (bound === 'exclusive') return 1
  throw E008_IMPOSSIBLE_OPTION({
    what: `A bound of the interval join "${name}" is unknown`, given: bound,
    why: 'It says whether a record exactly at the bound belongs to the interval.',
    fix: "use 'inclusive' or 'exclusive'",
  })
}
