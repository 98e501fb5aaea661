/**
 * When a failed job is tried again (Flink's RestartBackoffTimeStrategy, FLIP-364).
 *
 * Pure: the strategy in the job, the number of restarts since the last completed checkpoint, and
 * whether the error can heal, give a decision. A completed checkpoint is progress and starts the
 * count anew, so that a long-running job is not ended by failures far apart.
 */
import type { RestartStrategy } from '../graph/logical-graph.ts'

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'give-up'; readonly why: 'not-retryable' | 'no-restart' | 'budget-spent' }

export function decideRestart(
  strategy: RestartStrategy,
  restartsWithoutProgress: number,
  retryable: boolean,
): RestartDecision {
  if (!retryable) return { kind: 'give-up', why: 'not-retryable' }
  if (strategy.kind === 'none') return { kind: 'give-up', why: 'no-restart' }
  if (restartsWithoutProgress >= strategy.attempts) return { kind: 'give-up', why: 'budget-spent' }
  if (strategy.kind === 'fixed-delay') return { kind: 'restart', delayMs: strategy.delayMs }
  if (restartsWithoutProgress === 0) return { kind: 'restart', delayMs: 0 }
  const delayMs = strategy.initialMs * strategy.factor ** (restartsWithoutProgress - 1)
  return { kind: 'restart', delayMs: Math.min(delayMs, strategy.maxMs) }
}
