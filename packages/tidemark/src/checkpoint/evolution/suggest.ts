/** Which new name an old one has probably become. Called by compare.ts, with names of the same kind. */
import { editDistance } from '../../base/did-you-mean.ts'

/**
 * The nearest, if at least half of it is the same or one holds the other; else the only one there is, since
 * something of the same kind has gone while it came.
 */
export function likelyName(gone: string, fresh: readonly string[]): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const old = plain(gone)
  const near = fresh
    .map((name) => ({ name, distance: editDistance(old, plain(name)), held: holds(old, plain(name)) }))
    .filter(({ name, distance, held }) => held || distance * 2 <= Math.max(old.length, plain(name).length))
    .toSorted((a, b) => a.distance - b.distance)
  return near[0]?.name ?? (fresh.length === 1 ? fresh[0] : undefined)
}

const holds = (a: string, b: string): boolean => (a.length > 2 && b.includes(a)) || (b.length > 2 && a.includes(b))
