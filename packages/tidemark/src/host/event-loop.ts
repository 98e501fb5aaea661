/**
 * The loop of the in-process host: runs mail and subtasks on Node's event loop, in short turns.
 *
 * A turn lasts at most TURN_MS and then yields, so that timers, sockets and file completions of the
 * process get their share (an event loop blocked for more than 20 ms is a defect). Between turns
 * nothing of the engine runs. One turn is pending at most.
 */
import type { Executor } from '../base/ports.ts'

/** A checkpoint is a score of file operations, each of which waits for the end of a turn: at 4 ms that alone was 80 ms. */
const TURN_MS = 1

export class EventLoop implements Executor {
  #mail: (() => void)[] = []
  #scheduled = false
  #stopped = false
  readonly #work: (deadlineMs: number) => boolean
  readonly #fatal: (error: unknown) => void

  /**
   * `work` does what it can until `deadlineMs` (as performance.now()) and says whether it did anything;
   * `fatal` gets what escapes: a broken invariant.
   */
  constructor(work: (deadlineMs: number) => boolean, fatal: (error: unknown) => void) {
    this.#work = work
    this.#fatal = fatal
  }

  post(_lane: string, mail: () => void): void {
    this.#mail.push(mail)
    this.wake()
  }

  /** Something may have become runnable. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(this.#turn)
  }

  stop(): void {
    this.#stopped = true
  }

  readonly #turn = (): void => {
    this.#scheduled = false
    const deadline = performance.now() + TURN_MS
    try {
      let more = true
      while (more && !this.#stopped && performance.now() < deadline) {
        const mail = this.#mail
        if (mail.length > 0) {
          this.#mail = []
          for (const run of mail) run()
        }
        more = this.#work(deadline) || this.#mail.length > 0
      }
      if (more) this.wake()
    } catch (error) {
      this.#stopped = true
      this.#fatal(error)
    }
  }
}
