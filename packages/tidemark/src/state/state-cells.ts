/**
 * What all kinds of keyed state share: the entries, the current key, admission of values, expiry, changes.
 *
 * A cell is what one key owns in one state: a value, a list, a map. With a TTL each value in it is
 * wrapped with the time from which its TTL counts (expiry.ts).
 *
 *   TC-1  An expired value is never visible through a handle; a base (incremental.ts) does not hold what had expired at its
 *         cut. What expires while it is written is in it: event time goes back to the cut when it is restored.
 *   TC-2  An empty cell is not kept, so equal state means equal entries.
 *   TC-3  What user code hands in was accepted by the schema and, with `freeze`, is storable and frozen.
 *   TC-4  A cell changes only through `writable`, `setCell` and `clear`, so that the log knows of it before; the stamp
 *         of a value that is read is a change, too.
 *   TC-5  With a TTL a cell of which nothing is alive goes although nobody asks for its key again: `sweep` goes round
 *         all cells, some at a time, and on where it finds many dead ones (as Redis expires keys).
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { assert } from '../base/assert.ts'
import { isStreamError } from '../base/errors.ts'
import { shapeSchema } from '../graph/aggregate-shape.ts'
import type { Key } from '../graph/key.ts'
import type { StateSpec } from '../graph/state-spec.ts'
import type { TimeDomain } from '../graph/window-spec.ts'
import { E011_SCHEMA_MISMATCH } from '../record/errors.ts'
import { deepFreeze } from '../record/freeze.ts'
import { jsonSchemaOf, validateSync } from '../record/schema.ts'
import { checkStorable } from '../record/value-check.ts'
import { HeapCells, type CellForm, type CellLog, type CellTable } from './cell-table.ts'
import type { Slot } from './change-log.ts'
import { E062_NO_CURRENT_KEY } from './errors.ts'
import { Expiry, type EventClock, type Stamped } from './expiry.ts'
import { KeyedSnapshotBuilder } from './keyed-snapshot.ts'
import { PagedCells } from './paged/paged-cells.ts'
import type { PagedStore } from './paged/paged-store.ts'
import type { HeapPartsInit, PartForm } from './parts-table.ts'
import type { PartsToWrite, TrackedTable } from './slices.ts'
import type { Extent } from './snapshot.ts'

const MOST_ROUNDS = 16

/** Shared by all states of one operator. */
export interface StateContext {
  /** Undefined between records. */
  currentKey: Key | undefined
  /** Processing time. */
  readonly now: () => number
  /** Undefined: the operator keeps none, and no state has a TTL by it. */
  readonly eventTime: EventClock | undefined
  readonly freeze: boolean
  readonly maxParallelism: number
  /** For errors. */
  readonly operator: string
  /** Undefined: cells are on the heap. */
  readonly pagedStore: PagedStore | undefined
  /** For KeyMap; undefined outside tests. */
  readonly mapLimit: number | undefined
  /** For PagedCells; undefined outside tests. */
  readonly dirtyLimit: number | undefined
  /** For PartsLog; undefined outside tests. */
  readonly copiedParts: number | undefined
}

export class CellSlot<C> implements Slot {
  touched = 0
  cell: C

  constructor(cell: C) {
    this.cell = cell
  }
}

/** What keeps cells that may be large on the heap. */
export type HeapOf<C> = (init: Omit<HeapPartsInit<CellSlot<C>>, 'tally'>) => CellTable<CellSlot<C>>

/** By what clock stored values are stamped; undefined: they are not. 'here': by this state, in this attempt. */
export type StampedBy = TimeDomain | 'here' | undefined

export abstract class StateCells<C = unknown> implements TrackedTable {
  readonly name: string
  readonly spec: StateSpec
  readonly log: CellLog<CellSlot<C>>
  readonly #context: StateContext
  readonly #cells: CellTable<CellSlot<C>>
  /** The same; undefined: cells are on the heap. */
  readonly #paged: PagedCells<CellSlot<C>> | undefined
  readonly #expiry: Expiry | undefined
  /** The key that was asked for last, and its slot: a record asks several times for the same. */
  #askedKey: Key | undefined
  #asked: CellSlot<C> | undefined
  /** Of the clock of the TTL (TC-1). */
  #cutAt = 0

  constructor(name: string, spec: StateSpec, context: StateContext, heapOf?: HeapOf<C>) {
    this.name = name
    this.spec = spec
    this.#context = context
    this.#expiry = expiryOf(spec, context)
    const { pagedStore: store, operator, mapLimit, dirtyLimit, copiedParts: copied } = context
    const form = this.#form()
    this.#paged = store === undefined ? undefined : new PagedCells({ store, operator, state: name, form, dirtyLimit })
    this.#cells = this.#paged ?? heapOf?.({ form, part: this.#part(), mapLimit, copied }) ?? new HeapCells(form, mapLimit)
    this.log = this.#cells.log
  }

