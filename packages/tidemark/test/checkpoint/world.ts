/** A virtual world for checkpoint tests: clock, timers, a disk that forgets, and a small job. */
import { start, wait, type Io, type Outcome } from '../../src/base/io.ts'
import { attempt, type CheckpointId } from '../../src/base/ids.ts'
import type { Ports, Storage, TimerHandle } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import type { CheckpointFailureReason, StateSegment, SubtaskId, ToSubtask } from '../../src/base/protocol.ts'
import type { StreamError } from '../../src/base/errors.ts'
import type { CheckpointOptions } from '../../src/graph/logical-graph.ts'
import { CheckpointCoordinator } from '../../src/checkpoint/coordinator.ts'
import type { CompletedCheckpoint, CoordinatorHost, JobSummary } from '../../src/checkpoint/coordinator-host.ts'
import { CheckpointFiles } from '../../src/checkpoint/files.ts'
import { ENUMERATOR_SUBTASK, type FileEntry } from '../../src/checkpoint/manifest.ts'
import { openDirectory, type OpenOptions, type OpenedDirectory, type OpenOutcome } from '../../src/checkpoint/open.ts'
import { computePlan, type PlanEdge, type PlanOutcome, type PlanVertex, type SubtaskState } from '../../src/checkpoint/plan.ts'
import { SimulatedDisk } from '../../src/host/simulator/storage.ts'
import { encodeSegment } from '../../src/state/snapshot-format.ts'

export const DIR = '/data/state'

interface Timer {
  readonly dueMs: number
  readonly sequence: number
  readonly fire: () => void
  live: boolean
}

export class World {
  readonly disk: SimulatedDisk
  readonly random: Prng
  readonly steps: string[] = []
  readonly logs: string[] = []
  nowMs = 1_000
  #timers: Timer[] = []
  #sequence = 0

  constructor(seed = 1, disk = new SimulatedDisk()) {
    this.random = new Prng(seed)
    this.disk = disk
  }

  ports(storage: Storage = this.disk.mount()): Ports {
    return {
      storage,
      random: this.random,
      clock: { wallMs: () => 1_700_000_000_000 + this.nowMs, monotonicMs: () => this.nowMs },
      timers: { after: (delayMs, fire) => this.#after(delayMs, fire) },
      executor: { post: (_lane, mail) => mail() },
      log: (level, message) => void this.logs.push(`${level} ${message}`),
      probe: (step) => void this.steps.push(step),
    }
  }

  #after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { dueMs: this.nowMs + delayMs, sequence: ++this.#sequence, fire, live: true }
    this.#timers.push(timer)
    return { cancel: () => void (timer.live = false) }
  }

  /** Lets time pass, firing what is due in order. */
  pass(ms: number): void {
    const until = this.nowMs + ms
    for (;;) {
      this.#timers = this.#timers.filter((timer) => timer.live)
      const next = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence)[0]
      if (next === undefined || next.dueMs > until) break
      next.live = false
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      next.fire()
    }
    this.nowMs = until
  }
}

/** Runs an Io over storage that answers at once; undefined if its process died in between. */
export function outcomeOf<T>(io: Io<T>): Outcome<T> | undefined {
  let outcome: Outcome<T> | undefined
  start(io, (result) => {
    outcome = result
  })
  return outcome
}

export function run<T>(io: Io<T>): T {
  const outcome = outcomeOf(io)
  if (outcome === undefined) throw new Error('the operation did not end')
  if (!outcome.ok) throw outcome.error as Error
  return outcome.value
}

export const OPEN: OpenOptions = {
  fresh: false, job: 'beads', engine: '0.1.0', pid: 4711, host: 'here', maxParallelism: 128,
  resources: [
    { operator: 'necklace', role: 'source', resource: '/in/beads.jsonl' },
    { operator: 'totals', role: 'sink', resource: '/out' },
  ],
}

export const opening = (world: World, storage: Storage, options: Partial<OpenOptions> = {}): OpenOutcome =>
  run(openDirectory(world.ports(storage), DIR, { ...OPEN, ...options }))

export function opened(outcome: OpenOutcome): OpenedDirectory {
  if (outcome.kind === 'opened') return outcome.opened
  throw outcome.kind === 'refused' ? outcome.error : new Error(outcome.kind)
}

export const OPTIONS: CheckpointOptions = {
  everyMs: 100, timeoutMs: 1_000, minPauseMs: 0, retain: 1, tolerableFailures: 0,
}

export const METRICS = { startDelayMs: 0, alignmentMs: 0, syncMs: 0, asyncMs: 0, bytes: 0 }

