/**
 * Entries of keyed state as plain data: what a person or a program gets to see of them.
 *
 * Called by get, query, diff. Export has a form of its own, which can be read back.
 */
import { ByteReader } from '../../base/bytes.ts'
import { decodeValue } from '../../record/value-codec.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import { formatKey } from './key-text.ts'
import type { RawEntry } from './operator-parts.ts'
import { toTaggedJson } from './tagged-json.ts'

/** Ms since 1970, end excluded. */
export interface Window {
  readonly start: number
  readonly end: number
}

export interface PlaceView {
  /** As it is written on a command line (key-text.ts). */
  readonly key: string
  /** Of windows, and of timers that belong to one. */
  readonly window?: Window
  /** Tagged JSON; of a namespace that is no window. */
  readonly namespace?: unknown
}

export interface ValueView {
  /** Tagged JSON (tagged-json.ts). */
  readonly value: unknown
  /** Wall clock of the last write, the latest one of a list or map; of states with a TTL. */
  readonly writtenAtMs?: number
}

export type EntryView = PlaceView & ValueView

type Described = Pick<KeyedStateSnapshot, 'kind' | 'stamped'>

export const entryView = (state: Described, raw: RawEntry): EntryView =>
  ({ ...placeView(raw), ...valueView(state, raw.value) })

export function placeView({ key, namespace: bytes }: Pick<RawEntry, 'key' | 'namespace'>): PlaceView {
  const namespace = decodeValue(new ByteReader(bytes))
  const place = { key: formatKey(key) }
  if (namespace === undefined) return place
  const window = windowOf(namespace)
  return window === undefined ? { ...place, namespace: toTaggedJson(namespace) } : { ...place, window }
}

/** The engine writes the namespace of a window as [start, end]. */
export function windowOf(namespace: unknown): Window | undefined {
  if (!Array.isArray(namespace) || namespace.length !== 2) return undefined
  const [start, end] = namespace as [unknown, unknown]
  return typeof start === 'number' && typeof end === 'number' ? { start, end } : undefined
}

export function valueView(state: Described, bytes: Uint8Array): ValueView {
  const stored = decodeValue(new ByteReader(bytes))
  if (state.stamped !== true) return { value: toTaggedJson(stored) }
  const { value, times } = withoutStamps(state.kind, stored)
  return { value: toTaggedJson(value), writtenAtMs: times.reduce((latest, at) => Math.max(latest, at), 0) }
}

type StampedValue = readonly [number, unknown]

/** State with a TTL keeps [last write, value] for each value, item and map value (state/state-cells.ts). */
function withoutStamps(kind: Described['kind'], stored: unknown): { value: unknown; times: readonly number[] } {
  if (kind === 'list') {
    const items = stored as readonly StampedValue[]
    return { value: items.map(([, item]) => item), times: items.map(([at]) => at) }
  }
  if (kind === 'map') {
    const entries = [...(stored as ReadonlyMap<unknown, StampedValue>)]
    return { value: new Map(entries.map(([key, [, item]]) => [key, item])), times: entries.map(([, [at]]) => at) }
  }
  const [at, value] = stored as StampedValue
  return { value, times: [at] }
}
