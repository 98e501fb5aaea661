/**
 * What a keyed state of each kind stores for one key, as far as it can be told without the job's code.
 *
 * Called by edit-state.ts and import-state.ts before anything is written. The shapes are those of
 * state/single-states.ts, list-state.ts and map-state.ts: one value, items, or a Map; with a TTL each value, item and
 * map value is [stamp in ms, it].
 */
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'

type Described = Pick<KeyedStateSnapshot, 'kind' | 'stamped'>

/** Wraps a value as it is seen (`state get`) into what a write at `atMs` would store. */
export function stampedAt({ kind, stamped }: Described, value: unknown, atMs: number): unknown {
  if (stamped !== true) return value
  if (kind === 'list' && Array.isArray(value)) return value.map((item: unknown) => [atMs, item])
  if (kind === 'map' && value instanceof Map) return new Map([...value].map(([key, item]) => [key, [atMs, item]]))
  return [atMs, value]
}

/** What is wrong with a stored value, as a clause; undefined: nothing. */
export function unfit({ kind, stamped }: Described, stored: unknown): string | undefined {
  switch (kind) {
    case 'list':
      if (!Array.isArray(stored)) return 'a list state holds a list: [item, …]'
      if (stored.length === 0) return 'an empty list is no entry'
      return stamped === true && !stored.every(isStamped) ? NOT_STAMPED : undefined
    case 'map':
      if (!(stored instanceof Map)) return 'a map state holds a map: {"$map":[[key,value],…]}'
      if (stored.size === 0) return 'an empty map is no entry'
      return stamped === true && ![...stored.values()].every(isStamped) ? NOT_STAMPED : undefined
    default:
      if (stamped === true && !isStamped(stored)) return NOT_STAMPED
      return (stamped === true ? (stored as readonly unknown[])[1] : stored) === undefined
        ? 'undefined is the same as nothing' : undefined
  }
}

const NOT_STAMPED = 'with a TTL it is stored with the time from which that counts, as [ms since 1970, value]'

const isStamped = (stored: unknown): boolean =>
  Array.isArray(stored) && stored.length === 2 && Number.isSafeInteger(stored[0])
