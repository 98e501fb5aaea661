/**
 * The fused operators of one subtask: builds them from the graph, wires their outputs, snapshots them.
 *
 * Owns the operators of one vertex for one subtask. A chain is a tree: the head takes records from
 * the gate (or is a source), every other operator from exactly one link. Operators call each other
 * directly; records that leave the chain go into RecordWriters.
 *
 *   OC-1  Every operator is built after its consumers, so that collectors are final when bound.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { JobVertex } from '../graph/job-graph.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import { createOperator } from '../operator/create.ts'
import type { Collect, Operator, OperatorContext, Output } from '../operator/operator.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import type { ControlItem } from '../channel/items.ts'
import type { RecordWriter } from './record-writer.ts'

/** What the subtask supplies for every operator; the chain adds name, output and restored state. */
export type ContextOf = (operator: LogicalOperator, output: Output) => OperatorContext

export interface ChainWriter {
  readonly fromOperator: number
  readonly output: string
  readonly writer: RecordWriter
}

interface Member {
  readonly definition: LogicalOperator
  readonly operator: Operator
}

export interface NamedSnapshot {
  readonly operator: string
  readonly snapshot: OperatorSnapshot | Io<OperatorSnapshot>
}

const drop: Collect = () => {}

export class OperatorChain {
  readonly #members: readonly Member[]
  readonly #writers: readonly ChainWriter[]

  constructor(vertex: JobVertex, writers: readonly ChainWriter[], contextOf: ContextOf) {
    this.#writers = writers
    const built = new Map<number, Operator>()
    for (const definition of [...vertex.operators].reverse()) {
      const output = this.#outputOf(vertex, definition, built)
      built.set(definition.index, createOperator(definition, contextOf(definition, output)))
    }
    this.#members = vertex.operators.map((definition) => {
      const operator = built.get(definition.index)
      assert(operator !== undefined, 'every operator of the vertex was built')
      return { definition, operator }
    })
  }

  get head(): Operator {
    return (this.#members[0] as Member).operator
  }

  get operators(): readonly Operator[] {
    return this.#members.map((member) => member.operator)
  }

  /** True while some operator of the chain (a full sink) takes no more input. */
  get busy(): boolean {
    for (const { operator } of this.#members) if (operator.busy === true) return true
    return false
  }

  /** True while results of records that some operator has taken are still to come. */
  get inFlight(): boolean {
    for (const { operator } of this.#members) if (operator.inFlight === true) return true
    return false
  }

  open(): void {
    for (const { operator } of [...this.#members].reverse()) operator.open?.()
  }

  /** The cut. Operators that have no state contribute nothing. */
  snapshot(checkpoint: CheckpointId): NamedSnapshot[] {
    const snapshots: NamedSnapshot[] = []
    for (const { definition, operator } of this.#members) {
      const snapshot = operator.snapshot(checkpoint)
      if (snapshot !== undefined) snapshots.push({ operator: definition.name, snapshot })
    }
    return snapshots
  }

  onCheckpointComplete(checkpoint: CheckpointId): void {
    for (const { operator } of this.#members) operator.onCheckpointComplete?.(checkpoint)
  }

  onCheckpointAborted(checkpoint: CheckpointId): void {
    for (const { operator } of this.#members) operator.onCheckpointAborted?.(checkpoint)
  }

  /** Largest checkpoint whose commits are all confirmed in every operator; Infinity if none commits. */
  committedUpTo(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { operator } of this.#members) {
      const upTo = operator.committedUpTo?.()
      if (upTo !== undefined && upTo < least) least = upTo
    }
    return least
  }

  broadcast(item: ControlItem): void {
    for (const { writer } of this.#writers) writer.broadcast(item)
  }

  flush(): void {
    for (const { writer } of this.#writers) writer.flush()
  }

  get outputsFull(): boolean {
    for (const { writer } of this.#writers) if (writer.full) return true
    return false
  }

  close(): void {
    for (const { operator } of this.#members) operator.close?.()
  }

  #outputOf(vertex: JobVertex, definition: LogicalOperator, built: ReadonlyMap<number, Operator>): Output {
    const consumers = vertex.links
      .filter((link) => link.fromOperator === definition.index)
      .map((link) => {
        const operator = built.get(link.toOperator)
        assert(operator !== undefined, 'a consumer is built before its producer')
        return { output: link.output, operator }
      })
    const writers = this.#writers.filter((writer) => writer.fromOperator === definition.index)
    return {
      collector: (tag) =>
        fanOut([
          ...consumers.filter((c) => c.output === tag).map((c) => c.operator.collect),
          ...writers.filter((w) => w.output === tag).map((w) => w.writer.collect),
        ]),
      watermark: (watermark) => {
        for (const { operator } of consumers) operator.onWatermark(watermark)
        for (const { writer } of writers) writer.broadcast({ kind: 'watermark', watermark })
      },
      idle: (idle) => {
        for (const { operator } of consumers) operator.onIdle(idle)
        for (const { writer } of writers) writer.broadcast({ kind: 'idle', idle })
      },
    }
  }
}

function fanOut(collectors: readonly Collect[]): Collect {
  const [first, second] = collectors
  if (first === undefined) return drop
  if (second === undefined) return first
  return (value, timestamp) => {
    for (const collect of collectors) collect(value, timestamp)
  }
}
