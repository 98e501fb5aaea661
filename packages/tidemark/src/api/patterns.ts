/**
 * Patterns: what in the order of records is a match. Types here; pattern-builder.ts builds the data.
 *
 *     keyed.match('break-in', (p) => p
 *       .begin('failed', (login) => !login.ok).times(3)
 *       .followedBy('success', (login) => login.ok)
 *       .within('10s'))
 *
 * A pattern is a value: each call gives a new one. Matches are typed by the names of the steps: a step that
 * takes one record is `[T]`, one that repeats `[T, ...T[]]`, one that may be left out `T[]`.
 *
 * Source: Flink Pattern API (followedBy, notFollowedBy, times, …), with its meanings.
 */
import type { Duration } from '../base/duration.ts'
import type { PatternSpec } from '../graph/pattern-spec.ts'
import type { EvolutionOptions } from './state.ts'
import type { Flat } from './streams.ts'

/** Records of a match by name of step. */
export type PatternRecords = Readonly<Record<string, readonly unknown[]>>

/** Records of steps some of which may not have been reached. */
export type SoFar<E> = { readonly [P in keyof E]: readonly (E[P] extends readonly (infer X)[] ? X : never)[] }

type Many<E, L> = {
  readonly [P in keyof E]: P extends L ? (E[P] extends readonly [infer X] ? readonly [X, ...X[]] : E[P]) : E[P]
}
type Maybe<E, L> = {
  readonly [P in keyof E]: P extends L ? (E[P] extends readonly (infer X)[] ? readonly X[] : never) : E[P]
}
type With<E, N extends string, R> = Flat<E & { readonly [P in N]: R }>

/** Decides by the record, and by those matched so far (of a step that repeats: its own earlier ones, too). */
export type Condition<T, E, N extends string> = (record: T, matched: SoFar<With<E, N, readonly T[]>>) => boolean
type Narrowing<T, S extends T, E, N extends string> =
  (record: T, matched: SoFar<With<E, N, readonly T[]>>) => record is S

/** A complete description of a match; what `match` and steps that are groups take. */
export interface Pattern<T, E> {
  readonly spec: PatternSpec
  /** Phantom. */
  '~takes'?(record: T): void
  /** Phantom. */
  readonly '~records'?: E
}

type Nothing = Record<never, never>

// Methods and not properties, so that a stream of records is also a stream of what they extend.

/** Where a pattern begins: `pattern<Login>()`, or what the function given to `match` gets. */
export interface PatternStart<T> {
  /** The first step, or a group of steps. */
  begin<const N extends string, S extends T>(
    name: N, where: Narrowing<T, S, Nothing, N>,
  ): PatternAtStep<T, With<Nothing, N, readonly [S]>, N>
  begin<const N extends string>(
    name: N, where?: Condition<T, Nothing, N>,
  ): PatternAtStep<T, With<Nothing, N, readonly [T]>, N>
  begin<B extends PatternRecords>(group: Pattern<T, B>): PatternAtGroup<T, B, keyof B>
}

