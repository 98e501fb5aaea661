/**
 * Which vertices have to be started again together: the parts of the graph that exchange no record.
 *
 * Owned by nobody: computed once for an attempt (job-attempt.ts). Every edge is pipelined here, so whoever is joined
 * by one goes back together: what one has sent since the checkpoint, the other has taken.
 *
 *   FG-1  Every vertex is in exactly one region, and no edge leads from one region to another.
 *   FG-2  Two vertices of a region are joined by a path of edges, in whatever direction.
 *   FG-3  A region holds whole vertices. The enumerator of a source, the leftovers of a sink and state that is spread
 *         anew at a restore belong to all subtasks of an operator; finer parts would need rules of their own for each
 *         (docs/adr/0008-failover-regions.md).
 *
 * Source: FLIP-1; Flink RestartPipelinedRegionFailoverStrategy.
 */
import type { JobGraph } from '../graph/job-graph.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'

/** Indices of vertices, ascending. */
export type FailoverRegion = readonly number[]

/** In the order of their first vertices. */
export function regionsOf({ vertices, edges }: Pick<JobGraph, 'vertices' | 'edges'>): readonly FailoverRegion[] {
  const joined = vertices.map((_, index) => index)
  const rootOf = (vertex: number): number => {
    const next = joined[vertex] as number
    return next === vertex ? vertex : rootOf(next)
  }
  for (const { fromVertex, toVertex } of edges) {
    const [first, second] = [rootOf(fromVertex), rootOf(toVertex)].sort((a, b) => a - b) as [number, number]
    joined[second] = first
  }
  const regions = new Map<number, number[]>()
  for (const { index } of vertices) {
    const root = rootOf(index)
    regions.set(root, [...(regions.get(root) ?? []), index])
  }
  return [...regions.values()]
}

/** The operators in these vertices. */
export const operatorsIn = (graph: Pick<JobGraph, 'vertices'>, vertices: ReadonlySet<number>): readonly LogicalOperator[] =>
  graph.vertices.flatMap(({ index, operators }) => (vertices.has(index) ? operators : []))

/** Every name under which their state may be in a checkpoint. */
export function stateNamesOf(operators: readonly LogicalOperator[]): ReadonlySet<string> {
  return new Set(operators.flatMap(({ name, was, spec }) =>
    [name, ...was, ...(spec.kind === 'pre-aggregate' ? [spec.of, ...spec.ofFormer] : [])]))
}
