/**
 * Putting records in order by what a function reads of them: minBy, maxBy, topN.
 */
import type { AggregateSpec } from '../graph/state-spec.ts'
import { E164_NOT_SORTABLE } from './function-errors.ts'

/** Records are compared by such a value; those of one operator are all of one type. */
export type Sortable = number | bigint | string | Date

/** What is stored of a Sortable: Dates as milliseconds. */
export type SortKey = number | bigint | string

export function sortKeyOf<T>(fn: (record: T) => Sortable, call: string): (record: T) => SortKey {
  return (record) => {
    const given: unknown = fn(record)
    const key: unknown = given instanceof Date ? given.getTime() : given
    if (typeof key === 'string' || typeof key === 'bigint') return key
    if (typeof key === 'number' && !Number.isNaN(key)) return key
    throw E164_NOT_SORTABLE({ call, given })
  }
}

type Best = readonly [] | readonly [by: SortKey, record: unknown]

/** The record with the smallest or largest value; of equal ones the first. */
export function extremeBy(
  fn: (record: unknown) => Sortable, call: string, better: (a: SortKey, b: SortKey) => boolean,
): AggregateSpec<unknown, Best, unknown> {
  const by = sortKeyOf(fn, call)
  return {
    create: () => [],
    add: (best, record) => {
      const key = by(record)
      return best.length === 0 || better(key, best[0]) ? [key, record] : best
    },
    result: (best) => best[1],
  }
}

export const smaller = (a: SortKey, b: SortKey): boolean => a < b
export const larger = (a: SortKey, b: SortKey): boolean => a > b
