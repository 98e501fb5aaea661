/**
 * Gives the subtasks of one thread their turns: a few steps each, round and round.
 *
 * Owned by the host of the thread; called from its EventLoop.
 */
import type { Subtask } from '../task/subtask.ts'

/** Steps a subtask takes before the next one has its turn. */
const STEPS_IN_A_ROW = 4

export class Turns {
  subtasks: readonly Subtask[] = []
  #next = 0

  get runnable(): boolean {
    return this.subtasks.some((subtask) => subtask.runnable)
  }

  /** One round over all, or as far as the time (performance.now()) goes; the next begins where this one ended. */
  run(deadlineMs: number): boolean {
    const { subtasks } = this
    let ran = false
    for (let i = 0; i < subtasks.length; i++) {
      const subtask = subtasks[this.#next % subtasks.length] as Subtask
      this.#next = (this.#next + 1) % subtasks.length
      for (let steps = 0; steps < STEPS_IN_A_ROW && subtask.runnable; steps++) {
        subtask.step()
        ran = true
        if (performance.now() >= deadlineMs) return true
      }
    }
    return ran
  }
}
