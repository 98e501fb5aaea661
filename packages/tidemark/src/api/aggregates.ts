/**
 * Ready-made aggregates: `count()`, `sum(f => f.delay)`, `min`, `max`, `avg`, `collect`.
 *
 * The numeric ones keep their accumulator in cells of an array of numbers, which combine.ts lays out
 * side by side: one array a key and window, changed in place, whatever the number of aggregates. No
 * record allocates anything.
 *
 *   AG-1  An accumulator is plain data: numbers and arrays, so it can be stored by any backend.
 *   AG-2  `exact` only where merging in any order gives the same bits: count, min, max, integer sums.
 *         A float sum depends on the order of additions, so `sum` is exact only with `integers`.
 *         Sums begin at +0, and +0 + -0 is +0, so no order can bring a -0 about.
 */
import type { AggregateStep } from '../graph/aggregate-code.ts'
import { cellPart } from '../graph/aggregate-shape.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import { E009_NO_NUMBER } from './errors.ts'

/**
 * Turns many values of `In` into one `Out`.
 *
 * The accumulator is nobody's business but the aggregate's own, and variance would forbid naming it
 * `unknown`, hence `any`.
 */
export interface Aggregate<In, Out> extends AggregateSpec<In, any, Out> {
  /** Present if the accumulator is a fixed number of numbers. */
  readonly cells?: Cells<In, Out>
}

/** How an aggregate uses `initial.length` neighbouring cells of an accumulator. */
export interface Cells<In, Out> {
  readonly initial: readonly number[]
  /** The operations for cells from `at` on; bound once per operator, not per record. */
  bind(at: number): BoundCells<In, Out>
  /** `add` as data. */
  steps(at: number): readonly AggregateStep[]
  /** What the result is: the first cell, or the first divided by the second. */
  readonly field: 'cell' | 'quotient'
}

export interface BoundCells<In, Out> {
  readonly add: (cells: number[], value: In) => void
  readonly merge: (into: number[], from: readonly number[]) => void
  readonly result: (cells: readonly number[]) => Out
  /** Takes back what `add` added, to the last bit; undefined: it cannot. */
  readonly retract?: (cells: number[], value: In) => void
  /** Takes back what `merge` added, to the last bit; undefined: it cannot. */
  readonly unmerge?: (from: number[], part: readonly number[]) => void
}

/** How many there are. */
export function count(): Aggregate<unknown, number> {
  return cellAggregate(true, {
    initial: [0],
    bind: (at) => ({
      add: (cells) => { cells[at] = (cells[at] as number) + 1 },
      merge: (into, from) => { into[at] = (into[at] as number) + (from[at] as number) },
      result: (cells) => cells[at] as number,
      retract: (cells) => { cells[at] = (cells[at] as number) - 1 },
      unmerge: (from, part) => { from[at] = (from[at] as number) - (part[at] as number) },
    }),
    steps: (at) => [{ kind: 'count', at }],
    field: 'cell',
  })
}

export interface SumOptions {
  /**
   * Every value and the sum are safe integers (checked). Then the sum does not depend on the order,
   * and the engine may add up parts of it ahead of a shuffle.
   */
  readonly integers?: boolean
}

/** Sum in float64, in the order of arrival, as a plain loop would add it up. */
export function sum<T>(fn: (value: T) => number, options: SumOptions = {}): Aggregate<T, number> {
  const integers = options.integers ?? false
  const read = integers ? integerOf('sum', fn) : numberOf('sum', fn)
  const refuse = refusal('sum', integers)
  const checked = (total: number): number => {
    if (!integers || Number.isSafeInteger(total)) return total
    throw refuse(total)
  }
  return cellAggregate(integers, {
    initial: [0],
    bind: (at) => ({
      add: integers
        ? (cells, value) => { cells[at] = checked((cells[at] as number) + read(value)) }
        : (cells, value) => { cells[at] = (cells[at] as number) + read(value) },
      merge: (into, from) => { into[at] = checked((into[at] as number) + (from[at] as number)) },
      result: (cells) => cells[at] as number,
      ...(integers
        ? {
            retract: (cells: number[], value: T) => { cells[at] = checked((cells[at] as number) - read(value)) },
            unmerge: (from: number[], part: readonly number[]) => {
              from[at] = (from[at] as number) - (part[at] as number)
            },
          }
        : {}),
    }),
    steps: (at) => [{ kind: 'sum', at, read: fn, integers, refuse }],
    field: 'cell',
  })
}

/** The smallest; Infinity if an evictor left none; NaN if one of them is. */
export function min<T>(fn: (value: T) => number): Aggregate<T, number> {
  return extreme('min', fn, Infinity, Math.min)
}

