/**
 * Sessions in a snapshot: in the form of the fast operator, which has one entry a key, and in that of the general
 * one, which has windows, what they hold and timers. Either operator reads both.
 *
 *   SJ-1  'sessions/open': of each key the sessions in the order in which they were opened or last merged, each as
 *         [start, end, waits, accumulator]; without the last where a purging trigger had emptied it. `waits`: it has
 *         yet to fire at its end.
 *   SJ-2  A snapshot with that state, also an empty one, is of the fast operator.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { KeyedEntry, RestoredOperator } from '../state/snapshot.ts'
import { cleanupTime } from './window-late.ts'
import { windowFrom } from './window-table.ts'

export const OPEN_SESSIONS = 'sessions/open'

/** What a session holds that a purging trigger had emptied before the restore: it does not fire. */
export const NOTHING = Symbol('nothing')

export interface SessionForm {
  readonly start: number
  readonly end: number
  readonly waits: boolean
  readonly accumulator: unknown
}

type Stored = readonly [start: number, end: number, waits: boolean, accumulator?: unknown]

export const storedSession = ({ start, end, waits, accumulator }: SessionForm): Stored =>
  accumulator === NOTHING ? [start, end, waits] : [start, end, waits, accumulator]

/** All sessions of a snapshot of either form, those of a key in their order. */
export function* storedSessions(restored: RestoredOperator): Iterable<SessionForm & { readonly key: Key }> {
  if (isOfFastForm(restored)) {
    for (const { key, value } of restored.keyed(OPEN_SESSIONS)) {
      for (const stored of value as readonly Stored[]) {
        const [start, end, waits, accumulator] = stored
        yield { key, start, end, waits, accumulator: stored.length === 3 ? NOTHING : accumulator }
      }
    }
    return
  }
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
    // What it holds is stored under the window it once began as.
    const ofKey = contents.get(key)
    const began = windowFrom(value).start
    const accumulator = ofKey?.has(began) === true ? ofKey.get(began) : NOTHING
    yield { key, start, end, waits: waiting.get(key)?.has(start) === true, accumulator }
  }
}

/** The snapshot as the general operator would have written it for sessions that never merged. */
export function asGeneralSessions(spec: WindowSpec, restored: RestoredOperator | undefined): RestoredOperator | undefined {
  if (restored === undefined || !isOfFastForm(restored)) return restored
  const sessions = [...storedSessions(restored)]
  return {
    keyedStates: restored.keyedStates,
    list: (name) => restored.list(name),
    * keyed(name) {
      for (const session of sessions) yield* generalEntries(spec, session, name)
      yield* restored.keyed(name)
    },
  }
}

function* generalEntries(
  spec: WindowSpec, { key, start, end, waits, accumulator }: SessionForm & { readonly key: Key }, name: string,
): Iterable<KeyedEntry> {
  const namespace = [start, end]
  if (name === 'sessions') yield { key, namespace, value: namespace }
  if (name === 'window' && accumulator !== NOTHING) yield { key, namespace, value: accumulator }
  if (name !== 'timers/event') return
  const cleanup = cleanupTime({ start, end }, spec)
  if (waits) yield { key, namespace, value: end - 1 }
  if (cleanup !== MAX_TIMESTAMP && !(waits && cleanup === end - 1)) yield { key, namespace, value: cleanup }
}

const isOfFastForm = ({ keyedStates }: RestoredOperator): boolean => keyedStates.some(({ name }) => name === OPEN_SESSIONS)
