/** Kinds of state that keep one value a key: value, reducing, aggregating. */
import type { AggregateSpec, AggregatingStateSpec, ReducingStateSpec } from '../graph/state-spec.ts'
import type { Stamped } from './expiry.ts'
import type { AggregatingState, ReducingState, ValueState } from './handles.ts'
import { StateCells, type StampedBy, type StateContext } from './state-cells.ts'

/** A stored `undefined` would be no different from nothing, so it is nothing. */
abstract class SingleCells extends StateCells {
  protected override dump(cell: unknown): unknown {
    return this.aliveAtCut(cell) ? this.dumpOne(cell) : undefined
  }

  protected override hasLive(cell: unknown): boolean {
    return this.alive(cell)
  }

  protected override restamp(cell: unknown, at: number, wants: (stamped: Stamped) => boolean, before: () => void): void {
    const stamped = cell as Stamped
    if (!wants(stamped)) return
    before()
    stamped.at = at
  }

  protected override dumpAll(cell: unknown): unknown {
    return this.dumpOne(cell)
  }

  protected override load(stored: unknown, stampedBy: StampedBy): unknown {
    return this.loadOne(stored, stampedBy)
  }

  protected present(): unknown {
    const cell = this.cell()
    if (cell === undefined || !this.stamped) return cell
    if (!this.alive(cell)) {
      this.clear()
      return undefined
    }
    this.wasRead(cell)
    return this.unwrap(cell)
  }

  protected store(value: unknown): void {
    if (value === undefined) this.clear()
    else this.setCell(this.stamped ? this.wrap(value, this.cell()) : value)
  }
}

export class ValueCells extends SingleCells implements ValueState<unknown> {
  get(): unknown {
    return this.present()
  }

  set(value: unknown): void {
    this.store(value === undefined ? undefined : this.admit(value))
  }

  update(change: (present: unknown) => unknown): unknown {
    this.set(change(this.present()))
    return this.present()
  }
}

export class ReducingCells extends SingleCells implements ReducingState<unknown> {
  readonly #reduce: (a: unknown, b: unknown) => unknown

  constructor(name: string, spec: ReducingStateSpec, context: StateContext) {
    super(name, spec, context)
    this.#reduce = spec.reduce
  }

  add(value: unknown): void {
    const added = this.admit(value)
    const present = this.present()
    this.store(present === undefined ? added : this.keep(this.#reduce(present, added)))
  }

  get(): unknown {
    return this.present()
  }
}

/**
 * The schema of an aggregating state speaks about what is added. The accumulator belongs to the
 * aggregate, which may change it in place, so it is never frozen; nor is a result, which may share
 * parts with it.
 */
export class AggregatingCells extends SingleCells implements AggregatingState<unknown, unknown> {
  readonly #aggregate: AggregateSpec

  constructor(name: string, spec: AggregatingStateSpec, context: StateContext) {
    super(name, spec, context)
    this.#aggregate = spec.aggregate
  }

  add(value: unknown): void {
    const added = this.admit(value)
    // The aggregate may change it in place.
    this.writable()
    const accumulator: unknown = this.present() ?? this.#aggregate.create()
    this.store(this.#aggregate.add(accumulator, added))
  }

  get(): unknown {
    const accumulator = this.present()
    return accumulator === undefined ? undefined : this.#aggregate.result(accumulator)
  }

  protected override load(stored: unknown, stampedBy: StampedBy): unknown {
    return this.loadOne(stored, stampedBy, false)
  }
}
