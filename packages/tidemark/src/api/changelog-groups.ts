/**
 * Aggregates over a changelog: rows come and are taken back, results are a changelog again.
 *
 * The state of a group is one accumulator, which lives as long as the group has rows. Source: Flink
 * GroupAggFunction.
 */
import { shapeOf } from '../graph/aggregate-shape.ts'
import type { KeySelector, OutputTag, ProcessSpec } from '../graph/operator-spec.ts'
import type { LogicalEdge } from '../graph/logical-graph.ts'
import type { AggregateSpec, AggregatingStateSpec } from '../graph/state-spec.ts'
import type { AggregatingState } from '../state/handles.ts'
import { count, sum, type Aggregate, type SumOptions } from './aggregates.ts'
import { changeOf, changesBetween, sameValue, takesBack, type Change } from './changelog.ts'
import { requireFunction } from './checks.ts'
import { combine } from './combine.ts'
import type { Made } from './connect.ts'
import { E165_NOTHING_TO_TAKE_BACK } from './function-errors.ts'
import type { GraphDraft } from './graph-draft.ts'
import { topNSpec, type TopOptions } from './top-n.ts'

type Fill = (key: unknown, accumulator: unknown) => unknown

export class FluentGroups<M> {
  readonly #draft: GraphDraft
  readonly #edges: readonly LogicalEdge[]
  readonly #keyOf: KeySelector
  readonly #made: Made<M>

  constructor(draft: GraphDraft, edges: readonly LogicalEdge[], keyOf: KeySelector, made: Made<M>) {
    const keyOfRow = requireFunction(keyOf, 'groupBy')
    this.#draft = draft
    this.#keyOf = (change: Change<unknown>) => keyOfRow(change?.row)
    this.#edges = edges.map((edge) => ({ ...edge, ship: { kind: 'hash', keyOf: this.#keyOf } }))
    this.#made = made
  }

  count(name: string): M {
    return this.#value(name, count())
  }

  sum(name: string, fn: (row: unknown) => number, options?: SumOptions): M {
    return this.#value(name, sum(requireFunction(fn, 'sum'), options))
  }

  aggregate(name: string, aggregates: Readonly<Record<string, Aggregate<never, unknown>>>): M {
    const { aggregate, fill } = combine(aggregates)
    return this.#aggregate(name, aggregate, (key, accumulator) => fill({ key }, accumulator))
  }

  topN(name: string, n: number, options: TopOptions<unknown>): M {
    return this.#add(name, topNSpec(name, this.#keyOf, n, options, true))
  }

  #value(name: string, aggregate: AggregateSpec): M {
    return this.#aggregate(name, aggregate, (key, accumulator) => {
      const result: unknown = aggregate.result(accumulator)
      return { key, value: result }
    })
  }

  #aggregate(name: string, aggregate: AggregateSpec, fill: Fill): M {
    return this.#add(name, groupsSpec(name, this.#keyOf, aggregate, fill))
  }

  #add(name: string, spec: ProcessSpec): M {
    const none: readonly OutputTag[] = []
    return this.#made(this.#draft.add({ name, spec, inputs: this.#edges }), none)
  }
}

interface Group {
  /** Rows that are in the group now. */
  n: number
  accumulator: unknown
  /** Those rows, where the aggregate cannot take one back. */
  readonly rows?: unknown[]
}

interface Context {
  readonly key: unknown
  readonly state: { readonly group: AggregatingState<Change<unknown>, Group> }
}

function groupsSpec(name: string, keyOf: KeySelector, aggregate: AggregateSpec, fill: Fill): ProcessSpec {
  const group: AggregatingStateSpec = { kind: 'aggregating', version: 1, aggregate: groupOf(name, aggregate) }
  return {
    kind: 'process', label: 'aggregate of a changelog', keyOf, state: { group }, sides: [],
    onRecord(record: unknown, { key, state }: Context) {
      const rowNow = (): unknown => {
        const present = state.group.get()
        return present === undefined || present.n === 0 ? undefined : fill(key, present.accumulator)
      }
      const before = rowNow()
      state.group.add(changeOf(record, name))
      const after = rowNow()
      if (after === undefined) state.group.clear()
      return changesBetween(before, after)
    },
  }
}

function groupOf(operator: string, aggregate: AggregateSpec): AggregateSpec<Change<unknown>, Group, Group> {
  const { create, add, retract } = aggregate
  return {
    create: () => (retract === undefined
      ? { n: 0, accumulator: create(), rows: [] }
      : { n: 0, accumulator: create() }),
    add(group, change) {
      const { row } = change
      const { rows } = group
      if (!takesBack(change)) {
        group.n += 1
        group.accumulator = add(group.accumulator, row)
        rows?.push(row)
        return group
      }
      const nothing = (): Error => E165_NOTHING_TO_TAKE_BACK({ operator, row }, { place: { operator } })
      if (group.n === 0) throw nothing()
      group.n -= 1
      if (rows === undefined) {
        group.accumulator = retract?.(group.accumulator, row)
        return group
      }
      const at = rows.findLastIndex((each) => sameValue(each, row))
      if (at < 0) throw nothing()
      rows.splice(at, 1)
      group.accumulator = rows.reduce((accumulator, each) => add(accumulator, each), create())
      return group
    },
    result: (group) => group,
    form: `group ${JSON.stringify(shapeOf(aggregate))}${retract === undefined ? ' with rows' : ''}`,
  }
}
