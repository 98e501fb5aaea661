/**
 * One attempt of a job inside one thread: channels, subtasks and their operators' contexts.
 *
 * Owns them for the attempt; a failover of the job throws the whole deployment away and makes a new one, so
 * that nothing of a failed attempt can leak into the next. A failover of a region puts new subtasks and channels
 * in the place of its own, under a higher attempt, and leaves the others alone. A thread that shares the job with others
 * deploys its part of the subtasks; the channels to those of other threads come from its host.
 */
import type { Attempt, Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { subtaskKey, type FromSubtask, type SubtaskId, type ToSubtask } from '../base/protocol.ts'
import { MIN_TIMESTAMP } from '../base/time.ts'
import type { ChannelReceiver, ChannelSender } from '../channel/channel.ts'
import { LocalChannel } from '../channel/local-channel.ts'
import type { JobEdge, JobGraph, JobVertex } from '../graph/job-graph.ts'
import { keyGroupRange } from '../graph/key-groups.ts'
import type { LogicalOperator } from '../graph/logical-graph.ts'
import type { Landing } from '../job/landing.ts'
import { MetricsTable } from '../observe/metrics-table.ts'
import type { OperatorMetrics, ProcessingTimeService } from '../operator/operator.ts'
import { SinkOperator } from '../operator/sink-operator.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { InputGate, type GateInput } from '../task/input-gate.ts'
import { OperatorChain, type ChainWriter } from '../task/operator-chain.ts'
import type { TaskOptions } from '../task/options.ts'
import { RecordWriter, type Pressure } from '../task/record-writer.ts'
import { Subtask } from '../task/subtask.ts'
import type { ChainHooks } from '../task/subtask-init.ts'
import type { SegmentWriter } from '../task/write-snapshot.ts'
import { accepting, replayPlans } from './replay-plans.ts'
import { SubtaskGauges } from './subtask-gauges.ts'

/** What is deployed at once: everything, or the regions that are started again. */
export interface DeploymentPart {
  /** Undefined: all. */
  readonly vertices?: ReadonlySet<number>
  readonly attempt: Attempt
  readonly restored: Restored
}

/** State of a checkpoint (job/restore.ts). */
interface Restored {
  readonly checkpoint: number
  of(operator: string, vertex: JobVertex, subtask: number): RestoredOperator | undefined
  /** Has the stores of operators whose state may be larger than memory. */
  readonly landing?: Landing | undefined
  /** Everything that is made from it has taken its own. */
  forgetKeyed(): void
}

export interface DeploymentInit {
  readonly graph: JobGraph
  readonly jobId: string
  readonly epoch: Epoch
  readonly ports: Ports
  readonly options: TaskOptions
  readonly segments: SegmentWriter
  readonly part: DeploymentPart
  fromSubtask(id: SubtaskId, message: FromSubtask): void
  /** Asked before commits: throws once another writer has taken over. */
  fence(): Io<void>
  print(operator: string, subtask: number, index: number, label: string, text: string): void
  /** Something may have become runnable. */
  awake(): void
  /** How channels are made, where they are watched (simulator). */
  newChannel?(sender: string, capacityBatches: number): LocalChannel
  /** The other threads of the job; undefined: every subtask is here. */
  readonly elsewhere?: Elsewhere
  /** Where the numbers of the attempt go, and what leads from this thread's clock to that of their readers. */
  readonly metrics?: { readonly table: MetricsTable; readonly zeroMs: number }
}

/** Which subtasks are in this thread, and the ends of channels whose other end is not. */
export interface Elsewhere {
  /** Subtasks of one index share a thread, whatever their vertex (Flink's slot sharing). */
  isHere(subtask: number): boolean
  sender(edge: JobEdge, producer: number, consumer: number): ChannelSender
  receiver(edge: JobEdge, producer: number, consumer: number, sender: string): ChannelReceiver
}

export interface DeploymentCounts {
  readonly recordsIn: number
  readonly recordsOut: number
  readonly late: number
  readonly invalid: number
}

export class Deployment {
  readonly #init: DeploymentInit
  readonly #subtasks = new Map<string, Placed>()
  readonly #metrics: OperatorMetrics[] = []
  readonly #table: NonNullable<DeploymentInit['metrics']>
  /** What parts that have not started yet were restored from. */
  readonly #unused = new Map<Attempt, Restored>()
  /** By edge, then by producer and consumer; both ends are in this thread. */
  readonly #channels = new Map<number, Map<string, LocalChannel>>()

  constructor(init: DeploymentInit) {
    this.#init = init
    this.#table = init.metrics ?? { table: tableOf(init.graph), zeroMs: 0 }
    this.redeploy(init.part)
  }

  get subtasks(): readonly Subtask[] {
    return [...this.#subtasks.values()].map(({ subtask }) => subtask)
  }

  /** Those that go on when these vertices are started again. */
  outside(vertices: ReadonlySet<number>): readonly Subtask[] {
    return [...this.#subtasks.values()].filter(({ id }) => !vertices.has(id.vertex)).map(({ subtask }) => subtask)
  }

  /** Makes the subtasks of a part, in the place of those that were there. */
  redeploy(part: DeploymentPart): void {
    this.#unused.set(part.attempt, part.restored)
    this.cancel(part.vertices)
    for (const edge of this.#init.graph.edges) {
      if (part.vertices?.has(edge.toVertex) ?? true) this.#channels.delete(edge.index)
    }
    for (const vertex of this.#init.graph.vertices) {
      if (part.vertices?.has(vertex.index) === false) continue
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
        if (!this.#isHere(subtask)) continue
        const id = { vertex: vertex.index, subtask, attempt: part.attempt }
        this.#subtasks.set(subtaskKey(id), this.#build(vertex, id, part.restored))
      }
    }
  }

  start(attempt: Attempt): void {
    for (const { id, subtask } of this.#subtasks.values()) if (id.attempt === attempt) subtask.start()
    this.#unused.get(attempt)?.forgetKeyed()
    this.#unused.delete(attempt)
  }

  /** An attempt that is over, or not here yet, hears nothing. */
  send(to: SubtaskId, message: ToSubtask): void {
    const placed = this.#subtasks.get(subtaskKey(to))
    if (placed?.id.attempt === to.attempt) placed.subtask.deliver(message)
  }

  cancel(vertices?: ReadonlySet<number>): void {
    for (const { id, subtask } of this.#subtasks.values()) if (vertices?.has(id.vertex) ?? true) subtask.cancel()
  }

  /** Brings the counters and gauges in the metrics table up to date. Times are so always. */
  publish(): void {
    for (const { gauges } of this.#subtasks.values()) gauges.publish()
  }

  counts(): DeploymentCounts {
    let recordsIn = 0
    let recordsOut = 0
    for (const { subtask } of this.#subtasks.values()) {
      recordsIn += subtask.source?.emitted ?? 0
      for (const operator of subtask.chain.operators) {
        if (operator instanceof SinkOperator) recordsOut += operator.written
      }
    }
    const late = this.#metrics.reduce((sum, metrics) => sum + metrics.late, 0)
    const invalid = this.#metrics.reduce((sum, metrics) => sum + metrics.invalid, 0)
    return { recordsIn, recordsOut, late, invalid }
  }

  /** Least watermark of all sources; undefined before the first one. */
  get watermark(): number | undefined {
    const watermarks = this.subtasks.flatMap(({ source }) => (source === undefined ? [] : [source.watermark]))
    const least = Math.min(...watermarks)
    return least === MIN_TIMESTAMP ? undefined : least
  }

  #isHere(subtask: number): boolean {
    return this.#init.elsewhere?.isHere(subtask) ?? true
  }

  #local(edge: JobEdge, producer: number, consumer: number): LocalChannel {
    const channels = this.#channels.get(edge.index) ?? new Map<string, LocalChannel>()
    this.#channels.set(edge.index, channels)
    const key = `${producer}/${consumer}`
    const known = channels.get(key)
    if (known !== undefined) return known
    const { channelBatches } = this.#init.options
    const name = this.#nameOf(edge, producer)
    const made = this.#init.newChannel?.(name, channelBatches) ?? new LocalChannel(name, channelBatches)
    channels.set(key, made)
    return made
  }

  #operator(index: number): LogicalOperator {
    return this.#init.graph.logical.operators[index] as LogicalOperator
  }

  #nameOf(edge: JobEdge, producer: number): string {
    return `${this.#init.graph.vertices[edge.fromVertex]?.name}[${producer}]`
  }

  #inputsOf(vertex: JobVertex, subtask: number): GateInput[] {
    const { graph, elsewhere } = this.#init
    return vertex.inputs.flatMap((edge) => {
      const { parallelism } = graph.vertices[edge.fromVertex] as JobVertex
      return partners(edge, subtask, parallelism).map((producer): GateInput => ({
        input: edge.input,
        origin: { from: this.#operator(edge.fromOperator).name, output: edge.output, input: edge.input },
        recordable: this.#recordable(edge),
        channel: elsewhere === undefined || elsewhere.isHere(producer)
          ? this.#local(edge, producer, subtask)
          : elsewhere.receiver(edge, producer, subtask, this.#nameOf(edge, producer)),
      }))
    })
  }

  /** Parts of windows mean nothing at a parallelism that makes none; they are few, and stay in line. */
  #recordable({ ship, fromOperator }: JobEdge): boolean {
    const parts = this.#operator(fromOperator).spec.kind === 'pre-aggregate'
    return (ship.kind === 'hash' || ship.kind === 'rebalance') && !parts
  }

  #outputsOf(edge: JobEdge, subtask: number): ChannelSender[] {
    const { graph, elsewhere } = this.#init
    const { parallelism } = graph.vertices[edge.toVertex] as JobVertex
    return partners(edge, subtask, parallelism).map((consumer) =>
      elsewhere === undefined || elsewhere.isHere(consumer)
        ? this.#local(edge, subtask, consumer)
        : elsewhere.sender(edge, subtask, consumer))
  }

  #build(vertex: JobVertex, id: SubtaskId, restored: Restored): Placed {
    const { graph, ports, options, segments } = this.#init
    const { subtask } = id
    const pressure: Pressure = { full: false }
    const keyGroups = keyGroupRange(subtask, vertex.parallelism, graph.maxParallelism)
    const writers: ChainWriter[] = vertex.outputs.map((edge) => ({
      fromOperator: edge.fromOperator,
      output: edge.output,
      writer: new RecordWriter({
        ship: edge.ship,
        channels: this.#outputsOf(edge, subtask),
        operator: vertex.name,
        maxParallelism: graph.maxParallelism,
        batchRecords: options.batchRecords,
        pressure,
        firstTarget: subtask,
      }),
    }))
    const { table, zeroMs } = this.#table
    const meter = table.write(vertex.index, subtask, ports.clock, zeroMs)
    const inputs = this.#inputsOf(vertex, subtask)
    const replay = replayPlans(graph, vertex, subtask, ({ name, was }) => stateOf(restored, [name, ...was], vertex, subtask))
    const built = new Subtask(
      {
        name: `${vertex.name}[${subtask}]`,
        index: subtask,
        keyGroups,
        gate: new InputGate(inputs, options.pick === 'random' ? ports.random : undefined),
        ports, options, pressure, restoredCheckpoint: restored.checkpoint, meter,
        parallelism: vertex.parallelism,
        head: (vertex.operators[0] as LogicalOperator).name,
        replay,
        host: {
          segments,
          send: (message) => {
            ports.executor.post(`from:${subtaskKey(id)}`, () => this.#init.fromSubtask(id, message))
          },
          awake: () => this.#init.awake(),
        },
      },
      (hooks) => this.#chain(accepting(vertex, replay), id, restored, writers, hooks),
    )
    const gauges = new SubtaskGauges({
      subtask: built, inputs: inputs.map(({ channel }) => channel), writers: writers.map(({ writer }) => writer),
      cells: meter,
    })
    return { id, subtask: built, gauges }
  }

  #chain(
    vertex: JobVertex, { subtask, attempt: ofAttempt }: SubtaskId, restored: Restored, writers: readonly ChainWriter[], hooks: ChainHooks,
  ): OperatorChain {
    const { graph, ports, options, jobId, epoch } = this.#init
    const processingTime = processingTimeOf(ports, hooks)
    return new OperatorChain(vertex, writers, (operator, output) => {
      const metrics: OperatorMetrics = { late: 0, invalid: 0, dropped: 0 }
      this.#metrics.push(metrics)
      return {
        job: graph.logical.job,
        operator: operator.name,
        subtask,
        parallelism: vertex.parallelism,
        maxParallelism: graph.maxParallelism,
        keyGroups: keyGroupRange(subtask, vertex.parallelism, graph.maxParallelism),
        jobId, epoch, attempt: ofAttempt, output, processingTime, ports, metrics,
        restored: stateOf(restored, stateNames(operator), vertex, subtask),
        pagedStore: restored.landing?.storeOf(operator, subtask),
        freeze: options.freeze,
        wake: () => hooks.wake(),
        post: (mail) => hooks.post(mail),
        fail: (error) => hooks.fail(error),
        fence: () => this.#init.fence(),
        print: (label, index, text) => this.#init.print(operator.name, subtask, index, label, text),
      }
    }, options)
  }

}

