/** Map state: one Map a key, in order of insertion. Its keys follow the rules of stream keys. */
import type { Key } from '../graph/key.ts'
import type { MapStateSpec } from '../graph/state-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { Stamped } from './expiry.ts'
import type { MapState } from './handles.ts'
import { MapCell, type Entries } from './map-cell.ts'
import { HeapMaps } from './map-table.ts'
import { PartsTally } from './parts-log.ts'
import { StateCells, type StampedBy, type StateContext } from './state-cells.ts'

export class MapCells extends StateCells<MapCell> implements MapState<Key, unknown> {
  readonly #keySchema: MapStateSpec['keySchema']
  readonly #tally: PartsTally

  constructor(name: string, spec: MapStateSpec, context: StateContext) {
    const tally = new PartsTally()
    super(name, spec, context, (init) => new HeapMaps({ ...init, tally }))
    this.#keySchema = spec.keySchema
    this.#tally = tally
  }

  get size(): number {
    return this.#live()?.size ?? 0
  }

  get(key: Key): unknown {
    const wrapped = this.cell()?.get(key)
    if (wrapped === undefined || !this.stamped) return wrapped
    if (!this.alive(wrapped)) return undefined
    this.#wasRead(key, wrapped)
    return this.unwrap(wrapped)
  }

  set(key: Key, value: unknown): void {
    const given = this.#keySchema === undefined ? key : this.admit(key, this.#keySchema)
    const admittedKey = checkKey(given, this.name, 'A map key')
    const admitted = this.admit(value)
    const entries = this.writable()
    if (entries === undefined) {
      const fresh = new MapCell(this.#tally)
      fresh.set(admittedKey, this.wrap(admitted))
      this.setCell(fresh)
      return
    }
    if (!this.stamped) {
      entries.set(admittedKey, admitted)
      return
    }
    const before = entries.get(admittedKey)
    const wrapped = this.wrap(admitted, before)
    // An entry that has expired is gone, so the new one comes last in the order.
    if (before !== undefined && !this.alive(before)) entries.delete(admittedKey)
    entries.set(admittedKey, wrapped)
  }

  has(key: Key): boolean {
    const visible = this.#isVisible(key)
    if (visible && this.stamped) this.#wasRead(key, this.cell()?.get(key))
    return visible
  }

  delete(key: Key): boolean {
    const visible = this.#isVisible(key)
    if (this.cell()?.has(key) !== true) return false
    const entries = this.writable() as MapCell
    entries.delete(key)
    if (entries.size === 0) this.clear()
    return visible
  }

  entries(): Iterable<[Key, unknown]> {
    const entries = this.#settled()
    return this.stamped ? this.#unwrapped(this.#read(entries)) : (entries?.entries() ?? [])
  }

  keys(): Iterable<Key> {
    const entries = this.#settled()
    return (this.stamped ? this.#read(entries) : entries)?.keys() ?? []
  }

  * values(): Iterable<unknown> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): Iterator<[Key, unknown]> {
    return this.entries()[Symbol.iterator]()
  }

  protected override dump(cell: MapCell): unknown {
    if (!this.stamped) return cell.present()
    const stored: Entries = new Map()
    for (const [key, wrapped] of cell.entries()) if (this.aliveAtCut(wrapped)) stored.set(key, this.dumpOne(wrapped))
    return stored.size === 0 ? undefined : stored
  }

  protected override hasLive(cell: MapCell): boolean {
    for (const [, wrapped] of cell.entries()) if (this.alive(wrapped)) return true
    return false
  }

  /** An entry that is held as it was must stay as it was, so another one takes its place. */
  protected override restamp(cell: MapCell, at: number, wants: (stamped: Stamped) => boolean, before: () => void): void {
    const wanted = [...cell.entries()].filter(([, wrapped]) => wants(wrapped as Stamped))
    if (wanted.length > 0) before()
    for (const [key, wrapped] of wanted) cell.set(key, new Stamped(at, this.unwrap(wrapped)))
  }

  protected override dumpAll(cell: MapCell): unknown {
    return this.stamped ? new Map(Array.from(cell.entries(), ([key, wrapped]) => [key, this.dumpOne(wrapped)])) : cell.present()
  }

  protected override load(stored: unknown, stampedBy: StampedBy): MapCell {
    const entries: Entries = new Map()
    for (const [key, item] of stored as Entries) entries.set(key, this.loadOne(item, stampedBy))
    return new MapCell(this.#tally, entries)
  }

  #isVisible(key: Key): boolean {
    const entries = this.cell()
    return entries !== undefined && entries.has(key) && this.alive(entries.get(key))
  }

  #wasRead(key: Key, wrapped: unknown): void {
    const at = this.renewed(wrapped)
    if (at !== undefined) this.writable()?.set(key, new Stamped(at, this.unwrap(wrapped)))
  }

  #read(entries: MapCell | undefined): MapCell | undefined {
    if (entries !== undefined) for (const [key, wrapped] of entries.entries()) this.#wasRead(key, wrapped)
    return entries
  }

  /** To be gone through by who may change it meanwhile. */
  #settled(): MapCell | undefined {
    this.settled()
    return this.#live()
  }

  #live(): MapCell | undefined {
    const entries = this.cell()
    if (entries === undefined || !this.stamped) return entries
    if (this.#allAlive(entries)) return entries
    this.#dropExpired(this.writable() as MapCell)
    if (entries.size > 0) return entries
    this.clear()
    return undefined
  }

  #allAlive(entries: MapCell): boolean {
    for (const [, wrapped] of entries.entries()) if (!this.alive(wrapped)) return false
    return true
  }

  #dropExpired(entries: MapCell): void {
    for (const [key, wrapped] of entries.entries()) if (!this.alive(wrapped)) entries.delete(key)
  }

  * #unwrapped(entries: MapCell | undefined): Generator<[Key, unknown], void, undefined> {
    if (entries !== undefined) for (const [key, wrapped] of entries.entries()) yield [key, this.unwrap(wrapped)]
  }
}
