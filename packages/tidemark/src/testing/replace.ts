/**
 * The job's graph with other ends: feeds for its sources, recorders for its sinks.
 *
 * Pure; called by harness and exploration. The graph is data, so the operators between, which are
 * what is under test, stay the very same.
 *
 *   RP-1  A source and what is chained to it have one subtask, at any parallelism of the rest: a
 *         test hands in one sequence of records, and its order per key is kept.
 *   RP-2  With marks, a filter behind each source keeps them from the job.
 */
import { unreachable } from '../base/assert.ts'
import type { LogicalEdge, LogicalGraph, LogicalOperator } from '../graph/logical-graph.ts'
import { MAIN, type OperatorSpec, type SinkOperatorSpec, type SourceOperatorSpec } from '../graph/operator-spec.ts'
import { WatermarkMark, type Feed } from './feed.ts'

type Schema = NonNullable<SourceOperatorSpec['schema']>

export interface Ends {
  feedOf(source: string): Feed
  sinkOf(name: string, spec: SinkOperatorSpec): SinkOperatorSpec['sink']
  /** The test sets watermarks itself. */
  readonly marks: boolean
  /** Anything else that is to be another: functions that sometimes throw. */
  spec?(operator: LogicalOperator): OperatorSpec
}

export const namesOf = (graph: LogicalGraph, kind: 'source' | 'sink'): string[] =>
  graph.operators.filter((operator) => operator.spec.kind === kind).map(({ name }) => name)

export function replaceEnds(graph: LogicalGraph, ends: Ends): LogicalGraph {
  const operators: LogicalOperator[] = []
  const movedTo: number[] = []
  const gateOf = new Map<number, number>()
  const single = new Set<number>()
  for (const operator of graph.operators) {
    const index = operators.length
    movedTo.push(index)
    const inputs = operator.inputs.map((edge): LogicalEdge => {
      const from = movedTo[edge.from] ?? unreachable('the inputs of an operator come before it')
      return { ...edge, from: edge.output === MAIN ? (gateOf.get(from) ?? from) : from }
    })
    const follows = inputs.length > 0 &&
      inputs.every(({ from, ship }) => ship.kind === 'forward' && single.has(from))
    const one = operator.spec.kind === 'source' || follows
    if (one) single.add(index)
    const spec = specOf(operator, ends)
    operators.push({ ...operator, index, inputs, spec, ...(one ? { parallelism: 1 } : {}) })
    if (operator.spec.kind === 'source' && ends.marks) {
      gateOf.set(index, operators.length)
      single.add(operators.length)
      operators.push(gate(operator.name, index, operators.length))
    }
  }
  return { ...graph, operators }
}

function specOf(operator: LogicalOperator, ends: Ends): OperatorSpec {
  const { spec, name } = operator
  if (spec.kind === 'source') return fed(spec, ends.feedOf(name), ends.marks)
  if (spec.kind === 'sink') return { ...spec, sink: ends.sinkOf(name, spec) }
  return ends.spec?.(operator) ?? spec
}

function fed(spec: SourceOperatorSpec, feed: Feed, marks: boolean): SourceOperatorSpec {
  const source = feed.source(spec.source, marks || spec.source.splitsInTimeOrder)
  if (!marks) return { ...spec, source }
  const { schema, eventTime, outOfOrderMs } = spec
  return {
    ...spec, source,
    ...(schema === undefined ? {} : { schema: passingMarks(schema) }),
    ...(eventTime === undefined ? {} : {
      // The source subtracts the bound and one; a Date, since a number might look like seconds.
      eventTime: (value: unknown) =>
        value instanceof WatermarkMark ? new Date(value.ms + outOfOrderMs + 1) : eventTime(value),
    }),
  }
}

function passingMarks(schema: Schema): Schema {
  const inner = schema['~standard']
  return {
    '~standard': {
      ...inner,
      validate: (value: unknown) => (value instanceof WatermarkMark ? { value } : inner.validate(value)),
    },
  }
}

function gate(source: string, from: number, index: number): LogicalOperator {
  return {
    index, name: `${source} (fed)`, named: false, was: [], parallelism: 1,
    spec: { kind: 'filter', fn: (value) => !(value instanceof WatermarkMark) },
    inputs: [{ from, output: MAIN, ship: { kind: 'forward' } }],
  }
}
