/**
 * The simulator's world clock and loop: one seed decides what happens next.
 *
 * Owns virtual time, the pending timers and the mail lanes of one incarnation. Each step either runs
 * the first mail of one lane, or steps one runnable subtask, or, when nothing is ready (or rarely
 * before), lets time pass to the next timer. Lanes are FIFO; between lanes the seed chooses, so mail
 * of different senders overtakes each other in every way that production could show.
 *
 *   SC-1  Same seed, same sequence of steps: there is no other source of order, time or chance.
 *   SC-2  Time never goes back, and passes only in steps.
 */
import { Heap } from '../../base/heap.ts'
import type { Clock, Executor, TimerHandle, Timers } from '../../base/ports.ts'
import type { Prng } from '../../base/prng.ts'

export interface Steppable {
  readonly runnable: boolean
  step(): void
}

/** How often time passes although something is ready: on a machine that is too slow for its work, and on a good one. */
const TIME_PASSES_ONE_IN = { slow: 16, good: 256 }

interface Timer {
  readonly dueMs: number
  readonly sequence: number
  readonly fire: () => void
  cancelled: boolean
}

/** How the seed chooses among what is ready; drawn per seed. */
export type Policy = 'uniform' | 'mail-first' | 'subtasks-first' | 'starve-one'

export const POLICIES: readonly Policy[] = ['uniform', 'mail-first', 'subtasks-first', 'starve-one']

export class Scheduler implements Clock, Executor, Timers {
  readonly #random: Prng
  readonly #policy: Policy
  readonly #starved: number
  readonly #lanes = new Map<string, (() => void)[]>()
  readonly #timers = new Heap<Timer>((a, b) => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence))
  /** Used again by every step. */
  readonly #ready: Steppable[] = []
  #nowMs: number
  #sequence = 0
  #wallOffsetMs = 1_000_000_000_000
  steps = 0
  #timePassesOneIn = TIME_PASSES_ONE_IN.slow
  #stalled = ''
  #stalledUntil = 0
  /** Told of every choice before it is carried out: for traces. */
  onChoice: (kind: 'mail' | 'subtask' | 'timer', label: string | number) => void = () => {}

  constructor(random: Prng, policy: Policy, nowMs: number) {
    this.#random = random
    this.#policy = policy
    this.#starved = random.below(8)
    this.#nowMs = nowMs
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** The machine is fast enough for its work from now on: its timers do not run out before what they wait for. */
  calm(): void {
    this.#timePassesOneIn = TIME_PASSES_ONE_IN.good
  }

  /** The wall clock jumps; intervals and timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Mail of lanes that begin so waits for `steps` steps, as long as there is anything else to do. */
  stall(prefix: string, steps: number): void {
    this.#stalled = prefix
    this.#stalledUntil = this.steps + steps
  }

  post(lane: string, mail: () => void): void {
    const queue = this.#lanes.get(lane)
    if (queue === undefined) this.#lanes.set(lane, [mail])
    else queue.push(mail)
  }

  after(delayMs: number, fire: () => void): TimerHandle {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, fire, cancelled: false }
    this.#timers.push(timer)
    return {
      cancel: () => {
        timer.cancelled = true
      },
    }
  }

  /** One step; false if nothing is left to do and no timer is pending. */
  step(subtasks: readonly Steppable[]): boolean {
    this.steps += 1
    const ready = this.#ready
    ready.length = 0
    for (const subtask of subtasks) if (subtask.runnable) ready.push(subtask)
    const lanes = this.#lanes.size
    if (ready.length + lanes === 0 || this.#random.chance(1, this.#timePassesOneIn)) {
      if (this.#fireNextTimer()) return true
      if (ready.length + lanes === 0) return false
    }
    if (this.#chooseMail(lanes, ready.length)) this.#runMail()
    else this.#runSubtask(subtasks, ready)
    return true
  }

  #chooseMail(lanes: number, ready: number): boolean {
    if (lanes === 0) return false
    if (ready === 0) return true
    if (this.#policy === 'mail-first') return !this.#random.chance(1, 16)
    if (this.#policy === 'subtasks-first') return this.#random.chance(1, 16)
    return this.#random.chance(lanes, lanes + ready)
  }

  #pick(ready: readonly Steppable[]): Steppable {
    const index = this.#random.below(ready.length)
    const starved = this.#policy === 'starve-one' && ready.length > 1 && index === this.#starved % ready.length
    return (starved && !this.#random.chance(1, 32) ? ready[(index + 1) % ready.length] : ready[index]) as Steppable
  }

  #runSubtask(subtasks: readonly Steppable[], ready: readonly Steppable[]): void {
    const chosen = this.#pick(ready)
    this.onChoice('subtask', subtasks.indexOf(chosen))
    chosen.step()
  }

  #runMail(): void {
    let index = this.#random.below(this.#lanes.size)
    const stalled = this.steps < this.#stalledUntil
    let last: string | undefined
    for (const lane of this.#lanes.keys()) {
      if (!stalled || !lane.startsWith(this.#stalled) || last === undefined) last = lane
      if (index-- <= 0 && !(stalled && lane.startsWith(this.#stalled))) break
    }
    const lane = last as string
    const queue = this.#lanes.get(lane) as (() => void)[]
    const mail = queue.shift() as () => void
    if (queue.length === 0) this.#lanes.delete(lane)
    this.onChoice('mail', lane)
    mail()
  }

  #fireNextTimer(): boolean {
    for (;;) {
      const timer = this.#timers.pop()
      if (timer === undefined) return false
      if (timer.cancelled) continue
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
      this.onChoice('timer', this.#nowMs)
      timer.fire()
      return true
    }
  }
}
