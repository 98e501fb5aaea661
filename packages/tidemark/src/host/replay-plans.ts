/**
 * What one subtask has to process before anything else: its share of what the restored checkpoint had in flight.
 *
 * Called by the deployment. What was stored is named by operator and edge of the logical graph, so that it is
 * found again when the parallelism, and with it the chains, are others.
 */
import { assert } from '../base/assert.ts'
import {
  alsoOverColumns, columnsOf, isPrunable, keyOfPruned, lateIsRead, prunedName, type Column, type Pruned,
} from '../graph/column-pruning.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import { keyGroupRange } from '../graph/key-groups.ts'
import type { LogicalEdge, LogicalOperator } from '../graph/logical-graph.ts'
import type { OperatorSpec, PreAggregateSpec } from '../graph/operator-spec.ts'
import type { Partial } from '../graph/pre-aggregation.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { E115_NO_SUCH_EDGE, E211_COLUMNS_NOT_IN_FLIGHT } from '../task/errors.ts'
import { IN_FLIGHT, restoreInFlight, type ChannelOrigin, type EdgeNow } from '../task/in-flight.ts'
import type { ReplayPlan } from '../task/replay.ts'

export function replayPlans(
  graph: JobGraph, vertex: JobVertex, subtask: number,
  restoredOf: (operator: LogicalOperator) => RestoredOperator | undefined,
): ReplayPlan[] {
  const { maxParallelism } = graph
  const { parallelism } = vertex
  const keyGroups = keyGroupRange(subtask, parallelism, maxParallelism)
  return vertex.operators.flatMap((operator, position) => {
    const stored = restoredOf(operator)?.list(IN_FLIGHT) ?? []
    if (stored.length === 0) return []
    const place = { subtask, parallelism, maxParallelism, keyGroups }
    const columns = new ColumnsInFlight(operator, lateIsRead(graph.logical, operator))
    const stages = restoreInFlight(operator.name, stored, place, (origin) => edgeNow(graph, operator, origin, columns))
    const { accepts } = columns
    return [{ operator: operator.name, position, stages, ...(accepts === undefined ? {} : { accepts }) }]
  })
}

/** The vertex with operators that take what is to be replayed. */
export function accepting(vertex: JobVertex, plans: readonly ReplayPlan[]): JobVertex {
  if (plans.every(({ accepts }) => accepts === undefined)) return vertex
  const operators = vertex.operators.map((operator, i) => {
    const accepts = plans.find(({ position }) => position === i)?.accepts
    return accepts === undefined ? operator : { ...operator, spec: accepts }
  })
  return { ...vertex, operators }
}

/** Throws E115, E211. */
function edgeNow(graph: JobGraph, operator: LogicalOperator, origin: ChannelOrigin, columns: ColumnsInFlight): EdgeNow {
  const senderOf = ({ from }: LogicalEdge): LogicalOperator => {
    const sender = graph.logical.operators[from]
    assert(sender !== undefined, 'an edge comes from an operator of the graph')
    return sender
  }
  const isOrigin = (edge: LogicalEdge): boolean => {
    const { name, was } = senderOf(edge)
    return edge.output === origin.output && (name === origin.from || was.includes(origin.from))
  }
  const were = [operator.name, ...operator.was].map(prunedName)
  const wereColumns = were.some((name) => origin.from === name || origin.from.startsWith(`${name}-`))
  let columnsNow: EdgeNow | undefined
  for (const edge of operator.inputs) {
    if ((edge.input ?? 0) !== origin.input) continue
    const keyOf = edge.ship.kind === 'hash' ? edge.ship.keyOf : undefined
    const { name, spec, inputs } = senderOf(edge)
    const originNow = { from: name, output: edge.output, input: origin.input }
    if (spec.kind === 'prune-columns' && wereColumns) {
      const { consumer } = spec
      const found = { keyOf, asNow: (value: unknown) => checked(value as Pruned, operator, columnsOf(consumer)) }
      if (isOrigin(edge)) return found
      // Of a union each stream has its reader; how many there are changes nothing in what they send.
      columnsNow ??= { ...found, origin: originNow }
    }
    if (isOrigin(edge)) return { keyOf }
    // Records travelled where parts of windows or columns do now: either may be a record as it is.
    if (spec.kind === 'prune-columns' && inputs.some(isOrigin)) {
      return { keyOf, origin: originNow, asNow: (record) => ({ key: spec.consumer.keyOf(record), raw: { record } }) satisfies Pruned }
    }
    if (spec.kind !== 'pre-aggregate' || !inputs.some(isOrigin)) continue
    const { window } = spec as PreAggregateSpec
    return { keyOf, origin: originNow, asNow: (record) => ({ key: window.keyOf?.(record) ?? '', raw: { record } }) satisfies Partial }
  }
  if (columnsNow !== undefined) return columnsNow
  if (wereColumns) return columns.edge
  throw E115_NO_SUCH_EDGE({ operator: operator.name, ...origin })
}

/** Columns are on their way to an operator that takes records now (another parallelism, pruning switched off). */
class ColumnsInFlight {
  readonly #operator: LogicalOperator
  readonly #lateIsRead: boolean
  readonly #pruned = new WeakSet<object>()
  /** The operator as it takes both; undefined while nothing asked for it. */
  accepts: OperatorSpec | undefined

  constructor(operator: LogicalOperator, lateIsRead: boolean) {
    this.#operator = operator
    this.#lateIsRead = lateIsRead
  }

  /** Throws E211. What comes over it stays what it is, since it may be in flight in the next checkpoint again. */
  get edge(): EdgeNow {
    const { spec } = this.#operator
    if (!isPrunable(spec) || this.#lateIsRead) {
      throw E211_COLUMNS_NOT_IN_FLIGHT({ operator: this.#operator.name, found: [], missing: [] })
    }
    const isPruned = (value: unknown): value is Pruned =>
      typeof value === 'object' && value !== null && this.#pruned.has(value)
    this.accepts ??= alsoOverColumns(spec, isPruned)
    return {
      keyOf: (value) => (isPruned(value) ? keyOfPruned(value) : spec.keyOf(value)),
      asNow: (value) => {
        const pruned = checked(value as Pruned, this.#operator, columnsOf(spec))
        this.#pruned.add(pruned)
        return pruned
      },
    }
  }
}

/** Throws E211. */
function checked(pruned: Pruned, { name: operator }: LogicalOperator, columns: readonly Column[] = []): Pruned {
  if (pruned.raw !== undefined) return pruned
  const missing = columns.filter(({ name }) => !Object.hasOwn(pruned, name)).map(({ name }) => name)
  if (missing.length === 0) return pruned
  throw E211_COLUMNS_NOT_IN_FLIGHT({ operator, missing, found: Object.keys(pruned).filter((name) => name !== 'key') })
}