/** One subtask, which attempt of it this is, and what it shows of itself. */
interface Placed {
  readonly id: SubtaskId
  readonly subtask: Subtask
  readonly gauges: SubtaskGauges
}

/** Under the first of `names` that is in the checkpoint. */
function stateOf(
  restored: Restored, names: readonly string[], vertex: JobVertex, subtask: number,
): RestoredOperator | undefined {
  for (const name of names) {
    const found = restored.of(name, vertex, subtask)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whose state an operator goes on from: it has its own, or none and looks at that of the window it works for. */
export const stateNames = ({ name, was, spec }: LogicalOperator): readonly string[] =>
  spec.kind === 'pre-aggregate' ? [spec.of, ...spec.ofFormer] : [name, ...was]

/** An empty table for one attempt; with `memory`, the view of another thread of the same job. */
export function tableOf(graph: JobGraph, memory?: SharedArrayBuffer): MetricsTable {
  return new MetricsTable(graph.vertices.map(({ parallelism }) => parallelism), memory)
}

/** Subtasks at the other end of an edge that one subtask exchanges records with. */
export function partners(edge: JobEdge, subtask: number, parallelism: number): readonly number[] {
  return edge.ship.kind === 'forward' ? [subtask] : Array.from({ length: parallelism }, (_, i) => i)
}

function processingTimeOf(ports: Ports, hooks: ChainHooks): ProcessingTimeService {
  return {
    now: () => ports.clock.wallMs(),
    at(time, fire) {
      let cancelled = false
      // One millisecond later, so that no record of the millisecond `time` comes after its timer: a
      // window that ends there would fire twice (Flink's SystemProcessingTimeService does the same).
      const handle = ports.timers.after(Math.max(0, time - ports.clock.wallMs()) + 1, () => {
        hooks.post(() => {
          if (!cancelled) fire()
        })
      })
      return () => {
        cancelled = true
        handle.cancel()
      }
    },
  }
}
