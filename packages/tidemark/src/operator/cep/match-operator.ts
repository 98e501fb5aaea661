/**
 * Complex events: finds the matches of a pattern among the records of each key, in order of event time.
 *
 * Called by create.ts. Owns the keyed state: records that wait for the watermark, partial matches, and
 * complete ones that wait for partial ones. Deadlines are in the state, so they need no timers of their own.
 *
 *   MO-1  A record is looked at when the watermark has reached its event time; in order of event time, then
 *         of `compare`, then of arrival. What comes after that goes to the late output.
 *   MO-2  Matches do not depend on when watermarks come or how far each goes, as long as nothing is late.
 *   MO-3  A match carries the event time at which it was certain: that of its last record, or of the record
 *         or deadline it waited for. A partial match that timed out carries its deadline.
 *   MO-4  A snapshot has a key while records of it wait or matches of it are in progress, and not longer.
 *         Its empty place in memory stays until the alarm that was set for it, so that keys which come and
 *         go do not cost a place and an alarm each time; there are never many more of these than others.
 *   MO-5  Outputs are in order of the event time they carry.
 *
 * Source: Flink CepOperator (event time), which registers a timer for every watermark and key.
 */
import { Heap } from '../../base/heap.ts'
import { NO_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import { LATE, MAIN, TIMED_OUT, type MatchSpec } from '../../graph/operator-spec.ts'
import { checkStorable } from '../../record/value-check.ts'
import { deepFreeze } from '../../record/freeze.ts'
import { KeyMap } from '../../state/key-map.ts'
import { KeyedSnapshotBuilder } from '../../state/keyed-snapshot.ts'
import type { OperatorSnapshot, RestoredOperator } from '../../state/snapshot.ts'
import { userError } from '../errors.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { dateOf } from '../process-context.ts'
import { freezing, keyFrom } from '../user-code.ts'
import { restoredWatermark, watermarkState } from '../watermark-state.ts'
import type { LateRecord } from '../window-late.ts'
import { compilePattern, type Automaton } from './compile.ts'
import { E132_PATTERN_CHANGED, E133_PATTERN_WITHOUT_TIME } from './errors.ts'
import { KeyMatches } from './key-matches.ts'
import { recordsOf } from './matched.ts'
import { Matcher } from './matcher.ts'
import { WaitingRecords } from './waiting-records.ts'

const STATE = 'matches'
const SHAPE = 'pattern'
/** So many empty places are always put up with. */
const EMPTY_KEPT = 4096

interface Entry {
  readonly time: number
  readonly matches: KeyMatches
}

const before = (a: Entry, b: Entry): boolean => a.time < b.time

export function createMatch(spec: MatchSpec, context: OperatorContext): Operator {
  const { operator, output, restored, maxParallelism, metrics, freeze } = context
  const { keyOf } = spec
  const automaton = compilePattern(spec.pattern, operator)
  const { names } = automaton
  const next = freezing(output.collector(MAIN), context)
  const timedOut = freezing(output.collector(TIMED_OUT), context)
  const late = freezing(output.collector(LATE), context)
  const compare = safely(spec.compare, operator)
  const keys = new KeyMap<KeyMatches>()
  const waiting = new WaitingRecords()
  /** Keys by their earliest deadline, or an earlier time at which there was one. */
  const deadlines = new Heap<Entry>(before)
  let watermark = restoredWatermark(restored)
  let key: Key = ''
  /** The event time that was reached; records are looked at in order of it. */
  let now = watermark
  /** With `compare`: records of that time. */
  const same: (readonly [Key, unknown])[] = []
  /** How many of `keys` have nothing in progress. */
  let empty = 0

  const matcher = new Matcher(automaton, spec.pattern.skip, {
    onMatch: (link, time) => next({ key, records: recordsOf(link, names) }, time),
    onTimeout: (link, time) =>
      timedOut({ key, records: recordsOf(link, names), deadline: dateOf(time) }, time),
  }, operator)

  if (restored !== undefined) waiting.restore(restored)
  for (const matches of restoredMatches(restored, automaton, operator)) {
    keys.set(matches.key, matches)
    setAlarm(matches)
  }

  function setAlarm(matches: KeyMatches): void {
    const deadline = matcher.deadline(matches)
    if (deadline >= matches.alarm) return
    matches.alarm = deadline
    deadlines.push({ time: deadline, matches })
    // A deadline that became earlier leaves its old entry behind.
    if (deadlines.size > EMPTY_KEPT && deadlines.size > 4 * keys.size) compact()
  }

  function settle(matches: KeyMatches): void {
    if (!matches.empty) {
      setAlarm(matches)
      return
    }
    matches.seq = 0
    if (matches.alarm === Infinity) keys.delete(matches.key)
    else if (++empty > EMPTY_KEPT && empty > keys.size / 2) compact()
  }

  /** Lets go of empty places, each of which has an entry, and of entries that are void. */
  function compact(): void {
    const entries = [...deadlines.values()]
    deadlines.clear()
    for (const entry of entries) {
      const { time, matches } = entry
      if (time !== matches.alarm) continue
      if (matches.empty) keys.delete(matches.key)
      else deadlines.push(entry)
    }
    empty = 0
  }

  function passTime(time: number): void {
    for (let entry = deadlines.peek(); entry !== undefined && entry.time <= time; entry = deadlines.peek()) {
      deadlines.pop()
      const { matches } = entry
      if (matches.alarm !== entry.time) continue
      matches.alarm = Infinity
      if (matches.empty) {
        empty -= 1
        keys.delete(matches.key)
        continue
      }
      key = matches.key
      matcher.advanceTo(matches, entry.time)
      settle(matches)
    }
  }

  function look(at: Key, value: unknown): void {
    let matches = keys.get(at)
    if (matches === undefined) {
      if (!matcher.begins(value)) return
      matches = new KeyMatches(at)
      keys.set(at, matches)
    } else if (matches.empty) {
      if (!matcher.begins(value)) return
      empty -= 1
    }
    key = at
    matcher.record(matches, value, now)
    settle(matches)
  }

  function reach(time: number): void {
    if (time === now) return
    lookAtSame()
    now = time
    passTime(time)
  }

  function lookOrWait(at: Key, value: unknown, time: number): void {
    if (time !== now) reach(time)
    if (compare === undefined) look(at, value)
    else same.push([at, value])
  }

  /** Records of one event time in the order of `compare`. */
  function lookAtSame(): void {
    if (compare === undefined || same.length === 0) return
    if (same.length > 1) same.sort((a, b) => compare(a[1], b[1]))
    for (const [at, value] of same) look(at, value)
    same.length = 0
  }

  return {
    collect(value, timestamp) {
      if (timestamp === NO_TIMESTAMP) throw E133_PATTERN_WITHOUT_TIME({ operator }, { place: { operator } })
      const own = keyFrom(keyOf, value, operator)
      if (timestamp <= watermark) {
        metrics.late += 1
        const record: LateRecord = {
          key: own, record: value, eventTime: dateOf(timestamp), lateByMs: watermark - timestamp,
        }
        late(record, timestamp)
        return
      }
      if (freeze) {
        checkStorable(value)
        deepFreeze(value)
      }
      waiting.add(own, value, timestamp)
    },
    onWatermark(risen) {
      if (risen <= watermark) return
      watermark = risen
      waiting.take(watermark, lookOrWait)
      lookAtSame()
      reach(watermark)
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: () => snapshotOf(keys, waiting, maxParallelism, watermark, automaton),
  }
}

function snapshotOf(
  keys: KeyMap<KeyMatches>, waiting: WaitingRecords, maxParallelism: number, watermark: number,
  automaton: Automaton,
): OperatorSnapshot {
  const builder = new KeyedSnapshotBuilder({ name: STATE, kind: 'value', version: 1, maxParallelism })
  for (const [key, matches] of keys.entries()) {
    if (!matches.empty) builder.put(key, undefined, matches.store())
  }
  return {
    keyed: [builder.build(), waiting.snapshot(maxParallelism)],
    lists: [watermarkState(watermark), { name: SHAPE, redistribute: 'union', items: [automaton.shape] }],
  }
}

/** E132 if there are partial matches of other steps. */
function* restoredMatches(
  restored: RestoredOperator | undefined, automaton: Automaton, operator: string,
): Generator<KeyMatches, void, undefined> {
  if (restored === undefined) return
  const other = (restored.list(SHAPE) as readonly string[]).find((shape) => shape !== automaton.shape)
  for (const { key, value } of restored.keyed(STATE)) {
    if (other !== undefined) {
      throw E132_PATTERN_CHANGED(
        { operator, stored: other, present: automaton.shape }, { place: { operator } })
    }
    yield KeyMatches.restore(key, value, automaton)
  }
}

type Compare = NonNullable<MatchSpec['compare']>

function safely(compare: Compare | undefined, operator: string): Compare | undefined {
  if (compare === undefined) return undefined
  return (a, b) => {
    try {
      return compare(a, b)
    } catch (thrown) {
      throw userError(thrown, operator, 'compare')
    }
  }
}
