/**
 * The host that spreads a job over worker threads: coordinator and enumerators here, subtasks there.
 *
 * A composition root. Subtask i of every operator runs in worker i mod `workers` (Flink's slot sharing), so
 * a forward edge never leaves its thread. Each attempt, and each region that is started again, gets new shared
 * memory; what a thread of an earlier one still writes, nobody reads.
 */
import { hostname } from 'node:os'
import { errorOf, type StreamError } from '../../base/errors.ts'
import { attempt, type Attempt, type CheckpointId, type Epoch } from '../../base/ids.ts'
import { all, settleAll, type Io } from '../../base/io.ts'
import type { Ports } from '../../base/ports.ts'
import { ringMemory } from '../../channel/ring.ts'
import type { SavepointOutcome } from '../../checkpoint/live-savepoint.ts'
import type { FileEntry, Manifest } from '../../checkpoint/manifest.ts'
import { explainJson } from '../../graph/explain.ts'
import type { JobVertex } from '../../graph/job-graph.ts'
import type { Deployed, DeploymentEvents } from '../../job/job-attempt.ts'
import { JobSupervisor, type DeployInit } from '../../job/job-supervisor.ts'
import type { StopRequest } from '../../job/stop.ts'
import { partners, type DeploymentCounts } from '../deployment.ts'
import { EventLoop } from '../event-loop.ts'
import { HostMeter, type HostSample } from '../host-meter.ts'
import type { JobHost, JobHostInit } from '../job-host.ts'
import type { JobAddress } from '../load/load-job.ts'
import { PrintHub } from '../print-hub.ts'
import { realPorts } from '../real-ports.ts'
import { WorkerControl } from './control.ts'
import type { FromWorker, RingPlace } from './messages.ts'
import { WorkerPool } from './worker-pool.ts'

export interface WorkersHostInit extends JobHostInit {
  readonly workers: number
  readonly address: JobAddress
  readonly config: Readonly<Record<string, string>>
  readonly heartbeatTimeoutMs: number
  readonly failpoints: string | undefined
}

/** Bytes of a ring between two subtasks: several batches of ordinary records. */
const RING_BYTES = 256 * 1024

export class WorkersHost implements JobHost {
  readonly #init: WorkersHostInit
  readonly #loop: EventLoop
  readonly #ports: Ports
  readonly #supervisor: JobSupervisor
  readonly #control: WorkerControl
  readonly #meter: HostMeter
  readonly #pool: WorkerPool
  readonly #prints: PrintHub
  #current: ({ readonly term: Epoch } & DeploymentEvents) | undefined
  #past = { late: 0, invalid: 0 }
  #gone = Promise.resolve()
  /** A worker that could not build the graph, before there was an attempt to fail. */
  #refused: { readonly worker: number; readonly error: StreamError } | undefined

