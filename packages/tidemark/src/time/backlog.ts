/**
 * Whether one source subtask works off a backlog: its watermark is far behind the clock of the machine.
 *
 * Owned by a source operator, which says after each poll how it went. The job takes checkpoints more rarely as long
 * as any subtask of it is behind (checkpoint/coordinator.ts).
 *
 *   BL-1  Behind is who reads on while the smallest watermark of its splits lags by more than the bound. Before the
 *         first watermark, and without a split, nobody is.
 *   BL-2  Who has found nothing to read for `QUIET_MS` has caught up, however old its last record is. A short pause
 *         between two fetches changes nothing.
 *   BL-3  A report goes out only when the answer has changed.
 *
 * Source: Flink FLIP-309 (execution.checkpointing.interval-during-backlog); here by the lag of the watermark, as
 * FLIP-328 proposes.
 */
import { MIN_TIMESTAMP } from '../base/time.ts'
import { NOT_COUNTED } from './drift.ts'

export const QUIET_MS = 1_000

export class Backlog {
  readonly #lagMs: number
  #behind = false
  #reported = false
  /** Since when nothing was found, by a clock that is never set. */
  #quietSinceMs: number | undefined

  constructor(lagMs: number) {
    this.#lagMs = lagMs
  }

  get behind(): boolean {
    return this.#behind
  }

  /** `slowest`: of the splits that are read now; NOT_COUNTED if there is none. `wallMs`: what event time is held against. */
  found(slowest: number, wallMs: number): void {
    this.#quietSinceMs = undefined
    if (slowest !== MIN_TIMESTAMP) this.#behind = slowest !== NOT_COUNTED && wallMs - slowest > this.#lagMs
  }

  /** In how many milliseconds to ask again, if this one is behind and finds nothing; undefined: no need to. */
  foundNothing(monotonicMs: number): number | undefined {
    if (!this.#behind) return undefined
    this.#quietSinceMs ??= monotonicMs
    const left = this.#quietSinceMs + QUIET_MS - monotonicMs
    if (left > 0) return left
    this.#behind = false
    return undefined
  }

  /** What to tell the job; undefined: nothing new. */
  report(): boolean | undefined {
    if (this.#behind === this.#reported) return undefined
    this.#reported = this.#behind
    return this.#behind
  }
}
