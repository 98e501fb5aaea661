/**
 * Compares the list state of one operator in two checkpoints: positions of sources, pending output, watermarks.
 *
 * Called by diff.ts with the encoded items of all subtasks. Which subtask holds an item says nothing about the
 * state, so that the items of a list are a bag. Splits of sources are known by their id
 * (operator/source-operator.ts): one that has moved on is changed, not removed and added.
 */
import { ByteReader } from '../../base/bytes.ts'
import { decodeValue } from '../../record/value-codec.ts'
import { bytesAsText } from './compare-bytes.ts'
import { toTaggedJson } from './tagged-json.ts'

export interface ItemChange {
  readonly change: 'added' | 'removed' | 'changed'
  /** Id of the split; of positions of sources. */
  readonly split?: string
  /** Tagged JSON, as `after`. */
  readonly before?: unknown
  readonly after?: unknown
}

export interface ListChanges {
  readonly operator: string
  readonly state: string
  readonly added: number
  readonly removed: number
  readonly changed: number
  /** The first `limit`. */
  readonly items: readonly ItemChange[]
}

type Items = ReadonlyMap<string, readonly Uint8Array[]>

/** Only what differs. */
export function diffLists(
  operator: string, [before, after]: readonly [Items, Items],
  choice: { readonly state?: string; readonly limit: number },
): ListChanges[] {
  const differing: ListChanges[] = []
  for (const state of new Set([...before.keys(), ...after.keys()])) {
    if (choice.state !== undefined && state !== choice.state) continue
    const [old, fresh] = [before.get(state) ?? [], after.get(state) ?? []]
    const changes = changesOf(missingIn(old, fresh), missingIn(fresh, old))
    if (changes.length === 0) continue
    const count = (kind: ItemChange['change']): number => changes.filter(({ change }) => change === kind).length
    differing.push({
      operator, state, added: count('added'), removed: count('removed'), changed: count('changed'),
      items: changes.slice(0, choice.limit),
    })
  }
  return differing
}

/** Of the first as a bag, what the second does not have as often. */
function missingIn(items: readonly Uint8Array[], others: readonly Uint8Array[]): unknown[] {
  const counts = new Map<string, number>()
  for (const text of others.map(bytesAsText)) counts.set(text, (counts.get(text) ?? 0) + 1)
  const missing = items.filter((item) => {
    const text = bytesAsText(item)
    const left = counts.get(text) ?? 0
    counts.set(text, left - 1)
    return left <= 0
  })
  return missing.map((bytes) => decodeValue(new ByteReader(bytes)))
}

function changesOf(removed: readonly unknown[], added: readonly unknown[]): ItemChange[] {
  const left = [...added]
  const changes = removed.map((item): ItemChange => {
    const before = toTaggedJson(item)
    const split = splitOf(item)
    const at = split === undefined ? -1 : left.findIndex((other) => splitOf(other) === split)
    const named = split === undefined ? {} : { split }
    if (at < 0) return { change: 'removed', ...named, before }
    return { change: 'changed', ...named, before, after: toTaggedJson(left.splice(at, 1)[0]) }
  })
  return [...changes, ...left.map((item): ItemChange => {
    const split = splitOf(item)
    return { change: 'added', ...(split === undefined ? {} : { split }), after: toTaggedJson(item) }
  })]
}

function splitOf(item: unknown): string | undefined {
  const id = (item as { split?: { id?: unknown } } | null | undefined)?.split?.id
  return typeof id === 'string' ? id : undefined
}
