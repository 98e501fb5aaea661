/** Map state: one Map a key, in order of insertion. Its keys follow the rules of stream keys. */
import type { Key } from '../graph/key.ts'
import type { MapStateSpec } from '../graph/state-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import type { Stamped } from './expiry.ts'
import type { MapState } from './handles.ts'
import { StateCells, type StampedBy, type StateContext } from './state-cells.ts'

type Entries = Map<Key, unknown>

export class MapCells extends StateCells<Entries> implements MapState<Key, unknown> {
  readonly #keySchema: MapStateSpec['keySchema']

  constructor(name: string, spec: MapStateSpec, context: StateContext) {
    super(name, spec, context)
    this.#keySchema = spec.keySchema
  }

  get size(): number {
    return this.#live()?.size ?? 0
  }

  get(key: Key): unknown {
    const wrapped = this.cell()?.get(key)
    if (wrapped === undefined || !this.stamped) return wrapped
    if (!this.alive(wrapped)) return undefined
    this.wasRead(wrapped)
    return this.unwrap(wrapped)
  }

  set(key: Key, value: unknown): void {
    const given = this.#keySchema === undefined ? key : this.admit(key, this.#keySchema)
    const admittedKey = checkKey(given, this.name, 'A map key')
    const admitted = this.admit(value)
    const entries = this.writable()
    if (entries === undefined) {
      this.setCell(new Map([[admittedKey, this.wrap(admitted)]]))
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
    if (visible && this.stamped) this.wasRead(this.cell()?.get(key))
    return visible
  }

  delete(key: Key): boolean {
    const visible = this.#isVisible(key)
    if (this.cell()?.has(key) !== true) return false
    const entries = this.writable() as Entries
    entries.delete(key)
    if (entries.size === 0) this.clear()
    return visible
  }

  entries(): Iterable<[Key, unknown]> {
    const entries = this.#live()
    return this.stamped ? this.#unwrapped(this.#read(entries)) : (entries ?? new Map<Key, unknown>())
  }

  keys(): Iterable<Key> {
    const entries = this.#live()
    return (this.stamped ? this.#read(entries) : entries)?.keys() ?? []
  }

  * values(): Iterable<unknown> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): Iterator<[Key, unknown]> {
    return this.entries()[Symbol.iterator]()
  }

  protected override dump(cell: Entries): unknown {
    if (!this.stamped) return cell
    const stored: Entries = new Map()
    for (const [key, wrapped] of cell) if (this.aliveAtCut(wrapped)) stored.set(key, this.dumpOne(wrapped))
    return stored.size === 0 ? undefined : stored
  }

  protected override hasLive(cell: Entries): boolean {
    for (const wrapped of cell.values()) if (this.alive(wrapped)) return true
    return false
  }

  protected override stamps(cell: Entries): Iterable<Stamped> {
    return cell.values() as Iterable<Stamped>
  }

  protected override dumpAll(cell: Entries): unknown {
    return this.stamped ? new Map([...cell].map(([key, wrapped]) => [key, this.dumpOne(wrapped)])) : cell
  }

  protected override load(stored: unknown, stampedBy: StampedBy): Entries {
    const entries: Entries = new Map()
    for (const [key, item] of stored as Entries) entries.set(key, this.loadOne(item, stampedBy))
    return entries
  }

  #isVisible(key: Key): boolean {
    const entries = this.cell()
    return entries !== undefined && entries.has(key) && this.alive(entries.get(key))
  }

  #read(entries: Entries | undefined): Entries | undefined {
    if (entries !== undefined) for (const wrapped of entries.values()) this.wasRead(wrapped)
    return entries
  }

  #live(): Entries | undefined {
    const entries = this.cell()
    if (entries === undefined || !this.stamped) return entries
    if ([...entries.values()].every((wrapped) => this.alive(wrapped))) return entries
    this.#dropExpired(this.writable() as Entries)
    if (entries.size > 0) return entries
    this.clear()
    return undefined
  }

  #dropExpired(entries: Entries): void {
    for (const [key, wrapped] of entries) if (!this.alive(wrapped)) entries.delete(key)
  }

  * #unwrapped(entries: Entries | undefined): Generator<[Key, unknown], void, undefined> {
    if (entries !== undefined) for (const [key, wrapped] of entries) yield [key, this.unwrap(wrapped)]
  }
}
