/**
 * Where a rolling aggregate keeps its accumulators: as cells, on the heap or in a store, or as numbers in rows.
 *
 * Made by rolling.ts.
 *
 *   RA-1  Both forms do the same with the same records, and their snapshots hold the same.
 *   RA-2  The log knows of an accumulator before it changes; a key is checked when it gets one, and when the log is told.
 */
import type { AggregateSpec } from '../graph/state-spec.ts'
import type { Key } from '../graph/key.ts'
import { checkKey } from '../record/key-codec.ts'
import { HeapCells, type CellForm, type CellTable } from '../state/cell-table.ts'
import type { Slot } from '../state/change-log.ts'
import { NumberCells } from '../state/number-cells.ts'
import type { PagedCells } from '../state/paged/paged-cells.ts'
import type { TrackedTable } from '../state/slices.ts'
import { addCode, addToCells, type Cells } from './aggregate-code.ts'
import type { Code } from './inline.ts'

export interface RollingTable {
  /** But for what names the state. */
  readonly tracked: (builder: TrackedTable['builder']) => TrackedTable
  /** Of a checkpoint. False: it is no accumulator of this aggregate. */
  load(key: Key, accumulator: unknown): boolean
  /** Adds `value` to the accumulator of a key that need not have been checked, and gives the accumulator. */
  add(key: unknown, value: unknown): unknown
  /** The same as statements. */
  code(code: Code, key: string, value: string): RollingCode
}

export interface RollingCode {
  readonly statements: string
  /** The accumulator as it is then, for a function. */
  readonly accumulator: string
  /** The same for generated rows. */
  readonly held: string | Cells
}

interface Cell extends Slot {
  accumulator: unknown
}

export const cellForm: CellForm<Cell> = {
  stored: ({ accumulator }) => accumulator,
  slotOf: (accumulator) => ({ touched: 0, accumulator }),
}

/** `paged`: undefined on the heap. */
export function tableOfCells(aggregate: AggregateSpec, operator: string, paged: PagedCells<Cell> | undefined): RollingTable {
  const table: CellTable<Cell> = paged ?? new HeapCells(cellForm)
  const { log } = table
  // A store asks for the bytes of a key, so it has to be one; a Map has nothing under what is none.
  const cells: Pick<CellTable<Cell>, 'get'> = paged === undefined ? table : { get: (key) => paged.get(checkKey(key, operator)) }
  const newCell = (given: unknown): Cell => {
    const key = checkKey(given, operator)
    const cell = { touched: 0, accumulator: aggregate.create() as unknown }
    table.add(key, cell)
    return cell
  }
  const touch = (key: unknown, cell: Cell): void => log.touch(checkKey(key, operator), cell)
  return {
    tracked: (builder) => ({
      log, builder,
      get count() {
        return table.size
      },
      slots: (as) => table.slots(as),
      write: (to, key, cell, asks) => table.write(to, key, cell, asks),
      drop: (key) => table.drop(key),
    }),
    load(key, accumulator) {
      table.load(key, { touched: 0, accumulator })
      return true
    },
    add(key, value) {
      const cell = cells.get(key as Key) ?? newCell(key)
      if (cell.touched !== log.epoch) touch(key, cell)
      cell.accumulator = aggregate.add(cell.accumulator, value)
      return cell.accumulator
    },
    code(code, key, value) {
      const [cell, before] = [code.local(), code.local()]
      const accumulator = `${cell}.accumulator`
      const statements = `let ${cell} = ${code.bind(cells)}.get(${key})
        if (${cell} === undefined) ${cell} = ${code.bind(newCell)}(${key})
        else if (${cell}.touched !== ${code.bind(log)}.epoch) ${code.bind(touch)}(${key}, ${cell})
        const ${before} = ${accumulator}
        ${addCode(aggregate, code, before, value, (after) => `${accumulator} = ${after}`)}`
      return { statements, accumulator, held: accumulator }
    },
  }
}

/** Undefined: accumulators are not always the same number of numbers. */
export function tableOfNumbers({ code: steps, create, add }: AggregateSpec, operator: string): RollingTable | undefined {
  if (steps?.cells !== 'accumulator' || steps.steps.some(({ kind }) => kind === 'fold')) return undefined
  const initial: unknown = create()
  const fits = (held: unknown): held is number[] =>
    Array.isArray(held) && held.every((each) => typeof each === 'number')
  if (!fits(initial)) return undefined
  const table = new NumberCells(initial)
  const { log } = table
  const newPlace = (key: unknown): number => table.add(checkKey(key, operator))
  const touch = (key: unknown, place: number): void => table.touch(checkKey(key, operator), place)
  const markOf = (place: number): number => table.rowsOf(place)[table.firstOf(place) - 1] as number
  return {
    tracked: (builder) => ({
      log, builder,
      get count() {
        return table.size
      },
      slots: () => table.slots(),
      slotOf: (key) => table.slotOf(key),
      write: (to, key, slot) => table.write(to, key, slot),
      // Numbers are always alive.
      drop: () => {},
    }),
    load(key, accumulator) {
      if (!fits(accumulator) || accumulator.length !== initial.length) return false
      table.load(key, accumulator)
      return true
    },
    add(key, value) {
      const known = table.placeOf(key)
      const place = known < 0 ? newPlace(key) : known
      if (markOf(place) !== log.epoch) touch(key, place)
      const held = table.read(place)
      try {
        add(held, value)
      } finally {
        // What was added before a step refused the value stays, as it does where accumulators are changed in place.
        table.put(place, held)
      }
      return held
    },
    code(code, key, value) {
      const [place, name, from, cells] = [code.local(), code.local(), code.local(), code.bind(table)]
      const held: Cells = { name, from }
      const statements = `let ${place} = ${cells}.placeOf(${key})
        if (${place} < 0) ${place} = ${code.bind(newPlace)}(${key})
        const ${name} = ${cells}.rowsOf(${place}), ${from} = ${cells}.firstOf(${place})
        if (${name}[${from} - 1] !== ${code.bind(log)}.epoch) ${code.bind(touch)}(${key}, ${place})
        ${addToCells(steps.steps, code, held, value)}`
      return { statements, accumulator: `${cells}.read(${place})`, held }
    },
  }
}
