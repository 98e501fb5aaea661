/**
 * Entries of one state of one operator: by key, by filter, or only counted.
 *
 * Called by `tidemark state get | query`. Streams part by part and keeps nothing but the answer.
 *
 *   QS-1  A key is looked for in its own key group alone: the parts that do not own it are not read.
 *   QS-2  The answer holds every entry that fits, up to the limit, and says whether there are more.
 */
import { didYouMean } from '../../base/did-you-mean.ts'
import type { Io } from '../../base/io.ts'
import type { Key } from '../../graph/key.ts'
import type { KeyGroupRange } from '../../graph/key-groups.ts'
import { keyGroupOf } from '../../record/key-codec.ts'
import { entryView, type EntryView } from './entry-view.ts'
import { E146_NO_SUCH_KEY, E149_BAD_QUERY } from './errors.ts'
import { formatKey, otherKinds } from './key-text.ts'
import { findState, type StateName } from './open.ts'
import {
  isEnumerator, partsOf, rawEntries, readPart, visitGroups, type OpenCheckpoint, type Wanted,
} from './operator-parts.ts'
import { toTaggedJson } from './tagged-json.ts'

/** All that are given must hold. */
export interface Filter {
  readonly key?: Key
  /** Of string keys. */
  readonly prefix?: string
  /** Keys of the same kind from here on … */
  readonly from?: Key
  /** … up to here, this one excluded. Strings compare by UTF-16 unit, numbers and bigints by value. */
  readonly to?: Key
  readonly groups?: KeyGroupRange
}

export interface ListItemView {
  readonly subtask: number
  readonly item: unknown
}

export interface StateAnswer {
  readonly operator: string
  readonly state: string
  readonly kind: string
  readonly checkpoint: number
  readonly entries: readonly EntryView[]
  /** Instead of entries, for list state of an operator; subtask -1 is the enumerator of a source. */
  readonly items?: readonly ListItemView[]
  /** There are more than the limit. */
  readonly more: boolean
}

/** Every entry of one key: several with windows and timers. Throws E145, E146, E149. */
export function* getState(opened: OpenCheckpoint, operator: string, state: string, key: Key): Io<StateAnswer> {
  const answer = yield* queryState(opened, operator, state, { key }, Number.POSITIVE_INFINITY)
  if (answer.entries.length > 0) return answer
  const near = (yield* nearKeys(opened, operator, state, key)).map(formatKey)
  const { checkpoint } = opened.manifest
  const place = { operator, checkpoint }
  throw E146_NO_SUCH_KEY({ key: formatKey(key), state, operator, checkpoint, near }, { place })
}

/** `limit` may be infinite. In the order of key groups, within one as stored. Throws E145, E149. */
export function* queryState(
  opened: OpenCheckpoint, operator: string, state: string, filter: Filter, limit: number,
): Io<StateAnswer> {
  const name = findState(opened.manifest, operator, state)
  const head = { operator, state, kind: name.kind, checkpoint: opened.manifest.checkpoint }
  if (!name.keyed) return { ...head, ...(yield* queryList(opened, operator, name, filter, limit)) }
  const entries: EntryView[] = []
  let more = false
  yield* eachEntry(opened, operator, state, filter, (entry) => {
    more = entries.length >= limit
    if (!more) entries.push(entry)
    return !more
  })
  return { ...head, entries, more }
}

/** Every entry of a keyed state that fits; `visit` ends it by giving false. Throws E145, E149. */
export function* eachEntry(
  opened: OpenCheckpoint, operator: string, state: string, filter: Filter,
  visit: (entry: EntryView, key: Key) => boolean,
): Io<void> {
  const name = findState(opened.manifest, operator, state)
  if (!name.keyed) throw notKeyed(operator, name)
  const fits = matcher(filter)
  yield* visitGroups(opened, operator, wanted(opened, state, filter), (described, group) => {
    for (const raw of rawEntries(group)) {
      if (fits(raw.key) && !visit(entryView(described, raw), raw.key)) return false
    }
    return true
  })
}

