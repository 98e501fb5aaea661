/**
 * The sessions of all keys of the general window operator, as a table that is cut without being encoded.
 *
 * Owned by window-general.ts. An entry has the window as its namespace, and as its value the state window.
 *
 *   SNT-1  A key without sessions is not kept.
 */
import type { Key } from '../graph/key.ts'
import type { Window } from '../graph/window-spec.ts'
import { GONE, type Slot } from '../state/change-log.ts'
import type { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import type { TrackedTable } from '../state/slices.ts'
import type { Extent, RestoredOperator } from '../state/snapshot.ts'
import { PassingLog } from './passing-log.ts'
import { SessionWindows, type Session } from './session-windows.ts'
import { namespaceOf, windowFrom, windowSnapshot } from './window-table.ts'

const SESSIONS = 'sessions'

interface SessionSlot extends Session, Slot {
  readonly key: Key
}

export class SessionTable implements TrackedTable {
  readonly log = new PassingLog()
  readonly #maxParallelism: number
  readonly #keys = new Map<Key, SessionWindows<SessionSlot>>()
  #count = 0

  constructor(maxParallelism: number) {
    this.#maxParallelism = maxParallelism
  }

  get count(): number {
    return this.#count
  }

  /** To be added to; made if there are none. */
  of(key: Key): SessionWindows<SessionSlot> {
    let known = this.#keys.get(key)
    if (known === undefined) {
      known = new SessionWindows({
        came: (window, stateWindow) => this.#came({ touched: 0, key, window, stateWindow }),
        gone: (session) => this.#gone(session),
      })
      this.#keys.set(key, known)
    }
    return known
  }

  /** Undefined if the window is gone. */
  stateWindowOf(key: Key, window: Window): Window | undefined {
    return this.#keys.get(key)?.stateWindowOf(window)
  }

  retire(key: Key, window: Window): void {
    const ofKey = this.#keys.get(key)
    ofKey?.retire(window)
    if (ofKey?.size === 0) this.#keys.delete(key)
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    return windowSnapshot(SESSIONS, this.#maxParallelism, extent)
  }

  * slots(): Generator<readonly [Key, SessionSlot], void, undefined> {
    for (const [key, ofKey] of this.#keys) {
      for (const session of ofKey.entries()) if (session.touched !== GONE) yield [key, session]
    }
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot): boolean {
    builder.put(key, this.namespaceOf(slot), namespaceOf((slot as SessionSlot).stateWindow))
    return true
  }

  drop(): void {}

  namespaceOf(slot: Slot): readonly [number, number] {
    return namespaceOf((slot as SessionSlot).window)
  }

  restore(restored: RestoredOperator): void {
    for (const { key, namespace, value } of restored.keyed(SESSIONS)) {
      this.of(key).restore(windowFrom(namespace), windowFrom(value))
    }
  }

  #came(session: SessionSlot): SessionSlot {
    this.#count += 1
    this.log.came(session)
    return session
  }

  #gone(session: SessionSlot): void {
    this.#count -= 1
    this.log.gone(session)
  }
}
