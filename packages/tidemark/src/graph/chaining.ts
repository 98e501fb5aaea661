/**
 * From the graph as written to the graph as deployed: operators fused into chains.
 *
 * A record that stays in its subtask needs no channel, so an operator joins its producer's chain
 * wherever no record changes subtask. A chain is a tree: one operator may feed several. Pure; called
 * by hosts and by `tidemark graph`.
 *
 *   JG-1  Every logical edge becomes exactly one chain link or exactly one job edge.
 *   JG-2  Every operator is in exactly one vertex; the head alone has inputs from other vertices.
 *   JG-3  Same graph and parallelism, same result: indices and names do not depend on anything else.
 *   JG-4  A forward edge of a job edge joins subtasks one to one, so its ends have equal parallelism.
 *
 * Source: Flink StreamingJobGraphGenerator (isChainable).
 */
import { assert } from '../base/assert.ts'
import type { ChainLink, JobEdge, JobGraph, JobVertex } from './job-graph.ts'
import type { LogicalEdge, LogicalGraph, LogicalOperator, Ship } from './logical-graph.ts'
import { pruneColumns } from './column-pruning.ts'
import { aggregateAhead } from './pre-aggregation.ts'
import { checkParallelismOf } from './validate.ts'

interface VertexDraft {
  readonly operators: LogicalOperator[]
  readonly links: ChainLink[]
  readonly inputs: JobEdge[]
  readonly outputs: JobEdge[]
}

/**
 * Parallelism: `options.parallelism` (the command line) if given, else the job file's, else 1. An
 * operator with a fixed parallelism keeps it.
 */
export function toJobGraph(asWritten: LogicalGraph, options: { readonly parallelism?: number } = {}): JobGraph {
  const parallelism = options.parallelism ?? asWritten.parallelism ?? 1
  checkParallelismOf(`The job "${asWritten.job}"`, parallelism, asWritten.maxParallelism)
  const parallelismOf = (operator: LogicalOperator): number => operator.parallelism ?? parallelism
  const crosses = ({ from }: LogicalEdge, to: LogicalOperator): boolean =>
    parallelismOf(to) > 1 || parallelismOf(at(asWritten.operators, from)) > 1
  const ahead = asWritten.aggregateAhead === false ? asWritten : aggregateAhead(asWritten, crosses)
  const crossesAhead = ({ from }: LogicalEdge, to: LogicalOperator): boolean =>
    parallelismOf(to) > 1 || parallelismOf(at(ahead.operators, from)) > 1
  const logical = asWritten.pruneColumns === false ? ahead : pruneColumns(ahead, crossesAhead)

  const drafts: VertexDraft[] = []
  const edges: JobEdge[] = []
  const vertexOf: number[] = []
  for (const operator of logical.operators) {
    const link = chainLink(operator, logical, parallelismOf)
    if (link === undefined) {
      vertexOf.push(drafts.push({ operators: [operator], links: [], inputs: [], outputs: [] }) - 1)
    } else {
      const vertex = at(vertexOf, link.fromOperator)
      at(drafts, vertex).operators.push(operator)
      at(drafts, vertex).links.push(link)
      vertexOf.push(vertex)
      continue
    }
    const toVertex = at(vertexOf, operator.index)
    for (const input of operator.inputs) {
      const fromVertex = at(vertexOf, input.from)
      const producer = at(logical.operators, input.from)
      const ship = shipBetween(input, parallelismOf(producer), parallelismOf(operator))
      const edge: JobEdge = {
        index: edges.length, fromVertex, fromOperator: input.from, output: input.output, toVertex, ship,
        input: input.input ?? 0,
      }
      edges.push(edge)
      at(drafts, fromVertex).outputs.push(edge)
      at(drafts, toVertex).inputs.push(edge)
    }
  }
  const vertices = drafts.map((draft, index): JobVertex => {
    const head = at(draft.operators, 0)
    const name = (draft.operators.find((operator) => operator.named) ?? head).name
    return { index, name, parallelism: parallelismOf(head), ...draft }
  })
  return { logical, parallelism, maxParallelism: logical.maxParallelism, vertices, edges }
}

/** The link by which an operator joins its producer's chain; undefined if it heads a chain of its own. */
function chainLink(
  operator: LogicalOperator,
  logical: LogicalGraph,
  parallelismOf: (operator: LogicalOperator) => number,
): ChainLink | undefined {
  const [input, second] = operator.inputs
  if (input === undefined || second !== undefined) return undefined
  const from = parallelismOf(at(logical.operators, input.from))
  const to = parallelismOf(operator)
  const stays = from === to && (input.ship.kind === 'forward' || to === 1)
  return stays ? { fromOperator: input.from, output: input.output, toOperator: operator.index } : undefined
}

function shipBetween(edge: LogicalEdge, from: number, to: number): Ship {
  return edge.ship.kind === 'forward' && from !== to ? { kind: 'rebalance' } : edge.ship
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  assert(item !== undefined, 'the inputs of an operator come before it in the logical graph')
  return item
}
