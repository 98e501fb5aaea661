/**
 * The `ctx` that process functions get: one object per operator, set up before each call.
 *
 * Owned by the process operator. It is valid during the call only; a function that keeps it sees the
 * next call's values.
 */
import { MAX_TIMESTAMP, NO_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { TimeDomain } from '../graph/window-spec.ts'
import { E063_IMPOSSIBLE_TIMER, E064_TIMER_WITHOUT_KEY } from './errors.ts'
import type { TimerService } from './timer-service.ts'

/** The largest time a Date can hold. */
const DATE_LIMIT = 8.64e15

/** Times beyond what a Date can hold (the end of all input) become the last Date there is. */
export function dateOf(timestamp: number): Date {
  return new Date(Math.max(-DATE_LIMIT, Math.min(DATE_LIMIT, timestamp)))
}

export interface ProcessTimers {
  at(time: Date | number): void
  cancel(time: Date | number): void
  atProcessingTime(time: Date | number): void
  cancelProcessingTime(time: Date | number): void
}

export class ProcessContext {
  readonly state: Readonly<Record<string, unknown>>
  readonly side: Readonly<Record<string, (value: unknown) => void>>
  /** Broadcast state, to be read; undefined where there is none. */
  readonly broadcast: Readonly<Record<string, unknown>> | undefined
  readonly timer: ProcessTimers
  readonly #timers: TimerService
  /** Undefined on a stream that is not keyed. */
  key: Key | undefined = undefined
  /** Of the record or the timer; NO_TIMESTAMP if there is none. */
  timestamp: number = NO_TIMESTAMP
  /** Which clock fired the timer; undefined outside onTimer. */
  timerDomain: TimeDomain | undefined = undefined

  constructor(init: {
    readonly operator: string
    readonly keyed: boolean
    readonly timers: TimerService
    readonly state: Readonly<Record<string, unknown>>
    readonly side: Readonly<Record<string, (value: unknown) => void>>
    readonly broadcast?: Readonly<Record<string, unknown>> | undefined
  }) {
    this.state = init.state
    this.side = init.side
    this.broadcast = init.broadcast
    this.#timers = init.timers
    this.timer = this.#makeTimers(init.operator, init.keyed)
  }

  get eventTime(): Date | undefined {
    return this.timestamp === NO_TIMESTAMP ? undefined : dateOf(this.timestamp)
  }

  get watermark(): number {
    return this.#timers.watermark
  }

  get processingTime(): number {
    return this.#timers.processingTime
  }

  #makeTimers(operator: string, keyed: boolean): ProcessTimers {
    const timers = this.#timers
    const key = (): Key => {
      if (!keyed) throw E064_TIMER_WITHOUT_KEY({ operator }, { place: { operator } })
      return this.key as Key
    }
    const ms = (time: Date | number): number => {
      const given = time instanceof Date ? time.getTime() : time
      if (typeof given === 'number' && given === given && Math.abs(given) <= MAX_TIMESTAMP) return Math.trunc(given)
      throw E063_IMPOSSIBLE_TIMER({ operator, given: String(time) }, { place: { operator } })
    }
    return Object.freeze({
      at: (time: Date | number) => timers.registerEvent(key(), undefined, ms(time)),
      cancel: (time: Date | number) => timers.deleteEvent(key(), undefined, ms(time)),
      atProcessingTime: (time: Date | number) => timers.registerProcessing(key(), undefined, ms(time)),
      cancelProcessingTime: (time: Date | number) => timers.deleteProcessing(key(), undefined, ms(time)),
    })
  }
}
