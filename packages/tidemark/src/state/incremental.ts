/**
 * Incremental, asynchronous snapshots of the tables of one operator: what a cut holds, and onto which it goes.
 *
 * A cut costs the same whatever the size of the state: it takes the lists of changed entries and raises the
 * epoch. What is in it is encoded little by little afterwards (slices.ts). Owned by the keyed backend and by
 * the rolling aggregate.
 *
 *   IS-1  Changes go only on top of a checkpoint that was confirmed to this operator, in this attempt. What an
 *         unconfirmed cut held is in the next one again, which keeps no more of the chain than that one did: if
 *         it completes after all, no file is missing that only its predecessor had.
 *   IS-2  A cut holds everything (a base) if half of all entries changed, or if what was written since the base
 *         is as much as there is: restoring reads, and a change costs, a small multiple at most.
 *   IS-3  Of small increments of one size `FAN` become one, so that a chain has few parts. Entries changed in
 *         several of them are written once.
 *   IS-4  What the increments of a chain changed is remembered up to `KEPT_CHANGES` entries, of the newest ones. Older ones
 *         are merged no more: with fifty million keys the lists would be larger than what memory is kept for.
 *
 * Source: Flink row C2, C4; O'Neil et al., "The log-structured merge-tree" (1996); DESIGN §6.
 */
import { assert } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import { countOf, joinChanges, type Changes } from './change-log.ts'
import { Slices, type TrackedTable } from './slices.ts'
import type { SnapshotSlices } from './snapshot.ts'

/** What of a chain one checkpoint added, a list of changes a table. */
interface Increment {
  readonly entries: number
  /** How often what is in it was merged. */
  readonly level: number
  /** Undefined: a base, or too much to be merged. */
  readonly changes: readonly Changes[] | undefined
}

const FAN = 16
/** Increments are merged up to this part of all entries: beyond it a new base is near. */
const MERGED_SHARE = 8
const KEPT_CHANGES = 2 ** 20

export class IncrementalSnapshots {
  readonly #tables: readonly TrackedTable[]
  readonly #keptChanges: number
  /** What each cut of this attempt made of the chain, from the newest confirmed one on. */
  readonly #chains = new Map<CheckpointId, readonly Increment[]>()
  #confirmed: CheckpointId | undefined
  /** The newest cut, while it is not confirmed: what it held, on how much of the chain. */
  #unconfirmed: { readonly checkpoint: CheckpointId; readonly held: readonly Changes[]; readonly kept: number } | undefined

  /** `keptChanges`: for tests. */
  constructor(tables: readonly TrackedTable[], keptChanges = KEPT_CHANGES) {
    this.#tables = tables
    this.#keptChanges = keptChanges
  }

  cut(checkpoint: CheckpointId): SnapshotSlices {
    const size = this.#tables.reduce((sum, table) => sum + table.count, 0)
    const slices = new Slices(this.#tables)
    const before = this.#unconfirmed
    const changes = slices.changes.map((fresh, i) =>
      before === undefined ? fresh : joinChanges([...before.held.slice(i, i + 1), fresh]))
    const count = total(changes)
    const confirmed = this.#confirmed === undefined ? [] : this.#chains.get(this.#confirmed)
    assert(confirmed !== undefined, 'a confirmed cut is known')
    const chain = before === undefined ? confirmed : confirmed.slice(0, before.kept)
    const written = chain.slice(1).reduce((sum, { entries }) => sum + entries, 0)
    if (chain.length === 0 || count * 2 >= size || written + count >= size) {
      this.#chains.set(checkpoint, [{ entries: size, level: 0, changes: undefined }])
      this.#unconfirmed = { checkpoint, held: [], kept: 0 }
      return slices.ofEverything()
    }
    const { kept, level, changes: held } = merge(chain, changes, size)
    const entries = total(held)
    const increment = { entries, level, changes: entries * MERGED_SHARE > size ? undefined : held }
    this.#chains.set(checkpoint, withinMemory([...chain.slice(0, kept), increment], this.#keptChanges))
    this.#unconfirmed = { checkpoint, held, kept }
    const onto = { checkpoint: this.#confirmed as CheckpointId, increments: kept }
    return slices.ofChanges(held, onto, before !== undefined || kept < chain.length)
  }

  /** To be told of every checkpoint that this operator was part of. */
  confirm(checkpoint: CheckpointId): void {
    if (!this.#chains.has(checkpoint)) return
    this.#confirmed = checkpoint
    for (const id of this.#chains.keys()) if (id < checkpoint) this.#chains.delete(id)
    if (this.#unconfirmed?.checkpoint === checkpoint) this.#unconfirmed = undefined
  }

  /** The checkpoint will not be confirmed any more. */
  abort(checkpoint: CheckpointId): void {
    if (checkpoint !== this.#confirmed) this.#chains.delete(checkpoint)
  }
}

/** IS-4. */
function withinMemory(chain: readonly Increment[], most: number): readonly Increment[] {
  let left = most
  const bounded = chain.toReversed().map((increment) => {
    left -= increment.changes === undefined ? 0 : increment.entries
    return left >= 0 || increment.changes === undefined ? increment : { ...increment, changes: undefined }
  })
  return bounded.toReversed()
}

const total = (changes: readonly Changes[]): number => changes.reduce((sum, each) => sum + countOf(each), 0)

/** What the next increment holds, and how many of the chain stay below it (IS-3). */
function merge(
  chain: readonly Increment[], changes: readonly Changes[], size: number,
): { readonly changes: readonly Changes[]; readonly level: number; readonly kept: number } {
  let merged = changes
  let kept = chain.length
  let level = 0
  for (;;) {
    const run: (readonly Changes[])[] = []
    let first = kept
    for (; first > 1; first--) {
      const below = chain[first - 1]
      if (below?.level !== level || below.changes === undefined) break
      run.unshift(below.changes)
    }
    const entries = run.reduce((sum, each) => sum + total(each), total(merged))
    if (run.length < FAN - 1 || entries * MERGED_SHARE > size) return { changes: merged, level, kept }
    const all = [...run, merged]
    merged = merged.map((_, table) => joinChanges(all.map((each) => each[table] as Changes)))
    kept = first
    level += 1
  }
}
