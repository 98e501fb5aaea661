/**
 * Aggregates and result rows as data, beside the functions that do the same.
 *
 * `api` writes them, operators turn them into generated code (operator/aggregate-code.ts): a function that
 * is called for every aggregate of every job is one that V8 cannot inline.
 *
 *   AC-1  What the data say is what the functions do: `add` of the aggregate is its steps one after
 *         another, `result` of the operator is the row, and errors are the same ones.
 *   AC-2  An aggregate with steps changes its accumulator in place, and `add` returns it.
 */
import type { Window } from './window-spec.ts'

/**
 * Where a value may have been read already (column-pruning.ts): `read` of a step gives the field of that name of what
 * has no field `raw`, and what this `read` gives of `raw.record` otherwise.
 */
export interface StepColumn {
  readonly name: string
  readonly read: (record: any) => unknown
}

/** One thing that an aggregate does with a record. `at`: which cell of the accumulator. */
export type AggregateStep =
  | { readonly kind: 'count'; readonly at: number }
  | {
      readonly kind: 'sum'; readonly at: number; readonly read: (value: any) => unknown
      /** Values and sum must be safe integers. */
      readonly integers: boolean
      /** The error for what `read` gave, or for a sum that is no safe integer. */
      readonly refuse: (given: unknown) => Error
      readonly column?: StepColumn
    }
  | {
      readonly kind: 'min' | 'max'; readonly at: number; readonly read: (value: any) => unknown
      readonly refuse: (given: unknown) => Error
      readonly column?: StepColumn
    }
  /** Another aggregate, whose accumulator is element `at` of the whole one. */
  | { readonly kind: 'fold'; readonly at: number; readonly add: (part: any, value: any) => unknown }

export interface AggregateCode {
  /** Where the cells are, an array of numbers: the accumulator itself, or its first element. */
  readonly cells: 'accumulator' | 'first'
  readonly steps: readonly AggregateStep[]
}

/** One field of a result row: a cell, the quotient of two neighbouring cells, or the result of a fold. */
export type RowField =
  | { readonly name: string; readonly kind: 'cell' | 'quotient'; readonly at: number }
  | { readonly name: string; readonly kind: 'fold'; readonly at: number; readonly result: (part: any) => unknown }

/** A row of results: the key, if there is one, beginning and end of the window, if there is one, the fields. */
export interface RowCode {
  readonly keyed: boolean
  readonly dates?: (window: Window) => { readonly start: Date; readonly end: Date }
  readonly cells: AggregateCode['cells']
  readonly fields: readonly RowField[]
}
