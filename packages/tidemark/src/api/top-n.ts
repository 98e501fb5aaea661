/**
 * topN: the first n records of each key in an order of one's own, kept up as a changelog with ranks.
 *
 * A process function with a sorted list. Of a stream, n records are kept and the others forgotten, since
 * records only come; of a changelog all rows are kept, since a row that goes lets another move up.
 */
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { KeySelector, ProcessSpec } from '../graph/operator-spec.ts'
import type { ValueStateSpec } from '../graph/state-spec.ts'
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

/** Of each place what it is sorted by, and its row; no object a place, as there are millions of them. */
type Ranking = readonly unknown[]

interface Context {
  readonly key: unknown
  readonly state: { readonly rows: ValueState<Ranking> }
}

const NOBODY: Ranking = []

/** Version 1 had a pair for each place. */
const RANKING: ValueStateSpec = {
  kind: 'value', version: 2, upgrade: (_from, pairs: readonly (readonly [SortKey, unknown])[]) => pairs.flat(),
}

const rowAt = (ranking: Ranking, place: number): unknown => ranking[2 * place + 1]

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
  return {
    kind: 'process', label: `top ${n} ${order}${changes ? ' of a changelog' : ''}`, sides: [],
    keyOf, state: { rows: RANKING },
    onRecord(record: unknown, { key, state: { rows } }: Context) {
      const present = rows.get() ?? NOBODY
      if (!changes) {
        const given = by(record)
        const at = placeOf(given, present, before)
        // Records only come: one that is not among the first never will be.
        if (at >= n) return undefined
        const next = present.toSpliced(2 * at, 0, given, record)
        if (next.length > 2 * n) next.length = 2 * n
        rows.set(next)
        return moves(key, present, next, at, n)
      }
      const change = changeOf(record, name)
      if (takesBack(change)) {
        const at = lastOf(change.row, present, name)
        const next = present.toSpliced(2 * at, 2)
        if (next.length === 0) rows.clear()
        else rows.set(next)
        return moves(key, present, next, at, n)
      }
      const given = by(change.row)
      const at = placeOf(given, present, before)
      const next = present.toSpliced(2 * at, 0, given, change.row)
      rows.set(next)
      return moves(key, present, next, at, n)
    },
  }
}

/** Where a record comes to stand: behind those that are equal. */
function placeOf(by: SortKey, ranking: Ranking, before: (a: SortKey, b: SortKey) => boolean): number {
  let low = 0
  let high = ranking.length >>> 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(by, ranking[2 * middle] as SortKey)) high = middle
    else low = middle + 1
  }
  return low
}

function lastOf(row: unknown, ranking: Ranking, operator: string): number {
  for (let at = (ranking.length >>> 1) - 1; at >= 0; at--) if (sameValue(rowAt(ranking, at), row)) return at
  throw E165_NOTHING_TO_TAKE_BACK({ operator, row }, { place: { operator } })
}

/** Which of the first n places changed hands, in the order of the places; those before `from` did not. */
function moves(key: unknown, before: Ranking, after: Ranking, from: number, n: number): Change<unknown>[] {
  const changes: Change<unknown>[] = []
  const were = Math.min(n, before.length >>> 1)
  const are = Math.min(n, after.length >>> 1)
  for (let i = from; i < are; i++) {
    const row = { key, rank: i + 1, row: rowAt(after, i) }
    if (i >= were) changes.push({ op: 'insert', row })
    else {
      changes.push({ op: 'update-before', row: { key, rank: i + 1, row: rowAt(before, i) } }, { op: 'update-after', row })
    }
  }
  for (let i = Math.max(from, are); i < were; i++) {
    changes.push({ op: 'delete', row: { key, rank: i + 1, row: rowAt(before, i) } })
  }
  return changes
}