  constructor(init: WorkersHostInit) {
    this.#init = init
    this.#prints = new PrintHub(init.print)
    this.#loop = new EventLoop(() => false, (error) => this.#broken(error))
    this.#ports = realPorts({ executor: this.#loop, storage: init.storage, log: init.log, probe: init.probe })
    this.#control = new WorkerControl(init.workers)
    this.#meter = new HostMeter(init.graph, init.workers)
    const graph = explainJson(init.graph)
    this.#pool = new WorkerPool({
      workers: init.workers, control: this.#control, heartbeatTimeoutMs: init.heartbeatTimeoutMs,
      setup: {
        workers: init.workers, address: init.address, config: init.config, graph,
        parallelism: init.graph.parallelism, directory: init.directory, control: this.#control.memory,
        failpoints: init.failpoints, pagedDirectory: init.pagedDirectory,
      },
      subtasksOf: (index) => this.#subtasksOf(index),
      onMessage: (worker, message) => this.#loop.post('workers', () => this.#onMessage(message, worker)),
      onDeath: (worker, error) => this.#loop.post('workers', () => this.#fail(worker, error)),
      post: (mail) => this.#loop.post('workers', mail),
    })
    this.#supervisor = new JobSupervisor(this.#meter.watching({
      graph: init.graph, ports: this.#ports, directory: init.directory, engine: init.engine,
      pid: process.pid, host: hostname(), fresh: init.fresh,
      ...(init.from === undefined ? {} : { from: init.from }),
      ...(init.allowDropped === undefined ? {} : { allowDropped: init.allowDropped }),
      onStarted: init.onStarted, onCheckpoint: init.onCheckpoint,
      onCheckpointFailed: init.onCheckpointFailed, onRestart: init.onRestart,
      onEnd: (end) => {
        this.#close()
        init.onEnd(end)
      },
      elsewhere: true,
      deploy: (deploy) => this.#deploy(deploy),
    }))
  }

  prepare(): void {
    this.#pool.fill()
  }

  start(): void {
    // They load the job file while the state directory is opened.
    this.#pool.fill()
    this.#supervisor.start()
  }

  stop(request?: StopRequest): void {
    this.#supervisor.stop(request)
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#supervisor.savepoint(path, done)
  }

  cancel(): void {
    this.#supervisor.cancel()
    this.#close()
  }

  gone(): Promise<void> {
    return this.#gone
  }

  get restarts(): number {
    return this.#supervisor.restarts
  }

  counts(): DeploymentCounts {
    let { recordsIn, recordsOut, late, invalid } = { recordsIn: 0, recordsOut: 0, ...this.#past }
    for (let worker = 0; worker < this.#init.workers; worker++) {
      const counts = this.#control.counts(worker)
      recordsIn += counts.recordsIn
      recordsOut += counts.recordsOut
      late += counts.late
      invalid += counts.invalid
    }
    return { recordsIn, recordsOut, late, invalid }
  }

  get restarting(): readonly string[] {
    return this.#supervisor.restarting
  }

  get watermark(): number | undefined {
    const watermarks = Array.from({ length: this.#init.workers }, (_, worker) => this.#control.watermark(worker))
    const known = watermarks.filter((watermark) => watermark !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }

  sample(): HostSample {
    return this.#meter.sample(this.#ports.clock, this.#supervisor)
  }

  #deploy({ opened, fromSubtask, onLost }: DeployInit): Deployed {
    const { late, invalid } = this.counts()
    this.#past = { late, invalid }
    const { workers } = this.#init
    const { epoch: term, jobId, restore } = opened
    const indices = Array.from({ length: workers }, (_, index) => index)
    this.#pool.fill()
    this.#current = { term, fromSubtask, onLost }
    const metrics = this.#meter.metrics.table.memory
    const deploy = (again: Attempt, from: Manifest | undefined, vertices?: ReadonlySet<number>): void => {
      const rings = this.#rings(vertices)
      for (const index of indices) {
        const mine = rings.filter(({ producer, consumer }) => [producer, consumer].some((s) => s % workers === index))
        this.#pool.send(index, {
          kind: 'deploy', term, jobId, restore: from, attempt: again, rings: mine, metrics,
          ...(vertices === undefined ? {} : { vertices: [...vertices] }),
        })
      }
    }
    deploy(attempt(0), restore)
    const refused = this.#refused
    if (refused !== undefined) this.#loop.post('workers', () => this.#fail(refused.worker, refused.error))
    return {
      start: (again) => {
        for (const index of indices) this.#pool.send(index, { kind: 'start', term, attempt: again })
      },
      send: (to, message) => this.#pool.send(to.subtask % workers, { kind: 'deliver', term, to, message }),
      cancel: (vertices) => {
        if (vertices === undefined && this.#current?.term === term) this.#current = undefined
        const which = vertices === undefined ? {} : { vertices: [...vertices] }
        for (const index of indices) this.#pool.send(index, { kind: 'cancel', term, ...which })
      },
      redeploy: ({ vertices, attempt: again, manifest }) => {
        this.#refill()
        deploy(again, manifest, vertices)
      },
      seal: (id) => this.#seal(indices, term, id),
      discard: (id) => this.#discard(indices, term, id),
    }
  }

  /** A thread that takes the place of a dead one counts anew. */
  #refill(): void {
    const before = this.counts()
    this.#pool.fill()
    const after = this.counts()
    const { late, invalid } = this.#past
    this.#past = { late: late + before.late - after.late, invalid: invalid + before.invalid - after.invalid }
  }

  *#seal(indices: readonly number[], term: Epoch, id: CheckpointId): Io<readonly FileEntry[]> {
    const entries = yield* all(indices.map((index) => this.#pool.request(index, 'seal', term, id)))
    return entries.filter((entry) => entry !== undefined)
  }

  /** What a dead worker left is removed by the next collection. */
  *#discard(indices: readonly number[], term: Epoch, id: CheckpointId): Io<void> {
    yield* settleAll(indices.map((index) => this.#pool.request(index, 'discard', term, id)))
  }

  /** One for every pair of subtasks that exchange records and live in different workers. */
  #rings(vertices?: ReadonlySet<number>): RingPlace[] {
    const { graph, workers } = this.#init
    const rings: RingPlace[] = []
    for (const edge of graph.edges) {
      if (vertices?.has(edge.fromVertex) === false) continue
      const from = graph.vertices[edge.fromVertex] as JobVertex
      const to = graph.vertices[edge.toVertex] as JobVertex
      for (let producer = 0; producer < from.parallelism; producer++) {
        for (const consumer of partners(edge, producer, to.parallelism)) {
          if (producer % workers === consumer % workers) continue
          rings.push({ edge: edge.index, producer, consumer, memory: ringMemory(RING_BYTES) })
        }
      }
    }
    return rings
  }

  #onMessage(message: FromWorker, worker: number): void {
    switch (message.kind) {
      case 'from':
        if (this.#current?.term === message.term) this.#current.fromSubtask(message.id, message.message)
        return
      case 'not-deployed':
        if (this.#current?.term === message.term) {
          this.#current.onLost(() => true, errorOf(message.error, message.retryable))
        }
        return
      case 'print':
        this.#prints.print(message.operator, message.subtask, message.index, message.text)
        return
      case 'log':
        this.#init.log(message.level, message.message)
        return
      case 'refused':
        this.#refused = { worker, error: errorOf(message.error, false) }
        this.#fail(worker, this.#refused.error)
        return
      case 'broken':
        this.#broken(errorOf(message.error, false))
    }
  }

  /** What it ran is started again, if anything runs. */
  #fail(worker: number, error: StreamError): void {
    this.#current?.onLost((subtask) => subtask % this.#init.workers === worker, error)
  }

  #broken(error: unknown): void {
    this.#close()
    this.#init.onBroken(error)
  }

  #close(): void {
    this.#loop.stop()
    this.#gone = this.#pool.close()
  }

  #subtasksOf(worker: number): string {
    const { graph, workers } = this.#init
    return graph.vertices.flatMap(({ name, parallelism }) =>
      Array.from({ length: parallelism }, (_, subtask) => subtask)
        .filter((subtask) => subtask % workers === worker)
        .map((subtask) => `${name}[${subtask}]`)).join(', ')
  }
}