/** Without a filter the manifest knows. Throws E145, E149. */
export function* countState(
  opened: OpenCheckpoint, operator: string, state: string, filter: Filter,
): Io<{ readonly entries: number; readonly keys?: number }> {
  const name = findState(opened.manifest, operator, state)
  if (Object.keys(filter).length === 0 && name.records === undefined) return { entries: name.entries }
  if (!name.keyed) throw notKeyed(operator, name)
  let count = 0
  const keys = new Set<Key>()
  const fits = matcher(filter)
  let keysBefore = 0
  let current = -1
  yield* visitGroups(opened, operator, wanted(opened, state, filter), (_, group) => {
    // A key is in one group only: what was counted of earlier ones need not be kept.
    if (group.group !== current) {
      keysBefore += keys.size
      keys.clear()
      current = group.group
    }
    for (const { key } of rawEntries(group)) {
      if (!fits(key)) continue
      count += 1
      keys.add(key)
    }
    return true
  })
  return { entries: count, keys: keysBefore + keys.size }
}

function wanted(opened: OpenCheckpoint, state: string, { key, groups }: Filter): Wanted {
  if (key === undefined) return { state, ...(groups === undefined ? {} : { groups }) }
  const own = keyGroupOf(key, opened.manifest.maxParallelism)
  const outside = groups !== undefined && (own < groups.start || own > groups.end)
  return { state, groups: outside ? { start: 0, end: -1 } : { start: own, end: own } }
}

function matcher({ key, prefix, from, to }: Filter): (key: Key) => boolean {
  if (from !== undefined && to !== undefined && typeof from !== typeof to) {
    throw E149_BAD_QUERY({
      problem: `--from ${formatKey(from)} is a ${typeof from} and --to ${formatKey(to)} is a ${typeof to}.`,
      hints: ['give both as keys of the same kind'],
    })
  }
  return (candidate) =>
    (key === undefined || candidate === key) &&
    (prefix === undefined || (typeof candidate === 'string' && candidate.startsWith(prefix))) &&
    (from === undefined || (typeof candidate === typeof from && candidate >= from)) &&
    (to === undefined || (typeof candidate === typeof to && candidate < to))
}

function* queryList(
  opened: OpenCheckpoint, operator: string, state: StateName, filter: Filter, limit: number,
): Io<Pick<StateAnswer, 'entries' | 'items' | 'more'>> {
  if (Object.keys(filter).length > 0) throw notKeyed(operator, state)
  const items: ListItemView[] = []
  for (const part of partsOf(opened.manifest, operator)) {
    const { snapshot } = yield* readPart(opened, part)
    for (const list of snapshot.lists) {
      if (list.name !== state.name) continue
      const subtask = isEnumerator(part) ? -1 : part.subtask
      items.push(...list.items.map((item) => ({ subtask, item: toTaggedJson(item) })))
    }
  }
  return { entries: [], items: items.slice(0, limit), more: items.length > limit }
}

function notKeyed(operator: string, state: StateName): Error {
  return E149_BAD_QUERY({
    problem: `"${state.name}" of "${operator}" is ${state.kind} state: it belongs to subtasks, not to keys.`,
    hints: [`see all its items: tidemark state query <dir> ${operator} ${state.name}`],
  }, { place: { operator } })
}

/** Enough to find a slip, few enough to look through at once. */
const MOST_CANDIDATES = 20_000

/** The same text as a key of another kind, else the string key that looks most like it. */
function* nearKeys(opened: OpenCheckpoint, operator: string, state: string, key: Key): Io<Key[]> {
  const found: Key[] = []
  for (const other of otherKinds(key)) {
    if ((yield* queryState(opened, operator, state, { key: other }, 1)).entries.length > 0) found.push(other)
  }
  if (found.length > 0 || typeof key !== 'string') return found
  const candidates = new Set<string>()
  yield* visitGroups(opened, operator, { state }, (_, group) => {
    for (const { key: present } of rawEntries(group)) {
      if (typeof present === 'string' && Math.abs(present.length - key.length) <= 3) candidates.add(present)
    }
    return candidates.size < MOST_CANDIDATES
  })
  const near = didYouMean(key, [...candidates])
  return near === undefined ? [] : [near]
}
