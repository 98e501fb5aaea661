/**
 * One cut of the tables of an operator, encoded in slices beside processing.
 *
 * Made by incremental.ts at the barrier; pulled by the writer of the snapshot. Between two pulls the operator
 * goes on: an entry that changes before its turn is encoded first, as it was.
 *
 *   SL-1  What is encoded is the tables as of the cut: of each entry in it one version, the one of the cut.
 *   SL-2  One pull visits so many entries at most as it is given.
 *   SL-3  What was removed is given before, or with, the first entry: a key that was removed and set again
 *         before the cut is set.
 *   SL-4  Of a base every table is told once as 'whole', also an empty one, then as 'more'.
 *   SL-5  A table that says `inParts` remembers itself how its entries were, and gives parts of them, a few in one visit.
 */
import type { Key } from '../graph/key.ts'
import { GONE, type ChangeLog, type Changes, type Slot } from './change-log.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import type { Extent, KeyedStateSnapshot, SnapshotSlices } from './snapshot.ts'

/** What a table of keyed state offers to be snapshotted in slices. */
export interface TrackedTable {
  readonly count: number
  /** The table is the only one that knows more of its slots. */
  readonly log: Pick<ChangeLog, 'epoch' | 'cut' | 'written'>
  /** Empty, with name and kind of the state. */
  builder(extent: Extent): KeyedSnapshotBuilder
  /**
   * Of the entries there are now, or were at the last cut: a table that cannot look back gives those of now for both.
   * Those that are added meanwhile may be among them. Each is given to `write` before the next is asked for.
   */
  slots(as: 'of now' | 'of the cut'): Iterator<readonly [Key, Slot]>
  /** Encodes one entry; false if nothing of it is alive, which only a base asks for. */
  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot, asks: 'as it is' | 'if alive'): boolean
  /** Lets go of an entry of which nothing is alive. */
  drop(key: Key): void
  /** Of a key in a list of changes. Absent: the slots of the list are the entries themselves. */
  slotOf?(key: Key): Slot
  /** Absent: entries have none. */
  namespaceOf?(slot: Slot): unknown
  /** Absent: there is one entry of a key and namespace. Otherwise an entry is known by its value, too (segment-chain.ts). */
  valueIn?(slot: Slot): unknown
  /** True: the entry had left the table when this epoch was cut, though its mark does not say so. */
  hasLeft?(slot: Slot, epoch: number): boolean
  /** Absent: each entry is written at once. */
  readonly inParts?: PartsToWrite | undefined
}

/** A table of entries that may be large themselves (SL-5). Each step encodes a little. */
export interface PartsToWrite {
  /** What there was at the cut; `drop` is told of what nothing was alive of, and nobody touched since. */
  everything(builder: () => KeyedSnapshotBuilder, drop: (key: Key) => void): Iterator<void>
  /** `merged`: the changes reach back behind the last cut. Called at the cut. */
  changes(of: Changes, merged: boolean, builder: () => KeyedSnapshotBuilder): Iterator<void>
}

/** All there is, at once, without being a cut: nothing is marked, and no list of changes is taken. */
export function everythingIn(tables: readonly TrackedTable[]): KeyedStateSnapshot[] {
  return tables.map((table) => {
    const builder = table.builder('whole')
    const slots = table.slots('of now')
    for (let next = slots.next(); next.done !== true; next = slots.next()) {
      const [key, slot] = next.value
      if (!table.write(builder, key, slot, 'if alive')) table.drop(key)
    }
    return builder.build()
  })
}

type Work = { readonly kind: 'everything' } | { readonly kind: 'changes'; readonly of: readonly Changes[] }

export class Slices implements SnapshotSlices {
  /** Of each table what changed before the cut. */
  readonly changes: readonly Changes[]
  onto: SnapshotSlices['onto']
  readonly #tables: readonly TrackedTable[]
  /** Of the cut, table by table; marks of slots are compared with it. */
  readonly #epochs: readonly number[]
  readonly #builders: (KeyedSnapshotBuilder | undefined)[]
  /** Something was put into its builder since the last `take`. */
  readonly #pending: boolean[]
  /** Tables of which a first part was given. */
  readonly #told: boolean[]
  #work: Work = { kind: 'everything' }
  /** False: an entry that did not change in the last epoch before the cut is none of this cut's. */
  #takesOlder = true
  #table = 0
  /** Of changes: what was removed comes first, of all tables. */
  #removing = true
  #at = 0
  #iterators: readonly Iterator<readonly [Key, Slot]>[] = []
  /** Of tables that write themselves. */
  #steps: readonly (Iterator<void> | undefined)[] = []
  #done = false
  #error: { readonly thrown: unknown } | undefined

