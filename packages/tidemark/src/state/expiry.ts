/**
 * When a value with a TTL is over: which clock decides, what stamps it, and what stamps it anew.
 *
 * One for each table of keyed state that has a TTL (state-cells.ts); a table without one has none of this.
 *
 *   TE-1  A value is over as soon as its clock has come to its stamp plus the TTL.
 *   TE-2  A value is stamped when it is created, which is when nothing alive was there; by 'write' also when it is
 *         written, by 'read' also when it is given out or said to be there. Sizes, snapshots and sweeps read nothing.
 *   TE-3  By event time the stamp is the time of the record, or the event time that is reached if that is later, and
 *         it never falls. So what is alive depends on the records and the watermark, not on the order of records that
 *         were in time, and a record that is late is kept as long as any other.
 *   TE-4  By 'read' stamps are rounded up to a sixteenth of the TTL: what is read all the time is part of an
 *         increment sixteen times a TTL at most. A value is never over too early, and at most a sixteenth too late.
 *   TE-5  What is stamped while no event time is known at all is undated: it is alive until a sweep or a restore finds it
 *         when there is a watermark, and counts from that on.
 *   TE-6  A restore keeps stamps of the same clock, whatever else the TTL says now. Where there were none, or those of
 *         the other clock, time counts from the restore.
 *
 * Source: Flink StateTtlConfig (UpdateType, NeverReturnExpired), TtlStateFactory; its TtlTimeCharacteristic knows
 * processing time only. Event time is our own.
 */
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { TtlSpec } from '../graph/state-spec.ts'
import type { TimeDomain } from '../graph/window-spec.ts'

/** The event time of an operator. */
export interface EventClock {
  /** What has been reached: the watermark, or the time of the timer that fires. MIN_TIMESTAMP: nothing yet. */
  now(): number
  /** The same, or the time of the present record if that is later. May throw where there can be none. */
  stamp(): number
}

/** A value with the time from which its TTL counts. */
export class Stamped {
  at: number
  readonly value: unknown

  constructor(at: number, value: unknown) {
    this.at = at
    this.value = value
  }
}

const UNDATED = MIN_TIMESTAMP
const READ_STEPS = 16

export class Expiry {
  readonly time: TimeDomain
  readonly byRead: boolean
  readonly #byWrite: boolean
  readonly #ttlMs: number
  /** Stamps are multiples of it (TE-4). */
  readonly #stepMs: number
  readonly #clock: EventClock
  #undated = false
  /** What UNDATED stands for in entries that were taken over. */
  #undatedIs = UNDATED

  constructor({ ttlMs, refreshedBy = 'write', time = 'processing' }: TtlSpec, clock: EventClock) {
    this.time = time
    this.byRead = refreshedBy === 'read'
    this.#byWrite = refreshedBy !== 'create'
    this.#ttlMs = ttlMs
    this.#stepMs = this.byRead ? Math.max(1, Math.floor(ttlMs / READ_STEPS)) : 1
    this.#clock = clock
  }

  /** A value that is written where `before` was, alive or not; undefined: nothing. */
  wrap(value: unknown, before: Stamped | undefined): Stamped {
    if (before === undefined) return new Stamped(this.#stamp(), value)
    if (!this.#byWrite) return new Stamped(this.alive(before) ? before.at : this.#stamp(), value)
    const at = this.#stamp()
    // The stamp of what is over is the smaller one.
    return new Stamped(this.time === 'event' ? Math.max(before.at, at) : at, value)
  }

  /** What its clock says. */
  now(): number {
    return this.#clock.now()
  }

  alive({ at }: Stamped, now = this.#clock.now()): boolean {
    return at === UNDATED || now < at + this.#ttlMs
  }

  /** The stamp that reading gives; undefined: the one it has is good. */
  renewed({ at }: Stamped): number | undefined {
    if (!this.byRead) return undefined
    const stamp = this.#stamp()
    return stamp > at ? stamp : undefined
  }

  /**
   * Entries were restored that are not loaded but read one by one (`revive`). Without event time there may be undated
   * ones among them; with it, they are what `load` would have made of them.
   */
  adopt(): void {
    const now = this.#clock.now()
    if (now === UNDATED) this.#undated = true
    else this.#undatedIs = now
  }

  /** What this attempt has written, or taken over. */
  revive(value: unknown, at: number): Stamped {
    return new Stamped(at === UNDATED ? this.#undatedIs : at, value)
  }

  /** TE-6. `stamp` and the clock it is of, if it was stamped. */
  load(value: unknown, stamp: number | undefined, of: TimeDomain | undefined): Stamped {
    const at = of === this.time && stamp !== undefined && stamp !== UNDATED ? stamp : this.#clock.now()
    if (at === UNDATED) this.#undated = true
    return new Stamped(at, value)
  }

  /** TE-5: what undated values get now; undefined: there are none, or no event time yet. */
  get dating(): number | undefined {
    if (!this.#undated) return undefined
    const now = this.#clock.now()
    return now === UNDATED ? undefined : now
  }

  isUndated({ at }: Stamped): boolean {
    return at === UNDATED
  }

  #stamp(): number {
    const at = this.#clock.stamp()
    if (at === UNDATED) {
      this.#undated = true
      return at
    }
    // Adding 0 makes 0 of -0, which would be another value in a snapshot.
    return Math.min(MAX_TIMESTAMP, Math.ceil(at / this.#stepMs) * this.#stepMs + 0)
  }
}
