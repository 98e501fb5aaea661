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
 *         Its empty place in memory stays, so that keys which come and go do not cost a place each time. Of
 *         places there are at most twice those needed at the last clearing, one for each record that waited
 *         then, and EMPTY_KEPT.
 *   MO-5  Outputs are in order of the event time they carry.
 *   MO-6  A cut encodes nothing: matches in progress are a table, of which the log knows before the matcher gets
 *         them; records that wait are listed.
 *
 * Source: Flink CepOperator (event time), which registers a timer for every watermark and key.
 */
import { Heap } from '../../base/heap.ts'
import { NO_TIMESTAMP } from '../../base/time.ts'
import type { Key } from '../../graph/key.ts'
import { LATE, MAIN, TIMED_OUT, type MatchSpec } from '../../graph/operator-spec.ts'
import { checkStorable } from '../../record/value-check.ts'
import { deepFreeze } from '../../record/freeze.ts'
import { checkKey } from '../../record/key-codec.ts'
import { KeyMap } from '../../state/key-map.ts'
import { inTurn } from '../../state/entry-slices.ts'
import { IncrementalSnapshots } from '../../state/incremental.ts'
import { everythingIn } from '../../state/slices.ts'
import type { RestoredOperator } from '../../state/snapshot.ts'
import { userError } from '../errors.ts'
import { guarded, type Inline } from '../inline.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { dateOf } from '../process-context.ts'
import { freezing } from '../user-code.ts'
import { restoredWatermark, watermarkState } from '../watermark-state.ts'
import type { LateRecord } from '../window-late.ts'
import { compilePattern, type Automaton } from './compile.ts'
import { E132_PATTERN_CHANGED, E133_PATTERN_WITHOUT_TIME } from './errors.ts'
import { KeyMatches } from './key-matches.ts'
import { recordsOf } from './matched.ts'
import { MatchTable, MATCHES } from './match-table.ts'
import { Matcher } from './matcher.ts'
import { WaitingRecords } from './waiting-records.ts'

