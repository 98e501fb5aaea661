/**
 * The host of one worker thread: deploys its part of an attempt and runs it on the thread's event loop.
 *
 * A composition root, made by worker-main.ts. Owns the current deployment, its state files and the ends
 * of its rings. Speaks to the starting thread in the messages of messages.ts; records go straight from
 * worker to worker.
 *
 *   WH-1  What belongs to a term that is over is dropped: its deployment is cancelled, its rings are gone.
 *   WH-2  Messages of a term wait until its deployment is built, and then come in their order.
 */
import type { MessagePort } from 'node:worker_threads'
import { isStreamError, reportOf } from '../../base/errors.ts'
import { attempt, type CheckpointId, type Epoch } from '../../base/ids.ts'
import { start, type Io } from '../../base/io.ts'
import type { Ports } from '../../base/ports.ts'
import { RingReceiver, RingSender } from '../../channel/ring.ts'
import { requireMine } from '../../checkpoint/epochs.ts'
import { CheckpointFiles } from '../../checkpoint/files.ts'
import type { JobEdge, JobGraph } from '../../graph/job-graph.ts'
import { readCheckpoint, type RestoredJob } from '../../job/restore.ts'
import { ownState } from '../../job/settle.ts'
import { DEFAULT_TASK_OPTIONS } from '../../task/options.ts'
import { Deployment, tableOf } from '../deployment.ts'
import { engineError } from '../errors.ts'
import { EventLoop } from '../event-loop.ts'
import { sharedZeroMs } from '../host-meter.ts'
import { NO_COUNTS } from '../job-host.ts'
import { nodeStorage } from '../node-storage.ts'
import { failpoints } from '../failpoints.ts'
import { realPorts } from '../real-ports.ts'
import { Turns } from '../turns.ts'
import { WorkerControl } from './control.ts'
import type { FromWorker, RingPlace, TakePlace, ToWorker, WorkerSetup } from './messages.ts'

type Deploy = Extract<ToWorker, { kind: 'deploy' }>
type Request = Extract<ToWorker, { kind: 'seal' | 'discard' }>

interface Term {
  readonly term: Epoch
  readonly files: CheckpointFiles
  readonly senders: RingSender[]
  deployment: Deployment | undefined
  cancelled: boolean
  readonly early: ToWorker[]
}

const BEAT_MS = 100

export class WorkerHost {
  readonly #setup: WorkerSetup
  readonly #index: number
  readonly #graph: JobGraph
  readonly #port: MessagePort
  readonly #control: WorkerControl
  readonly #loop: EventLoop
  readonly #ports: Ports
  readonly #turns = new Turns()
  #current: Term | undefined
  #waiting = false

  constructor(setup: WorkerSetup, { index, generation }: TakePlace, graph: JobGraph, port: MessagePort) {
    this.#setup = setup
    this.#index = index
    this.#graph = graph
    this.#port = port
    this.#control = new WorkerControl(setup.workers, setup.control)
    this.#loop = new EventLoop((deadlineMs) => this.#work(deadlineMs), (error) => this.#broken(error))
    this.#ports = realPorts({
      executor: this.#loop, storage: nodeStorage(),
      log: (level, message) => this.#send({ kind: 'log', level, message }),
      probe: failpoints(setup.failpoints, () => {}, generation),
    })
    port.on('message', (message: ToWorker) => this.#loop.post('main', () => this.#onMessage(message)))
    setInterval(() => {
      this.#control.beat(index)
      this.#publish()
    }, BEAT_MS)
  }

  #send(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  // ---- the loop ---------------------------------------------------------------------------------

  #work(deadlineMs: number): boolean {
    const index = this.#index
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
    for (const sender of this.#current?.senders ?? []) {
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
    else if (message.kind === 'cancel') this.#leave(current)
    else if (current.deployment === undefined) current.early.push(message)
    else if (message.kind === 'start') current.deployment.start()
    else current.deployment.send(message.to, message.message)
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

  #leave(current: Term): void {
    current.cancelled = true
    current.deployment?.cancel()
    current.senders.length = 0
    this.#turns.subtasks = []
  }

  // ---- deployment -------------------------------------------------------------------------------

  #deploy(message: Deploy): void {
    if (this.#current !== undefined) this.#leave(this.#current)
    const { term, restore } = message
    const { directory } = this.#setup
    const index = this.#index
    const files = new CheckpointFiles({ ports: this.#ports, directory, epoch: term, process: `w${index}` })
    const current: Term = { term, files, senders: [], deployment: undefined, cancelled: false, early: [] }
    this.#current = current
    this.#publish()
    start(readCheckpoint(this.#ports, directory, restore, this.#graph.maxParallelism), (outcome) => {
      if (this.#current !== current || current.cancelled) return
      const fail = (thrown: unknown): void => {
        const error = engineError(thrown)
        const id = { vertex: 0, subtask: index, attempt: attempt(0) }
        const failed = { kind: 'failed', error: reportOf(error), retryable: error.retryable } as const
        this.#send({ kind: 'from', term, id, message: failed })
      }
      if (!outcome.ok) {
        fail(outcome.error)
        return
      }
      try {
        current.deployment = this.#build(message, current, ownState(outcome.value, restore))
      } catch (error) {
        // What does not fit the state is said once, not by a thread that dies of it again and again.
        if (!isStreamError(error)) throw error
        fail(error)
        return
      }
      this.#turns.subtasks = current.deployment.subtasks
      for (const early of current.early.splice(0)) this.#onMessage(early)
      this.#loop.wake()
    })
  }

  #build({ term, jobId, rings, metrics }: Deploy, { files, senders }: Term, restored: RestoredJob): Deployment {
    const { workers } = this.#setup
    const index = this.#index
    const control = this.#control
    const memoryOf = (edge: JobEdge, producer: number, consumer: number): RingPlace['memory'] => {
      const place = rings.find((r) => r.edge === edge.index && r.producer === producer && r.consumer === consumer)
      if (place === undefined) throw new Error(`no ring from ${producer} to ${consumer} on edge ${edge.index}`)
      return place.memory
    }
    return new Deployment({
      graph: this.#graph, jobId, epoch: term, ports: this.#ports, options: DEFAULT_TASK_OPTIONS,
      segments: files, restoredCheckpoint: restored.checkpoint,
      restoredOf: (operator, vertex, subtask) => restored.of(operator, vertex, subtask),
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
          senders.push(sender)
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

const isRequest = (message: ToWorker): message is Request => message.kind === 'seal' || message.kind === 'discard'

function* discarded(files: CheckpointFiles, checkpoint: CheckpointId): Io<undefined> {
  yield* files.discard(checkpoint)
  return undefined
}

/** The files of an attempt before the one that runs: what is left of them is collected. */
function* nothing(): Io<undefined> {
  return undefined
}
