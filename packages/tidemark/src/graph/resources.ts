/**
 * What a job reads and writes. The host compares it with what a state directory was first used
 * with: positions and committed output mean nothing for another file.
 */
import type { LogicalGraph } from './logical-graph.ts'

export interface JobResource {
  readonly operator: string
  readonly kind: 'source' | 'sink'
  /** Kind of the connector, e.g. 'parquet'. */
  readonly connector: string
  readonly resource: string
}

export function resourcesOf(graph: LogicalGraph): readonly JobResource[] {
  return graph.operators.flatMap(({ name, spec }): JobResource[] => {
    if (spec.kind === 'source') {
      return [{ operator: name, kind: 'source', connector: spec.source.kind, resource: spec.source.resource }]
    }
    if (spec.kind === 'sink') {
      return [{ operator: name, kind: 'sink', connector: spec.sink.kind, resource: spec.sink.resource }]
    }
    return []
  })
}

/** By the present name, so that a renamed source is compared with what it read under its old one. */
export const formerNamesOf = (graph: LogicalGraph): ReadonlyMap<string, readonly string[]> =>
  new Map(graph.operators.map(({ name, was }) => [name, was]))
