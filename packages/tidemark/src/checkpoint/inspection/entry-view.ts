/**
 * Entries of keyed state as plain data: what a person or a program gets to see of them.
 *
 * Called by get, query, diff. Export has a form of its own, which can be read back.
 */
import { ByteReader } from '../../base/bytes.ts'
import { MIN_TIMESTAMP } from '../../base/time.ts'
import { decodeValue } from '../../record/value-codec.ts'
import { stampsOf, type KeyedStateSnapshot } from '../../state/snapshot.ts'
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
  /**
   * Of states with a TTL by the machine's clock: wall clock from which it counts, the last write as a rule; the latest one
   * of a list or map.
   */
  readonly writtenAtMs?: number
  /** The same of states with a TTL by event time, in event time; absent while there is none (state/expiry.ts, TE-5). */
  readonly eventTimeMs?: number
}

export type EntryView = PlaceView & ValueView

type Described = Pick<KeyedStateSnapshot, 'kind' | 'stamped' | 'clock'>

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
  const clock = stampsOf(state)
  if (clock === undefined) return { value: toTaggedJson(stored) }
  const { value: bare, times } = withoutStamps(state.kind, stored)
  const value = toTaggedJson(bare)
  const at = times.reduce((latest, time) => Math.max(latest, time), MIN_TIMESTAMP)
  if (clock === 'processing') return { value, writtenAtMs: at }
  return at === MIN_TIMESTAMP ? { value } : { value, eventTimeMs: at }
}

type StampedValue = readonly [number, unknown]

/** State with a TTL keeps [stamp, value] for each value, item and map value (state/state-cells.ts). */
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