/** The largest; -Infinity if an evictor left none; NaN if one of them is. */
export function max<T>(fn: (value: T) => number): Aggregate<T, number> {
  return extreme('max', fn, -Infinity, Math.max)
}

/** The arithmetic mean, sum divided by count; NaN if an evictor left none. */
export function avg<T>(fn: (value: T) => number): Aggregate<T, number> {
  const read = numberOf('avg', fn)
  return cellAggregate(false, {
    initial: [0, 0],
    bind: (at) => ({
      add: (cells, value) => {
        cells[at] = (cells[at] as number) + read(value)
        cells[at + 1] = (cells[at + 1] as number) + 1
      },
      merge: (into, from) => {
        into[at] = (into[at] as number) + (from[at] as number)
        into[at + 1] = (into[at + 1] as number) + (from[at + 1] as number)
      },
      result: (cells) => (cells[at] as number) / (cells[at + 1] as number),
    }),
    steps: (at) => [
      { kind: 'sum', at, read: fn, integers: false, refuse: refusal('avg', false) }, { kind: 'count', at: at + 1 },
    ],
    field: 'quotient',
  })
}

/** All of them, in order of arrival. State grows with every record: for small windows only. */
export function collectAll<T>(): Aggregate<T, readonly T[]> {
  return {
    create: (): T[] => [],
    add: (all: T[], value: T) => {
      all.push(value)
      return all
    },
    merge: (a: T[], b: readonly T[]) => {
      for (const value of b) a.push(value)
      return a
    },
    // A copy, since the accumulator goes on growing while the user holds the result.
    result: (all: readonly T[]) => all.slice(),
  }
}

/** An aggregate of your own; the types of its parts are inferred from `create`. */
export function aggregator<In, Acc, Out>(spec: AggregateSpec<In, Acc, Out>): Aggregate<In, Out> {
  return spec
}

/** An aggregate that has its cells to itself. */
function cellAggregate<In>(exact: boolean, cells: Cells<In, number>): Aggregate<In, number> {
  const { add, merge, result, retract, unmerge } = cells.bind(0)
  const initial = doubles(cells.initial)
  return {
    create: (): number[] => initial.slice(),
    add: (accumulator: number[], value: In) => {
      add(accumulator, value)
      return accumulator
    },
    merge: (into: number[], from: readonly number[]) => {
      merge(into, from)
      return into
    },
    result,
    exact,
    cells,
    code: { cells: 'accumulator', steps: cells.steps(0) },
    shape: [cellPart('value', cells.steps(0), cells.initial.length)],
    ...(unmerge === undefined ? {} : {
      unmerge: (from: number[], part: readonly number[]) => {
        unmerge(from, part)
        return from
      },
    }),
    ...(retract === undefined ? {} : {
      retract: (accumulator: number[], value: In) => {
        retract(accumulator, value)
        return accumulator
      },
    }),
  }
}

/**
 * A copy whose elements are stored as unboxed doubles from the start, and so in all copies of it.
 * An array born with small integers would be converted at its first fraction, once a key and window.
 */
export function doubles(initial: readonly number[]): number[] {
  const cells = initial.map(() => 0.5)
  initial.forEach((value, i) => { cells[i] = value })
  return cells
}

function extreme<T>(
  aggregate: 'min' | 'max', fn: (value: T) => number, initial: number, choose: (a: number, b: number) => number,
): Aggregate<T, number> {
  const read = numberOf(aggregate, fn)
  return cellAggregate(true, {
    initial: [initial],
    bind: (at) => ({
      add: (cells, value) => { cells[at] = choose(cells[at] as number, read(value)) },
      merge: (into, from) => { into[at] = choose(into[at] as number, from[at] as number) },
      result: (cells) => cells[at] as number,
    }),
    steps: (at) => [{ kind: aggregate, at, read: fn, refuse: refusal(aggregate, false) }],
    field: 'cell',
  })
}

const refusal = (aggregate: string, integers: boolean) => (given: unknown): Error =>
  E009_NO_NUMBER({ aggregate, given, integers })

/** Typed code returns numbers; data that were only cast to a type need not. */
function numberOf<T>(aggregate: string, fn: (value: T) => number): (value: T) => number {
  return (value) => {
    const given = fn(value)
    if (typeof given !== 'number') throw E009_NO_NUMBER({ aggregate, given, integers: false })
    return given
  }
}

function integerOf<T>(aggregate: string, fn: (value: T) => number): (value: T) => number {
  return (value) => {
    const given = fn(value)
    if (!Number.isSafeInteger(given)) throw E009_NO_NUMBER({ aggregate, given, integers: true })
    return given
  }
}
