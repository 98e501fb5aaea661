/**
 * The host of one worker thread: deploys its part of an attempt and runs it on the thread's event loop.
 *
 * A composition root, made by worker-main.ts. Owns the current deployment, its state files and the ends
 * of its rings. Speaks to the starting thread in the messages of messages.ts; records go straight from
 * worker to worker.
 *
 *   WH-1  What belongs to a term that is over is dropped: its deployment is cancelled, its rings are gone.
 *   WH-2  Messages to subtasks wait until their part of the term is built, and then come in their order.
 *   WH-3  A region that is started again is built beside the rest of the term, which goes on; of a part that is being
 *         built nothing is made that was cancelled meanwhile.
 */
import type { MessagePort } from 'node:worker_threads'
import { isStreamError, reportOf } from '../../base/errors.ts'
import type { Attempt, CheckpointId, Epoch } from '../../base/ids.ts'
import { start, type Io } from '../../base/io.ts'
import type { Ports } from '../../base/ports.ts'
import { RingReceiver, RingSender } from '../../channel/ring.ts'
import { requireMine } from '../../checkpoint/epochs.ts'
import { CheckpointFiles } from '../../checkpoint/files.ts'
import type { JobEdge, JobGraph } from '../../graph/job-graph.ts'
import { keyGroupRange, type KeyGroupRange } from '../../graph/key-groups.ts'
import { operatorsIn, stateNamesOf } from '../../job/failover-regions.ts'
import { readCheckpoint } from '../../job/restore.ts'
import { ownState } from '../../job/settle.ts'
import { WriteGate } from '../../state/lmdb/write-gate.ts'
import { DEFAULT_TASK_OPTIONS } from '../../task/options.ts'
import { Deployment, stateNames, tableOf, type DeploymentPart } from '../deployment.ts'
import { engineError } from '../errors.ts'
import { EventLoop } from '../event-loop.ts'
import { sharedZeroMs } from '../host-meter.ts'
import { NO_COUNTS } from '../job-host.ts'
import { landings, type MakeLanding } from '../paged-stores.ts'
import { realStorage } from '../real-storage.ts'
import { failpoints } from '../failpoints.ts'
import { realPorts } from '../real-ports.ts'
import { Turns } from '../turns.ts'
import { WorkerControl } from './control.ts'
import type { FromWorker, TakePlace, ToWorker, WorkerSetup } from './messages.ts'

type Deploy = Extract<ToWorker, { kind: 'deploy' }>
type Request = Extract<ToWorker, { kind: 'seal' | 'discard' }>

interface Term {
  readonly term: Epoch
  readonly files: CheckpointFiles
  senders: { readonly vertex: number; readonly sender: RingSender }[]
  /** By edge, producer and consumer. */
  readonly rings: Map<string, SharedArrayBuffer>
  deployment: Deployment | undefined
  cancelled: boolean
  /** What is not built yet, by attempt. */
  readonly parts: Map<Attempt, Part>
}

interface Part {
  readonly vertices: Set<number>
  /** What came for it meanwhile. */
  readonly early: ToWorker[]
}

/** From one sign of life, with what was counted, to the next: while there is work, and while there is none. */
const BEAT_MS = 100
const IDLE_BEAT_MS = 250

export class WorkerHost {
  readonly #setup: WorkerSetup
  readonly #index: number
  readonly #graph: JobGraph
  readonly #port: MessagePort
  readonly #control: WorkerControl
  readonly #loop: EventLoop
  readonly #ports: Ports
  readonly #turns = new Turns()
  readonly #landing: MakeLanding | undefined
  #current: Term | undefined
  #waiting = false
  /** Since the last beat. */
  #worked = false

