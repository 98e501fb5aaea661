/**
 * Event-time and processing-time timers of one keyed operator.
 *
 * Owned and called by the process and window operators.
 *
 *   TS-1  A timer fires once, at the first watermark (or clock reading) that is not before its time;
 *         timers fire by time, those of equal time in the order of registration.
 *   TS-2  A timer that a callback registers for a time already reached fires within the same advance.
 *   TS-3  The watermark that callbacks see is the one that fires them.
 *   TS-4  One registration with the clock at most, for the earliest processing-time timer.
 *   TS-5  Snapshots hold every live timer with key and namespace, increments those that came and went. After restore,
 *         processing-time timers of the past are due at once, and some of equal time may have changed places.
 *   TS-6  The watermark is part of the snapshot and never falls behind it after restore.
 *   TS-7  One call fires at most TIMERS_AT_ONCE timers, or as many as it is given: what is left waits for
 *         `fireMore`, so that checkpoints and the event loop have their turn between. A snapshot taken
 *         between says so, and after restore the rest fires before anything else.
 *   TS-8  `eventTime` is the time of the event-time timer that fires, and the watermark when none does; it never falls.
 *         So what goes by it does not depend on how far apart watermarks are.
 *
 * Source: Flink InternalTimerServiceImpl.
 */
import { assert } from '../base/assert.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { TimeDomain, Window } from '../graph/window-spec.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent, ListStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import type { ProcessingTimeService } from './operator.ts'
import { TimerQueue, type Timer } from './timer-queue.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'

export interface TimerTarget {
  onEventTimer(timer: Timer): void
  onProcessingTimer(timer: Timer): void
}

const STATE_NAMES: Readonly<Record<TimeDomain, string>> = {
  event: 'timers/event', processing: 'timers/processing',
}

const FIRING = 'timers/firing'

/** Of each clock, in one call. */
export const TIMERS_AT_ONCE = 500

export class TimerService {
  readonly #clock: ProcessingTimeService
  readonly #target: TimerTarget
  readonly #queues: Readonly<Record<TimeDomain, TimerQueue>>
  /** All timers, to be cut with what else the operator has. */
  readonly tables: readonly TrackedTable[]
  #watermark = MIN_TIMESTAMP
  #eventTime = MIN_TIMESTAMP
  /** Timers of the watermark are left. */
  #firing = false
  #wakeUp: { readonly time: number; readonly cancel: () => void } | undefined
  #closed = false

  constructor(options: {
    readonly clock: ProcessingTimeService
    readonly target: TimerTarget
    readonly maxParallelism: number
    readonly restored: RestoredOperator | undefined
  }) {
    this.#clock = options.clock
    this.#target = options.target
    const { restored, maxParallelism } = options
    const queueOf = (domain: TimeDomain): TimerQueue => new TimerQueue((extent: Extent) =>
      new KeyedSnapshotBuilder({ name: STATE_NAMES[domain], kind: 'timers', version: 1, extent, maxParallelism }))
    this.#queues = { event: queueOf('event'), processing: queueOf('processing') }
    this.tables = Object.values(this.#queues)
    if (restored === undefined) return
    this.#watermark = restoredWatermark(restored)
    this.#firing = (restored.list(FIRING) ?? []).length > 0
    for (const domain of ['event', 'processing'] as const) {
      for (const { key, namespace, value } of restored.keyed(STATE_NAMES[domain])) {
        this.#queues[domain].add(key, windowOf(namespace), value as number)
      }
    }
    const next = this.#firing ? this.#queues.event.peek() : undefined
    this.#eventTime = Math.min(next?.time ?? MAX_TIMESTAMP, this.#watermark)
  }

  get watermark(): number {
    return this.#watermark
  }

  /** TS-8; MIN_TIMESTAMP while nothing is known. */
  get eventTime(): number {
    return this.#eventTime
  }

  /** True between `advance` and the last `fireMore`. */
  get firing(): boolean {
    return this.#firing
  }

  get processingTime(): number {
    return this.#clock.now()
  }

  /** After restore: asks the clock for the earliest timer, which may be in the past. */
  open(): void {
    this.#schedule()
  }

  /** Forgets the clock: nothing fires any more. */
  close(): void {
    this.#closed = true
    this.#wakeUp?.cancel()
    this.#wakeUp = undefined
  }

  registerEvent(key: Key, namespace: Window | undefined, time: number): void {
    this.#queues.event.add(key, namespace, time)
  }

  deleteEvent(key: Key, namespace: Window | undefined, time: number): void {
    this.#queues.event.delete(key, namespace, time)
  }

  registerProcessing(key: Key, namespace: Window | undefined, time: number): void {
    if (this.#queues.processing.add(key, namespace, time)) this.#schedule()
  }

  deleteProcessing(key: Key, namespace: Window | undefined, time: number): void {
    this.#queues.processing.delete(key, namespace, time)
  }

  /** True if all timers of the watermark have fired. If it is not ahead of the current one, nothing happens. */
  advance(watermark: number): boolean {
    if (watermark <= this.#watermark) return false
    assert(!this.#firing, 'the timers of a watermark fire before the next one comes')
    this.#watermark = watermark
    this.#firing = true
    return this.fireMore(TIMERS_AT_ONCE)
  }

  /** Goes on with the timers of the present watermark; true if all of them have fired now. */
  fireMore(most: number): boolean {
    assert(this.#firing, 'timers go on where some are left')
    const queue = this.#queues.event
    const watermark = this.#watermark
    for (let fired = 0; fired < most; fired++) {
      const timer = queue.pop(watermark)
      if (timer === undefined) break
      if (timer.time > this.#eventTime) this.#eventTime = timer.time
      this.#target.onEventTimer(timer)
    }
    this.#firing = (queue.peek()?.time ?? Infinity) <= watermark
    if (!this.#firing) this.#eventTime = watermark
    return !this.#firing
  }

  snapshotLists(): ListStateSnapshot[] {
    const firing: ListStateSnapshot = { name: FIRING, redistribute: 'union', items: [true] }
    return [watermarkState(this.#watermark), ...(this.#firing ? [firing] : [])]
  }

  #schedule(): void {
    if (this.#closed) return
    const first = this.#queues.processing.peek()
    if (first === undefined) return
    if (this.#wakeUp !== undefined) {
      if (this.#wakeUp.time <= first.time) return
      this.#wakeUp.cancel()
    }
    this.#wakeUp = { time: first.time, cancel: this.#clock.at(first.time, () => this.#fire()) }
  }

  #fire(): void {
    this.#wakeUp = undefined
    if (this.#closed) return
    const now = this.#clock.now()
    const queue = this.#queues.processing
    for (let fired = 0; fired < TIMERS_AT_ONCE; fired++) {
      const timer = queue.pop(now)
      if (timer === undefined) break
      this.#target.onProcessingTimer(timer)
    }
    this.#schedule()
  }
}

function windowOf(namespace: unknown): Window | undefined {
  if (namespace === undefined || namespace === null) return undefined
  assert(Array.isArray(namespace) && namespace.length === 2, 'a namespace is [start, end]')
  return Object.freeze({ start: namespace[0] as number, end: namespace[1] as number })
}
