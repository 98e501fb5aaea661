/**
 * The graph as it is deployed: operators fused into chains, one vertex a chain (Flink's JobGraph).
 *
 * Types only; chaining.ts builds it.
 */
import type { LogicalGraph, LogicalOperator, Ship } from './logical-graph.ts'
import type { OutputTag } from './operator-spec.ts'

/** An edge between two vertices: one channel for every pair of subtasks that may exchange records. */
export interface JobEdge {
  /** Index in `JobGraph.edges`. */
  readonly index: number
  readonly fromVertex: number
  /** Index (in LogicalGraph.operators) of the producing operator within `fromVertex`. */
  readonly fromOperator: number
  readonly output: OutputTag
  readonly toVertex: number
  readonly ship: Ship
  /** Which input of the head of `toVertex` it feeds. */
  readonly input: number
}

/** A fused link inside a chain. */
export interface ChainLink {
  readonly fromOperator: number
  readonly output: OutputTag
  readonly toOperator: number
}

export interface JobVertex {
  readonly index: number
  /** Stable and unique: name of the chain's first named operator, else of its first operator. */
  readonly name: string
  readonly parallelism: number
  /** In topological order; the first one is the head: it alone has inputs from other vertices. */
  readonly operators: readonly LogicalOperator[]
  readonly links: readonly ChainLink[]
  readonly inputs: readonly JobEdge[]
  readonly outputs: readonly JobEdge[]
}

export interface JobGraph {
  readonly logical: LogicalGraph
  readonly parallelism: number
  readonly maxParallelism: number
  readonly vertices: readonly JobVertex[]
  readonly edges: readonly JobEdge[]
}
