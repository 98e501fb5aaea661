/**
 * Compares the entries of one key group in two checkpoints.
 *
 * Called by diff.ts, group after group. Entries are a bag: a key may have several of them in one place (timers),
 * of which those that both sides have are set against each other first.
 */
import { stampsOf, type KeyedStateSnapshot } from '../../state/snapshot.ts'
import { bytesAsText, compareBytes } from './compare-bytes.ts'
import type { OwnGroup } from './diff.ts'
import { placeView, valueView, type PlaceView, type ValueView } from './entry-view.ts'
import { rawEntries, type RawEntry } from './operator-parts.ts'

export interface EntryChange extends PlaceView {
  readonly change: 'added' | 'removed' | 'changed'
  readonly before?: ValueView
  readonly after?: ValueView
}

export interface StateDiff {
  readonly operator: string
  readonly state: string
  readonly kind: string
  readonly added: number
  readonly removed: number
  readonly changed: number
  readonly keyGroups: { readonly compared: number; readonly differing: number }
  /** The first ones. */
  readonly entries: readonly EntryChange[]
}

/** Counts of one state while the groups pass. */
export class StateDifference {
  readonly #operator: string
  readonly #state: Pick<KeyedStateSnapshot, 'name' | 'kind'>
  readonly #limit: number
  readonly #entries: EntryChange[] = []
  added = 0
  removed = 0
  changed = 0
  compared = 0
  differing = 0

  constructor(operator: string, state: Pick<KeyedStateSnapshot, 'name' | 'kind'>, limit: number) {
    this.#operator = operator
    this.#state = state
    this.#limit = limit
  }

  get full(): boolean {
    return this.#entries.length >= this.#limit
  }

  /** Counts a change; `show` is called only for the first ones. */
  count(change: EntryChange['change'], show: () => EntryChange): void {
    this[change] += 1
    if (!this.full) this.#entries.push(show())
  }

  /** Undefined: no difference. */
  result(): StateDiff | undefined {
    const { added, removed, changed, compared, differing } = this
    if (added + removed + changed === 0) return undefined
    return {
      operator: this.#operator, state: this.#state.name, kind: this.#state.kind,
      added, removed, changed, keyGroups: { compared, differing }, entries: this.#entries,
    }
  }
}

/** One of the two is there. */
export function diffGroup(into: StateDifference, before: OwnGroup | undefined, after: OwnGroup | undefined): void {
  into.compared += 1
  if (before !== undefined && after !== undefined && sameDigest(before, after)) return
  into.differing += 1
  const removed = new Map<string, RawEntry[]>()
  if (before !== undefined) for (const raw of rawEntries(before.group)) push(removed, raw)
  const added = new Map<string, RawEntry[]>()
  if (after !== undefined) for (const raw of rawEntries(after.group)) push(added, raw)
  for (const [place, entries] of added) dropShared(removed.get(place) ?? [], entries)
  const places = [...new Set([...removed.keys(), ...added.keys()])].map((place) => {
    const [old, fresh] = [removed.get(place) ?? [], added.get(place) ?? []]
    return { old: old.toSorted(byValue), fresh: fresh.toSorted(byValue) }
  })
  const idOf = ({ old, fresh }: (typeof places)[number]): Uint8Array => (old[0] ?? fresh[0])?.id ?? new Uint8Array()
  for (const { old, fresh } of places.toSorted((a, b) => compareBytes(idOf(a), idOf(b)))) {
    for (let i = 0; i < Math.max(old.length, fresh.length); i++) countOne(into, before, old[i], after, fresh[i])
  }
}

/** DF-2; with another way of storing the same bytes mean something else. */
function sameDigest(a: OwnGroup, b: OwnGroup): boolean {
  return a.group.digest === b.group.digest && a.group.entries === b.group.entries &&
    a.group.bytes.length === b.group.bytes.length &&
    stampsOf(a.state) === stampsOf(b.state) && a.state.kind === b.state.kind
}

const byValue = (a: RawEntry, b: RawEntry): number => compareBytes(a.value, b.value)

function push(places: Map<string, RawEntry[]>, raw: RawEntry): void {
  const place = bytesAsText(raw.id)
  const known = places.get(place)
  if (known === undefined) places.set(place, [raw])
  else known.push(raw)
}

/** Takes out of both what both have. */
function dropShared(old: RawEntry[], fresh: RawEntry[]): void {
  for (let i = fresh.length - 1; i >= 0; i--) {
    const value = (fresh[i] as RawEntry).value
    const same = old.findIndex((entry) => compareBytes(entry.value, value) === 0)
    if (same < 0) continue
    old.splice(same, 1)
    fresh.splice(i, 1)
  }
}

function countOne(
  into: StateDifference, before: OwnGroup | undefined, old: RawEntry | undefined,
  after: OwnGroup | undefined, fresh: RawEntry | undefined,
): void {
  const change = old === undefined ? 'added' : fresh === undefined ? 'removed' : 'changed'
  into.count(change, () => ({
    change,
    ...placeView((fresh ?? old) as RawEntry),
    ...(old === undefined || before === undefined ? {} : { before: valueView(before.state, old.value) }),
    ...(fresh === undefined || after === undefined ? {} : { after: valueView(after.state, fresh.value) }),
  }))
}
