/**
 * The map of one key, which can be held as it is while it goes on changing, and knows what in it changed.
 *
 * Owned by its slot in the table of the state (map-table.ts on the heap, paged/paged-cells.ts); user code works on it
 * through map-state.ts.
 *
 *   MK-1  It behaves as a Map, order included, held or not.
 *   MK-2  What `hold` gave does not change until `release`, which takes as long as what was changed since. Holding
 *         copies `copied` entries at most: beyond that, changes go beside what is held.
 *   MK-3  `EntryChanges` applied to the map as it was, what is gone first, make the map as it is, order included; so
 *         does what several of them, one after the other, are together.
 */
import type { Key } from '../graph/key.ts'
import type { CellInParts, PartsTally } from './parts-log.ts'

export type Entries = Map<Key, unknown>

export type MapAtCut = ReadonlyMap<Key, unknown>

/** What changed in one map. */
export class EntryChanges {
  /** In the order in which new ones came. */
  readonly set = new Set<Key>()
  /** Also of what was set again: it is last in the order then. */
  readonly gone = new Set<Key>()
  /** It was too much to be remembered; both are empty then. */
  all = false

  get size(): number {
    return this.set.size + this.gone.size
  }

  remove(key: Key): void {
    this.set.delete(key)
    this.gone.add(key)
  }

  giveUp(): void {
    this.all = true
    this.set.clear()
    this.gone.clear()
  }
}

const GONE = Symbol('gone')
/** So many changes are remembered of the smallest map, too. */
const FREE_CHANGES = 64

/** Somebody who goes through a map while it is held. */
interface Walk {
  /** Has come to its end, but has not been told so, when `given` begins to fill. */
  readonly held: Iterator<[Key, unknown]>
  /** Of what was added: what was given, and is still there. It was added before what was not given. */
  readonly given: Set<Key>
}

/** Changes beside a map that is held. */
class Beside {
  readonly #held: Entries
  /** Of what the map has: another value, or GONE. */
  readonly #changed = new Map<Key, unknown>()
  readonly #added: Entries = new Map()
  #gone = 0
  readonly #walks = new Set<Walk>()
  #applied = false

  constructor(held: Entries) {
    this.#held = held
  }

  get size(): number {
    return this.#held.size - this.#gone + this.#added.size
  }

  has(key: Key): boolean {
    return this.#added.has(key) || this.#stays(key)
  }

  get(key: Key): unknown {
    if (this.#added.has(key)) return this.#added.get(key)
    if (!this.#changed.has(key)) return this.#held.get(key)
    const value = this.#changed.get(key)
    return value === GONE ? undefined : value
  }

  set(key: Key, value: unknown): void {
    if (!this.#added.has(key) && this.#stays(key)) this.#changed.set(key, value)
    else this.#added.set(key, value)
  }

  delete(key: Key): boolean {
    if (this.#added.delete(key)) {
      for (const { given } of this.#walks) given.delete(key)
      return true
    }
    if (!this.#stays(key)) return false
    this.#changed.set(key, GONE)
    this.#gone += 1
    return true
  }

  /** As a Map: what comes meanwhile is visited, what goes is not; and on in the map itself once that is held no more. */
  * [Symbol.iterator](): Generator<[Key, unknown], void, undefined> {
    const walk: Walk = { held: this.#held.entries(), given: new Set() }
    this.#walks.add(walk)
    for (let left = this.#held.size; left > 0 && !this.#applied; left--) {
      const [key, value] = walk.held.next().value as [Key, unknown]
      if (!this.#changed.has(key)) yield [key, value]
      else if (this.#changed.get(key) !== GONE) yield [key, this.#changed.get(key)]
    }
    for (const entry of this.#applied ? [] : this.#added) {
      if (this.#applied) break
      walk.given.add(entry[0])
      yield entry
    }
    this.#walks.delete(walk)
    if (!this.#applied) return
    for (let next = walk.held.next(); next.done !== true; next = walk.held.next()) yield next.value
  }

  /** Into the map, which is held no more. */
  apply(): void {
    this.#applied = true
    for (const [key, value] of this.#changed) {
      if (value === GONE) this.#held.delete(key)
      else this.#held.set(key, value)
    }
    for (const [key, value] of this.#added) this.#held.set(key, value)
    for (const { held, given } of this.#walks) for (let left = given.size; left > 0; left--) held.next()
  }

  #stays(key: Key): boolean {
    return this.#held.has(key) && this.#changed.get(key) !== GONE
  }
}

export class MapCell implements CellInParts<MapAtCut, EntryChanges> {
  readonly #tally: PartsTally
  readonly #entries: Entries
  /** While the map is held. */
  #beside: Beside | undefined
  /** Of the present epoch; undefined: all of it counts as changed, or nobody asks. */
  #changes: EntryChanges | undefined

  constructor(tally: PartsTally, entries: Entries = new Map()) {
    this.#tally = tally
    this.#entries = entries
  }

  get size(): number {
    return this.#beside === undefined ? this.#entries.size : this.#beside.size
  }

  has(key: Key): boolean {
    return (this.#beside ?? this.#entries).has(key)
  }

  get(key: Key): unknown {
    return this.#beside === undefined ? this.#entries.get(key) : this.#beside.get(key)
  }

  set(key: Key, value: unknown): void {
    const before = this.size
    if (this.#beside === undefined) this.#entries.set(key, value)
    else this.#beside.set(key, value)
    const more = this.size - before
    this.#tally.parts += more
    const changes = this.#changes
    if (changes === undefined) {
      this.#tally.changed += more
    } else if (!changes.set.has(key)) {
      changes.set.add(key)
      this.#changedOne(changes)
    }
  }

  delete(key: Key): boolean {
    if (!(this.#beside ?? this.#entries).delete(key)) return false
    this.#tally.parts -= 1
    const changes = this.#changes
    if (changes === undefined) {
      this.#tally.changed += 1
    } else {
      changes.remove(key)
      this.#changedOne(changes)
    }
    return true
  }

  /** Live, as those of a Map; but not across a `hold` (PartsLog.settle). */
  entries(): Iterable<[Key, unknown]> {
    return this.#beside ?? this.#entries
  }

  * keys(): Generator<Key, void, undefined> {
    for (const [key] of this.entries()) yield key
  }

  present(): MapAtCut {
    return this.#beside === undefined ? this.#entries : new Map(this.#beside)
  }

  track(changes: EntryChanges | undefined): void {
    this.#changes = changes
  }

  hold(copied: number): MapAtCut {
    if (this.#entries.size <= copied) return new Map(this.#entries)
    this.#beside = new Beside(this.#entries)
    return this.#entries
  }

  release(): void {
    this.#beside?.apply()
    this.#beside = undefined
  }

  #changedOne(changes: EntryChanges): void {
    this.#tally.changed += 1
    // Much came and went: what is remembered of it must not outgrow the map.
    if (changes.size <= 2 * this.size + FREE_CHANGES) return
    changes.giveUp()
    this.#changes = undefined
  }
}