/** What can follow whatever was said so far. */
export interface PatternGoesOn<T, E> extends Pattern<T, E> {
  /** The very next record of the key. */
  next<const N extends string, S extends T>(
    name: N, where: Narrowing<T, S, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [S]>, N>
  next<const N extends string>(
    name: N, where?: Condition<T, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [T]>, N>
  next<B extends PatternRecords>(group: Pattern<T, B>): PatternAtGroup<T, Flat<E & B>, keyof B>
  /** The next record that fits. */
  followedBy<const N extends string, S extends T>(
    name: N, where: Narrowing<T, S, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [S]>, N>
  followedBy<const N extends string>(
    name: N, where?: Condition<T, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [T]>, N>
  followedBy<B extends PatternRecords>(group: Pattern<T, B>): PatternAtGroup<T, Flat<E & B>, keyof B>
  /** Any later record that fits: one match for each. */
  followedByAny<const N extends string, S extends T>(
    name: N, where: Narrowing<T, S, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [S]>, N>
  followedByAny<const N extends string>(
    name: N, where?: Condition<T, E, N>,
  ): PatternAtStep<T, With<E, N, readonly [T]>, N>
  followedByAny<B extends PatternRecords>(group: Pattern<T, B>): PatternAtGroup<T, Flat<E & B>, keyof B>
  /** The very next record is not of this kind. */
  notNext(name: string, where?: (record: T, matched: SoFar<E>) => boolean): PatternAfterAbsence<T, E>
  /** None of this kind before the next record of the match; at the end, until the time of `within` is over. */
  notFollowedBy(name: string, where?: (record: T, matched: SoFar<E>) => boolean): PatternAfterAbsence<T, E>

  /** Every match is put out (the default). */
  noSkip(): Pattern<T, E>
  /** One match for each first record. */
  skipToNext(): Pattern<T, E>
  /** A record belongs to one match at most. */
  skipPastLastEvent(): Pattern<T, E>
  /** After a match, others begin at its first record of that step, or later. */
  skipToFirst(step: keyof E & string): Pattern<T, E>
  /** The same for its last record. */
  skipToLast(step: keyof E & string): Pattern<T, E>
}

export interface PatternAfterAbsence<T, E> extends PatternGoesOn<T, E> {
  within(duration: Duration, since?: 'first' | 'previous'): PatternAfterAbsence<T, E>
}

/** What can be said of a step or group that was just added. */
export interface PatternAtGroup<T, E, L> extends PatternGoesOn<T, E> {
  times(count: number): PatternAtGroup<T, Many<E, L>, L>
  times(from: number, to: number): PatternAtGroup<T, Many<E, L>, L>
  timesOrMore(from: number): PatternAtGroup<T, Many<E, L>, L>
  oneOrMore(): PatternAtGroup<T, Many<E, L>, L>
  /** May be left out. */
  optional(): PatternAtGroup<T, Maybe<E, L>, L>
  /** Nothing between the repetitions. */
  consecutive(): PatternAtGroup<T, E, L>
  /** Anything between the repetitions, also records that would fit. */
  allowCombinations(): PatternAtGroup<T, E, L>
  /** Ends the repetitions, and is none of them. */
  until(where: (record: T, matched: SoFar<E>) => boolean): PatternAtGroup<T, E, L>
  /**
   * 'first' (the default): the whole match takes less than this. 'previous': the record of this step comes
   * less than this after the one before it.
   */
  within(duration: Duration, since?: 'first' | 'previous'): PatternAtGroup<T, E, L>
}

export interface PatternAtStep<T, E, L extends string> extends PatternGoesOn<T, E> {
  /** A further condition: both must hold. */
  where(where: (record: T, matched: SoFar<E>) => boolean): PatternAtStep<T, E, L>
  /** An alternative to the conditions so far. */
  or(where: (record: T, matched: SoFar<E>) => boolean): PatternAtStep<T, E, L>
  times(count: number): PatternAtStep<T, Many<E, L>, L>
  times(from: number, to: number): PatternAtStep<T, Many<E, L>, L>
  timesOrMore(from: number): PatternAtStep<T, Many<E, L>, L>
  oneOrMore(): PatternAtStep<T, Many<E, L>, L>
  optional(): PatternAtStep<T, Maybe<E, L>, L>
  /** Takes all it can before the next step may take one; of no effect on the last step. */
  greedy(): PatternAtStep<T, E, L>
  consecutive(): PatternAtStep<T, E, L>
  allowCombinations(): PatternAtStep<T, E, L>
  until(where: (record: T, matched: SoFar<E>) => boolean): PatternAtStep<T, E, L>
  within(duration: Duration, since?: 'first' | 'previous'): PatternAtStep<T, E, L>
}

/** Of the records that wait, and of those in partial matches. */
export interface MatchOptions<T> extends EvolutionOptions {
  /** Order of records with the same event time; by default they are taken as they came. */
  readonly compare?: (a: T, b: T) => number
}

/** A complete match. Its event time is that of its last record, unless it had to wait for another. */
export interface PatternMatch<K, E> {
  readonly key: K
  readonly records: E
}

/** A partial match that found no end before its deadline, which is its event time. */
export interface TimedOutMatch<K, E> {
  readonly key: K
  readonly records: SoFar<E>
  readonly deadline: Date
}
