/** Map state: one Map a key, in order of insertion. Its keys follow the rules of stream keys. */
import type { Key } from '../graph/key.ts'
import type { MapStateSpec } from '../graph/state-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import type { MapState } from './handles.ts'
import { StateCells, type StateContext } from './state-cells.ts'

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
    const wrapped = this.#entry(key)
    return wrapped === undefined ? undefined : this.unwrap(wrapped)
  }

  set(key: Key, value: unknown): void {
    const given = this.#keySchema === undefined ? key : this.admit(key, this.#keySchema)
    const admittedKey = checkKey(given, this.name, 'A map key')
    const wrapped = this.wrap(this.admit(value))
    const entries = this.writable()
    if (entries === undefined) {
      this.setCell(new Map([[admittedKey, wrapped]]))
      return
    }
    // An entry that has expired is gone, so the new one comes last in the order.
    if (this.stamped && entries.has(admittedKey) && !this.has(admittedKey)) entries.delete(admittedKey)
    entries.set(admittedKey, wrapped)
  }

  has(key: Key): boolean {
    const entries = this.cell()
    return entries !== undefined && entries.has(key) && this.alive(entries.get(key))
  }

  delete(key: Key): boolean {
    const visible = this.has(key)
    if (this.cell()?.has(key) !== true) return false
    const entries = this.writable() as Entries
    entries.delete(key)
    if (entries.size === 0) this.clear()
    return visible
  }

  entries(): Iterable<[Key, unknown]> {
    const entries = this.#live()
    return this.stamped ? this.#unwrapped(entries) : (entries ?? new Map<Key, unknown>())
  }

  keys(): Iterable<Key> {
    return this.#live()?.keys() ?? []
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
    for (const [key, wrapped] of cell) if (this.alive(wrapped)) stored.set(key, this.dumpOne(wrapped))
    return stored.size === 0 ? undefined : stored
  }

  protected override hasLive(cell: Entries): boolean {
    for (const wrapped of cell.values()) if (this.alive(wrapped)) return true
    return false
  }

  protected override dumpAll(cell: Entries): unknown {
    return this.stamped ? new Map([...cell].map(([key, wrapped]) => [key, this.dumpOne(wrapped)])) : cell
  }

  protected override load(stored: unknown, stamped: boolean): Entries {
    const entries: Entries = new Map()
    for (const [key, item] of stored as Entries) entries.set(key, this.loadOne(item, stamped))
    return entries
  }

  #entry(key: Key): unknown {
    const wrapped = this.cell()?.get(key)
    return wrapped !== undefined && this.alive(wrapped) ? wrapped : undefined
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
