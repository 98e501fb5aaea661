/**
 * One attempt of a job: from a restored checkpoint (or nothing) to its end or its first failure.
 *
 * Owns: the checkpoint coordinator, the split enumerators and what is known of each subtask. Every
 * attempt has an epoch of its own, so whatever an earlier one left in flight is fenced like a
 * foreign writer. Called by the supervisor; speaks to subtasks only in messages, through `Deployed`.
 *
 *   JA-1  Nothing is sent after the attempt ended.
 *   JA-2  What enumerators send between their snapshot and the trigger of the sources is held back
 *         until the trigger is on its way (row A3).
 *   JA-3  Leftovers of earlier writers are removed before any writer of this attempt opens.
 *   JA-4  A failure that does not concern every region of the graph ends nothing but its own: the region is started
 *         again in this epoch (region-failover.ts). Of each subtask one attempt is heard, and spoken to.
 */
import { assert, assertNever } from '../base/assert.ts'
import { errorOf, isStreamError, type StreamError } from '../base/errors.ts'
import { attempt, type Attempt, type CheckpointId } from '../base/ids.ts'
import { all, start, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { subtaskKey, type FromSubtask, type StateSegment, type SubtaskId, type ToSubtask } from '../base/protocol.ts'
import type { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CompletedCheckpoint, CoordinatorHost } from '../checkpoint/coordinator-host.ts'
import type { CheckpointFiles } from '../checkpoint/files.ts'
import { ENUMERATOR_SUBTASK, type FileEntry, type Manifest } from '../checkpoint/manifest.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import { computePlan, type PlanOutcome, type SubtaskState } from '../checkpoint/plan.ts'
import type { RequestOutcome } from '../checkpoint/request-decider.ts'
import type { Rewound } from '../checkpoint/rewind.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import type { SourceOperatorSpec } from '../graph/operator-spec.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { encodeSegment } from '../state/snapshot-format.ts'
import { AlignmentGroups, type GroupNews } from './alignment-groups.ts'
import { E082_DISCOVERY_FAILED } from './errors.ts'
import { operatorsIn, regionsOf, type FailoverRegion } from './failover-regions.ts'
import { RegionFailover, type Vertices } from './region-failover.ts'
import type { RestoredJob } from './restore.ts'
import { SplitEnumerator } from './split-enumerator.ts'

/** What of a job is started again, and from what. */
export interface DeployedPart {
  readonly vertices: Vertices
  /** Of all its subtasks, from now on. */
  readonly attempt: Attempt
  /** What `manifest` holds of it; a thread of its own reads that itself. */
  readonly restored: RestoredJob
  readonly manifest: Manifest | undefined
}

/** The running subtasks of one attempt, as the host made them. */
export interface Deployed {
  /** Those that were made as this attempt. */
  start(attempt: Attempt): void
  /** One that has been replaced by a later attempt, or is not there yet, hears nothing. */
  send(to: SubtaskId, message: ToSubtask): void
  /** Without `vertices`: all of them. */
  cancel(vertices?: Vertices): void
  /** Puts new subtasks, not started, in the place of cancelled ones; those of other vertices do not notice. */
  redeploy(part: DeployedPart): void
  /** Of threads that write state files of their own: makes them durable; those of one checkpoint. */
  seal?(id: CheckpointId): Io<readonly FileEntry[]>
  /** … and removes them; never fails. */
  discard?(id: CheckpointId): Io<void>
}

export type AttemptEnd =
  | { readonly kind: 'finished'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'stopped'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'failed'; readonly error: StreamError }

/** What a deployment tells the attempt. */
export interface DeploymentEvents {
  readonly fromSubtask: (id: SubtaskId, message: FromSubtask) => void
  /** Whatever ran the subtasks of these indices is gone. */
  readonly onLost: (isThere: (subtask: number) => boolean, error: StreamError) => void
}

export interface AttemptInit {
  readonly graph: JobGraph
  readonly ports: Ports
  readonly files: CheckpointFiles
  /** What the attempt begins from. */
  readonly restored: RestoredJob
  enumeratorState(operator: string, restored: RestoredJob): RestoredOperator | undefined
  deploy(events: DeploymentEvents): Deployed
  coordinate(host: CoordinatorHost): CheckpointCoordinator
  onCheckpoint(checkpoint: CompletedCheckpoint): void
  onCheckpointFailed(id: CheckpointId, reason: string, error: StreamError | undefined): void
  /** Some regions have failed: ms until they are started again; undefined: the attempt has to end. */
  onRegionFailed(error: StreamError, operators: readonly string[]): number | undefined
  /** Of these vertices alone what `manifest` holds, once what was staged after it is removed. */
  restore(manifest: Manifest | undefined, vertices: Vertices): Io<RestoredJob>
  onEnd(end: AttemptEnd): void
}

const FIRST = attempt(0)

export class JobAttempt {
  readonly #init: AttemptInit
  readonly #coordinator: CheckpointCoordinator
  readonly #enumerators = new Map<string, SplitEnumerator>()
  readonly #states = new Map<string, SubtaskState>()
  readonly #alignment = new AlignmentGroups()
  /** Source subtasks that work off a backlog. */
  readonly #behind = new Set<string>()
  readonly #deployed: Deployed
  readonly #regions: readonly FailoverRegion[]
  readonly #failover: RegionFailover
  /** By vertex. */
  readonly #attempts: Attempt[]
  /** Sources have been told to end; those that begin again are told again. */
  #draining = false
  #held: (() => void)[] | undefined
  #ended = false

  constructor(init: AttemptInit) {
    this.#init = init
    this.#attempts = init.graph.vertices.map(() => FIRST)
    for (const id of this.#subtasksOf()) this.#states.set(subtaskKey(id), 'deploying')
    this.#regions = regionsOf(init.graph)
    this.#coordinator = init.coordinate(this.#hostOfCoordinator())
    this.#failover = new RegionFailover({
      ports: init.ports, regions: this.#regions,
      cancel: (vertices, again) => this.#cancel(vertices, again),
      rewind: (vertices, who) => this.#rewind(vertices, who),
      decide: (error, vertices) =>
        init.onRegionFailed(error, operatorsIn(init.graph, vertices).map(({ name }) => name)),
      restore: (manifest, vertices) => init.restore(manifest, vertices),
      deploy: (vertices, again, restored, manifest) =>
        this.#again({ vertices, attempt: again, restored, manifest }),
      giveUp: (error) => this.fail(error),
    })
    this.#deployed = init.deploy({
      fromSubtask: (id, message) => this.#onMessage(id, message),
      onLost: (isThere, error) => this.#onLost(isThere, error),
    })
  }

  /** Names of the operators that are being started again while the others go on. */
  get restarting(): readonly string[] {
    return operatorsIn(this.#init.graph, this.#failover.down).map(({ name }) => name)
  }

  get inProgress(): CheckpointCoordinator['inProgress'] {
    return this.#coordinator.inProgress
  }

  start(): void {
    for (const vertex of this.#init.graph.vertices) this.#createEnumerator(vertex, this.#init.restored)
    this.#coordinator.start(FIRST)
    this.#deployed.start(FIRST)
    for (const enumerator of this.#enumerators.values()) enumerator.start()
    this.#init.ports.probe('run.resume')
  }

  /**
   * One last checkpoint whose commits are awaited; then `onEnd` with 'stopped' (or 'finished'). `failed`: it did
   * not come to be, and the attempt goes on.
   */
  stop(failed: (outcome: Extract<RequestOutcome, { kind: 'failed' }>) => void): void {
    if (this.#ended) return
    this.#coordinator.request('final', (outcome) => {
      if (outcome.kind === 'failed' && !this.#ended) failed(outcome)
    })
    this.#failover.hurry()
  }

  /** The input ends here: every window fires, and the attempt ends as if it had been read to its end. */
  drain(): void {
    if (this.#ended) return
    this.#coordinator.drain()
    this.#draining = true
    this.#drainSources(undefined)
    this.#failover.hurry()
  }

  #drainSources(vertices: Vertices | undefined): void {
    for (const id of this.#subtasksOf(vertices)) {
      const [head] = this.#vertex(id.vertex).operators
      if (head?.spec.kind !== 'source' || this.#states.get(subtaskKey(id)) === 'finished') continue
      this.#deployed.send(id, { kind: 'drain', operator: head.name })
    }
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#coordinator.savepoint(path, done)
  }

  /** Ends at once, without a word; waits for what must not be cut off. */
  *abandon(): Io<void> {
    this.#leave()
    yield* this.#close()
  }

  fail(error: StreamError): void {
    this.#end({ kind: 'failed', error })
  }

  #createEnumerator(vertex: JobVertex, restored: RestoredJob): void {
    const [head] = vertex.operators
    assert(head !== undefined, 'a vertex has a head')
    if (head.spec.kind !== 'source') return
    const { source } = head.spec as SourceOperatorSpec
    const enumerator = new SplitEnumerator({
      operator: head.name,
      source,
      parallelism: vertex.parallelism,
      ports: this.#init.ports,
      restored: this.#init.enumeratorState(head.name, restored),
      send: (subtask, message) => this.#sendHeld(this.#idOf(vertex.index, subtask), message),
      fail: (error) => this.#failover.onFailure([vertex.index], asError(error)),
    })
    this.#enumerators.set(head.name, enumerator)
  }

  #sendHeld(to: SubtaskId, message: ToSubtask): void {
    const send = (): void => {
      if (!this.#ended) this.#deployed.send(to, message)
    }
    if (this.#held === undefined) send()
    else this.#held.push(send)
  }

  #onMessage(id: SubtaskId, message: FromSubtask): void {
    if (this.#ended || id.attempt !== this.#attempts[id.vertex]) return
    const coordinator = this.#coordinator
    switch (message.kind) {
      case 'running':
        this.#states.set(subtaskKey(id), 'running')
        break
      case 'acknowledge':
        coordinator.onAcknowledge(id, message)
        break
      case 'decline':
        coordinator.onDecline(id, message)
        break
      case 'committed':
        coordinator.onCommitted(id, message.id)
        break
      case 'request-split':
        this.#enumerators.get(message.operator)?.onRequest(id.subtask)
        break
      case 'aligned-watermark':
        this.#align(id, message)
        break
      case 'backlog':
        this.#onBacklog(id, message.behind)
        break
      case 'end-of-data':
        this.#onBacklog(id, false)
        coordinator.onEndOfData(id)
        break
      case 'finished':
        this.#states.set(subtaskKey(id), 'finished')
        coordinator.onSubtaskFinished(id)
        break
      case 'failed':
        this.#failover.onFailure([id.vertex], errorOf(message.error, message.retryable), id)
        break
      default:
        assertNever(message, 'message of a subtask')
    }
  }

  // ---- regions ----------------------------------------------------------------------------------

  #vertex(index: number): JobVertex {
    return this.#init.graph.vertices[index] as JobVertex
  }

  #idOf(vertex: number, subtask: number): SubtaskId {
    return { vertex, subtask, attempt: this.#attempts[vertex] as Attempt }
  }

  #subtasksOf(vertices?: Vertices): SubtaskId[] {
    return this.#init.graph.vertices.filter(({ index }) => vertices?.has(index) ?? true)
      .flatMap(({ index, parallelism }) => Array.from({ length: parallelism }, (_, i) => this.#idOf(index, i)))
  }

  /** A region that has ended needs nothing any more; of any other some output may have been lost with the thread. */
  #onLost(isThere: (subtask: number) => boolean, error: StreamError): void {
    if (this.#ended) return
    const touched = this.#regions.filter((region) => {
      const subtasks = this.#subtasksOf(new Set(region))
      return subtasks.some(({ subtask }) => isThere(subtask)) &&
        subtasks.some((id) => this.#states.get(subtaskKey(id)) !== 'finished')
    })
    this.#failover.onFailure(touched.flat(), error)
  }

  #cancel(vertices: Vertices, again: Attempt): void {
    for (const vertex of vertices) {
      this.#attempts[vertex] = again
      const name = this.#vertex(vertex).operators[0]?.name ?? ''
      this.#enumerators.get(name)?.close()
      this.#enumerators.delete(name)
    }
    for (const id of this.#subtasksOf(vertices)) {
      this.#states.set(subtaskKey(id), 'deploying')
      this.#behind.delete(subtaskKey(id))
    }
    this.#deployed.cancel(vertices)
  }

  *#rewind(vertices: Vertices, who: SubtaskId | undefined): Io<Rewound> {
    return yield* this.#coordinator.rewind(this.#subtasksOf(vertices), who)
  }

  #again(part: DeployedPart): void {
    const { vertices, restored } = part
    const heads = [...vertices].map((vertex) => this.#vertex(vertex))
    for (const vertex of heads) this.#createEnumerator(vertex, restored)
    this.#coordinator.setBacklog(this.#behind.size > 0)
    this.#deployed.redeploy(part)
    this.#deployed.start(part.attempt)
    for (const { operators: [head] } of heads) this.#enumerators.get(head?.name ?? '')?.start()
    for (const id of this.#subtasksOf(vertices)) this.#tellGroup(this.#alignment.restart(id))
    if (this.#draining) this.#drainSources(vertices)
    this.#init.ports.probe('run.resume')
  }

  // ---- sources ----------------------------------------------------------------------------------

  /** A chain has one source: its subtask says all there is to say. */
  #onBacklog(id: SubtaskId, behind: boolean): void {
    if (behind) this.#behind.add(subtaskKey(id))
    else this.#behind.delete(subtaskKey(id))
    this.#coordinator.setBacklog(this.#behind.size > 0)
  }

  #align(subtask: SubtaskId, report: Extract<FromSubtask, { kind: 'aligned-watermark' }>): void {
    const { operator, group, watermark } = report
    this.#tellGroup(this.#alignment.report(group, { subtask, operator }, watermark))
  }

  #tellGroup({ smallest, members }: GroupNews): void {
    for (const { subtask: { vertex, subtask }, operator } of members) {
      const to = this.#idOf(vertex, subtask)
      if (this.#states.get(subtaskKey(to)) === 'finished') continue
      this.#deployed.send(to, { kind: 'group-watermark', operator, watermark: smallest })
    }
  }

  #hostOfCoordinator(): CoordinatorHost {
    return {
      plan: () => this.#plan(),
      snapshotEnumerators: (id) => this.#snapshotEnumerators(id),
      releaseEnumerators: () => {
        const held = this.#held ?? []
        this.#held = undefined
        for (const send of held) send()
      },
      send: (to, message) => {
        if (!this.#ended) this.#deployed.send(to, message)
      },
      seal: (id) => this.#seal(id),
      discard: (id) => this.#discard(id),
      completed: (checkpoint) => this.#init.onCheckpoint(checkpoint),
      aborted: (id, reason, error) => this.#init.onCheckpointFailed(id, reason, error),
      finalCommitted: (checkpoint, finished) => {
        this.#init.ports.probe('stop.final')
        this.#end(finished ? { kind: 'finished', checkpoint } : { kind: 'stopped', checkpoint })
      },
      failJob: (error) => this.fail(error),
    }
  }

  *#seal(id: CheckpointId): Io<readonly FileEntry[]> {
    const parts = yield* all([this.#sealOwn(id), this.#deployed.seal?.(id) ?? none()])
    return parts.flat()
  }

  *#sealOwn(id: CheckpointId): Io<readonly FileEntry[]> {
    const entry = yield* this.#init.files.seal(id)
    return entry === undefined ? [] : [entry]
  }

  *#discard(id: CheckpointId): Io<void> {
    yield* this.#init.files.discard(id)
    yield* this.#deployed.discard?.(id) ?? none()
  }

  #plan(): PlanOutcome {
    const { vertices, edges } = this.#init.graph
    return computePlan(
      vertices.map(({ index, parallelism }) => ({
        index,
        subtasks: Array.from({ length: parallelism }, (_, subtask) => {
          const state = this.#states.get(subtaskKey({ vertex: index, subtask }))
          assert(state !== undefined, 'the state of every subtask is known')
          return { attempt: this.#attempts[index] ?? FIRST, state }
        }),
      })),
      edges.map((edge) => ({
        from: edge.fromVertex, to: edge.toVertex, pointwise: edge.ship.kind === 'forward',
      })),
    )
  }

  *#snapshotEnumerators(id: CheckpointId): Io<StateSegment[]> {
    // The cut comes before the first wait: everything sent from here on is held back.
    this.#held = []
    const encoded = [...this.#enumerators].map(([operator, enumerator]) => ({
      operator,
      ...encodeSegment({ operator, subtask: ENUMERATOR_SUBTASK, snapshot: enumerator.snapshot() }),
    }))
    const segments: StateSegment[] = []
    for (const { operator, bytes, states } of encoded) {
      const place = yield* this.#init.files.append(id, bytes)
      segments.push({ operator, subtask: ENUMERATOR_SUBTASK, ...place, states })
    }
    return segments
  }

  #end(end: AttemptEnd): void {
    if (this.#ended) return
    this.#leave()
    start(this.#close(), () => this.#init.onEnd(end))
  }

  /** Also waits for a region that was about to go back: what it removes is to be gone before anybody else begins. */
  *#close(): Io<void> {
    yield* all([this.#coordinator.close(), this.#failover.close()])
  }

  #leave(): void {
    this.#ended = true
    for (const enumerator of this.#enumerators.values()) enumerator.close()
    this.#deployed.cancel()
  }
}

function* none(): Io<readonly never[]> {
  return []
}

function asError(thrown: unknown): StreamError {
  return isStreamError(thrown) ? thrown : E082_DISCOVERY_FAILED({ thrown: String(thrown) }, { cause: thrown })
}