const SHAPE = 'pattern'
/** So many empty places, or void entries, are always put up with. */
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
  const places = new KeyMap<KeyMatches>()
  const table = new MatchTable(places, maxParallelism)
  const increments = new IncrementalSnapshots([table])
  /** All that is not late; knows the watermark. */
  const waiting = new WaitingRecords(restoredWatermark(restored))
  /** Keys by their earliest deadline, or an earlier time at which there was one. */
  const deadlines = new Heap<Entry>(before)
  /** The event time that was reached; records are looked at in order of it. */
  let now = waiting.limit
  /** With `compare`: records of that time. */
  const same: (readonly [KeyMatches, unknown])[] = []
  /** With more places than this, empty ones are let go of. */
  let mostPlaces = EMPTY_KEPT

  const matcher = new Matcher<KeyMatches>(automaton, spec.pattern.skip, {
    onMatch: ({ key }, link, time) => next({ key, records: recordsOf(link, names) }, time),
    onTimeout: ({ key }, link, time) =>
      timedOut({ key, records: recordsOf(link, names), deadline: dateOf(time) }, time),
  }, operator)

  for (const matches of restoredMatches(restored, automaton, operator)) {
    places.set(matches.key, matches)
    table.count += 1
    setAlarm(matches)
  }
  if (restored !== undefined) waiting.restore(restored, placeOf)

  /** `own` has passed `checkKey`. */
  function placeOf(own: Key): KeyMatches {
    const known = places.get(own)
    if (known !== undefined) return known
    if (places.size >= mostPlaces) letGo()
    const matches = new KeyMatches(own)
    places.set(own, matches)
    return matches
  }

  /** Of empty places; before the next time, as many new ones may come as this time looked at. */
  function letGo(): void {
    const needed = waiting.places()
    for (const [own, matches] of places.entries()) {
      if (matches.empty && !needed.has(matches)) places.delete(own)
    }
    mostPlaces = 2 * places.size + waiting.size + EMPTY_KEPT
  }

  function setAlarm(matches: KeyMatches): void {
    const deadline = matcher.deadline(matches)
    if (deadline >= matches.alarm) return
    matches.alarm = deadline
    deadlines.push({ time: deadline, matches })
    // A deadline that became earlier leaves its old entry behind.
    if (deadlines.size > EMPTY_KEPT && deadlines.size > 4 * places.size) dropVoid()
  }

  /** `wasEmpty`: before the matcher had them, of which the table was told by `touch`. */
  function settle(matches: KeyMatches, wasEmpty: boolean): void {
    if (matches.empty) matches.seq = 0
    else setAlarm(matches)
    if (matches.empty !== wasEmpty) table.turned(matches)
  }

  /** Lets go of entries that no match in progress needs. */
  function dropVoid(): void {
    const entries = [...deadlines.values()]
    deadlines.clear()
    for (const entry of entries) {
      const { time, matches } = entry
      if (time !== matches.alarm) continue
      if (matches.empty) matches.alarm = Infinity
      else deadlines.push(entry)
    }
  }

  function passTime(time: number): void {
    for (let entry = deadlines.peek(); entry !== undefined && entry.time <= time; entry = deadlines.peek()) {
      deadlines.pop()
      const { matches } = entry
      if (matches.alarm !== entry.time) continue
      matches.alarm = Infinity
      if (matches.empty) continue
      table.touch(matches)
      matcher.advanceTo(matches, entry.time)
      settle(matches, false)
    }
  }

  function reach(time: number): void {
    if (time === now) return
    lookAtSame()
    now = time
    passTime(time)
  }

  const look = (matches: KeyMatches, value: unknown): void => {
    const wasEmpty = matches.empty
    if (!wasEmpty) table.touch(matches)
    if (matcher.record(matches, value, now)) settle(matches, wasEmpty)
  }

  const lookLater = (matches: KeyMatches, value: unknown): void => {
    same.push([matches, value])
  }

  /** Records of one event time in the order of `compare`. */
  function lookAtSame(): void {
    if (compare === undefined || same.length === 0) return
    if (same.length > 1) same.sort((a, b) => compare(a[1], b[1]))
    for (const [matches, value] of same) look(matches, value)
    same.length = 0
  }

  /** Everything but what can be done in line: the first record of a key, late ones, frozen ones. */
  function collectKeyed(value: unknown, timestamp: number, unchecked: unknown): void {
    const key = checkKey(unchecked, operator)
    if (timestamp === NO_TIMESTAMP) throw E133_PATTERN_WITHOUT_TIME({ operator }, { place: { operator } })
    const watermark = waiting.limit
    if (timestamp <= watermark) {
      metrics.late += 1
      const record: LateRecord = {
        key, record: value, eventTime: dateOf(timestamp), lateByMs: watermark - timestamp,
      }
      late(record, timestamp)
      return
    }
    if (freeze) {
      checkStorable(value)
      deepFreeze(value)
    }
    waiting.add(placeOf(key), value, timestamp)
  }

  function keyFrom(value: unknown): unknown {
    try {
      return keyOf(value)
    } catch (thrown) {
      throw userError(thrown, operator, 'keyBy')
    }
  }

  /** A key that has a place was checked when it was made. */
  const inline: Inline = (code, value, time) => {
    const [key, place, records] = [code.local(), code.local(), code.bind(waiting)]
    const get = guarded(code, `${key} = ${code.bind(keyOf)}(${value})`, operator, 'keyBy')
    const usual = freeze ? 'false' : `typeof ${key} === 'string' || typeof ${key} === 'number'`
    return `let ${key}; ${get}
      const ${place} = ${usual} ? ${code.bind(places)}.get(${key}) : undefined
      if (${place} === undefined || ${time} <= ${records}.limit) {
        ${code.bind(collectKeyed)}(${value}, ${time}, ${key})
      } else ${records}.add(${place}, ${value}, ${time})`
  }

  const lists = () =>
    [watermarkState(waiting.limit), { name: SHAPE, redistribute: 'union' as const, items: [automaton.shape] }]

  return {
    collect(value, timestamp) {
      const key = keyFrom(value)
      const usual = !freeze && (typeof key === 'string' || typeof key === 'number')
      const place = usual ? places.get(key) : undefined
      if (place === undefined || timestamp <= waiting.limit) collectKeyed(value, timestamp, key)
      else waiting.add(place, value, timestamp)
    },
    inline,
    onWatermark(watermark) {
      if (watermark <= waiting.limit) return
      waiting.take(watermark, reach, compare === undefined ? look : lookLater)
      lookAtSame()
      reach(watermark)
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({
      keyed: [], lists: lists(), slices: inTurn([waiting.slices(maxParallelism), increments.cut(checkpoint)]),
    }),
    look: () => ({ keyed: everythingIn([table]), lists: lists(), slices: waiting.slices(maxParallelism) }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}

/** E132 if there are partial matches of other steps. */
function* restoredMatches(
  restored: RestoredOperator | undefined, automaton: Automaton, operator: string,
): Generator<KeyMatches, void, undefined> {
  if (restored === undefined) return
  const other = (restored.list(SHAPE) as readonly string[]).find((shape) => shape !== automaton.shape)
  for (const { key, value } of restored.keyed(MATCHES)) {
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
