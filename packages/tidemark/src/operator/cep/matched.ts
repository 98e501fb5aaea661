/**
 * What a partial match is made of: its records, each pointing to the one before.
 *
 * Partial matches that begin alike share the records they have in common, so a record that is taken costs
 * one link for each of them, and what no partial match refers to any more is garbage.
 *
 *   MB-1  A link is never changed. Its position and those before it are a path of the automaton.
 *   MB-2  Within a key, `seq` numbers the records in the order in which they were looked at, without gaps
 *         while anything refers to one.
 *
 * Source: Agrawal et al. 2008, "Efficient Pattern Matching over Event Streams" (the shared match buffer).
 * Links point backwards and are never shared by two ways to the same record, so no version numbers (Dewey)
 * are needed to tell the ways apart.
 */
import type { Position } from './compile.ts'

export interface Taken {
  readonly value: unknown
  readonly time: number
  readonly seq: number
}

export interface Link {
  readonly position: Position
  readonly event: Taken
  readonly before: Link | undefined
}

/** A partial match. `open` has a bit for each edge of its position that may still be taken. */
export interface Partial {
  readonly link: Link
  /** Its first record. */
  readonly start: Taken
  open: number
  /** That of its position: most records need no more of it. */
  readonly awaits: number
  /** The partial match of the same key that comes after it. */
  next: Partial | undefined
}

/** A complete match that waits for partial ones which began before it. */
export interface Complete {
  readonly link: Link
  readonly start: Taken
}

/** Records by name of step; every step has a list, empty for one that took none. */
export function recordsOf(link: Link, names: readonly string[]): Record<string, unknown[]> {
  const records: Record<string, unknown[]> = {}
  for (let i = 0; i < names.length; i++) records[names[i] as string] = []
  for (let each: Link | undefined = link; each !== undefined; each = each.before) {
    (records[each.position.name] as unknown[]).push(each.event.value)
  }
  for (let i = 0; i < names.length; i++) {
    const own = records[names[i] as string] as unknown[]
    if (own.length > 1) own.reverse()
  }
  return records
}

/** The first or last record that a step took; undefined if it took none. */
export function takenBy(step: string, which: 'first' | 'last', link: Link): Taken | undefined {
  let found: Taken | undefined
  for (let each: Link | undefined = link; each !== undefined; each = each.before) {
    if (each.position.name !== step) continue
    found = each.event
    if (which === 'last') return found
  }
  return found
}
