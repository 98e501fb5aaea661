/**
 * What the joins by event time share: rows of both sides per key with the time at which something of them is
 * due, late outputs, calls of the user's function.
 *
 * Called by interval-join.ts and temporal-join.ts. Owns the buffers, the queue of what is due, the watermark.
 *
 *   JT-1  When the watermark rises, keys are visited by the time at which they are due, those of equal time
 *         in the order in which that was known; the watermark goes on after all they put out.
 *   JT-2  A key without rows is not kept.
 *   JT-3  What is due follows from the rows alone. It is no state: a snapshot that was taken with other
 *         bounds, or by another version of the job, cannot leave a row behind.
 *   JT-4  Where rows go without a word, no visits are planned: all keys are looked through once in
 *         `sweepMs` of event time, at most SWEPT_AT_ONCE keys a watermark, and all at the end of time. A key
 *         has got a row since the last time, or lost one, so this costs a constant for each row.
 *
 * Source: Flink registers a timer per row (IntervalJoinOperator) or per key (TemporalRowTimeJoinOperator).
 */
import { Heap } from '../../base/heap.ts'
import { addSaturating, MAX_TIMESTAMP, NO_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import { LATE_LEFT, LATE_RIGHT, type JoinFunction } from '../../graph/join-spec.ts'
import { MAIN, type KeySelector } from '../../graph/operator-spec.ts'
import { deepFreeze } from '../../record/freeze.ts'
import { KeyMap } from '../../state/key-map.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { OperatorSnapshot } from '../../state/snapshot.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { dateOf } from '../process-context.ts'
import { freezing, keyFrom } from '../user-code.ts'
import { restoredWatermark, watermarkState } from '../watermark-state.ts'
import type { LateRecord } from '../window-late.ts'
import { E153_JOIN_WITHOUT_EVENT_TIME } from './errors.ts'
import { TimeBuffer } from './time-buffer.ts'

export type Side = 0 | 1
export const LEFT: Side = 0
export const RIGHT: Side = 1

/** State names in snapshots: a list per key of [time, value, mark]. */
const STATE_NAMES = ['left', 'right'] as const

/** What one key has in state. */
export interface KeyRows {
  readonly sides: readonly [TimeBuffer, TimeBuffer]
  /** When the key is visited next; NOTHING_DUE: never. */
  due: number
}

export const NOTHING_DUE = Infinity

/** So that no watermark takes long, however many keys there are. */
const SWEPT_AT_ONCE = 4096

/** A visit that was planned; it is off if `rows.due` says another time by then. */
interface Visit {
  readonly time: number
  readonly order: number
  readonly key: Key
  readonly rows: KeyRows
}

const before = (a: Visit, b: Visit): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

/** The third argument of the user's function: one object, valid during the call. */
export class JoinContext {
  key: Key = ''
  timestamp = NO_TIMESTAMP
  leftTimestamp: number | undefined = undefined
  rightTimestamp: number | undefined = undefined

  get eventTime(): Date {
    return dateOf(this.timestamp)
  }
}

/** What an operator adds to the sides. */
export interface JoinRules {
  readonly keysOf: readonly [KeySelector, KeySelector]
  readonly fn: JoinFunction
  /** A record with a timestamp; it puts the row into `sides.rowsOf(key)`, or says that it is late. */
  take(side: Side, key: Key, value: unknown, timestamp: number): void
  /** When these rows are to be looked at again, or NOTHING_DUE. */
  dueOf(rows: KeyRows): number
  /** The watermark has reached `time`, which was due: puts out and removes what that brings about. */
  fire(key: Key, rows: KeyRows, time: number): void
  /** In place of visits, where nothing is put out when rows go (JT-4). */
  readonly sweep?: {
    /** Event time between two sweeps. */
    readonly everyMs: number
    /** Removes what is over; also called before a snapshot. */
    readonly trim: (rows: KeyRows) => void
  }
}

export class JoinSides {
  readonly #context: OperatorContext
  readonly #rules: JoinRules
  readonly #visits = new Heap<Visit>(before)
  #order = 0
  #watermark: number
  readonly #keys = new KeyMap<KeyRows>()
  readonly #next: Collect
  readonly #late: readonly [Collect, Collect]
  readonly #ctx = new JoinContext()
  /** The sweep that is under way. */
  #sweeping: Iterator<[Key, KeyRows], void, undefined> | undefined
  #nextSweep: number

  constructor(rules: JoinRules, context: OperatorContext) {
    const { output } = context
    this.#context = context
    this.#rules = rules
    this.#next = freezing(output.collector(MAIN), context)
    this.#late = [
      freezing(output.collector(LATE_LEFT), context), freezing(output.collector(LATE_RIGHT), context),
    ]
    this.#watermark = restoredWatermark(context.restored)
    this.#nextSweep = this.#watermark
    this.#restore()
  }

  get watermark(): number {
    return this.#watermark
  }

  operator(): Operator {
    const { output } = this.#context
    const inputs = [this.#entry(LEFT), this.#entry(RIGHT)] as const
    return {
      collect: inputs[LEFT],
      inputs,
      onWatermark: (watermark) => {
        if (watermark <= this.#watermark) return
        this.#watermark = watermark
        if (this.#rules.sweep === undefined) this.#visitAllDue()
        else this.#sweepOn(this.#rules.sweep)
        output.watermark(watermark)
      },
      onIdle: (idle) => output.idle(idle),
      snapshot: () => this.#snapshot(),
    }
  }

  /** Made if there are none; whoever calls it adds a row. */
  rowsOf(key: Key): KeyRows {
    let rows = this.#keys.get(key)
    if (rows === undefined) {
      rows = { sides: [new TimeBuffer(), new TimeBuffer()], due: NOTHING_DUE }
      this.#keys.set(key, rows)
    }
    return rows
  }

  /** The key is visited at `due`, and not when it was to be before. */
  schedule(key: Key, rows: KeyRows, due: number): void {
    if (due === rows.due) return
    rows.due = due
    if (due !== NOTHING_DUE) this.#visits.push({ time: due, order: this.#order++, key, rows })
  }

  /** After a change of the rows: forgets a key without any, else plans its next visit. */
  settle(key: Key, rows: KeyRows): void {
    const empty = rows.sides[LEFT].length + rows.sides[RIGHT].length === 0
    this.schedule(key, rows, empty ? NOTHING_DUE : this.#rules.dueOf(rows))
    if (empty) this.#keys.delete(key)
  }

  /** One result. A side without a partner has neither value nor time. */
  emit(
    key: Key, left: unknown, leftTime: number | undefined, right: unknown, rightTime: number | undefined,
    timestamp: number,
  ): void {
    const ctx = this.#ctx
    ctx.key = key
    ctx.timestamp = timestamp
    ctx.leftTimestamp = leftTime
    ctx.rightTimestamp = rightTime
    let out: unknown
    try {
      out = this.#rules.fn(left, right, ctx)
    } catch (thrown) {
      throw userError(thrown, this.#context.operator, 'join')
    }
    this.#next(out, timestamp)
  }

  late(side: Side, key: Key, record: unknown, timestamp: number): void {
    this.#context.metrics.late += 1
    const lateByMs = this.watermark - timestamp
    const late: LateRecord = { key, record, eventTime: dateOf(timestamp), lateByMs }
    this.#late[side](late, timestamp)
  }

  #entry(side: Side): Collect {
    const { operator } = this.#context
    const { keysOf } = this.#rules
    const keyOf = keysOf[side]
    return (value, timestamp) => {
      if (timestamp === NO_TIMESTAMP) {
        throw E153_JOIN_WITHOUT_EVENT_TIME({ operator, side: STATE_NAMES[side] }, { place: { operator } })
      }
      this.#rules.take(side, keyFrom(keyOf, value, operator), value, timestamp)
    }
  }

  /** A visit that a visit brings about for a time already reached takes place within the same rise. */
  #visitAllDue(): void {
    const visits = this.#visits
    for (;;) {
      const visit = visits.peek()
      if (visit === undefined || visit.time > this.#watermark) return
      visits.pop()
      const { key, rows, time } = visit
      if (rows.due !== time) continue
      rows.due = NOTHING_DUE
      this.#rules.fire(key, rows, time)
      this.settle(key, rows)
    }
  }

  #sweepOn({ everyMs, trim }: NonNullable<JoinRules['sweep']>): void {
    const watermark = this.#watermark
    if (this.#sweeping === undefined || watermark === MAX_TIMESTAMP) {
      if (watermark < this.#nextSweep) return
      this.#nextSweep = addSaturating(watermark, everyMs)
      this.#sweeping = this.#keys.entries()
    }
    const most = watermark === MAX_TIMESTAMP ? Infinity : SWEPT_AT_ONCE
    for (let swept = 0; swept < most; swept++) {
      const { done, value } = this.#sweeping.next()
      if (done === true) {
        this.#sweeping = undefined
        return
      }
      const [key, rows] = value
      trim(rows)
      if (rows.sides[LEFT].length + rows.sides[RIGHT].length === 0) this.#keys.delete(key)
    }
  }

  #snapshot(): OperatorSnapshot {
    const { maxParallelism } = this.#context
    const states = STATE_NAMES.map((name, side) => {
      const builder = new KeyedSnapshotBuilder({ name, kind: 'list', version: 1, maxParallelism })
      for (const [key, rows] of this.#keys.entries()) {
        const buffer = rows.sides[side as Side]
        this.#rules.sweep?.trim(rows)
        if (buffer.length === 0) continue
        builder.put(key, undefined, buffer.rows())
      }
      return builder.build()
    })
    return { keyed: states, lists: [watermarkState(this.#watermark)] }
  }

  #restore(): void {
    const { restored, freeze } = this.#context
    if (restored === undefined) return
    STATE_NAMES.forEach((name, side) => {
      for (const { key, value: stored } of restored.keyed(name)) {
        const buffer = this.rowsOf(key).sides[side as Side]
        for (const [time, value, marked] of stored as [number, unknown, boolean][]) {
          const i = buffer.add(time, freeze ? deepFreeze(value) : value)
          if (marked) buffer.mark(i, true)
        }
      }
    })
    if (this.#rules.sweep !== undefined) return
    for (const [key, rows] of this.#keys.entries()) this.schedule(key, rows, this.#rules.dueOf(rows))
  }
}
