/**
 * topN: the first n records of each key in an order of one's own, kept up as a changelog with ranks.
 *
 * A process function with a sorted list. Of a stream, n records are kept and the others forgotten, since
 * records only come; of a changelog all rows are kept, since a row that goes lets another move up.
 */
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { KeySelector, ProcessSpec } from '../graph/operator-spec.ts'
import type { ValueState } from '../state/handles.ts'
import { changeOf, sameValue, takesBack, type Change } from './changelog.ts'
import { requireFunction } from './checks.ts'
import { E165_NOTHING_TO_TAKE_BACK } from './function-errors.ts'
import { larger, smaller, sortKeyOf, type Sortable, type SortKey } from './sorting.ts'

export interface TopOptions<T> {
  /** What records are put in order by. Of equal ones the earlier ranks first. */
  readonly by: (record: T) => Sortable
  /** 'desc': the largest first (default). 'asc': the smallest first. */
  readonly order?: 'asc' | 'desc'
}

/** A place in the ranking of a key, from 1, and who has it. */
export interface TopRow<K, T> {
  readonly key: K
  readonly rank: number
  readonly row: T
}

type Ranked = readonly [by: SortKey, row: unknown]

interface Context {
  readonly key: unknown
  readonly state: { readonly rows: ValueState<readonly Ranked[]> }
}

export function topNSpec(
  name: string, keyOf: KeySelector, n: number, options: TopOptions<unknown>, changes: boolean,
): ProcessSpec {
  if (!Number.isSafeInteger(n) || n < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `topN "${name}" has an impossible size`, given: n,
      why: 'It is the number of places in the ranking.', fix: 'use a whole number from 1',
    })
  }
  const { order = 'desc' } = options ?? {}
  if (order !== 'asc' && order !== 'desc') {
    throw E008_IMPOSSIBLE_OPTION({
      what: `topN "${name}" has an impossible order`, given: order,
      why: 'It says which records come first.', fix: "use 'desc' (the largest first) or 'asc'",
    })
  }
  const by = sortKeyOf(requireFunction(options?.by, 'topN'), `by of topN "${name}"`)
  const before = order === 'desc' ? larger : smaller
  const ranked = (row: unknown): Ranked => [by(row), row]
  return {
    kind: 'process', label: `top ${n} ${order}${changes ? ' of a changelog' : ''}`, sides: [],
    keyOf, state: { rows: { kind: 'value', version: 1 } },
    onRecord(record: unknown, { key, state: { rows } }: Context) {
      const present = rows.get() ?? []
      if (!changes) {
        const row = ranked(record)
        const at = placeOf(row, present, before)
        // Records only come: one that is not among the first never will be.
        if (at >= n) return undefined
        const next = present.toSpliced(at, 0, row)
        if (next.length > n) next.pop()
        rows.set(next)
        return moves(key, present, next, at, n)
      }
      const change = changeOf(record, name)
      if (takesBack(change)) {
        const at = lastOf(change.row, present, name)
        const next = present.toSpliced(at, 1)
        if (next.length === 0) rows.clear()
        else rows.set(next)
        return moves(key, present, next, at, n)
      }
      const row = ranked(change.row)
      const at = placeOf(row, present, before)
      const next = present.toSpliced(at, 0, row)
      rows.set(next)
      return moves(key, present, next, at, n)
    },
  }
}

/** Where a record comes to stand: behind those that are equal. */
function placeOf(row: Ranked, rows: readonly Ranked[], before: (a: SortKey, b: SortKey) => boolean): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(row[0], (rows[middle] as Ranked)[0])) high = middle
    else low = middle + 1
  }
  return low
}

function lastOf(row: unknown, rows: readonly Ranked[], operator: string): number {
  const at = rows.findLastIndex(([, each]) => sameValue(each, row))
  if (at < 0) throw E165_NOTHING_TO_TAKE_BACK({ operator, row }, { place: { operator } })
  return at
}

/** Which of the first n places changed hands, in the order of the places; those before `from` did not. */
function moves(
  key: unknown, before: readonly Ranked[], after: readonly Ranked[], from: number, n: number,
): Change<unknown>[] {
  const changes: Change<unknown>[] = []
  const rows = Math.min(n, Math.max(before.length, after.length))
  for (let i = from; i < rows; i++) {
    const was = before[i]
    const is = after[i]
    const rank = i + 1
    if (was === undefined) {
      changes.push({ op: 'insert', row: { key, rank, row: (is as Ranked)[1] } })
    } else if (is === undefined) {
      changes.push({ op: 'delete', row: { key, rank, row: was[1] } })
    } else {
      changes.push(
        { op: 'update-before', row: { key, rank, row: was[1] } }, { op: 'update-after', row: { key, rank, row: is[1] } },
      )
    }
  }
  return changes
}
