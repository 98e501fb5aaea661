/** What keeps keyed state: the suites of state run over all of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { loadLmdb, openLmdbStore } from '../../src/state/lmdb/lmdb-store.ts'
import { MemoryPagedStore } from '../../src/state/paged/memory-paged-store.ts'
import type { PagedStore } from '../../src/state/paged/paged-store.ts'

/** Of a backend as it is made; every subtask has a store of its own. */
export interface StorePart {
  readonly pagedStore?: PagedStore
  readonly dirtyLimit?: number
}

export interface StateBackendKind {
  readonly name: string
  readonly part: () => StorePart
  /** Properties are tried as often as they say, divided by this: making a store takes milliseconds. */
  readonly costs: number
}

/** Room for three cells of some bytes each. */
export const TINY_CACHE_BYTES = 1_500
const paged = (pagedStore: PagedStore): StorePart => ({ pagedStore, dirtyLimit: 2 })

export const BACKENDS: readonly StateBackendKind[] = [
  { name: 'heap', part: () => ({}), costs: 1 },
  { name: 'paged in memory', part: () => paged(new MemoryPagedStore(TINY_CACHE_BYTES)), costs: 1 },
  { name: 'lmdb', part: () => paged(newLmdbStore(TINY_CACHE_BYTES)), costs: 8 },
]

/** More than one run of a property uses; the oldest one goes when there is one more. */
const OPEN_STORES = 128
const open: PagedStore[] = []
let root = ''
let made = 0

/** To be said once by a file that makes stores of LMDB. */
export function usesLmdb(): void {
  beforeAll(async () => {
    await loadLmdb()
    root = mkdtempSync(join(tmpdir(), 'tidemark-lmdb-'))
  })
  afterAll(() => {
    for (const store of open.splice(0)) store.dispose()
    rmSync(root, { recursive: true, force: true })
  })
}

export function newLmdbStore(cacheBytes: number): PagedStore {
  if (open.length === OPEN_STORES) open.shift()?.dispose()
  const store = openLmdbStore({ directory: join(root, `${made++}`), cacheBytes })
  open.push(store)
  return store
}

let present = BACKENDS[0] as StateBackendKind

/** The suites, once a backend; `newStore` and `runs` in them are of the one whose turn it is. */
export function onEveryBackend(suites: () => void): void {
  usesLmdb()
  describe.each(BACKENDS)('$name', (backend) => {
    beforeAll(() => {
      present = backend
    })
    suites()
  })
}

export const newStore = (): StorePart => present.part()
export const runs = (usually: number): number => Math.ceil(usually / present.costs)
