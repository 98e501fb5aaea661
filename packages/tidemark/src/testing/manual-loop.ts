/**
 * Clock, timers and mail of a harness: everything runs at once, and time stands still between calls.
 *
 * Owned by the harness; handed to the engine as its ports. Mail runs in the order of posting, subtasks
 * in turn, timers by due time: no chance is in it.
 *
 *   ML-1  `run` returns when nothing is left to do without time passing, or when `stop` says so.
 *   ML-2  A timer of an age or more is no timer of a test but the period of checkpoints: it fires only
 *         when `tick` is called.
 */
import { assert } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import type { Clock, Executor, TimerHandle, Timers } from '../base/ports.ts'

/** Longer than any test: some 35 years. */
export const AN_AGE_MS = 2 ** 40
const MAX_STEPS = 10_000_000

interface Due {
  readonly dueMs: number
  readonly order: number
  readonly fire: () => void
  cancelled: boolean
}

interface Steppable {
  readonly runnable: boolean
  step(): void
}

export class ManualLoop implements Clock, Executor, Timers {
  readonly #timers = new Heap<Due>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order))
  #mail: (() => void)[] = []
  #period: Due | undefined
  #nowMs: number
  #order = 0

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  wallMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  post(_lane: string, mail: () => void): void {
    this.#mail.push(mail)
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    const due: Due = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire, cancelled: false }
    if (delayMs >= AN_AGE_MS) this.#period = due
    else this.#timers.push(due)
    return {
      cancel() {
        due.cancelled = true
      },
    }
  }

  /** Fires the timer of the checkpoint period; false if the coordinator has none now. */
  tick(): boolean {
    const period = this.#period
    this.#period = undefined
    if (period === undefined || period.cancelled) return false
    period.fire()
    return true
  }

  run(subtasks: () => readonly Steppable[], stop: () => boolean): void {
    for (let steps = 0, ran = true; ran; steps++) {
      assert(steps < MAX_STEPS, 'a job under test comes to rest')
      ran = false
      while (this.#mail.length > 0) {
        const mail = this.#mail
        this.#mail = []
        for (const deliver of mail) {
          if (stop()) return
          deliver()
        }
        ran = true
      }
      for (const subtask of subtasks()) {
        if (stop()) return
        if (!subtask.runnable) continue
        subtask.step()
        ran = true
      }
    }
  }

  /** Lets time pass, stopping at each timer on the way, so that the caller can run what it set off. */
  * advance(byMs: number): Generator<void, void, undefined> {
    const until = this.#nowMs + byMs
    for (;;) {
      const due = this.#timers.peek()
      if (due === undefined || due.dueMs > until) break
      this.#timers.pop()
      if (due.cancelled) continue
      this.#nowMs = Math.max(this.#nowMs, due.dueMs)
      due.fire()
      yield
    }
    this.#nowMs = until
  }

  /** The process is gone: its mail and timers are nobody's. Time goes on. */
  clear(): void {
    this.#mail = []
    this.#period = undefined
    while (this.#timers.pop() !== undefined);
  }
}
