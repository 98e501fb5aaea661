/**
 * When the next checkpoint is due: every so often, and less often while a backlog is worked off (row A10).
 *
 * Owned by coordinator.ts, which asks for a checkpoint when it `fires`.
 *
 *   TTI-1  The rate is fixed while checkpoints keep up with it; after a stall the rhythm begins anew, nothing is made up for.
 *   TTI-2  The first one of an attempt comes at a random moment between the minimum pause and the interval.
 *   TTI-3  The end of a backlog leaves no gap, its beginning no short interval.
 *
 * Source: Flink CheckpointCoordinator (scheduleTriggerWithDelay, setIsProcessingBacklog).
 */
import type { Ports, TimerHandle } from '../base/ports.ts'
import type { CheckpointOptions } from '../graph/logical-graph.ts'

export class TriggerTimer {
  readonly #ports: Pick<Ports, 'clock' | 'timers' | 'random'>
  readonly #options: CheckpointOptions
  readonly #fires: () => void
  #timer: TimerHandle | undefined
  #dueMs = 0
  /** Some source works off a backlog. */
  #backlog = false

  constructor(ports: Pick<Ports, 'clock' | 'timers' | 'random'>, options: CheckpointOptions, fires: () => void) {
    this.#ports = ports
    this.#options = options
    this.#fires = fires
  }

  /** From trigger to trigger; 0: none by itself. */
  get intervalMs(): number {
    const { everyMs, minPauseMs, duringBacklogMs } = this.#options
    const wanted = this.#backlog && everyMs > 0 ? (duringBacklogMs ?? everyMs) : everyMs
    return wanted > 0 && Number.isFinite(wanted) ? Math.max(wanted, minPauseMs) : 0
  }

  /** An attempt begins. */
  start(): void {
    this.#backlog = false
    const { intervalMs } = this
    const { minPauseMs } = this.#options
    if (intervalMs > 0) this.arm(minPauseMs + this.#ports.random.below(intervalMs - minPauseMs + 1))
  }

  /** `runs`: there may be a next checkpoint. */
  setBacklog(backlog: boolean, runs: boolean): void {
    if (backlog === this.#backlog || this.#options.duringBacklogMs === undefined) return
    this.#backlog = backlog
    if (!runs) return
    const { intervalMs } = this
    const leftMs = this.#timer === undefined ? Infinity : this.#dueMs - this.#ports.clock.monotonicMs()
    if (intervalMs > 0) this.arm(backlog ? intervalMs : Math.max(0, Math.min(intervalMs, leftMs)))
    else this.stop()
  }

  arm(delayMs: number): void {
    this.#timer?.cancel()
    this.#dueMs = this.#ports.clock.monotonicMs() + delayMs
    this.#timer = this.#ports.timers.after(delayMs, this.#fires)
  }

  /** After it has fired. */
  armNext(): void {
    const { intervalMs } = this
    const nowMs = this.#ports.clock.monotonicMs()
    if (intervalMs > 0) this.arm(Math.max(this.#dueMs + intervalMs, nowMs + 1) - nowMs)
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
