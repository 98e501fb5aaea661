/**
 * A paged store in files of LMDB: a memory-mapped B+ tree, whose readers see what was there when they began.
 *
 * The only file that knows the package lmdb, which is native and optional: the host loads it (`loadLmdb`) before it
 * opens a store, and nobody else pays for it. One directory and one environment a store; a table is a named database.
 *
 *   LM-1  Nothing is ever synced to the disk: durable are snapshots, and a store that is opened is empty. So a machine
 *         that stops loses nothing that anybody would look for here.
 *   LM-2  Whatever LMDB refuses is E196, with the directory, and nothing of that `write` is in the table.
 *   LM-3  No cursor is open between two calls: iterators read some entries at a time, each time from their last key.
 *   LM-4  A thread is inside of its gate while a transaction is open (write-gate.ts).
 *   LM-5  A table is made while no view is open: LMDB ends the read transactions of a thread when it makes one.
 *
 * Source: LMDB (Chu, 2011): copy-on-write pages, one writer, any number of readers; Flink's RocksDB backend for its role.
 */
import { existsSync, mkdirSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type * as Lmdb from 'lmdb'
import type { Database, RootDatabase, Transaction } from 'lmdb'
import { assert, InvariantViolation } from '../../base/assert.ts'
import { E195_LMDB_MISSING, E196_STORE_FAILED } from '../errors.ts'
import type { WriteGate } from './write-gate.ts'
import type { PagedBatch, PagedEntries, PagedStore, PagedTable, PagedView } from '../paged/paged-store.ts'

type Table = Database<Uint8Array, Uint8Array>

const FILES = ['data.mdb', 'lock.mdb']
/** Tables of all operators of a subtask, and views of all of them at a time. */
const MOST_TABLES = 256
const MOST_READERS = 512
/** Entries that an iterator reads at a time. */
const READ_AHEAD = 128
const MAP_FULL = -30792
const ENOSPC = 28
/** Less than what one transaction may want. */
const LITTLE_ROOM_BYTES = 16 * 2 ** 20
const ANY_KEY = Uint8Array.of(0)

/**
 * Pages lie where they were written, not in the order of keys: what the system would read ahead is seldom wanted, and drives out of
 * its cache what is. A flag that the types of the package do not know.
 */
const NO_READ_AHEAD: object = { noReadAhead: true }

/** As bytes, without a cache of its own. */
const BINARY = { encoding: 'binary', keyEncoding: 'binary', cache: false } as const

let lmdb: typeof Lmdb | undefined

/** To be awaited before a store is opened. Throws E195. */
export async function loadLmdb(): Promise<void> {
  try {
    lmdb ??= await import('lmdb')
  } catch (error) {
    const [problem = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw E195_LMDB_MISSING({ problem }, { cause: error })
  }
}

export interface LmdbStoreInit {
  /** Its own. It is made, and whatever store was in it removed. */
  readonly directory: string
  readonly cacheBytes: number
  /** Of this thread; absent where nobody ends the thread alone. */
  readonly gate?: WriteGate | undefined
}

/** Throws E196. */
export function openLmdbStore(init: LmdbStoreInit): PagedStore {
  return new LmdbStore(init)
}

/** What LMDB throws, as what it means here. */
class Guard {
  readonly #directory: string
  readonly #gate: WriteGate | undefined

  constructor({ directory, gate }: LmdbStoreInit) {
    this.#directory = directory
    this.#gate = gate
  }

  /** What begins a transaction of its own. */
  write<T>(doing: 'opened' | 'written', work: () => T): T {
    this.#gate?.enter()
    try {
      return this.run(doing, work)
    } finally {
      this.#gate?.leave()
    }
  }

  run<T>(doing: 'opened' | 'read' | 'written', work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof InvariantViolation) throw error
      const { code, message } = error as { readonly code?: unknown; readonly message?: string }
      const full = code === MAP_FULL || code === ENOSPC || code === 'ENOSPC' || isFull(this.#directory)
      const problem = (message ?? String(error)) + (full ? ' (no room is left)' : '')
      const details = { directory: this.#directory, doing, problem, full }
      throw E196_STORE_FAILED(details, { cause: error, place: { file: this.#directory } })
    }
  }
}

/** LMDB calls a write that came to the end of the disk an input/output error. */
function isFull(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize < LITTLE_ROOM_BYTES
  } catch {
    return false
  }
}

class LmdbStore implements PagedStore {
  readonly cacheBytes: number
  readonly #directory: string
  readonly #guard: Guard
  readonly #env: RootDatabase
  readonly #tables = new Map<string, LmdbTable>()

  constructor(init: LmdbStoreInit) {
    const { directory, cacheBytes } = init
    const loaded = lmdb
    assert(loaded !== undefined, 'the package lmdb is loaded before a store is opened')
    this.cacheBytes = cacheBytes
    this.#directory = directory
    this.#guard = new Guard(init)
    this.#env = this.#guard.write('opened', () => {
      if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 })
      for (const file of FILES) rmSync(join(directory, file), { force: true })
      return loaded.open({
        ...BINARY, path: directory, noSubdir: false, noSync: true, noMetaSync: true, maxDbs: MOST_TABLES,
        maxReaders: MOST_READERS, ...NO_READ_AHEAD,
      })
    })
  }

  table(name: string): PagedTable {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    assert([...this.#tables.values()].every(({ views }) => views.size === 0), 'a table is made before the first view (LM-5)')
    const made = new LmdbTable(this.#guard, this.#guard.write('opened', () =>
      this.#env.openDB<Uint8Array, Uint8Array>({ ...BINARY, name })))
    this.#tables.set(name, made)
    return made
  }

  dispose(): void {
    for (const { views } of this.#tables.values()) for (const view of views) view.close()
    // Nothing is pending that it could wait for.
    void this.#env.close()
    for (const file of FILES) rmSync(join(this.#directory, file), { force: true })
    try {
      rmdirSync(this.#directory)
    } catch {
      // Somebody else's files are in it, too.
    }
  }
}

class LmdbTable implements PagedTable {
  /** Those that are open. */
  readonly views = new Set<PagedView>()
  readonly #guard: Guard
  readonly #db: Table

  constructor(guard: Guard, db: Table) {
    this.#guard = guard
    this.#db = db
  }

  get entries(): number {
    return this.#guard.run('read', () => (this.#db.getStats() as { readonly entryCount: number }).entryCount)
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#guard.run('read', () => bytesOf(this.#db, key))
  }

  write(batch: PagedBatch): void {
    const db = this.#db
    this.#guard.write('written', () => db.transactionSync(() => {
      for (const [key, value] of batch) {
        if (value === undefined) db.removeSync(key)
        else db.putSync(key, value)
      }
    }))
  }

  entriesAfter(key: Uint8Array | undefined): PagedEntries {
    return this.#entries(key, undefined)
  }

  view(): PagedView {
    const transaction = this.#guard.run('read', () => {
      const begun = this.#db.useReadTransaction()
      // A read transaction may begin with its first read; what it shows is of now.
      bytesOf(this.#db, ANY_KEY, begun)
      return begun
    })
    // A transaction that has ended is memory that is gone.
    const open = (): Transaction => {
      assert(this.views.has(view), 'a view is used until it is closed')
      return transaction
    }
    const view: PagedView = {
      get: (key) => this.#guard.run('read', () => bytesOf(this.#db, key, open())),
      entries: () => this.#entries(undefined, open),
      close: () => {
        assert(this.views.delete(view), 'a view is closed once')
        transaction.done()
      },
    }
    this.views.add(view)
    return view
  }

  clear(): void {
    this.#guard.write('written', () => this.#db.clearSync())
  }

  /** LM-3. */
  * #entries(
    after: Uint8Array | undefined, transaction: (() => Transaction) | undefined,
  ): Generator<readonly [Uint8Array, Uint8Array], void, undefined> {
    let last = after
    for (;;) {
      const read = this.#guard.run('read', () => [...this.#db.getRange({
        ...(last === undefined ? {} : { start: last, exclusiveStart: true }),
        ...(transaction === undefined ? {} : { transaction: transaction() }), limit: READ_AHEAD,
      })])
      for (const { key, value } of read) {
        last = key
        yield [key, value]
      }
      if (read.length < READ_AHEAD) return
    }
  }
}

/** In a buffer that the next read of this thread writes over. */
function bytesOf(db: Table, key: Uint8Array, transaction?: Transaction): Uint8Array | undefined {
  const found: Uint8Array | undefined = transaction === undefined
    ? db.getBinaryFast(key)
    : (db as { getBinaryFast(key: Uint8Array, options: { transaction: Transaction }): Uint8Array | undefined })
      .getBinaryFast(key, { transaction })
  // Its `length` is that of the value, its bytes go on.
  return found === undefined ? undefined : new Uint8Array(found.buffer, found.byteOffset, found.length)
}
