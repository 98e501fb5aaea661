/**
 * What one subtask has to process before anything else: its share of what the restored checkpoint had in flight.
 *
 * Called by the deployment. What was stored is named by operator and edge of the logical graph, so that it is
 * found again when the parallelism, and with it the chains, are others.
 */
import { assert } from '../base/assert.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import { keyGroupRange } from '../graph/key-groups.ts'
import type { LogicalEdge, LogicalOperator } from '../graph/logical-graph.ts'
import type { PreAggregateSpec } from '../graph/operator-spec.ts'
import type { Partial } from '../graph/pre-aggregation.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { E115_NO_SUCH_EDGE } from '../task/errors.ts'
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
    const stages = restoreInFlight(operator.name, stored, place, (origin) => edgeNow(graph, operator, origin))
    return [{ operator: operator.name, position, stages }]
  })
}

/** Throws E115. */
function edgeNow(graph: JobGraph, operator: LogicalOperator, origin: ChannelOrigin): EdgeNow {
  const senderOf = ({ from }: LogicalEdge): LogicalOperator => {
    const sender = graph.logical.operators[from]
    assert(sender !== undefined, 'an edge comes from an operator of the graph')
    return sender
  }
  const isOrigin = (edge: LogicalEdge): boolean => {
    const { name, was } = senderOf(edge)
    return edge.output === origin.output && (name === origin.from || was.includes(origin.from))
  }
  for (const edge of operator.inputs) {
    if ((edge.input ?? 0) !== origin.input) continue
    const keyOf = edge.ship.kind === 'hash' ? edge.ship.keyOf : undefined
    if (isOrigin(edge)) return { keyOf }
    // Records travelled where parts of windows do now: a part may be a record as it is.
    const { spec, inputs } = senderOf(edge)
    if (spec.kind !== 'pre-aggregate' || !inputs.some(isOrigin)) continue
    const { window } = spec as PreAggregateSpec
    return { keyOf, asNow: (record) => ({ key: window.keyOf?.(record) ?? '', raw: { record } }) satisfies Partial }
  }
  throw E115_NO_SUCH_EDGE({ operator: operator.name, ...origin })
}
