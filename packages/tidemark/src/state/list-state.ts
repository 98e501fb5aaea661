/** List state: one array a key. */
import type { ListStateSpec } from '../graph/state-spec.ts'
import { Stamped } from './expiry.ts'
import type { ListState } from './handles.ts'
import { ListCell } from './list-cell.ts'
import { HeapLists } from './list-table.ts'
import { PartsTally } from './parts-log.ts'
import { StateCells, type StampedBy, type StateContext } from './state-cells.ts'

export class ListCells extends StateCells<ListCell> implements ListState<unknown> {
  readonly #tally: PartsTally

  constructor(name: string, spec: ListStateSpec, context: StateContext) {
    const tally = new PartsTally()
    super(name, spec, context, (init) => new HeapLists({ ...init, tally }))
    this.#tally = tally
  }

  get length(): number {
    return this.#live().length
  }

  push(value: unknown): void {
    const item = this.wrap(this.admit(value))
    const present = this.writable()
    if (present === undefined) this.#create([item])
    else present.push(item)
  }

  /** All or none: one value that is refused adds nothing. */
  addAll(values: Iterable<unknown>): void {
    this.#append(this.#admitAll(values))
  }

  set(values: Iterable<unknown>): void {
    const items = this.#admitAll(values)
    if (items.length === 0) this.clear()
    else if (!this.#replace(items)) this.#create(items)
  }

  get(): readonly unknown[] {
    const copy = this.#read(this.#live()).map((item) => this.unwrap(item))
    return this.freezes ? Object.freeze(copy) : copy
  }

  /** Over what is there now: what is pushed during the loop is not visited. */
  [Symbol.iterator](): Iterator<unknown> {
    return this.get()[Symbol.iterator]()
  }

  protected override dump(cell: ListCell): unknown {
    const { items } = cell
    if (!this.stamped) return items
    const alive = items.filter((item) => this.aliveAtCut(item))
    if (alive.length < items.length) cell.trim()
    return alive.length === 0 ? undefined : alive.map((item) => this.dumpOne(item))
  }

  /** The newest item is mostly the last one. */
  protected override hasLive({ items }: ListCell): boolean {
    return items.findLastIndex((item) => this.alive(item)) >= 0
  }

  protected override restamp(cell: ListCell, at: number, wants: (stamped: Stamped) => boolean, before: () => void): void {
    const items = cell.items as readonly Stamped[]
    if (!items.some(wants)) return
    before()
    cell.replace(items.map((item) => (wants(item) ? new Stamped(at, item.value) : item)))
  }

  protected override dumpAll({ items }: ListCell): unknown {
    return this.stamped ? items.map((item) => this.dumpOne(item)) : items
  }

  protected override load(stored: unknown, stampedBy: StampedBy): ListCell {
    return new ListCell(this.#tally, (stored as unknown[]).map((item) => this.loadOne(item, stampedBy)))
  }

  #append(items: readonly unknown[]): void {
    if (items.length === 0) return
    const present = this.writable()
    if (present === undefined) this.#create(items)
    else for (const item of items) present.push(item)
  }

  #create(items: readonly unknown[]): void {
    const fresh = new ListCell(this.#tally, [])
    for (const item of items) fresh.push(item)
    this.setCell(fresh)
  }

  /** False: there is nothing. */
  #replace(items: unknown[]): boolean {
    const present = this.writable()
    present?.replace(items)
    return present !== undefined
  }

  #admitAll(values: Iterable<unknown>): unknown[] {
    const items: unknown[] = []
    for (const value of values) items.push(this.wrap(this.admit(value)))
    return items
  }

  /** All of them are given out. */
  #read(items: readonly unknown[]): readonly unknown[] {
    if (!this.stamped || !items.some((item) => this.renewed(item) !== undefined)) return items
    const renewed = items.map((item) => {
      const at = this.renewed(item)
      return at === undefined ? item : new Stamped(at, this.unwrap(item))
    })
    this.#replace(renewed)
    return renewed
  }

  #live(): readonly unknown[] {
    const items = this.cell()?.items ?? []
    if (!this.stamped || items.every((item) => this.alive(item))) return items
    const alive = items.filter((item) => this.alive(item))
    if (alive.length === 0) this.clear()
    else this.#replace(alive)
    return alive
  }
}
