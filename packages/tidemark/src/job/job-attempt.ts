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
 */
import { assert, assertNever } from '../base/assert.ts'
import { errorOf, isStreamError, type StreamError } from '../base/errors.ts'
import { attempt, type CheckpointId } from '../base/ids.ts'
import { all, start, type Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { subtaskKey, type FromSubtask, type StateSegment, type SubtaskId, type ToSubtask } from '../base/protocol.ts'
import type { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CompletedCheckpoint, CoordinatorHost } from '../checkpoint/coordinator-host.ts'
import type { CheckpointFiles } from '../checkpoint/files.ts'
import { ENUMERATOR_SUBTASK, type FileEntry } from '../checkpoint/manifest.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import { computePlan, type PlanOutcome, type SubtaskState } from '../checkpoint/plan.ts'
import type { RequestOutcome } from '../checkpoint/request-decider.ts'
import type { JobGraph, JobVertex } from '../graph/job-graph.ts'
import type { SourceOperatorSpec } from '../graph/operator-spec.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { encodeSegment } from '../state/snapshot-format.ts'
import { AlignmentGroups } from './alignment-groups.ts'
import { E082_DISCOVERY_FAILED } from './errors.ts'
import { SplitEnumerator } from './split-enumerator.ts'

/** The running subtasks of one attempt, as the host made them. */
export interface Deployed {
  start(): void
  send(to: { readonly vertex: number; readonly subtask: number }, message: ToSubtask): void
  cancel(): void
  /** Of threads that write state files of their own: makes them durable; those of one checkpoint. */
  seal?(id: CheckpointId): Io<readonly FileEntry[]>
  /** … and removes them; never fails. */
  discard?(id: CheckpointId): Io<void>
}

export type AttemptEnd =
  | { readonly kind: 'finished'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'stopped'; readonly checkpoint: CheckpointId }
  | { readonly kind: 'failed'; readonly error: StreamError }

export interface AttemptInit {
  readonly graph: JobGraph
  readonly ports: Ports
  readonly files: CheckpointFiles
  enumeratorState(operator: string): RestoredOperator | undefined
  deploy(fromSubtask: (id: SubtaskId, message: FromSubtask) => void): Deployed
  coordinate(host: CoordinatorHost): CheckpointCoordinator
  onCheckpoint(checkpoint: CompletedCheckpoint): void
  onCheckpointFailed(id: CheckpointId, reason: string, error: StreamError | undefined): void
  onEnd(end: AttemptEnd): void
}

/** Inside one epoch there is one deployment; the number tells its messages from nobody else's. */
const ONLY_ATTEMPT = attempt(0)

export class JobAttempt {
  readonly #init: AttemptInit
  readonly #coordinator: CheckpointCoordinator
  readonly #enumerators = new Map<string, SplitEnumerator>()
  readonly #states = new Map<string, SubtaskState>()
  readonly #alignment = new AlignmentGroups()
  /** Source subtasks that work off a backlog. */
  readonly #behind = new Set<string>()
  readonly #deployed: Deployed
  #held: (() => void)[] | undefined
  #ended = false

  constructor(init: AttemptInit) {
    this.#init = init
    for (const vertex of init.graph.vertices) {
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
        this.#states.set(subtaskKey({ vertex: vertex.index, subtask }), 'deploying')
      }
    }
    this.#coordinator = init.coordinate(this.#hostOfCoordinator())
    this.#deployed = init.deploy((id, message) => this.#onMessage(id, message))
  }

  get inProgress(): CheckpointCoordinator['inProgress'] {
    return this.#coordinator.inProgress
  }

  start(): void {
    for (const vertex of this.#init.graph.vertices) this.#createEnumerators(vertex)
    this.#coordinator.start(ONLY_ATTEMPT)
    this.#deployed.start()
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
  }

  /** The input ends here: every window fires, and the attempt ends as if it had been read to its end. */
  drain(): void {
    if (this.#ended) return
    this.#coordinator.drain()
    for (const { index, parallelism, operators: [head] } of this.#init.graph.vertices) {
      if (head?.spec.kind !== 'source') continue
      for (let subtask = 0; subtask < parallelism; subtask++) {
        if (this.#states.get(subtaskKey({ vertex: index, subtask })) === 'finished') continue
        this.#deployed.send({ vertex: index, subtask }, { kind: 'drain', operator: head.name })
      }
    }
  }

  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void {
    this.#coordinator.savepoint(path, done)
  }

  /** Ends at once, without a word; waits for what must not be cut off. */
  *abandon(): Io<void> {
    this.#leave()
    yield* this.#coordinator.close()
  }

  fail(error: StreamError): void {
    this.#end({ kind: 'failed', error })
  }

  #createEnumerators(vertex: JobVertex): void {
    const [head] = vertex.operators
    assert(head !== undefined, 'a vertex has a head')
    if (head.spec.kind !== 'source') return
    const { source } = head.spec as SourceOperatorSpec
    const enumerator = new SplitEnumerator({
      operator: head.name,
      source,
      parallelism: vertex.parallelism,
      ports: this.#init.ports,
      restored: this.#init.enumeratorState(head.name),
      send: (subtask, message) => this.#sendHeld({ vertex: vertex.index, subtask }, message),
      fail: (error) => this.fail(asError(error)),
    })
    this.#enumerators.set(head.name, enumerator)
  }

  #sendHeld(to: { readonly vertex: number; readonly subtask: number }, message: ToSubtask): void {
    const send = (): void => {
      if (!this.#ended) this.#deployed.send(to, message)
    }
    if (this.#held === undefined) send()
    else this.#held.push(send)
  }

  #onMessage(id: SubtaskId, message: FromSubtask): void {
    if (this.#ended) return
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
        coordinator.onSubtaskFailed(id)
        this.fail(errorOf(message.error, message.retryable))
        break
      default:
        assertNever(message, 'message of a subtask')
    }
  }

  /** A chain has one source: its subtask says all there is to say. */
  #onBacklog(id: SubtaskId, behind: boolean): void {
    if (behind) this.#behind.add(subtaskKey(id))
    else this.#behind.delete(subtaskKey(id))
    this.#coordinator.setBacklog(this.#behind.size > 0)
  }

  #align(subtask: SubtaskId, report: Extract<FromSubtask, { kind: 'aligned-watermark' }>): void {
    const { operator, group, watermark } = report
    const { smallest, members } = this.#alignment.report(group, { subtask, operator }, watermark)
    for (const { subtask: to, operator: source } of members) {
      if (this.#states.get(subtaskKey(to)) === 'finished') continue
      this.#deployed.send(to, { kind: 'group-watermark', operator: source, watermark: smallest })
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
          return { attempt: ONLY_ATTEMPT, state }
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
    start(this.#coordinator.close(), () => this.#init.onEnd(end))
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