  get stamped(): boolean {
    return this.#expiry !== undefined
  }

  /** Cells, of maps and lists what is in them, also those of which nothing is alive any more. */
  get count(): number {
    return this.#cells.weight ?? this.#cells.size
  }

  get inParts(): PartsToWrite | undefined {
    return this.#cells.inParts
  }

  clear(): void {
    const key = this.#key()
    const slot = this.#slotOf(key)
    if (slot === undefined) return
    this.#cells.remove(key, slot)
    this.#asked = undefined
  }

  /**
   * TC-5: visits `entries` cells, and as many again while a quarter of them is dead, up to `MOST_ROUNDS` times.
   * Returns how many went.
   */
  sweep(entries: number): number {
    const expiry = this.#expiry
    if (expiry === undefined) return 0
    const date = expiry.dating
    let gone = 0
    const visitor = (key: Key, slot: CellSlot<C>): void => {
      if (date !== undefined) this.#date(key, slot, date, expiry)
      if (this.hasLive(slot.cell)) return
      this.#cells.remove(key, slot)
      gone += 1
    }
    this.#forgetAsked()
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = gone
      if (!this.#cells.visit(entries, visitor) || (gone - before) * 4 < entries) break
    }
    return gone
  }

  /** TC-1: from now on bases hold what is alive now. */
  beginCut(): void {
    if (this.#expiry !== undefined) this.#cutAt = this.#expiry.now()
  }

  /** What is stored of a cell; undefined if nothing of it was alive at the cut. */
  protected abstract dump(cell: C): unknown

  /** Something of it is alive now. */
  protected abstract hasLive(cell: C): boolean

  /** A state with a TTL: gives `at` to those values in a cell that `wants`; `before` is to be called before any changes. */
  protected abstract restamp(cell: C, at: number, wants: (stamped: Stamped) => boolean, before: () => void): void

  /** The same, with what has expired. */
  protected abstract dumpAll(cell: C): unknown

  /** The reverse of `dumpAll`. */
  protected abstract load(stored: unknown, stampedBy: StampedBy): C

  /** Keys of which something is alive, in stored order. */
  storedKeys(): Iterable<Key> {
    return this.#cells.keys(this.stamped ? ({ cell }) => this.hasLive(cell) : undefined)
  }

  slots(as: 'of now' | 'of the cut'): Iterator<readonly [Key, Slot]> {
    return this.#cells.slots(as)
  }

  builder(extent: Extent): KeyedSnapshotBuilder {
    const { name, spec, stamped } = this
    return new KeyedSnapshotBuilder({
      name, kind: spec.kind, version: spec.version, stamped, extent, clock: this.#expiry?.time,
      // The schema of an aggregating state describes what is added, not what is stored.
      jsonSchema: spec.kind === 'aggregating' ? shapeSchema(spec.aggregate) : jsonSchemaOf(spec.schema),
      maxParallelism: this.#context.maxParallelism,
    })
  }

  write(builder: KeyedSnapshotBuilder, key: Key, slot: Slot, asks: 'as it is' | 'if alive'): boolean {
    return this.#cells.write(builder, key, slot, asks)
  }

  drop(key: Key): void {
    this.#cells.drop(key)
    if (key === this.#askedKey) this.#forgetAsked()
  }

  /**
   * Before the first `put`. `landed`: what is stored is in the table of this state already; `asItIs`: in the form of
   * this declaration, but for stamps by `stampedBy`. True: it was taken over, and nothing is to be put.
   */
  begin(landed: boolean, asItIs: boolean, stampedBy: TimeDomain | undefined): boolean {
    this.#forgetAsked()
    const adopted = this.#paged?.begin(landed, asItIs && stampedBy === this.#expiry?.time) === true
    if (adopted) this.#expiry?.adopt()
    return adopted
  }

  put(key: Key, stored: unknown, stampedBy: TimeDomain | undefined): void {
    this.#cells.load(key, new CellSlot(this.load(stored, stampedBy)))
    this.#forgetAsked()
  }

  protected cell(): C | undefined {
    return this.#slotOf(this.#key())?.cell
  }

  /** The same, to be changed in place. */
  protected writable(): C | undefined {
    const key = this.#key()
    const slot = this.#slotOf(key)
    if (slot === undefined) return undefined
    if (slot.touched !== this.log.epoch) this.log.touch(key, slot)
    return slot.cell
  }

  /** The same to be gone through by user code, which may change it meanwhile. */
  protected settled(): C | undefined {
    const key = this.#key()
    const slot = this.#slotOf(key)
    if (slot !== undefined) this.log.settle?.(key, slot)
    return slot?.cell
  }

  protected setCell(cell: C): void {
    const key = this.#key()
    const slot = this.#slotOf(key)
    if (slot === undefined) {
      const fresh = new CellSlot(cell)
      this.#cells.add(key, fresh)
      this.#asked = fresh
    } else {
      if (slot.touched !== this.log.epoch) this.log.touch(key, slot)
      slot.cell = cell
    }
  }

  /** Validates, and freezes in dev; returns the value to keep. */
  protected admit(value: unknown, schema: StandardSchemaV1 | undefined = this.spec.schema): unknown {
    let admitted = value
    if (schema !== undefined) {
      const result = validateSync(schema, value, `state "${this.name}"`)
      if (!result.ok) {
        const { path, issue } = result
        const subject = `The new value of state "${this.name}"`
        throw E011_SCHEMA_MISMATCH({ subject, path, issue, policy: 'state' })
      }
      admitted = result.value
    }
    return this.keep(admitted)
  }

  /** For values made by functions of the declaration: no schema speaks about them. */
  protected keep(value: unknown): unknown {
    if (!this.#context.freeze) return value
    try {
      checkStorable(value)
    } catch (error) {
      throw isStreamError(error) ? error.withPlace({ position: `state "${this.name}"` }) : error
    }
    return deepFreeze(value)
  }

  protected get freezes(): boolean {
    return this.#context.freeze
  }

  /** `before`: what is written over, wrapped. */
  protected wrap(value: unknown, before?: unknown): unknown {
    return this.#expiry === undefined ? value : this.#expiry.wrap(value, before as Stamped | undefined)
  }

  protected unwrap(wrapped: unknown): unknown {
    return this.#expiry === undefined ? wrapped : (wrapped as Stamped).value
  }

  protected alive(wrapped: unknown): boolean {
    return this.#expiry === undefined || this.#expiry.alive(wrapped as Stamped)
  }

  /** The same, when the last cut was made. */
  protected aliveAtCut(wrapped: unknown): boolean {
    return this.#expiry === undefined || this.#expiry.alive(wrapped as Stamped, this.#cutAt)
  }

  /** A value of the present key that is alive was read (TE-2). Only states with a TTL need to say so. */
  protected wasRead(wrapped: unknown): void {
    const at = this.renewed(wrapped)
    if (at === undefined) return
    this.writable()
    const stamped = wrapped as Stamped
    stamped.at = at
  }

  /** The stamp that reading it gives; undefined: the one it has is good. */
  protected renewed(wrapped: unknown): number | undefined {
    return this.#expiry?.renewed(wrapped as Stamped)
  }

  protected dumpOne(wrapped: unknown): unknown {
    return this.#expiry === undefined ? wrapped : [(wrapped as Stamped).at, (wrapped as Stamped).value]
  }

  /** TE-6; stamps are dropped where there is no TTL any more. */
  protected loadOne(stored: unknown, stampedBy: StampedBy, freeze = this.#context.freeze): unknown {
    const [at, value] = stampedBy === undefined ? [undefined, stored] : (stored as [number, unknown])
    if (freeze) deepFreeze(value)
    if (this.#expiry === undefined) return value
    return stampedBy === 'here' ? this.#expiry.revive(value, at as number) : this.#expiry.load(value, at, stampedBy)
  }

  #part(): PartForm {
    return {
      stored: this.stamped ? (wrapped) => this.dumpOne(wrapped) : (part) => part,
      aliveAtCut: this.stamped ? (wrapped) => this.aliveAtCut(wrapped) : undefined,
    }
  }

  #form(): CellForm<CellSlot<C>> {
    const stampedBy = this.stamped ? 'here' : undefined
    return {
      place: (key) => `state "${this.name}" of key ${typeof key} ${String(key)}`,
      stored: ({ cell }) => this.dumpAll(cell),
      slotOf: (stored) => new CellSlot(this.load(stored, stampedBy)),
      alive: this.stamped ? ({ cell }) => this.dump(cell) : undefined,
    }
  }

  /** TE-5. */
  #date(key: Key, slot: CellSlot<C>, date: number, expiry: Expiry): void {
    this.restamp(slot.cell, date, (stamped) => expiry.isUndated(stamped), () => {
      if (slot.touched !== this.log.epoch) this.log.touch(key, slot)
    })
  }

  #slotOf(key: Key): CellSlot<C> | undefined {
    if (key === this.#askedKey) return this.#asked
    // A store may refuse the key, which then was not asked for.
    const slot = this.#cells.get(key)
    this.#askedKey = key
    this.#asked = slot
    return slot
  }

  #forgetAsked(): void {
    this.#askedKey = undefined
    this.#asked = undefined
  }

  #key(): Key {
    const key = this.#context.currentKey
    if (key === undefined) throw E062_NO_CURRENT_KEY({ state: this.name })
    return key
  }
}

function expiryOf({ ttl }: StateSpec, { now, eventTime }: StateContext): Expiry | undefined {
  if (ttl === undefined) return undefined
  const clock = ttl.time === 'event' ? eventTime : { now, stamp: now }
  assert(clock !== undefined, 'an operator whose state goes by event time keeps it')
  return new Expiry(ttl, clock)
}
