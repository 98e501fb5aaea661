/**
 * Interval join: pairs of records of one key whose times are no further apart than the interval says.
 *
 * Called by create.ts. Owns the rules; rows, visits and outputs are those of join-sides.ts.
 *
 *   IJ-1  A pair is put out once, when the later of its two records arrives, with the later of the two
 *         timestamps. Which of the two arrives first does not matter.
 *   IJ-2  A record before the watermark is late: it goes to the late output of its side and joins nothing.
 *   IJ-3  A left row is kept until the watermark reaches its time plus the upper bound (its own time, if
 *         that bound is negative), a right row until its time minus the lower bound (its own time, if that
 *         bound is positive). No record after the watermark could join it then.
 *   IJ-4  In an outer join a row that has found no partner by then is put out alone, once, with that time
 *         as its timestamp; rows that are put out alone come in order of these times.
 *   IJ-5  An inner join has nothing to say when a row goes, so no row is waited for: rows that are over go
 *         when the next record of their key comes, or in a sweep (JT-4), so not later than
 *         about twice the time they are kept for.
 *   IJ-6  Where code is generated, a record of a known key that is not late goes through a function made for
 *         this join, with what is behind it in line. It does what `take` does; all others go to `take`.
 *
 * Source: Flink IntervalJoinOperator (inner only, late records dropped), TimeIntervalJoin of Flink SQL for
 * the outer ones, which gives them the row's own time and holds the watermark back instead.
 */
import { addSaturating, MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../base/time.ts'
import { keepsLeft, keepsRight, type IntervalJoinSpec } from '../../graph/join-spec.ts'
import type { Key } from '../../graph/key.ts'
import { MAIN } from '../../graph/operator-spec.ts'
import { guarded, handedOn } from '../inline.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { JoinSides, NOTHING_DUE } from './join-sides.ts'
import { LEFT, RIGHT, rowsOn, type KeyRows, type Side } from './side-table.ts'
import type { TimeBuffer } from './time-buffer.ts'

export function createIntervalJoin(spec: IntervalJoinSpec, context: OperatorContext): Operator {
  const { lowerMs, upperMs, type, keysOf, fn } = spec
  /** Where the partners of a record of each side lie, relative to its time. */
  const nearest = [lowerMs, -upperMs] as const
  const farthest = [upperMs, -lowerMs] as const
  /** How long after its time a row of each side is kept. */
  const keepMs = [Math.max(0, upperMs), Math.max(0, -lowerMs)] as const
  const alone = [keepsLeft(type), keepsRight(type)] as const
  const inner = type === 'inner'
  const rules = { keysOf, fn, take, dueOf, fire }
  const sweep = { everyMs: Math.max(1, keepMs[LEFT] + keepMs[RIGHT]), trim }
  const sides = new JoinSides(inner ? { ...rules, sweep } : rules, context)

  /** Of the time Infinity, which stands for no row, it is Infinity: nothing is due. */
  function expiry(side: Side, time: number): number {
    return time === Infinity ? NOTHING_DUE : addSaturating(time, keepMs[side])
  }

  function take(side: Side, key: Key, value: unknown, time: number): void {
    if (time < sides.watermark) {
      sides.late(side, key, value, time)
      return
    }
    const rows = sides.rowsOf(key)
    if (inner) trim(rows)
    const own = rowsOn(side, rows)
    const opposite = side === LEFT ? RIGHT : LEFT
    const other = rowsOn(opposite, rows)
    const last = time + farthest[side]
    const row = own.add(time, value)
    for (let i = other.countBefore(time + nearest[side]); ; i++) {
      const partnerTime = other.timeAt(i)
      if (partnerTime > last) break
      // A mark says that the row has found a partner.
      if (!inner) own.mark(row, true)
      if (!inner) other.mark(i, true)
      const at = partnerTime > time ? partnerTime : time
      if (side === LEFT) sides.emit(key, value, time, other.valueAt(i), partnerTime, at)
      else sides.emit(key, other.valueAt(i), partnerTime, value, time, at)
    }
    if (inner) return
    const due = expiry(side, time)
    if (due < rows.due) sides.schedule(rows, due)
  }

  /** The first row to go may have to be put out. */
  function dueOf({ left, right }: KeyRows): number {
    return Math.min(expiry(LEFT, left.timeAt(0)), expiry(RIGHT, right.timeAt(0)))
  }

  function trim({ left, right }: KeyRows): void {
    const { watermark } = sides
    left.removeUpTo(lastOver(LEFT, watermark))
    right.removeUpTo(lastOver(RIGHT, watermark))
  }

  /** Rows at that time or before it are over when the watermark is at `time`. */
  function lastOver(side: Side, time: number): number {
    return time === MAX_TIMESTAMP ? MAX_TIMESTAMP : time - keepMs[side]
  }

  function fire(rows: KeyRows, time: number): void {
    for (const side of [LEFT, RIGHT]) {
      const buffer = rowsOn(side, rows)
      const count = buffer.countUpTo(lastOver(side, time))
      if (alone[side]) for (let i = 0; i < count; i++) putOutAlone(side, rows.key, buffer, i, time)
      buffer.removeFirst(count)
    }
  }

  function putOutAlone(side: Side, key: Key, buffer: TimeBuffer, i: number, at: number): void {
    if (buffer.isMarked(i)) return
    const time = buffer.timeAt(i)
    const value = buffer.valueAt(i)
    if (side === LEFT) sides.emit(key, value, time, undefined, undefined, at)
    else sides.emit(key, undefined, undefined, value, time, at)
  }

  /** `take` of an inner join as one function, but for records of new keys and those that are late. */
  function takeInLine(side: Side): Collect {
    const { operator, output, freeze } = context
    const slowly = sides.entry(side)
    return output.generate?.<Collect>(['value', 'time'], (code) => {
      const [bound, ctx] = [code.bind(sides), code.bind(sides.ctx)]
      const values = side === LEFT ? 'value, other.valueAt(i)' : 'other.valueAt(i), value'
      const result = `${code.bind(fn)}(${values}, ${ctx})`
      const [own, other] = side === LEFT ? ['left', 'right'] : ['right', 'left']
      return `let key, rows
        if (time > ${MIN_TIMESTAMP} && time >= ${bound}.watermark) {
          ${guarded(code, `key = ${code.bind(keysOf[side])}(value)`, operator, 'keyBy')}
          rows = ${bound}.known(key)
        }
        if (rows === undefined) return ${code.bind(slowly)}(value, time)
        rows.left.removeUpTo(${bound}.watermark - ${keepMs[LEFT]})
        rows.right.removeUpTo(${bound}.watermark - ${keepMs[RIGHT]})
        rows.${own}.add(time, value)
        const other = rows.${other}
        for (let i = other.countBefore(time + ${nearest[side]}); ; i++) {
          const partnerTime = other.timeAt(i)
          if (partnerTime > time + ${farthest[side]}) break
          const at = partnerTime > time ? partnerTime : time
          ${ctx}.key = rows.key
          ${ctx}.timestamp = at
          ${ctx}.${own}Timestamp = time
          ${ctx}.${other}Timestamp = partnerTime
          let out
          ${guarded(code, `out = ${handedOn(code, result, freeze)}`, operator, 'join')}
          ${code.next(MAIN, 'out', 'at')}
        }`
    }) ?? slowly
  }

  return inner ? sides.operator([takeInLine(LEFT), takeInLine(RIGHT)]) : sides.operator()
}