/** Two vertices of two subtasks each: sources feed counters all to all. */
export class SmallJob implements CoordinatorHost {
  readonly ports: Ports
  readonly opened: OpenedDirectory
  readonly files: CheckpointFiles
  readonly coordinator: CheckpointCoordinator
  readonly sent: { readonly to: SubtaskId; readonly message: ToSubtask }[] = []
  readonly completions: CompletedCheckpoint[] = []
  readonly aborts: { readonly id: CheckpointId; readonly reason: CheckpointFailureReason }[] = []
  readonly failures: StreamError[] = []
  readonly finals: CheckpointId[] = []
  readonly states: SubtaskState[][] = [['running', 'running'], ['running', 'running']]
  readonly edges: PlanEdge[] = [{ from: 0, to: 1, pointwise: false }]
  /** False: acknowledgements are sent by the test. */
  automatic = true
  /** What every acknowledgement says about the subtask's input. */
  endOfData = false
  released = 0
  snapshots = 0
  /** If set, the snapshot of the enumerators waits for it. */
  holdEnumerators: (() => void) | undefined
  readonly held: (() => void)[] = []

  constructor(world: World, storage: Storage, directory: OpenedDirectory, options: Partial<CheckpointOptions> = {}) {
    this.ports = world.ports(storage)
    this.opened = directory
    this.files = new CheckpointFiles({ ports: this.ports, directory: directory.directory, epoch: directory.epoch, process: '0' })
    const vertex = (index: number, name: string) =>
      ({ index, name, parallelism: 2, operators: [{ name, kind: index === 0 ? 'source' : 'window' }] })
    const job: JobSummary = {
      job: 'beads', engine: '0.1.0', parallelism: 2, maxParallelism: 128,
      vertices: [vertex(0, 'necklace'), vertex(1, 'counter')],
    }
    this.coordinator = new CheckpointCoordinator({
      ports: this.ports, opened: directory, options: { ...OPTIONS, ...options }, host: this, job,
    })
  }

  start(): void {
    this.coordinator.start(attempt(0))
  }

  plan(): PlanOutcome {
    const vertices: PlanVertex[] = this.states.map((subtasks, index) => ({
      index, subtasks: subtasks.map((state) => ({ attempt: attempt(0), state })),
    }))
    return computePlan(vertices, this.edges)
  }

  *snapshotEnumerators(id: CheckpointId): Io<readonly StateSegment[]> {
    this.snapshots += 1
    if (this.holdEnumerators !== undefined) {
      yield* wait<void>((done) => void this.held.push(() => done({ ok: true, value: undefined })))
    }
    return [yield* this.segment(id, 'necklace', ENUMERATOR_SUBTASK)]
  }

  *segment(id: CheckpointId, operator: string, subtask: number): Io<StateSegment> {
    const items = [{ checkpoint: id, operator, subtask, filler: 'x'.repeat(40) }]
    const lists = [{ name: 'position', redistribute: 'split' as const, items }]
    const { bytes, states } = encodeSegment({ operator, subtask: Math.max(0, subtask), snapshot: { keyed: [], lists } })
    return { operator, subtask, states, ...(yield* this.files.append(id, bytes)) }
  }

  releaseEnumerators(): void {
    this.released += 1
  }

  send(to: SubtaskId, message: ToSubtask): void {
    this.sent.push({ to, message })
    if (message.kind !== 'trigger' || !this.automatic) return
    // The barrier reaches the counters when the last source has been triggered.
    this.acknowledge(to, message.barrier.id)
    if (to.subtask !== 1) return
    for (const subtask of [0, 1]) this.acknowledge({ vertex: 1, subtask, attempt: attempt(0) }, message.barrier.id)
  }

  acknowledge(from: SubtaskId, id: CheckpointId): void {
    const operator = from.vertex === 0 ? 'necklace' : 'counter'
    start(this.segment(id, operator, from.subtask), (outcome) => {
      if (outcome.ok) {
        const segments = [outcome.value]
        const { endOfData } = this
        this.coordinator.onAcknowledge(from, { kind: 'acknowledge', id, segments, metrics: METRICS, endOfData })
      } else {
        this.coordinator.onDecline(from, { kind: 'decline', id, reason: 'io-error' })
      }
    })
  }

  *seal(id: CheckpointId): Io<readonly FileEntry[]> {
    const entry = yield* this.files.seal(id)
    return entry === undefined ? [] : [entry]
  }

  discard(id: CheckpointId): Io<void> {
    return this.files.discard(id)
  }

  completed(checkpoint: CompletedCheckpoint): void {
    this.completions.push(checkpoint)
  }

  aborted(id: CheckpointId, reason: CheckpointFailureReason): void {
    this.aborts.push({ id, reason })
  }

  finalCommitted(id: CheckpointId): void {
    this.finals.push(id)
  }

  failJob(error: StreamError): void {
    this.failures.push(error)
  }

  messages(kind: ToSubtask['kind']): readonly (ToSubtask & { readonly id?: number })[] {
    return this.sent.filter(({ message }) => message.kind === kind).map(({ message }) => message)
  }
}

export const subtask = (vertex: number, index: number, n = 0): SubtaskId =>
  ({ vertex, subtask: index, attempt: attempt(n) })
export const EVERYBODY = [subtask(0, 0), subtask(0, 1), subtask(1, 0), subtask(1, 1)]

/** A job on a directory, opened and started. */
export function startJob(world: World, options: Partial<CheckpointOptions> = {}, storage = world.disk.mount()): SmallJob {
  const job = new SmallJob(world, storage, opened(opening(world, storage)), options)
  job.start()
  return job
}