  /** The cut is now. */
  constructor(tables: readonly TrackedTable[]) {
    this.#tables = tables
    this.#epochs = tables.map(({ log }) => log.epoch)
    this.#builders = tables.map(() => undefined)
    this.#pending = tables.map(() => false)
    this.#told = tables.map(() => false)
    this.changes = tables.map(({ log }, i) => log.cut((key, slot) => this.#beforeChange(i, key, slot)))
  }

  ofEverything(): this {
    this.#iterators = this.#tables.map((table) => table.slots('of the cut'))
    this.#steps = this.#tables.map((table, i) => table.inParts?.everything(() => this.#builder(i), (key) => table.drop(key)))
    return this
  }

  /** `merged`: the changes reach back behind the last cut. */
  ofChanges(of: readonly Changes[], onto: Exclude<SnapshotSlices['onto'], undefined>, merged: boolean): this {
    this.#work = { kind: 'changes', of }
    this.#takesOlder = merged
    this.#steps = this.#tables.map(({ inParts }, i) => inParts?.changes(of[i] as Changes, merged, () => this.#builder(i)))
    this.onto = onto
    return this
  }

  advance(entries: number): boolean {
    if (this.#error !== undefined) throw this.#error.thrown
    for (let left = entries; left > 0; left--) {
      if (this.#done) return false
      if (this.#work.kind === 'everything') this.#visit()
      else if (this.#removing) this.#remove(this.#work.of)
      else this.#change(this.#work.of)
    }
    return !this.#done
  }

  get ready(): number {
    return this.#builders.reduce((sum, builder) => sum + (builder?.bytes ?? 0), 0)
  }

  take(): readonly KeyedStateSnapshot[] {
    if (this.#removing && this.#work.kind === 'changes') return []
    const { kind } = this.#work
    const taken: KeyedStateSnapshot[] = []
    this.#pending.forEach((pending, i) => {
      // Told as empty only at the end: until then entries may come.
      if (!pending && !(this.#done && !this.#told[i] && kind === 'everything')) return
      const builder = this.#builder(i)
      taken.push(builder.build())
      builder.restart(kind === 'changes' ? 'changes' : 'more')
      this.#told[i] = true
      this.#pending[i] = false
    })
    return taken
  }

  #visit(): void {
    const table = this.#tables[this.#table]
    if (table === undefined) {
      this.#finish()
      return
    }
    const steps = this.#steps[this.#table]
    if (steps !== undefined) {
      if (steps.next().done === true) this.#table += 1
      return
    }
    const next = this.#iterators[this.#table]?.next()
    if (next === undefined || next.done === true) {
      this.#table += 1
      return
    }
    const [key, slot] = next.value
    const epoch = this.#epochs[this.#table] as number
    // Changed since, and encoded then; or new since.
    if (slot.touched > epoch || slot.touched === -epoch) return
    const alive = table.write(this.#builder(this.#table), key, slot, 'if alive')
    if (alive) slot.touched = -epoch
    else table.drop(key)
  }

  #remove(of: readonly Changes[]): void {
    const changes = of[this.#table]
    if (changes === undefined) {
      this.#removing = false
      this.#table = 0
    } else if (this.#at < changes.goneKeys.length) {
      const table = this.#tables[this.#table] as TrackedTable
      const slot = changes.goneSlots[this.#at] as Slot
      const value = table.valueIn === undefined ? [] : [table.valueIn(slot)] as const
      this.#builder(this.#table).remove(changes.goneKeys[this.#at] as Key, table.namespaceOf?.(slot), ...value)
      this.#at += 1
    } else {
      this.#table += 1
      this.#at = 0
    }
  }

  #change(of: readonly Changes[]): void {
    const changes = of[this.#table]
    if (changes === undefined) {
      this.#finish()
      return
    }
    const steps = this.#steps[this.#table]
    if (steps === undefined ? this.#at === changes.keys.length : steps.next().done === true) {
      this.#table += 1
      this.#at = 0
      return
    }
    if (steps !== undefined) return
    const key = changes.keys[this.#at] as Key
    const table = this.#tables[this.#table] as TrackedTable
    const slot = table.slotOf === undefined ? changes.slots[this.#at] as Slot : table.slotOf(key)
    this.#at += 1
    const epoch = this.#epochs[this.#table] as number
    if (slot.touched === GONE || slot.touched > epoch || slot.touched === -epoch) return
    if (table.hasLeft?.(slot, epoch) === true) return
    table.write(this.#builder(this.#table), key, slot, 'as it is')
    slot.touched = -epoch
  }

  #beforeChange(table: number, key: Key, slot: Slot): void {
    const epoch = this.#epochs[table] as number
    if (this.#done || slot.touched === -epoch || slot.touched > epoch) return
    if (!this.#takesOlder && slot.touched !== epoch) return
    try {
      this.#tables[table]?.write(this.#builder(table), key, slot, 'as it is')
    } catch (thrown) {
      // It is the snapshot that fails, not the record that is being processed.
      this.#error ??= { thrown }
    }
  }

  #builder(table: number): KeyedSnapshotBuilder {
    this.#pending[table] = true
    const known = this.#builders[table]
    if (known !== undefined) return known
    const made = (this.#tables[table] as TrackedTable).builder(this.#work.kind === 'changes' ? 'changes' : 'whole')
    this.#builders[table] = made
    return made
  }

  #finish(): void {
    this.#done = true
    for (const { log } of this.#tables) log.written()
  }
}
