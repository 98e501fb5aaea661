/**
 * What became of the checkpoints of this process: how many, and the phases of the last one.
 *
 * Owned by the host, which tells it what the coordinator reports and what subtasks acknowledge. The trace beside
 * each checkpoint has the details (checkpoint/trace.ts); this is what a live display needs.
 *
 *   MC-1  Phases of a checkpoint come from its own acknowledgements; those of one that failed are dropped.
 *
 * Source: Flink CheckpointStatsTracker (numberOfCompletedCheckpoints, lastCheckpointDuration, …).
 */
import type { FromSubtask, SnapshotMetrics } from '../base/protocol.ts'

/** Each the largest of all subtasks, ms: they go on side by side. */
export interface CheckpointPhases {
  /** From the trigger until the first barrier came. */
  readonly startDelayMs: number
  /** First to last barrier. */
  readonly alignmentMs: number
  /** The cut: nothing else is done by the subtask meanwhile. */
  readonly syncMs: number
  /** Writing what was cut, beside processing. */
  readonly asyncMs: number
}

export interface LastCheckpoint {
  readonly id: number
  /** When its manifest was made, wall clock ms. */
  readonly completedAtMs: number
  /** Trigger to manifest. */
  readonly tookMs: number
  readonly bytes: number
  readonly phases: CheckpointPhases
}

export interface CheckpointNumbers {
  readonly completed: number
  readonly failed: number
  readonly last: LastCheckpoint | undefined
}

type Completed = Omit<LastCheckpoint, 'phases'>

const NO_PHASES: CheckpointPhases = { startDelayMs: 0, alignmentMs: 0, syncMs: 0, asyncMs: 0 }

export class CheckpointMeter {
  #completed = 0
  #failed = 0
  #last: LastCheckpoint | undefined
  #acknowledging: { readonly id: number; readonly phases: CheckpointPhases } | undefined

  get numbers(): CheckpointNumbers {
    return { completed: this.#completed, failed: this.#failed, last: this.#last }
  }

  onMessage(message: FromSubtask): void {
    if (message.kind !== 'acknowledge') return
    const before = this.#phasesOf(message.id)
    this.#acknowledging = { id: message.id, phases: largest(before, message.metrics) }
  }

  onCompleted({ id, completedAtMs, tookMs, bytes }: Completed): void {
    this.#completed += 1
    this.#last = { id, completedAtMs, tookMs, bytes, phases: this.#phasesOf(id) }
    this.#acknowledging = undefined
  }

  onFailed(): void {
    this.#failed += 1
    this.#acknowledging = undefined
  }

  #phasesOf(id: number): CheckpointPhases {
    return this.#acknowledging?.id === id ? this.#acknowledging.phases : NO_PHASES
  }
}

function largest(phases: CheckpointPhases, metrics: SnapshotMetrics): CheckpointPhases {
  return {
    startDelayMs: Math.max(phases.startDelayMs, metrics.startDelayMs),
    alignmentMs: Math.max(phases.alignmentMs, metrics.alignmentMs),
    syncMs: Math.max(phases.syncMs, metrics.syncMs),
    asyncMs: Math.max(phases.asyncMs, metrics.asyncMs),
  }
}