  constructor(setup: WorkerSetup, { index, generation }: TakePlace, graph: JobGraph, port: MessagePort) {
    this.#setup = setup
    this.#index = index
    this.#graph = graph
    this.#port = port
    this.#control = new WorkerControl(setup.workers, setup.control)
    this.#loop = new EventLoop((deadlineMs) => this.#work(deadlineMs), (error) => this.#broken(error))
    this.#ports = realPorts({
      executor: this.#loop, storage: realStorage({ ofJob: true }),
      log: (level, message) => this.#send({ kind: 'log', level, message }),
      probe: failpoints(setup.failpoints, () => {}, generation),
    })
    const { pagedDirectory, workers } = setup
    this.#landing = pagedDirectory === undefined ? undefined
      : landings(graph, {
          directory: pagedDirectory, owner: String(index), isHere: (subtask) => subtask % workers === index,
          gate: new WriteGate(setup.gate),
        })
    port.on('message', (message: ToWorker) => this.#loop.post('main', () => this.#onMessage(message)))
    this.#beat()
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  // ---- the loop ---------------------------------------------------------------------------------

  #work(deadlineMs: number): boolean {
    const index = this.#index
    this.#worked = true
    this.#control.awake(index)
    const moved = this.#drain()
    const ran = this.#turns.run(deadlineMs)
    if (ran || moved) return true
    this.#control.sleep(index)
    if (this.#turns.runnable || this.#drain()) {
      this.#control.awake(index)
      return true
    }
    this.#waitForOthers()
    return false
  }

  /** True if something that had not fitted into a ring is in it now. */
  #drain(): boolean {
    let moved = false
    for (const { sender } of this.#current?.senders ?? []) {
      if (sender.pending && sender.drain()) moved = true
    }
    return moved
  }

  #waitForOthers(): void {
    if (this.#waiting) return
    const woken = this.#control.whenWoken(this.#index)
    this.#waiting = true
    const wake = (): void => {
      this.#waiting = false
      this.#loop.wake()
    }
    if (woken === undefined) wake()
    else woken.then(wake, (error: unknown) => this.#broken(error))
  }

  #beat(): void {
    this.#control.beat(this.#index)
    this.#publish()
    setTimeout(() => this.#beat(), this.#worked ? BEAT_MS : IDLE_BEAT_MS)
    this.#worked = false
  }

  #publish(): void {
    const deployment = this.#current?.deployment
    deployment?.publish()
    this.#control.publish(this.#index, deployment?.counts() ?? NO_COUNTS, deployment?.watermark)
  }

  // ---- messages ---------------------------------------------------------------------------------

  #onMessage(message: ToWorker): void {
    if (message.kind === 'deploy') {
      this.#deploy(message)
      return
    }
    const current = this.#current?.term === message.term ? this.#current : undefined
    if (isRequest(message)) this.#answer(message, current?.files)
    else if (current === undefined || current.cancelled) return
    else if (message.kind === 'cancel') this.#cancel(current, message.vertices)
    else this.#pass(current, message)
  }

  #pass(current: Term, message: Exclude<ToWorker, { kind: 'deploy' | 'cancel' } | Request>): void {
    const part = current.parts.get(message.kind === 'start' ? message.attempt : message.to.attempt)
    if (part !== undefined) part.early.push(message)
    else if (message.kind === 'deliver') current.deployment?.send(message.to, message.message)
    else current.deployment?.start(message.attempt)
  }

  /** Requests are answered also after the attempt was cancelled: its coordinator puts its files in order. */
  #answer({ kind, request, checkpoint }: Request, files: CheckpointFiles | undefined): void {
    const io = files === undefined ? nothing() : kind === 'seal' ? files.seal(checkpoint) : discarded(files, checkpoint)
    start(io, (outcome) => {
      if (outcome.ok) this.#send({ kind: 'done', request, entry: outcome.value })
      else {
        const error = engineError(outcome.error)
        this.#send({ kind: 'not-done', request, error: reportOf(error), retryable: error.retryable })
      }
    })
  }

  #cancel(current: Term, vertices: readonly number[] | undefined): void {
    if (vertices === undefined) {
      this.#leave(current)
      return
    }
    const those = new Set(vertices)
    for (const part of current.parts.values()) for (const vertex of those) part.vertices.delete(vertex)
    current.senders = current.senders.filter(({ vertex }) => !those.has(vertex))
    current.deployment?.cancel(those)
  }

  #leave(current: Term): void {
    current.cancelled = true
    current.deployment?.cancel()
    current.senders = []
    this.#turns.subtasks = []
  }

  // ---- deployment -------------------------------------------------------------------------------

  #deploy(message: Deploy): void {
    const known = this.#current
    const goesOn = known !== undefined && known.term === message.term && !known.cancelled
    const current = goesOn ? known : this.#begin(message.term)
    const { term, restore, attempt } = message
    const vertices = new Set(message.vertices ?? this.#graph.vertices.map(({ index }) => index))
    const part: Part = { vertices, early: [] }
    current.parts.set(attempt, part)
    const names = message.vertices === undefined ? undefined : stateNamesOf(operatorsIn(this.#graph, vertices))
    const reading = {
      directory: this.#setup.directory, manifest: restore, maxParallelism: this.#graph.maxParallelism, operators: names,
      landing: this.#landing?.(vertices), plan: { kind: 'own', owns: this.#owns } as const,
    }
    start(readCheckpoint(this.#ports, reading), (outcome) => {
      if (this.#current !== current || current.cancelled) return
      current.parts.delete(attempt)
      const fail = (thrown: unknown): void => {
        const error = engineError(thrown)
        this.#send({ kind: 'not-deployed', term, error: reportOf(error), retryable: error.retryable })
      }
      if (!outcome.ok) {
        fail(outcome.error)
        return
      }
      try {
        this.#place(message, current, { vertices, attempt, restored: ownState(outcome.value, restore) })
      } catch (error) {
        // What does not fit the state is said once, not by a thread that dies of it again and again.
        if (!isStreamError(error)) throw error
        fail(error)
        return
      }
      this.#turns.subtasks = current.deployment?.subtasks ?? []
      for (const early of part.early.splice(0)) this.#onMessage(early)
      this.#loop.wake()
    })
  }

  /** By the name of an operator in a checkpoint, which may be a former one of several. */
  readonly #owns = (operator: string, groups: KeyGroupRange): boolean => {
    const { workers } = this.#setup
    const { vertices, maxParallelism } = this.#graph
    return vertices.some(({ operators, parallelism }) => operators.some((each) => stateNames(each).includes(operator)) &&
      Array.from({ length: parallelism }, (_, subtask) => subtask)
        .filter((subtask) => subtask % workers === this.#index)
        .some((subtask) => {
          const { start: first, end: last } = keyGroupRange(subtask, parallelism, maxParallelism)
          return first <= groups.end && last >= groups.start
        }))
  }

  #begin(term: Epoch): Term {
    if (this.#current !== undefined) this.#leave(this.#current)
    const files = new CheckpointFiles({
      ports: this.#ports, directory: this.#setup.directory, epoch: term, process: `w${this.#index}`,
    })
    const current: Term = {
      term, files, senders: [], rings: new Map(), deployment: undefined, cancelled: false, parts: new Map(),
    }
    this.#current = current
    this.#publish()
    return current
  }

  #place(message: Deploy, current: Term, part: DeploymentPart): void {
    for (const ring of message.rings) current.rings.set(keyOf(ring.edge, ring.producer, ring.consumer), ring.memory)
    if (current.deployment === undefined) current.deployment = this.#build(message, current, part)
    else current.deployment.redeploy(part)
  }

  #build({ term, jobId, metrics }: Deploy, current: Term, part: DeploymentPart): Deployment {
    const { workers } = this.#setup
    const index = this.#index
    const control = this.#control
    const memoryOf = (edge: JobEdge, producer: number, consumer: number): SharedArrayBuffer => {
      const memory = current.rings.get(keyOf(edge.index, producer, consumer))
      if (memory === undefined) throw new Error(`no ring from ${producer} to ${consumer} on edge ${edge.index}`)
      return memory
    }
    return new Deployment({
      graph: this.#graph, jobId, epoch: term, ports: this.#ports, options: DEFAULT_TASK_OPTIONS,
      segments: current.files, part,
      fromSubtask: (id, message) => {
        // What was counted is there before the end is known.
        if (message.kind === 'finished') this.#publish()
        this.#send({ kind: 'from', term, id, message })
      },
      fence: () => requireMine(this.#ports.storage, this.#setup.directory, term),
      print: (operator, subtask, line, _label, text) => {
        this.#send({ kind: 'print', operator, subtask, index: line, text })
      },
      awake: () => this.#loop.wake(),
      metrics: { table: tableOf(this.#graph, metrics), zeroMs: sharedZeroMs() },
      elsewhere: {
        isHere: (subtask) => subtask % workers === index,
        sender: (edge, producer, consumer) => {
          const sender = new RingSender({
            memory: memoryOf(edge, producer, consumer),
            sender: `${this.#graph.vertices[edge.fromVertex]?.name}[${producer}]`,
            published: () => control.wake(consumer % workers),
          })
          current.senders.push({ vertex: edge.fromVertex, sender })
          return sender
        },
        receiver: (edge, producer, consumer, sender) => new RingReceiver({
          memory: memoryOf(edge, producer, consumer), sender, freed: () => control.wake(producer % workers),
        }),
      },
    })
  }

  #broken(error: unknown): void {
    this.#loop.stop()
    this.#send({ kind: 'broken', error: reportOf(engineError(error)) })
  }
}

const keyOf = (edge: number, producer: number, consumer: number): string => `${edge}/${producer}/${consumer}`

const isRequest = (message: ToWorker): message is Request => message.kind === 'seal' || message.kind === 'discard'

function* discarded(files: CheckpointFiles, checkpoint: CheckpointId): Io<undefined> {
  yield* files.discard(checkpoint)
  return undefined
}

/** The files of an attempt before the one that runs: what is left of them is collected. */
function* nothing(): Io<undefined> {
  return undefined
}
