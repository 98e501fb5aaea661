/**
 * What the joins by event time share: rows of both sides per key with the time at which something of them is
 * due, late outputs, calls of the user's function.
 *
 * Called by interval-join.ts and temporal-join.ts. Owns the buffers, the queue of what is due, the watermark.
 *
 *   JT-1  When the watermark rises, keys are visited by the time at which they are due, those of equal time
 *         in the order in which that was known; the watermark goes on after all they put out.
 *   JT-2  A key without rows is not kept; where keys are swept, it goes with the next sweep.
 *   JT-3  What is due follows from the rows alone. It is no state: a snapshot that was taken with other
 *         bounds, or by another version of the job, cannot leave a row behind.
 *   JT-4  Where rows go without a word, no visits are planned: keys are swept (sweep.ts).
 *   JT-5  A cut encodes nothing: each side is a table of buffers (time-buffer.ts).
 *
 * Source: Flink registers a timer per row (IntervalJoinOperator) or per key (TemporalRowTimeJoinOperator).
 */
import { Heap } from '../../base/heap.ts'
import { NO_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import { LATE_LEFT, LATE_RIGHT, type JoinFunction } from '../../graph/join-spec.ts'
import { MAIN, type KeySelector } from '../../graph/operator-spec.ts'
import { deepFreeze } from '../../record/freeze.ts'
import { KeyMap } from '../../state/key-map.ts'
import { IncrementalSnapshots } from '../../state/incremental.ts'
import { everythingIn } from '../../state/slices.ts'
import type { ListStateSnapshot, OperatorSnapshot } from '../../state/snapshot.ts'
import { userError } from '../errors.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { dateOf } from '../process-context.ts'
import { freezing, keyFrom } from '../user-code.ts'
import { restoredWatermark, watermarkState } from '../watermark-state.ts'
import type { LateRecord } from '../window-late.ts'
import { E153_JOIN_WITHOUT_EVENT_TIME } from './errors.ts'
import { LEFT, rowsOn, RIGHT, SIDE_STATES, SideTable, type KeyRows, type Side } from './side-table.ts'
import { Sweep } from './sweep.ts'
import { TimeBuffer } from './time-buffer.ts'

export const NOTHING_DUE = Infinity

/** A visit that was planned; it is off if `rows.due` says another time by then. */
interface Visit {
  readonly time: number
  readonly order: number
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
  fire(rows: KeyRows, time: number): void
  /** In place of visits, where nothing is put out when rows go (JT-4). */
  readonly sweep?: {
    /** Event time between two sweeps. */
    readonly everyMs: number
    /** Removes what is over. */
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
  readonly #tables: readonly [SideTable, SideTable]
  readonly #increments: IncrementalSnapshots
  readonly #next: Collect
  readonly #late: readonly [Collect, Collect]
  readonly #sweep: Sweep<KeyRows> | undefined
  /** What the function is given. */
  readonly ctx = new JoinContext()

  constructor(rules: JoinRules, context: OperatorContext) {
    const { output } = context
    this.#context = context
    this.#rules = rules
    this.#next = freezing(output.collector(MAIN), context)
    this.#late = [
      freezing(output.collector(LATE_LEFT), context), freezing(output.collector(LATE_RIGHT), context),
    ]
    this.#watermark = restoredWatermark(context.restored)
    const { maxParallelism } = context
    this.#tables = [
      new SideTable(LEFT, this.#keys, maxParallelism), new SideTable(RIGHT, this.#keys, maxParallelism),
    ]
    this.#increments = new IncrementalSnapshots(this.#tables)
    this.#sweep = this.#sweepOf(rules)
    this.#restore()
  }

  get watermark(): number {
    return this.#watermark
  }

  operator(inputs: readonly [Collect, Collect] = [this.entry(LEFT), this.entry(RIGHT)]): Operator {
    const { output } = this.#context
    return {
      collect: inputs[LEFT],
      inputs,
      onWatermark: (watermark) => {
        if (watermark <= this.#watermark) return
        this.#watermark = watermark
        if (this.#sweep === undefined) this.#visitAllDue()
        else this.#sweep.onWatermark(watermark)
        output.watermark(watermark)
      },
      onIdle: (idle) => output.idle(idle),
      snapshot: (checkpoint) => ({ keyed: [], lists: this.#lists(), slices: this.#increments.cut(checkpoint) }),
      look: () => this.#look(),
      onCheckpointComplete: (checkpoint) => this.#increments.confirm(checkpoint),
      onCheckpointAborted: (checkpoint) => this.#increments.abort(checkpoint),
    }
  }

  /** Made if there are none; whoever calls it adds a row. */
  rowsOf(key: Key): KeyRows {
    let rows = this.#keys.get(key)
    if (rows === undefined) {
      const [left, right] = this.#tables
      rows = { key, left: new TimeBuffer(key, left), right: new TimeBuffer(key, right), due: NOTHING_DUE }
      this.#keys.set(key, rows)
      this.#sweep?.add(rows)
    }
    return rows
  }

  /** Those of a key that need not have been checked; undefined: it is unknown, or impossible. */
  known(key: unknown): KeyRows | undefined {
    const possible = typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint'
    return possible ? this.#keys.get(key) : undefined
  }

  /** The key is visited at `due`, and not when it was to be before. */
  schedule(rows: KeyRows, due: number): void {
    if (due === rows.due) return
    rows.due = due
    if (due !== NOTHING_DUE) this.#visits.push({ time: due, order: this.#order++, rows })
  }

  /** After a change of the rows: forgets a key without any, else plans its next visit. */
  settle(rows: KeyRows): void {
    const empty = isEmpty(rows)
    this.schedule(rows, empty ? NOTHING_DUE : this.#rules.dueOf(rows))
    if (empty) this.#keys.delete(rows.key)
  }

  /** One result. A side without a partner has neither value nor time. */
  emit(
    key: Key, left: unknown, leftTime: number | undefined, right: unknown, rightTime: number | undefined,
    timestamp: number,
  ): void {
    const { ctx } = this
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

  /** Takes the records of a side. */
  entry(side: Side): Collect {
    const { operator } = this.#context
    const { keysOf } = this.#rules
    const keyOf = keysOf[side]
    return (value, timestamp) => {
      if (timestamp === NO_TIMESTAMP) {
        throw E153_JOIN_WITHOUT_EVENT_TIME({ operator, side: SIDE_STATES[side] }, { place: { operator } })
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
      const { rows, time } = visit
      if (rows.due !== time) continue
      rows.due = NOTHING_DUE
      this.#rules.fire(rows, time)
      this.settle(rows)
    }
  }

  #sweepOf({ sweep }: JoinRules): Sweep<KeyRows> | undefined {
    if (sweep === undefined) return undefined
    const { everyMs, trim } = sweep
    return new Sweep({
      everyMs,
      trim(rows) {
        trim(rows)
        return !isEmpty(rows)
      },
      forget: ({ key }) => this.#keys.delete(key),
    }, this.#watermark)
  }

  #lists(): readonly ListStateSnapshot[] {
    return [watermarkState(this.#watermark)]
  }

  /** Rows that are over, which nobody sees any more, go before. */
  #look(): OperatorSnapshot {
    const trim = this.#rules.sweep?.trim
    if (trim !== undefined) for (const [, rows] of this.#keys.entries()) trim(rows)
    return { keyed: everythingIn(this.#tables), lists: this.#lists() }
  }

  #restore(): void {
    const { restored, freeze } = this.#context
    if (restored === undefined) return
    SIDE_STATES.forEach((name, side) => {
      for (const { key, value: stored } of restored.keyed(name)) {
        const buffer = rowsOn(side as Side, this.rowsOf(key))
        for (const [time, value, marked] of stored as [number, unknown, boolean][]) {
          const i = buffer.add(time, freeze ? deepFreeze(value) : value)
          if (marked) buffer.mark(i, true)
        }
      }
    })
    if (this.#sweep !== undefined) return
    for (const [, rows] of this.#keys.entries()) this.schedule(rows, this.#rules.dueOf(rows))
  }
}

const isEmpty = ({ left, right }: KeyRows): boolean => left.length + right.length === 0
