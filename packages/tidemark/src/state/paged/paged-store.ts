/**
 * What keyed state that is larger than memory is kept in: ordered tables of bytes. A port; memory-paged-store.ts and
 * lmdb/lmdb-store.ts implement it, and one suite tests both.
 *
 * A store is scratch: what has to survive is in snapshots, and a store that is opened is empty. Keys are those of
 * record/key-codec.ts, values those of record/value-codec.ts: what a segment says of an entry without a namespace.
 *
 *   PV-1  A write is seen by whatever reads next, but by views that were made before it.
 *   PV-2  What was written by one `write` is there whole or not at all.
 *   PV-3  An iterator gives every key once at most, in order of bytes, and each one that was there all the time.
 */
import type { Key } from '../../graph/key.ts'
import { E197_KEY_TOO_LONG } from '../errors.ts'

/** Ordered tables of bytes that may be larger than memory, of the operators of one subtask. */
export interface PagedStore {
  /** The table of that name; the same object each time. Made empty at first. */
  table(name: string): PagedTable
  /** Bytes that decoded entries of one table may take in memory, about. */
  readonly cacheBytes: number
  /** Removes what is on the disk. Afterwards nothing else is called. */
  dispose(): void
}

export type PagedBatch = readonly (readonly [key: Uint8Array, value: Uint8Array | undefined])[]
export type PagedEntries = Iterator<readonly [Uint8Array, Uint8Array]>

export interface PagedTable {
  /** Exact. */
  readonly entries: number
  /** The bytes may only be used until the next call. */
  get(key: Uint8Array): Uint8Array | undefined
  /** In one transaction, in their order; `undefined` removes. The bytes are the caller's again afterwards. */
  write(batch: PagedBatch): void
  /**
   * In order of key bytes, after that key; as of some moment between the call and each `next`. What is given may be
   * used until the next call.
   */
  entriesAfter(key: Uint8Array | undefined): PagedEntries
  /** As of now, whatever is written later (MVCC). Must be closed. */
  view(): PagedView
  clear(): void
}

export interface PagedView {
  get(key: Uint8Array): Uint8Array | undefined
  entries(): PagedEntries
  close(): void
}

/** LMDB's, with pages of 4 KiB; the same everywhere, so that what one machine takes no other refuses. */
export const MOST_KEY_BYTES = 1978

/** Throws E197. */
export function checkKeyBytes(bytes: number, key: Key, { operator, state }: { operator: string; state: string }): void {
  if (bytes <= MOST_KEY_BYTES) return
  const start = String(key).slice(0, 40)
  throw E197_KEY_TOO_LONG({ operator, state, start, bytes, most: MOST_KEY_BYTES }, { place: { operator } })
}

/** Where the cells of a state are, and where a restore puts the entries that it reads under that name. */
export const tableNameOf = (state: string): string => `state/${state}`

/** Where the cells are if what a restore has put into the other one has to be made into something else first. */
export const migratedTableNameOf = (state: string): string => `migrated/${state}`
