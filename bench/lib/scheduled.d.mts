import type { Batch, SourceSpec, Split } from 'tidemark'

export interface Plan {
  readonly startMs: number
  readonly rate: number
}

export interface ScheduledOptions<T> extends Plan {
  readonly count: number
  readonly splits?: number
  readonly record: (n: number) => T
  readonly now?: () => number
}

export interface ScheduledSplit extends Split {
  readonly index: number
}

export type ScheduledBatch<T> = Batch<T> | 'pending' | 'end'
export function nowMs(): number
export function dueMs(plan: Plan, n: number): number
export function scheduled<T>(options: ScheduledOptions<T>): SourceSpec<T, ScheduledSplit, 'can rewind'>
