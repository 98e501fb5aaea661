/**
 * The stores of keyed state that is kept on the local disk: one directory each, below one of the thread's.
 *
 * Made by the hosts of a job whose graph asks for it. The files are scratch: after a failure they are made anew from
 * the checkpoint.
 *
 *   LST-1  Nobody else uses the directory: it belongs to one thread of the process that holds the job's lock.
 *   LST-2  A store that is opened again is empty, and the one before it is gone; what a dead process left is removed
 *         by the next start.
 *   LST-3  Jobs of one name may share what `state.directory` says: a start empties what its own state directory had there.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { JobGraph } from '../graph/job-graph.ts'
import { describedStates } from '../graph/kept-states.ts'
import { isPaged, staysOnHeap } from '../graph/paged-operators.ts'
import { Landing } from '../job/landing.ts'
import { loadLmdb, openLmdbStore } from '../state/lmdb/lmdb-store.ts'
import type { WriteGate } from '../state/lmdb/write-gate.ts'
import type { PagedStore } from '../state/paged/paged-store.ts'
import type { PagedStores } from '../state/paged/paged-stores.ts'
import { makeDirectoriesSync } from './make-directories.ts'
import { localPlace } from './places.ts'

/** Makes a landing for each part that is deployed. */
export type MakeLanding = (vertices?: ReadonlySet<number>) => Landing

/**
 * Undefined: all keyed state is on the heap. The directory is emptied, so the lock of `stateDirectory` (absolute) must be
 * held. Throws E195.
 */
export async function pagedDirectory(graph: JobGraph, stateDirectory: string | undefined): Promise<string | undefined> {
  const { pagedState } = graph.logical
  if (pagedState === undefined) return undefined
  await loadLmdb()
  const above = pagedState.directory === undefined ? undefined : resolve(pagedState.directory)
  if (stateDirectory === undefined) return ownTemporary(above ?? tmpdir())
  const directory = above === undefined
    ? join(localPlace(stateDirectory), 'paged')
    : join(above, `tidemark-${graph.logical.job}-${hashOf(stateDirectory)}`)
  remove(directory)
  makeDirectoriesSync(directory, 0o700)
  return directory
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** Operators whose keyed state stays on the heap although the job wants it on the disk. */
export const onTheHeap = ({ vertices, logical }: JobGraph): readonly string[] =>
  (logical.pagedState === undefined ? [] : vertices.flatMap(({ operators }) =>
    operators.filter(({ spec }) => staysOnHeap(spec)).map(({ name }) => name)))

export interface LandingsInit {
  readonly directory: string
  /** What of the job this thread is; at most one at a time. */
  readonly owner: string
  /** The subtasks that are deployed in it; absent: all. */
  readonly isHere?: (subtask: number) => boolean
  /** Of the thread, if another one may end it. */
  readonly gate?: WriteGate
}

/** What a dead thread in its place has left is removed before the first is made. */
export function landings(graph: JobGraph, { directory, owner, isHere = () => true, gate }: LandingsInit): MakeLanding {
  const { cacheBytes = 0 } = graph.logical.pagedState ?? {}
  const own = `${owner}-${threadId}`
  const stores = new LocalStores(join(directory, own), cacheBytes / tablesIn(graph), gate)
  let first = true
  return (vertices) => {
    if (first) for (const name of readdirSync(directory)) if (name.startsWith(`${owner}-`) && name !== own) remove(join(directory, name))
    first = false
    return new Landing({ graph, stores, isHere, vertices })
  }
}

/** Tables of all threads together, for which the cache is. */
function tablesIn({ vertices }: JobGraph): number {
  const tables = vertices.flatMap(({ operators, parallelism }) => operators
    .filter(({ spec }) => isPaged(spec))
    .map(({ spec }) => parallelism * Object.keys(describedStates(spec) ?? {}).length))
  return Math.max(1, tables.reduce((sum, each) => sum + each, 0))
}

/** Never the same name twice: a store that was not closed is known to LMDB by its path as long as the process lives. */
let made = 0

class LocalStores implements PagedStores {
  readonly #directory: string
  readonly #cacheBytes: number
  readonly #gate: WriteGate | undefined
  readonly #open = new Map<string, PagedStore>()

  constructor(directory: string, cacheBytes: number, gate: WriteGate | undefined) {
    this.#directory = directory
    this.#cacheBytes = cacheBytes
    this.#gate = gate
  }

  open(operator: string, subtask: number): PagedStore {
    const name = `${operator}/${subtask}`
    this.#open.get(name)?.dispose()
    const directory = join(this.#directory, String(made++))
    makeDirectoriesSync(directory, 0o700)
    const store = openLmdbStore({ directory, cacheBytes: this.#cacheBytes, gate: this.#gate })
    this.#open.set(name, store)
    return store
  }
}

function ownTemporary(above: string): string {
  makeDirectoriesSync(above, 0o700)
  const directory = mkdtempSync(join(above, 'tidemark-paged-'))
  process.once('exit', () => remove(directory))
  return directory
}

function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
}
