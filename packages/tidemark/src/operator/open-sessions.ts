/**
 * The open sessions of all keys of a window with a fixed gap, and when something of them is due.
 *
 * Owned by window-sessions.ts.
 *
 *   OS-1  A key has a list of its sessions, no two of which overlap or touch; nearly always it has one.
 *   OS-2  A session that grows keeps its alarm: when the alarm comes, the session is asked when it is really
 *         due, and gets a later one. So a record touches no queue, and a session has one alarm at a time.
 *   OS-3  `advance` visits sessions by the time at which they are due.
 *   OS-4  The snapshot is the one that the general operator would write for sessions that never merged, and
 *         that of the general operator can be read: contents under 'window', each session under 'sessions',
 *         and under 'timers/event' the end of each that has yet to fire, and the cleanup time.
 */
import { Heap } from '../base/heap.ts'
import { addSaturating, MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { KeyedStateSnapshot, RestoredOperator } from '../state/snapshot.ts'
import { windowFrom, windowSnapshot } from './window-table.ts'

/** What a session holds that a purging trigger had emptied before the restore: it does not fire. */
export const NOTHING = Symbol('nothing')

export interface Session {
  readonly key: Key
  start: number
  end: number
  accumulator: unknown
  /** It has yet to fire at its end. */
  waits: boolean
  /** Time of its entry in the queue; Infinity: none. */
  alarm: number
}

interface Alarm {
  readonly time: number
  readonly order: number
  readonly session: Session
}

const before = (a: Alarm, b: Alarm): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

export class OpenSessions {
  readonly #latenessMs: number
  readonly #keys = new Map<Key, Session[]>()
  readonly #alarms = new Heap<Alarm>(before)
  #order = 0

  constructor(latenessMs: number) {
    this.#latenessMs = latenessMs
  }

  /** Of one key, in the order in which they were opened or last merged. */
  of(key: Key): readonly Session[] | undefined {
    return this.#keys.get(key)
  }

  /** When a session, and what it holds, is forgotten; MAX_TIMESTAMP: never. */
  cleanupOf(end: number): number {
    return addSaturating(end - 1, this.#latenessMs)
  }

  open(key: Key, start: number, end: number): Session {
    const session: Session = { key, start, end, accumulator: NOTHING, waits: true, alarm: Infinity }
    const known = this.#keys.get(key)
    if (known === undefined) this.#keys.set(key, [session])
    else known.push(session)
    return session
  }

  /** The session is part of another one now: that one is the youngest of its key. */
  absorb(into: Session, gone: readonly Session[]): void {
    const known = this.#keys.get(into.key) ?? []
    const left = known.filter((each) => each !== into && !gone.includes(each))
    left.push(into)
    this.#keys.set(into.key, left)
    for (const each of gone) each.alarm = Infinity
  }

  /** To be called where a session may be due earlier than its alarm. */
  schedule(session: Session): void {
    const due = session.waits ? session.end - 1 : this.cleanupOf(session.end)
    if (due >= session.alarm || due === MAX_TIMESTAMP) return
    session.alarm = due
    this.#alarms.push({ time: due, order: this.#order++, session })
  }

  /** Calls `fire` for every session whose end is reached, and forgets those that are over. */
  advance(watermark: number, fire: (session: Session) => void): void {
    const alarms = this.#alarms
    for (let alarm = alarms.peek(); alarm !== undefined && alarm.time <= watermark; alarm = alarms.peek()) {
      alarms.pop()
      const { session, time } = alarm
      if (session.alarm !== time) continue
      session.alarm = Infinity
      if (session.waits && session.end - 1 <= time) {
        session.waits = false
        fire(session)
      }
      if (!session.waits && this.cleanupOf(session.end) <= time) this.#forget(session)
      else this.schedule(session)
    }
  }

  snapshot(maxParallelism: number): KeyedStateSnapshot[] {
    const contents = windowSnapshot('window', maxParallelism)
    const sessions = windowSnapshot('sessions', maxParallelism)
    const timers = new KeyedSnapshotBuilder({ name: 'timers/event', kind: 'timers', version: 1, maxParallelism })
    for (const [key, ofKey] of this.#keys) {
      for (const { start, end, accumulator, waits } of ofKey) {
        const namespace = [start, end]
        if (accumulator !== NOTHING) contents.put(key, namespace, accumulator)
        sessions.put(key, namespace, namespace)
        const cleanup = this.cleanupOf(end)
        if (waits) timers.put(key, namespace, end - 1)
        if (cleanup !== MAX_TIMESTAMP && !(waits && cleanup === end - 1)) timers.put(key, namespace, cleanup)
      }
    }
    return [contents.build(), sessions.build(), timers.build()]
  }

  restore(restored: RestoredOperator): void {
    const contents = new Map<Key, Map<number, unknown>>()
    for (const { key, namespace, value } of restored.keyed('window')) {
      const ofKey = contents.get(key) ?? new Map<number, unknown>()
      contents.set(key, ofKey.set(windowFrom(namespace).start, value))
    }
    const waiting = new Map<Key, Set<number>>()
    for (const { key, namespace, value } of restored.keyed('timers/event')) {
      const { start, end } = windowFrom(namespace)
      if (value === end - 1) waiting.set(key, (waiting.get(key) ?? new Set<number>()).add(start))
    }
    for (const { key, namespace, value } of restored.keyed('sessions')) {
      const { start, end } = windowFrom(namespace)
      const session = this.open(key, start, end)
      // What it holds is stored under the window it once began as.
      const ofKey = contents.get(key)
      const began = windowFrom(value).start
      if (ofKey?.has(began) === true) session.accumulator = ofKey.get(began)
      session.waits = waiting.get(key)?.has(start) === true
      this.schedule(session)
    }
  }

  #forget(session: Session): void {
    const { key } = session
    const left = (this.#keys.get(key) ?? []).filter((each) => each !== session)
    if (left.length === 0) this.#keys.delete(key)
    else this.#keys.set(key, left)
  }
}
