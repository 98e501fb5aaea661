/**
 * Processing time that moves only when a test moves it.
 */
import { Heap } from '../base/heap.ts'
import type { ProcessingTimeService } from '../operator/operator.ts'

interface Due {
  readonly time: number
  readonly order: number
  readonly fire: () => void
  cancelled: boolean
}

export class ManualTime implements ProcessingTimeService {
  #nowMs: number
  #order = 0
  readonly #due = new Heap<Due>((a, b) => a.time < b.time || (a.time === b.time && a.order < b.order))

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  at(time: number, fire: () => void): () => void {
    const due: Due = { time, order: this.#order++, fire, cancelled: false }
    this.#due.push(due)
    return () => {
      due.cancelled = true
    }
  }

  /** Sets the clock, then fires what is due, in time order. The clock never goes back. */
  advance(nowMs: number): void {
    if (nowMs > this.#nowMs) this.#nowMs = nowMs
    for (;;) {
      const due = this.#due.peek()
      if (due === undefined || due.time > this.#nowMs) return
      this.#due.pop()
      if (!due.cancelled) due.fire()
    }
  }
}
