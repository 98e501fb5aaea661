/**
 * Orders the requests for checkpoints and decides which one may begin.
 *
 * Owned by the coordinator.
 *
 *   RQ-1  final before savepoint before user before periodic, then the older one first.
 *   RQ-2  A periodic request is never kept: if it cannot begin it is skipped, so that a slow disk
 *         makes checkpoints rarer and never lets them pile up (F39).
 *   RQ-3  The minimum pause counts from the last completion and holds for periodic requests only.
 *   RQ-4  The queue is bounded; beyond it the newest request is refused.
 *
 * Source: Flink CheckpointRequestDecider (rows A1, A9); RQ-2 differs on purpose.
 */
import type { CheckpointFailureReason } from '../base/protocol.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { StreamError } from '../base/errors.ts'

export type RequestKind = 'periodic' | 'user' | 'savepoint' | 'final'

export type RequestOutcome =
  | { readonly kind: 'completed'; readonly id: CheckpointId }
  | {
      readonly kind: 'failed'
      readonly id: CheckpointId | undefined
      readonly reason: CheckpointFailureReason | 'minimum-pause' | 'too-many-requests'
      readonly error: StreamError | undefined
    }

export interface CheckpointRequest {
  readonly kind: RequestKind
  readonly done: (outcome: RequestOutcome) => void
}

export type Verdict =
  | { readonly kind: 'queued' }
  | { readonly kind: 'skipped'; readonly reason: 'minimum-pause' | 'too-many-requests'; readonly retryInMs?: number }

const MOST_REQUESTS = 1_000
const RANK: Readonly<Record<RequestKind, number>> = { final: 0, savepoint: 1, user: 2, periodic: 3 }

export class RequestDecider {
  readonly #minPauseMs: number
  readonly #queue: CheckpointRequest[] = []

  constructor(minPauseMs: number) {
    this.#minPauseMs = minPauseMs
  }

  /** `lastCompletionMs` is monotonic; undefined before the first completion. */
  offer(
    request: CheckpointRequest,
    now: { readonly ms: number; readonly lastCompletionMs: number | undefined; readonly busy: boolean },
  ): Verdict {
    if (request.kind === 'periodic') {
      if (now.busy || this.#queue.length > 0) return { kind: 'skipped', reason: 'too-many-requests' }
      const left = now.lastCompletionMs === undefined ? 0 : now.lastCompletionMs + this.#minPauseMs - now.ms
      if (left > 0) return { kind: 'skipped', reason: 'minimum-pause', retryInMs: left }
    }
    if (this.#queue.length >= MOST_REQUESTS) return { kind: 'skipped', reason: 'too-many-requests' }
    const at = this.#queue.findIndex((other) => RANK[other.kind] > RANK[request.kind])
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, request)
    return { kind: 'queued' }
  }

  take(): CheckpointRequest | undefined {
    return this.#queue.shift()
  }

  drain(): readonly CheckpointRequest[] {
    return this.#queue.splice(0)
  }
}
