/**
 * A snapshot of one operator of one subtask, before it is bytes.
 *
 * Keyed states are encoded at once, at the barrier, into one buffer per key group, because the live
 * tables change right afterwards. List states (operator state) are plain values. snapshot-format.ts
 * turns this into a self-describing segment and back.
 */
import type { CheckpointId } from '../base/ids.ts'
import type { Key } from '../graph/key.ts'
import type { StateKind } from '../graph/state-spec.ts'
import type { TimeDomain } from '../graph/window-spec.ts'

/**
 * How list items are spread when the parallelism changes: Flink's list, union list and broadcast state.
 * 'broadcast' items are the same in every old subtask; each new one takes them from one of the old.
 * 'overlap' items go to the new subtasks that own key groups of the one that wrote them.
 * 'in-flight' items are what was on its way to the operator: all go to every subtask, which takes its own.
 */
export const REDISTRIBUTES = ['split', 'union', 'broadcast', 'in-flight', 'overlap'] as const
export type Redistribute = (typeof REDISTRIBUTES)[number]

/**
 * What a segment says of a keyed state. 'whole': all there is, or the first part of it; 'more': a further part,
 * with keys that no part before has; 'changes': what was set and removed since the segments before, and what changed
 * in maps and lists.
 */
export const EXTENTS = ['whole', 'more', 'changes'] as const
export type Extent = (typeof EXTENTS)[number]

export interface KeyedStateSnapshot {
  readonly name: string
  /** 'timers' and 'window' are the engine's own kinds. */
  readonly kind: StateKind | 'timers' | 'window'
  readonly version: number
  /** JSON Schema of a value, if the schema vendor offers one. */
  readonly jsonSchema?: unknown
  /** True (states with a TTL): every value, item and map value is stored as [stamp in ms, it] (expiry.ts). */
  readonly stamped?: boolean
  /** Of what time stamps are. Default 'processing': wall clock. */
  readonly clock?: TimeDomain
  /** Default 'whole'. */
  readonly extent?: Extent
  /** Sorted by group; groups without entries are left out. */
  readonly groups: readonly KeyGroupSnapshot[]
}

export interface KeyGroupSnapshot {
  readonly group: number
  readonly entries: number
  /** Order-independent sum of entry hashes (uint32): equal state, equal digest. */
  readonly digest: number
  /** Entries back to back: key, namespace (a value), value. */
  readonly bytes: Uint8Array
  /** Of changes: what went, which comes before the entries. Key and namespace back to back; of a bag all of each entry. */
  readonly removed?: { readonly entries: number; readonly bytes: Uint8Array }
  /** Of changes: what changed in maps and lists that are neither removed nor among the entries. Key, namespace, patch (patch.ts). */
  readonly patched?: { readonly entries: number; readonly bytes: Uint8Array }
}

export interface ListStateSnapshot {
  readonly name: string
  readonly redistribute: Redistribute
  readonly items: readonly unknown[]
}

export interface OperatorSnapshot {
  readonly keyed: readonly KeyedStateSnapshot[]
  readonly lists: readonly ListStateSnapshot[]
  /** Keyed states that are encoded beside processing. They are cut all the same: as of now. */
  readonly slices?: SnapshotSlices
}

/** The rest of a cut, encoded little by little; a pull-driven state machine of the operator's. */
export interface SnapshotSlices {
  /** What of an earlier checkpoint of the same attempt this goes on top of; undefined: of none. */
  readonly onto: { readonly checkpoint: CheckpointId; readonly increments: number } | undefined
  /** Encodes up to so many entries more; false: nothing is left. Throws E071. */
  advance(entries: number): boolean
  /** Bytes that `take` would give. */
  readonly ready: number
  /** What was encoded since the last call; empty if nothing was. */
  take(): readonly KeyedStateSnapshot[]
}

/** The same with its slices encoded: for those that want all at once. */
export function inOneGo({ keyed, lists, slices }: OperatorSnapshot): OperatorSnapshot {
  if (slices === undefined) return { keyed, lists }
  while (slices.advance(Number.MAX_SAFE_INTEGER));
  return { keyed: [...keyed, ...slices.take()], lists }
}

/** One entry of keyed state. `namespace` is undefined, or [start, end] of a window. */
export interface KeyedEntry {
  readonly key: Key
  readonly namespace: unknown
  readonly value: unknown
}

/** What a snapshot says of a keyed state, besides its entries. */
export type StoredDescription = Pick<KeyedStateSnapshot, 'name' | 'kind' | 'version' | 'stamped' | 'clock' | 'jsonSchema'>

export function descriptionOf(state: KeyedStateSnapshot): StoredDescription {
  const { groups: _groups, extent: _extent, ...description } = state
  return description
}

/** The clock that values are stamped by; undefined: they are not. */
export const stampsOf = (
  { stamped, clock = 'processing' }: Pick<KeyedStateSnapshot, 'stamped' | 'clock'>,
): TimeDomain | undefined => (stamped === true ? clock : undefined)

/** Declared by a user's function, not by the engine. */
/** Kinds of which a key and namespace may have several entries: each is known by its value, too. */
export const isBag = (kind: KeyedStateSnapshot['kind']): boolean => kind === 'timers'

export const isUserState = (kind: KeyedStateSnapshot['kind']): kind is StateKind => kind !== 'timers' && kind !== 'window'

/** What an operator gets back: only entries whose key group it owns, list items as redistributed. */
export interface RestoredOperator {
  /** Entries in stored order; empty if the snapshot has no such state. */
  keyed(name: string): Iterable<KeyedEntry>
  /**
   * True: they are in the paged store that the operator was given, too, in the table of that name (paged-store.ts,
   * `tableNameOf`), in the form in which they were stored.
   */
  landed?(name: string): boolean
  /** Keyed states present, as their writer described them. */
  readonly keyedStates: readonly StoredDescription[]
  list(name: string): readonly unknown[]
  /** The entries are in the table of that state in the operator's store already (paged/paged-store.ts). */
  landed?(name: string): boolean
  /** Lets go of the entries: everybody has taken theirs. */
  forget?(): void
}
