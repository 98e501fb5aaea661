/**
 * Adds records to the accumulators of windows, as a function and as statements.
 *
 * Used by the window operators whose open windows are Maps of cells (window-cells.ts).
 *
 *   CB-1  The log knows of a cell before its accumulator changes; a key is checked when it gets its first cell.
 *   CB-2  The record of a key that has a cell costs one look-up, one compare and one `add`.
 */
import type { Key } from '../graph/key.ts'
import type { KeySelector } from '../graph/operator-spec.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import { assert } from '../base/assert.ts'
import { checkKey } from '../record/key-codec.ts'
import { addCode } from './aggregate-code.ts'
import { userError } from './errors.ts'
import { guarded, type Code } from './inline.ts'
import type { Cell, CellTable, WindowCells } from './window-cells.ts'

/** The window that records go to now. */
export interface Present {
  /** Those of `window`. */
  cells: Map<Key, Cell>
  window: WindowCells | undefined
}

export interface CellAdder {
  /** `key` has passed `checkKey`. */
  add(of: WindowCells, key: Key, value: unknown): Cell
  /** To a key that need not have been checked; throws what functions of the user throw. */
  addGiven(of: WindowCells, key: unknown, value: unknown): void
  /** `value` to the present window. */
  addNow(present: Present, value: unknown): void
  /** The same as statements. `present` is a bound name. */
  codeNow(code: Code, present: string, value: string): string
}

export function createCellAdder(
  aggregate: AggregateSpec, keyOf: KeySelector, { log }: CellTable, operator: string,
): CellAdder {
  const { create, add } = aggregate

  /** Everything but the look-up of a key that is there. */
  function addFirst(of: WindowCells | undefined, given: unknown, value: unknown): Cell {
    assert(of !== undefined, 'a record is added to a window')
    const cell = { touched: 0, accumulator: create() as unknown, of }
    cell.accumulator = add(cell.accumulator, value)
    const key = checkKey(given, operator)
    of.cells.set(key, cell)
    log.created(key, cell)
    return cell
  }

  const touch = (key: unknown, cell: Cell): void => log.touch(checkKey(key, operator), cell)

  function addGiven(of: WindowCells | undefined, key: unknown, value: unknown): Cell {
    const cell = of?.cells.get(key as Key)
    if (cell === undefined) return addFirst(of, key, value)
    if (cell.touched !== log.epoch) touch(key, cell)
    cell.accumulator = add(cell.accumulator, value)
    return cell
  }

  return {
    addGiven,
    add(of, key, value) {
      try {
        return addGiven(of, key, value)
      } catch (thrown) {
        throw userError(thrown, operator, 'aggregate')
      }
    },
    addNow(present, value) {
      try {
        const key = keyOf(value)
        const cell = present.cells.get(key)
        if (cell === undefined) {
          addFirst(present.window, key, value)
        } else {
          if (cell.touched !== log.epoch) touch(key, cell)
          cell.accumulator = add(cell.accumulator, value)
        }
      } catch (thrown) {
        throw userError(thrown, operator, 'keyBy or aggregate')
      }
    },
    codeNow(code, present, value) {
      const [key, cell, accumulator] = [code.local(), code.local(), code.local()]
      const added = addCode(aggregate, code, accumulator, value, (after) => `${cell}.accumulator = ${after}`)
      return guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
        const ${cell} = ${present}.cells.get(${key})
        if (${cell} !== undefined) {
          if (${cell}.touched !== ${code.bind(log)}.epoch) ${code.bind(touch)}(${key}, ${cell})
          const ${accumulator} = ${cell}.accumulator; ${added}
        } else ${code.bind(addFirst)}(${present}.window, ${key}, ${value})`, operator, 'keyBy or aggregate')
    },
  }
}
