/**
 * A snapshot of one operator of one subtask, before it is bytes.
 *
 * Keyed states are encoded at once, at the barrier, into one buffer per key group, because the live
 * tables change right afterwards. List states (operator state) are plain values. snapshot-format.ts
 * turns this into a self-describing segment and back.
 */
import type { Key } from '../graph/key.ts'
import type { StateKind } from '../graph/state-spec.ts'

/**
 * How list items are spread when the parallelism changes: Flink's list, union list and broadcast state.
 * 'broadcast' items are the same in every old subtask; each new one takes them from one of the old.
 * 'overlap' items go to the new subtasks that own key groups of the one that wrote them.
 * 'in-flight' items are what was on its way to the operator: all go to every subtask, which takes its own.
 */
export const REDISTRIBUTES = ['split', 'union', 'broadcast', 'in-flight', 'overlap'] as const
export type Redistribute = (typeof REDISTRIBUTES)[number]

export interface KeyedStateSnapshot {
  readonly name: string
  /** 'timers' and 'window' are the engine's own kinds. */
  readonly kind: StateKind | 'timers' | 'window'
  readonly version: number
  /** JSON Schema of a value, if the schema vendor offers one. */
  readonly jsonSchema?: unknown
  /** True (states with a TTL): every value, item and map value is stored as [last write in wall ms, it]. */
  readonly stamped?: boolean
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
}

export interface ListStateSnapshot {
  readonly name: string
  readonly redistribute: Redistribute
  readonly items: readonly unknown[]
}

export interface OperatorSnapshot {
  readonly keyed: readonly KeyedStateSnapshot[]
  readonly lists: readonly ListStateSnapshot[]
}

/** One entry of keyed state. `namespace` is undefined, or [start, end] of a window. */
export interface KeyedEntry {
  readonly key: Key
  readonly namespace: unknown
  readonly value: unknown
}

/** What an operator gets back: only entries whose key group it owns, list items as redistributed. */
export interface RestoredOperator {
  /** Entries in stored order; empty if the snapshot has no such state. */
  keyed(name: string): Iterable<KeyedEntry>
  /** Names and versions of keyed states present. */
  readonly keyedStates: readonly {
    readonly name: string
    readonly kind: string
    readonly version: number
    readonly stamped?: boolean
  }[]
  list(name: string): readonly unknown[]
}
