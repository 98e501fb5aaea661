/**
 * The cells of one state on the heap that may be large, and how a cut of them is written: some parts at a time.
 *
 * What is the same for maps (map-table.ts) and lists (list-table.ts), which are owned by map-state.ts and list-state.ts;
 * the slices of a cut (slices.ts) pull `inParts`.
 *
 *   HM-1  An increment holds of a cell what changed in it, or all of it if that is no more than twice as much.
 *   HM-2  One step encodes fewer than `STEP_PARTS` parts, however large a cell is.
 *   HM-3  A base holds of a cell what was alive at the cut; if that is nothing, and nothing came since, the cell goes.
 */
import { ByteWriter } from '../base/bytes.ts'
import type { Key } from '../graph/key.ts'
import { HeapCells, placed, type CellForm } from './cell-table.ts'
import type { Changes, Slot } from './change-log.ts'
import type { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import { PartsLog, type Held, type PartsLogInit, type PartsSlot, type PartsTally } from './parts-log.ts'
import type { PartsToWrite } from './slices.ts'

/** What is to be known of one part of a cell: a value of a map, an item of a list. */
export interface PartForm {
  stored(part: unknown): unknown
  /** Absent: all are. */
  readonly aliveAtCut: ((part: unknown) => boolean) | undefined
}

export interface HeapPartsInit<S extends Slot> {
  readonly form: CellForm<S>
  readonly part: PartForm
  readonly tally: PartsTally
  /** For tests. */
  readonly mapLimit: number | undefined
  readonly copied: number | undefined
}

/** What is to be encoded of one cell: all these, one by one, and then it is `done`, and gives how many parts it has written. */
export interface Work {
  readonly runs: readonly Run[]
  readonly done: () => number
}
export type Run = readonly [of: Iterable<unknown>, encode: (one: never) => void]

export type Building = () => KeyedSnapshotBuilder
type Steps<T = void> = Generator<void, T, undefined>

/** Also what a cell has that is encoded at once, as most are: a step of its own costs a microsecond. */
const STEP_PARTS = 16
const MOST_KEPT_BYTES = 2 ** 20

export abstract class HeapParts<H extends Held, I extends object, S extends PartsSlot<H, I>>
  extends HeapCells<S> implements PartsToWrite {
  readonly inParts = this
  declare readonly log: PartsLog<H, I, S>
  protected readonly part: PartForm
  readonly #form: CellForm<S>
  readonly #tally: PartsTally
  #writer = new ByteWriter()

  constructor({ form, part, tally, mapLimit, copied }: HeapPartsInit<S>, inside: PartsLogInit<H, I>['inside']) {
    super(form, mapLimit, new PartsLog<H, I, S>({ tally, inside, copied }))
    this.#form = form
    this.part = part
    this.#tally = tally
  }

  /** Parts of all cells. */
  get weight(): number {
    return this.#tally.parts
  }

  override remove(key: Key, slot: S): void {
    super.remove(key, slot)
    this.#tally.parts -= slot.cell.size
  }

  override load(key: Key, slot: S): void {
    super.load(key, slot)
    this.#tally.parts += slot.cell.size
  }

  override drop(key: Key): void {
    this.#tally.parts -= this.get(key)?.cell.size ?? 0
    super.drop(key)
  }

  * everything(builder: Building, drop: (key: Key) => void): Steps {
    const cut = this.log.epoch - 1
    for (const [key, slot] of this.entries()) {
      const alive = this.log.takesAtOnce(slot, STEP_PARTS)
        ? this.write(builder(), key, slot, 'if alive')
        : yield* this.#base(key, slot, builder)
      if (!alive && slot.touched === -cut) drop(key)
      yield
    }
    for (const [key, slot] of this.log.left()) {
      yield* this.#base(key, slot, builder)
      yield
    }
  }

  changes(of: Changes, merged: boolean, builder: Building): Steps {
    if (!merged) this.log.wantsOnlyNewest()
    return merged ? this.#merged(of, builder) : this.#newest(of, builder)
  }

  /** All of it that is alive, if there is anything. */
  protected abstract whole(builder: Building, key: Key, slot: S, held: H, alive: PartForm['aliveAtCut']): Work

  /** What changed; undefined: it is to be written as a whole. */
  protected abstract patch(builder: Building, key: Key, slot: S, held: H, inside: I): Work | undefined

  /** What `join` makes what was joined of. */
  protected abstract nothing(): I

  /** Into `one` what `next` changed after it. */
  protected abstract join(one: I, next: I): Iterable<void>

  /** One cell is written at a time. */
  protected emptyWriter(): ByteWriter {
    if (this.#writer.length > MOST_KEPT_BYTES) this.#writer = new ByteWriter()
    this.#writer.reset()
    return this.#writer
  }

  protected * inSteps<T>(of: Iterable<T>, visit: (one: T) => void): Steps {
    let left = STEP_PARTS
    for (const one of of) {
      if (--left === 0) {
        left = STEP_PARTS
        yield
      }
      visit(one)
    }
  }

  #atOnce(key: Key, { runs, done }: Work): void {
    try {
      for (const [of, encode] of runs) for (const one of of) encode(one as never)
    } catch (error) {
      throw placed(error, this.#form, key)
    }
    done()
  }

  * #inTurn(key: Key, { runs, done }: Work): Steps<number> {
    try {
      for (const [of, encode] of runs) yield* this.inSteps(of, encode as (one: unknown) => void)
    } catch (error) {
      throw placed(error, this.#form, key)
    }
    return done()
  }

  /** False: nothing of it is alive. */
  * #base(key: Key, slot: S, builder: Building): Steps<boolean> {
    const held = this.log.asOfCut(key, slot)
    if (held === undefined) return true
    const parts = yield* this.#inTurn(key, this.whole(builder, key, slot, held, this.part.aliveAtCut))
    this.log.given(slot)
    return parts > 0
  }

  * #newest({ keys, slots, inside }: Changes, builder: Building): Steps {
    for (let i = 0; i < keys.length; i++) {
      const [key, slot, changes] = [keys[i] as Key, slots[i] as S, inside?.[i] as I | undefined]
      if (!this.#changeAtOnce(key, slot, changes, builder)) yield* this.#change(key, slot, changes, builder)
      yield
    }
  }

  /** A cell may be in several of the lists that were joined. */
  * #merged({ keys, slots, inside }: Changes, builder: Building): Steps {
    const found = new Map<S, { readonly key: Key; inside: I | undefined; joined: boolean }>()
    for (let i = 0; i < keys.length; i++) {
      const slot = slots[i] as S
      const known = found.get(slot)
      const more = inside?.[i] as I | undefined
      if (known === undefined) {
        found.set(slot, { key: keys[i] as Key, inside: more, joined: false })
      } else if (known.inside !== undefined && more !== undefined) {
        // What the lists hold is needed again.
        if (!known.joined) {
          const first = known.inside
          known.inside = this.nothing()
          yield* this.join(known.inside, first)
        }
        known.joined = true
        yield* this.join(known.inside, more)
      } else {
        known.inside = undefined
      }
      yield
    }
    for (const [slot, { key, inside: changes }] of found) {
      if (!this.#changeAtOnce(key, slot, changes, builder)) yield* this.#change(key, slot, changes, builder)
      yield
    }
  }

  #changeAtOnce(key: Key, slot: S, inside: I | undefined, builder: Building): boolean {
    if (!this.log.takesAtOnce(slot, STEP_PARTS)) return false
    const patch = inside === undefined ? undefined : this.patch(builder, key, slot, slot.cell.present(), inside)
    if (patch === undefined) this.write(builder(), key, slot, 'as it is')
    else this.#atOnce(key, patch)
    return true
  }

  * #change(key: Key, slot: S, inside: I | undefined, builder: Building): Steps {
    const held = this.log.asOfCut(key, slot)
    if (held === undefined) return
    const patch = inside === undefined ? undefined : this.patch(builder, key, slot, held, inside)
    yield* this.#inTurn(key, patch ?? this.whole(builder, key, slot, held, undefined))
    this.log.given(slot)
  }
}
