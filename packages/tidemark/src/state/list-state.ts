/** List state: one array a key. */
import { restampAll, type Stamped } from './expiry.ts'
import type { ListState } from './handles.ts'
import { StateCells, type StampedBy } from './state-cells.ts'

export class ListCells extends StateCells<unknown[]> implements ListState<unknown> {
  get length(): number {
    return this.#live()?.length ?? 0
  }

  push(value: unknown): void {
    const item = this.wrap(this.admit(value))
    const present = this.writable()
    if (present === undefined) this.setCell([item])
    else present.push(item)
  }

  /** All or none: one value that is refused adds nothing. */
  addAll(values: Iterable<unknown>): void {
    this.#append(this.#admitAll(values))
  }

  set(values: Iterable<unknown>): void {
    const items = this.#admitAll(values)
    if (items.length === 0) this.clear()
    else this.setCell(items)
  }

  get(): readonly unknown[] {
    const items = this.#live() ?? []
    if (this.stamped) for (const item of items) this.wasRead(item)
    const copy = items.map((item) => this.unwrap(item))
    return this.freezes ? Object.freeze(copy) : copy
  }

  /** Over what is there now: what is pushed during the loop is not visited. */
  [Symbol.iterator](): Iterator<unknown> {
    return this.get()[Symbol.iterator]()
  }

  protected override dump(cell: unknown[]): unknown {
    if (!this.stamped) return cell
    const alive = cell.filter((item) => this.aliveAtCut(item))
    return alive.length === 0 ? undefined : alive.map((item) => this.dumpOne(item))
  }

  /** The newest item is mostly the last one. */
  protected override hasLive(cell: unknown[]): boolean {
    return cell.findLastIndex((item) => this.alive(item)) >= 0
  }

  protected override restamp(cell: unknown[], at: number, wants: (stamped: Stamped) => boolean, before: () => void): void {
    restampAll(cell as Stamped[], at, wants, before)
  }

  protected override dumpAll(cell: unknown[]): unknown {
    return this.stamped ? cell.map((item) => this.dumpOne(item)) : cell
  }

  protected override load(stored: unknown, stampedBy: StampedBy): unknown[] {
    return (stored as unknown[]).map((item) => this.loadOne(item, stampedBy))
  }

  #append(items: unknown[]): void {
    if (items.length === 0) return
    const present = this.writable()
    if (present === undefined) this.setCell(items)
    else for (const item of items) present.push(item)
  }

  #admitAll(values: Iterable<unknown>): unknown[] {
    const items: unknown[] = []
    for (const value of values) items.push(this.wrap(this.admit(value)))
    return items
  }

  #live(): unknown[] | undefined {
    const cell = this.cell()
    if (cell === undefined || !this.stamped) return cell
    if (cell.every((item) => this.alive(item))) return cell
    this.#dropExpired(this.writable() as unknown[])
    if (cell.length > 0) return cell
    this.clear()
    return undefined
  }

  #dropExpired(cell: unknown[]): void {
    let kept = 0
    for (const item of cell) if (this.alive(item)) cell[kept++] = item
    cell.length = kept
  }
}
