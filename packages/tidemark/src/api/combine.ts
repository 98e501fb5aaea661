/**
 * Several named aggregates as one: `{ departures: count(), delay: sum(…) }`.
 *
 * Numeric aggregates share one array of cells. Where others are among them, the accumulator is
 * [cells, other, other, …]. Rows are built from the accumulator directly, without a result object in
 * between.
 */
import { E006_BAD_NAME, E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { AggregateCode, AggregateStep, RowCode, RowField } from '../graph/aggregate-code.ts'
import { cellPart, foldPart, type AggregateShape } from '../graph/aggregate-shape.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import { doubles, type Aggregate, type BoundCells } from './aggregates.ts'

/** A row under construction; names are checked, so plain assignment is safe. */
export type Row = Record<string, unknown>

export interface Combined {
  /** `result` hands the accumulator on: `fill` makes the row of it. */
  readonly aggregate: AggregateSpec
  readonly fill: (row: Row, accumulator: unknown) => Row
  /** `fill` as data, for rows of the key, the window and these fields. */
  readonly row: Fields
}

/** Fields of a row as data; the key and the window are added by who makes the row. */
export type Fields = Pick<RowCode, 'cells' | 'fields'>

/** One field `value` with the first cell; undefined for an aggregate that is no array of cells. */
export function valueRow({ code }: AggregateSpec): Fields | undefined {
  if (code?.cells !== 'accumulator') return undefined
  return { cells: code.cells, fields: [{ name: 'value', kind: 'cell', at: 0 }] }
}

const RESERVED = new Set(['key', 'start', 'end', '__proto__'])

interface Part {
  readonly name: string
  readonly aggregate: Aggregate<unknown, unknown>
}

export function combine(aggregates: Readonly<Record<string, Aggregate<never, unknown>>>): Combined {
  // What the parts take is checked by the type of `aggregate()`; here they are all alike.
  const parts = Object.entries(aggregates).map(([name, aggregate]): Part => {
    return { name, aggregate: aggregate as Aggregate<unknown, unknown> }
  })
  if (parts.length === 0) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'aggregate() got no aggregates', given: aggregates,
      why: 'Each name becomes a field of the result.', fix: 'give at least one, e.g. { n: count() }',
    })
  }
  for (const { name } of parts) {
    if (RESERVED.has(name) || name === '') throw E006_BAD_NAME({ what: 'The name of an aggregate', name })
  }
  return parts.every(({ aggregate }) => aggregate.cells !== undefined) ? onlyCells(parts) : mixed(parts)
}

interface Layout {
  readonly initial: readonly number[]
  readonly bound: readonly (BoundCells<unknown, unknown> | undefined)[]
  /** First those of the cells, then the others, as `add` goes about it. */
  readonly steps: readonly AggregateStep[]
  readonly fields: readonly RowField[]
  readonly shape: AggregateShape
}

function layOut(parts: readonly Part[]): Layout {
  const initial: number[] = []
  const ofCells: AggregateStep[] = []
  const folds: AggregateStep[] = []
  const fields: RowField[] = []
  const bound = parts.map(({ name, aggregate: { cells, add, result } }) => {
    if (cells === undefined) {
      const at = folds.length + 1
      folds.push({ kind: 'fold', at, add })
      fields.push({ name, kind: 'fold', at, result })
      return undefined
    }
    const at = initial.length
    initial.push(...cells.initial)
    ofCells.push(...cells.steps(at))
    fields.push({ name, kind: cells.field, at })
    return cells.bind(at)
  })
  const shape = parts.map(({ name, aggregate: { cells } }) =>
    cells === undefined ? foldPart(name) : cellPart(name, cells.steps(0), cells.initial.length))
  return { initial: doubles(initial), bound, steps: [...ofCells, ...folds], fields, shape }
}

function onlyCells(parts: readonly Part[]): Combined {
  const { initial, bound, steps, fields, shape } = layOut(parts)
  const cells = bound.filter((part) => part !== undefined)
  const names = parts.map(({ name }) => name)
  const retracts = cells.every((cell) => cell.retract !== undefined)
  const unmerges = cells.every((cell) => cell.unmerge !== undefined)
  const unmerge = (from: number[], part: readonly number[]): number[] => {
    for (const cell of cells) cell.unmerge?.(from, part)
    return from
  }
  const code: AggregateCode = { cells: 'accumulator', steps }
  const retract = (from: number[], value: unknown): number[] => {
    for (const cell of cells) cell.retract?.(from, value)
    return from
  }
  return {
    aggregate: {
      create: () => initial.slice(),
      add: adder(cells),
      merge: (into: number[], from: readonly number[]) => {
        for (const { merge } of cells) merge(into, from)
        return into
      },
      result: (accumulator: number[]) => accumulator,
      exact: parts.every(({ aggregate }) => aggregate.exact === true),
      ...(retracts ? { retract } : {}),
      ...(unmerges ? { unmerge } : {}),
      code,
      shape,
    },
    row: { cells: code.cells, fields },
    fill: (row, accumulator) => {
      for (let i = 0; i < cells.length; i++) {
        row[names[i] as string] = (cells[i] as BoundCells<unknown, unknown>).result(accumulator as number[])
      }
      return row
    },
  }
}

/** The usual numbers of aggregates without a loop: this runs for every record. */
function adder(cells: readonly BoundCells<unknown, unknown>[]): (into: number[], value: unknown) => number[] {
  const [a, b, c] = cells.map(({ add }) => add)
  if (cells.length === 1 && a !== undefined) {
    return (into, value) => {
      a(into, value)
      return into
    }
  }
  if (cells.length === 2 && a !== undefined && b !== undefined) {
    return (into, value) => {
      a(into, value)
      b(into, value)
      return into
    }
  }
  if (cells.length === 3 && a !== undefined && b !== undefined && c !== undefined) {
    return (into, value) => {
      a(into, value)
      b(into, value)
      c(into, value)
      return into
    }
  }
  return (into, value) => {
    for (let i = 0; i < cells.length; i++) (cells[i] as BoundCells<unknown, unknown>).add(into, value)
    return into
  }
}

type Mixed = [cells: number[], ...others: unknown[]]

function mixed(parts: readonly Part[]): Combined {
  const { initial, bound, steps, fields, shape } = layOut(parts)
  const code: AggregateCode = { cells: 'first', steps }
  const others = parts.filter((_, i) => bound[i] === undefined)
  const merges = others.every(({ aggregate }) => aggregate.merge !== undefined)
  const merge = (into: Mixed, from: Mixed): Mixed => {
    for (const cells of bound) cells?.merge(into[0], from[0])
    others.forEach(({ aggregate }, i) => { into[i + 1] = aggregate.merge?.(into[i + 1], from[i + 1]) })
    return into
  }
  return {
    aggregate: {
      create: (): Mixed => [initial.slice(), ...others.map(({ aggregate }) => aggregate.create())],
      add: (into: Mixed, value: unknown) => {
        for (const cells of bound) cells?.add(into[0], value)
        for (let i = 0; i < others.length; i++) {
          into[i + 1] = (others[i] as Part).aggregate.add(into[i + 1], value)
        }
        return into
      },
      result: (accumulator: Mixed) => accumulator,
      ...(merges ? { merge } : {}),
      exact: false,
      code,
      shape,
    },
    row: { cells: code.cells, fields },
    fill: (row, accumulator) => {
      const [cells, ...rest] = accumulator as Mixed
      let other = 0
      parts.forEach(({ name, aggregate }, i) => {
        const part = bound[i]
        row[name] = part === undefined ? aggregate.result(rest[other++]) : part.result(cells)
      })
      return row
    },
  }
}
