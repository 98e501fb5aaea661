/**
 * The open sessions of all keys of a window with a fixed gap, and when something of them is due.
 *
 * Owned by window-sessions.ts, which also adds records to the latest session of a key itself (OS-5).
 *
 *   OS-1  The sessions of a key are linked in order of time; no two of them overlap or touch. The Map holds
 *         the latest: nearly always the only one, and nearly always the one that a record belongs to.
 *   OS-2  A session that grows keeps its alarm: when the alarm comes, the session is asked when it is really
 *         due, and gets a later one. So a record touches no queue, and a session has one alarm at a time.
 *   OS-3  `advance` visits sessions by the time at which they are due, so those of a key in their order.
 *   OS-4  The snapshot has one entry a key, with all its sessions (session-form.ts); that of the general operator
 *         can be read as well. It is cut as a table, whose slots are the latest sessions: before anything of a
 *         key changes, `touch` is called.
 *   OS-5  A record within the latest session of its key, if that is `plain`, makes it grow to the right at
 *         most, touches no other session and makes nothing due earlier.
 *   OS-6  Sessions that become one are merged in the order in which they were opened or last merged.
 */
import { assert } from '../base/assert.ts'
import { addSaturating, MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import { ChangeLog, GONE, type Slot } from '../state/change-log.ts'
import type { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent, RestoredOperator } from '../state/snapshot.ts'
import { DueQueue } from './due-queue.ts'
import { NOTHING, OPEN_SESSIONS, storedSession, storedSessions } from './session-form.ts'
import { windowSnapshot } from './window-table.ts'

/** What a record needs comes first: it lies together in memory, as far as V8 lets it. */
export interface Session extends Slot {
  end: number
  start: number
  /** It waits and holds something. */
  plain: boolean
  accumulator: unknown
  /** Of the latest session of a key alone, for all of them (OS-4). */
  touched: number
  readonly key: Key
  /** It has yet to fire at its end. */
  waits: boolean
  /** Time of its entry in the queue; Infinity: none. */
  alarm: number
  /** Less than that of a session that was opened or merged after it. */
  order: number
  /** Its neighbours in time, of the same key. */
  earlier: Session | undefined
  later: Session | undefined
}

/** Alarms of this part of a gap share a bucket of the queue. */
const GAP_PART = 128

export class OpenSessions implements TrackedTable {
  readonly log = new ChangeLog<Session>()
  readonly #maxParallelism: number
  readonly #latenessMs: number
  readonly #latest = new Map<Key, Session>()
  readonly #alarms: DueQueue<Session>
  #order = 0

  constructor(gapMs: number, latenessMs: number, maxParallelism: number) {
    this.#maxParallelism = maxParallelism
    this.#latenessMs = latenessMs
    this.#alarms = new DueQueue(Math.ceil(gapMs / GAP_PART))
  }

  /** Of each key the session that is the last in time. */
  get latest(): ReadonlyMap<Key, Session> {
    return this.#latest
  }

  get count(): number {
    return this.#latest.size
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    return windowSnapshot(OPEN_SESSIONS, this.#maxParallelism, extent)
  }

  slots(): Iterator<readonly [Key, Session]> {
    return this.#latest.entries()
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, undefined, inOrder(slot as Session).map(storedSession))
    return true
  }

  drop(): void {}

  /** To be called before anything of the sessions of a key changes. */
  touch(key: Key): void {
    const latest = this.#latest.get(key)
    if (latest !== undefined && latest.touched !== this.log.epoch) this.log.touch(key, latest)
  }

  /** When a session, and what it holds, is forgotten; MAX_TIMESTAMP: never. */
  cleanupOf(end: number): number {
    return addSaturating(end - 1, this.#latenessMs)
  }

  /** A session that touches none of its key. It holds nothing yet; `touch` before and `changed` are to be called. */
  open(key: Key, start: number, end: number): Session {
    let later: Session | undefined
    let earlier = this.#latest.get(key)
    while (earlier !== undefined && earlier.start > start) {
      later = earlier
      earlier = earlier.earlier
    }
    const session: Session = {
      end, start, plain: false, accumulator: NOTHING, touched: 0, key, waits: true, alarm: Infinity, order: this.#order++,
      earlier, later,
    }
    this.#link(session)
    return session
  }

  /**
   * Makes one session of all that touch [start, end], and gives it; undefined: there is none. `merge` gets
   * what two of them hold. The session does not contain the interval yet; `touch` before and `changed` are to be called.
   */
  joined(
    key: Key, start: number, end: number, merge: (into: unknown, from: unknown) => unknown,
  ): Session | undefined {
    let last = this.#latest.get(key)
    while (last !== undefined && last.start > end) last = last.earlier
    if (last === undefined || last.end < start) return undefined
    if (last.earlier === undefined || last.earlier.end < start) return last
    const { later } = last
    const touched = [last]
    let earlier: Session | undefined = last.earlier
    for (; earlier !== undefined && earlier.end >= start; earlier = earlier.earlier) touched.push(earlier)
    const [into = last, ...others] = touched.sort(byOrder)
    for (const each of others) {
      if (into.accumulator === NOTHING) into.accumulator = each.accumulator
      else if (each.accumulator !== NOTHING) into.accumulator = merge(into.accumulator, each.accumulator)
      into.start = Math.min(into.start, each.start)
      into.end = Math.max(into.end, each.end)
      each.alarm = Infinity
    }
    into.order = this.#order++
    into.earlier = earlier
    into.later = later
    this.#link(into)
    return into
  }

  /** To be called after any change but that of OS-5. */
  changed(session: Session): void {
    const { waits, end } = session
    session.plain = waits && session.accumulator !== NOTHING
    const due = waits ? end - 1 : this.cleanupOf(end)
    if (due >= session.alarm || due === MAX_TIMESTAMP) return
    session.alarm = due
    this.#alarms.push(due, session)
  }

  /** Calls `fire` for every session whose end is reached, and forgets those that are over. */
  advance(watermark: number, fire: (session: Session) => void): void {
    const alarms = this.#alarms
    for (let alarm = alarms.pop(watermark); alarm !== undefined; alarm = alarms.pop(watermark)) {
      const { item: session, time } = alarm
      if (session.alarm !== time) continue
      session.alarm = Infinity
      if (session.waits && session.end - 1 <= time) {
        this.touch(session.key)
        session.waits = false
        fire(session)
      }
      if (!session.waits && this.cleanupOf(session.end) <= time) this.#forget(session)
      else this.changed(session)
    }
  }

  restore(restored: RestoredOperator): void {
    for (const { key, start, end, waits, accumulator } of storedSessions(restored)) {
      const session = this.open(key, start, end)
      session.accumulator = accumulator
      session.waits = waits
      this.changed(session)
    }
  }

  /** Its neighbours, or the Map, learn of it. */
  #link(session: Session): void {
    const { key, earlier, later } = session
    if (earlier !== undefined) earlier.later = session
    if (later !== undefined) later.earlier = session
    else this.#setLatest(key, session)
  }

  #setLatest(key: Key, session: Session): void {
    const before = this.#latest.get(key)
    if (before === session) return
    // From now on it is told with the one that came after it.
    if (before !== undefined) before.touched = GONE
    this.#latest.set(key, session)
    this.log.created(key, session)
  }

  #forget(session: Session): void {
    const { key, earlier, later } = session
    assert(earlier === undefined, 'the sessions of a key go in order of time')
    if (later === undefined) {
      this.log.removed(key, session)
      this.#latest.delete(key)
    } else {
      this.touch(key)
      later.earlier = undefined
    }
  }
}

const byOrder = (a: Session, b: Session): number => a.order - b.order

/** All sessions of a key, as OS-6 has them. */
function inOrder(latest: Session): readonly Session[] {
  if (latest.earlier === undefined) return [latest]
  const all: Session[] = []
  for (let each: Session | undefined = latest; each !== undefined; each = each.earlier) all.push(each)
  return all.sort(byOrder)
}
