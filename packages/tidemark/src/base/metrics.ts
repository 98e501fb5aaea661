/**
 * What a subtask tells of its own time while it runs: the port between the task layer and whoever measures.
 *
 * Called by task/subtask.ts; implemented in observe/metrics-table.ts, handed in by the host.
 *
 * Source: Flink TaskIOMetricGroup (idleTimeMsPerSecond, backPressuredTimeMsPerSecond, busyTimeMsPerSecond).
 */

/** What a subtask waits for: records to process, or room in its outputs. */
export type WaitsFor = 'input' | 'output'

export interface SubtaskMeter {
  /** A step begins: whatever it waited for, the wait is over. */
  works(): void
  /** A step is over; undefined: it could go on at once, so time goes on counting as busy. */
  rests(waitsFor: WaitsFor | undefined): void
  /** Finished, failed or cancelled: no time counts from here on. */
  ends(): void
}
