/**
 * One checkpoint on its way: who has acknowledged, what they wrote, and how it stands.
 *
 * Owned by the coordinator.
 *
 *   PC-1  preparing → waiting → finalising → completed, or aborted from the first two. Once it
 *         is finalising only the storage decides how it ends (its manifest may be linked already).
 *   PC-2  A subtask is counted once, and only the attempt the plan named.
 *
 * Source: Flink PendingCheckpoint (row A4).
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { TimerHandle } from '../base/ports.ts'
import { subtaskKey, type FromSubtask, type StateSegment, type SubtaskId } from '../base/protocol.ts'
import type { SubtaskReport } from './manifest.ts'
import type { CheckpointPlan } from './plan.ts'
import type { CheckpointRequest } from './request-decider.ts'
import { CheckpointTrace } from './trace.ts'

export type PendingState = 'preparing' | 'waiting' | 'finalising' | 'completed' | 'aborted'
export type Acknowledge = Extract<FromSubtask, { kind: 'acknowledge' }>
/** 'late': the checkpoint ended before, or was never ours. */
export type AckOutcome = 'accepted' | 'duplicate' | 'unknown-subtask' | 'late'

export class PendingCheckpoint {
  readonly id: CheckpointId
  readonly request: CheckpointRequest
  readonly plan: CheckpointPlan
  readonly triggeredAtMs: number
  readonly startedMs: number
  readonly trace = new CheckpointTrace()
  state: PendingState = 'preparing'
  timer: TimerHandle | undefined
  /** Until barriers overtake. */
  ageTimer: TimerHandle | undefined
  readonly #waiting: Map<string, SubtaskId>
  readonly #acknowledged = new Map<string, SubtaskId>()
  #ended = 0
  readonly #segments: StateSegment[] = []
  readonly #reports: SubtaskReport[] = []

  constructor(init: {
    readonly id: CheckpointId
    readonly request: CheckpointRequest
    readonly plan: CheckpointPlan
    readonly wallMs: number
    readonly monotonicMs: number
  }) {
    this.id = init.id
    this.request = init.request
    this.plan = init.plan
    this.triggeredAtMs = init.wallMs
    this.startedMs = init.monotonicMs
    this.#waiting = new Map(init.plan.wait.map((subtask) => [subtaskKey(subtask), subtask]))
  }

  get segments(): readonly StateSegment[] {
    return this.#segments
  }
  get reports(): readonly SubtaskReport[] {
    return this.#reports
  }
  /** Something that a barrier overtook is part of it. */
  get inFlight(): boolean {
    return this.#segments.some(({ checkpoint, states }) =>
      checkpoint === undefined && states.some(({ kind }) => kind === 'in-flight'))
  }
  get acknowledged(): number {
    return this.#acknowledged.size
  }
  get allAcknowledged(): boolean {
    return this.#waiting.size === 0
  }
  /** Every subtask that had not left gave its last word: the job has ended with this checkpoint. */
  get finished(): boolean {
    return this.allAcknowledged && this.#ended === this.#acknowledged.size
  }
  get abortable(): boolean {
    return this.state === 'preparing' || this.state === 'waiting'
  }

  addEnumerators(segments: readonly StateSegment[]): void {
    assert(this.state === 'preparing', 'enumerators are snapshotted before the trigger')
    this.#segments.push(...segments)
  }

  acknowledge(from: SubtaskId, message: Acknowledge, monotonicMs: number): Exclude<AckOutcome, 'late'> {
    const key = subtaskKey(from)
    const done = this.#acknowledged.get(key)
    if (done !== undefined) return done.attempt === from.attempt ? 'duplicate' : 'unknown-subtask'
    const expected = this.#waiting.get(key)
    if (expected === undefined || expected.attempt !== from.attempt) return 'unknown-subtask'
    this.#waiting.delete(key)
    this.#acknowledged.set(key, from)
    this.#segments.push(...message.segments)
    if (message.endOfData) this.#ended += 1
    const { metrics } = message
    const afterMs = monotonicMs - this.startedMs
    this.#reports.push({ vertex: from.vertex, subtask: from.subtask, afterMs, metrics })
    return 'accepted'
  }

  /** True if this very attempt is in the plan. */
  concerns(id: SubtaskId): boolean {
    const key = subtaskKey(id)
    return (this.#waiting.get(key) ?? this.#acknowledged.get(key))?.attempt === id.attempt
  }

  awaits(id: SubtaskId): boolean {
    return this.#waiting.get(subtaskKey(id))?.attempt === id.attempt
  }

  laggards(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  /** Who has not acknowledged. */
  get waiting(): readonly SubtaskId[] {
    return [...this.#waiting.values()]
  }

  /** Its end is decided: no time limit counts any more. */
  stopTimers(): void {
    this.timer?.cancel()
    this.ageTimer?.cancel()
  }
}
