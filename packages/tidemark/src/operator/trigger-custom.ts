/**
 * Triggers of users: gives their functions a context, and checks what they answer.
 *
 * Called by trigger.ts. One context object per trigger, set up before each call and valid during it only.
 *
 *   TU-1  The state is one value per key and window; it follows the key at a restore and is removed with
 *         the window, whether the user clears it or not.
 *   TU-2  Timers set for a window that is gone do nothing (WO-2).
 *   TU-3  An answer that is none of the four is refused: taken for "continue" it would silence the window.
 *
 * Source: Flink Trigger and Trigger.TriggerContext.
 */
import { unreachable } from '../base/assert.ts'
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { CustomTriggerSpec, TriggerResult, Window } from '../graph/window-spec.ts'
import { E063_IMPOSSIBLE_TIMER } from './errors.ts'
import { E141_NO_TRIGGER_RESULT } from './errors-window.ts'
import { dateOf } from './process-context.ts'
import type { Trigger, TriggerContext } from './trigger.ts'

const RESULTS: ReadonlySet<unknown> = new Set<TriggerResult>(['continue', 'fire', 'purge', 'fire-and-purge'])

class UserContext {
  #inner: TriggerContext | undefined
  timestamp: number | undefined = undefined
  start = dateOf(0)
  end = dateOf(0)
  readonly state = Object.freeze({
    get: (): unknown => this.#now.state,
    set: (value: unknown): void => { this.#now.state = value },
    clear: (): void => { this.#now.state = undefined },
  })
  readonly timer = Object.freeze({
    at: (time: Date | number): void => this.#now.registerEvent(this.#ms(time)),
    cancel: (time: Date | number): void => this.#now.deleteEvent(this.#ms(time)),
    atProcessingTime: (time: Date | number): void => this.#now.registerProcessing(this.#ms(time)),
    cancelProcessingTime: (time: Date | number): void => this.#now.deleteProcessing(this.#ms(time)),
  })
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  get watermark(): number { return this.#now.watermark }
  get processingTime(): number { return this.#now.processingTime }

  get #now(): TriggerContext {
    return this.#inner ?? unreachable('the context of a trigger is used during a call')
  }

  #ms(time: Date | number): number {
    const ms = Math.trunc(+time)
    if (Math.abs(ms) <= MAX_TIMESTAMP) return ms
    throw E063_IMPOSSIBLE_TIMER({ operator: this.#name, given: String(time) })
  }

  enter(window: Window, inner: TriggerContext, timestamp: number | undefined): this {
    this.#inner = inner
    this.timestamp = timestamp
    this.start = dateOf(window.start)
    this.end = dateOf(window.end)
    return this
  }
}

export function customTrigger(spec: CustomTriggerSpec): Trigger {
  const user = new UserContext(spec.name)
  const checked = (result: TriggerResult | undefined): TriggerResult => {
    if (!RESULTS.has(result)) throw E141_NO_TRIGGER_RESULT({ trigger: spec.name, given: String(result) })
    return result as TriggerResult
  }
  return {
    onElement: (timestamp, window, ctx, value) =>
      checked(spec.onElement(value, user.enter(window, ctx, timestamp))),
    onEventTime: (time, window, ctx) => spec.onEventTime === undefined
      ? 'continue'
      : checked(spec.onEventTime(dateOf(time), user.enter(window, ctx, time))),
    onProcessingTime: (time, window, ctx) => spec.onProcessingTime === undefined
      ? 'continue'
      : checked(spec.onProcessingTime(dateOf(time), user.enter(window, ctx, time))),
    clear: (window, ctx) => spec.clear?.(user.enter(window, ctx, undefined)),
    merge(window, states, ctx) {
      if (spec.onMerge === undefined) unreachable('a trigger without onMerge is refused where windows merge')
      else spec.onMerge(states, user.enter(window, ctx, undefined))
    },
  }
}
