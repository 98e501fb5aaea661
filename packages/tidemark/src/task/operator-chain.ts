/**
 * The fused operators of one subtask: builds them from the graph, wires their outputs, snapshots them.
 *
 * Owns the operators of one vertex for one subtask. A chain is a tree: the head takes records from
 * the gate (or is a source), every other operator from exactly one link. Operators call each other
 * directly; records that leave the chain go into RecordWriters.
 *
 *   OC-1  Every operator is built after its consumers, so that collectors are final when bound.
 *   OC-2  Where code is generated, one function takes a batch through all operators that can be written in
 *         line (task/fused); it does what the `collect` calls would do.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { JobVertex } from '../graph/job-graph.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import { MAIN, type OutputTag } from '../graph/operator-spec.ts'
import { createOperator } from '../operator/create.ts'
import type { Collect, Operator, OperatorContext, Output } from '../operator/operator.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import type { ControlItem, DataBatch } from '../channel/items.ts'
import { generator, type Stage } from './fused/fused.ts'
import type { Pressure, RecordWriter } from './record-writer.ts'

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

/** Takes records of a batch from `from` up to `end`, fewer if an output gets full; gives where it stopped. */
export type ReadBatch = (batch: DataBatch, from: number, end: number, pressure: Pressure) => number

const drop: Collect = () => {}

export class OperatorChain {
  readonly #members: readonly Member[]
  readonly #writers: readonly ChainWriter[]
  readonly #fuse: boolean
  readonly #readers: readonly ReadBatch[]

  constructor(
    vertex: JobVertex, writers: readonly ChainWriter[], contextOf: ContextOf,
    options: { readonly fuse?: boolean } = {},
  ) {
    this.#writers = writers
    this.#fuse = options.fuse ?? true
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
    const { definition, operator } = this.#members[0] as Member
    this.#readers = operator.inputs === undefined
      ? [this.#readerOf(vertex, definition, built) ?? readEach(operator.collect)]
      : operator.inputs.map(readEach)
  }

  /** How batches of an input of the head are read. */
  reader(input: number): ReadBatch {
    return (this.#readers[input] ?? this.#readers[0]) as ReadBatch
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

  /** True while some operator has timers left that go before any further record. */
  get firing(): boolean {
    for (const { operator } of this.#members) if (operator.firing?.() === true) return true
    return false
  }

  /** At most so many of them. */
  fireMore(most: number): void {
    this.#members.find(({ operator }) => operator.firing?.() === true)?.operator.fireMore?.(most)
  }

  /** Consumers before their producers. The head can be opened later than the others. */
  open(which: 'all' | 'head' | 'behind the head' = 'all'): void {
    const from = which === 'behind the head' ? 1 : 0
    const to = which === 'head' ? 1 : this.#members.length
    for (const { operator } of this.#members.slice(from, to).reverse()) operator.open?.()
  }

  /** What operators hold back for a while leaves before the barrier. */
  beforeBarrier(): void {
    for (const { operator } of this.#members) operator.beforeBarrier?.()
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

  /** A batch through the head and what is behind it; undefined if the head is no operator of one input. */
  #readerOf(
    vertex: JobVertex, definition: LogicalOperator, built: ReadonlyMap<number, Operator>,
  ): ReadBatch | undefined {
    const head = built.get(definition.index)
    if (!this.#fuse || head?.inline === undefined) return undefined
    const stage = this.#stageOf(vertex, definition.index, head, built)
    const generate = generator(() => [stage], `${vertex.index} ${vertex.name} batch`)
    return generate<ReadBatch>(['batch', 'from', 'end', 'pressure'], (code) => {
      const [i, value, time] = [code.local(), code.local(), code.local()]
      return `const { values, timestamps } = batch
        let ${i} = from
        while (${i} < end) {
          const ${value} = values[${i}], ${time} = timestamps[${i}]
          ${i} += 1
          ${code.next(MAIN, value, time)}
          if (pressure.full) break
        }
        return ${i}`
    })
  }

  #stageOf(
    vertex: JobVertex, index: number, operator: Operator, built: ReadonlyMap<number, Operator>,
  ): Stage {
    const { collect, inline } = operator
    return { collect, inline, next: (tag) => this.#stagesAfter(vertex, index, tag, built) }
  }

  /** Who takes what an operator puts out: operators of this chain first, then the writers of edges. */
  #stagesAfter(
    vertex: JobVertex, index: number, tag: OutputTag, built: ReadonlyMap<number, Operator>,
  ): readonly Stage[] {
    return [
      ...consumersOf(vertex, index, built)
        .filter(({ output }) => output === tag)
        .map((consumer) => this.#stageOf(vertex, consumer.index, consumer.operator, built)),
      ...this.#writers
        .filter(({ fromOperator, output }) => fromOperator === index && output === tag)
        .map(({ writer }): Stage => ({ collect: writer.collect, inline: writer.inline, next: () => [] })),
    ]
  }

  #outputOf(vertex: JobVertex, definition: LogicalOperator, built: ReadonlyMap<number, Operator>): Output {
    const consumers = consumersOf(vertex, definition.index, built)
    const writers = this.#writers.filter((writer) => writer.fromOperator === definition.index)
    const stages = (tag: OutputTag): readonly Stage[] => this.#stagesAfter(vertex, definition.index, tag, built)
    const owner = `${vertex.index} ${vertex.name} ${definition.name}`
    const generate = this.#fuse ? generator(stages, owner) : undefined
    return {
      generate,
      collector: (tag) => {
        const collect = fanOut(stages(tag).map((stage) => stage.collect))
        // What is in line needs its collectors in rare cases alone: a function for it is not worth its making.
        if (IN_LINE.has(definition.spec.kind) || !worthwhile(stages(tag))) return collect
        return generate?.<Collect>(['value', 'time'], (code) => code.next(tag, 'value', 'time')) ?? collect
      },
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

/** Operators that write themselves in line. */
const IN_LINE: ReadonlySet<string> = new Set(['source', 'map', 'filter', 'flat-map', 'split', 'rolling'])

/** True if there is more than one operator to be called. */
function worthwhile(stages: readonly Stage[]): boolean {
  return stages.some((stage) => stage.inline !== undefined && stage.next(MAIN).length > 0)
}

function consumersOf(
  vertex: JobVertex, index: number, built: ReadonlyMap<number, Operator>,
): readonly { readonly index: number; readonly output: OutputTag; readonly operator: Operator }[] {
  return vertex.links
    .filter((link) => link.fromOperator === index)
    .map((link) => {
      const operator = built.get(link.toOperator)
      assert(operator !== undefined, 'a consumer is built before its producer')
      return { index: link.toOperator, output: link.output, operator }
    })
}

function readEach(collect: Collect): ReadBatch {
  return ({ values, timestamps }, from, end, pressure) => {
    let i = from
    while (i < end) {
      collect(values[i], timestamps[i] as number)
      i += 1
      if (pressure.full) break
    }
    return i
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
