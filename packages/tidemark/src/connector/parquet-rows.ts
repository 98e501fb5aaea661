/**
 * Row objects from columns: generated per combination of column kinds, or a loop.
 *
 * Called by the Parquet reader. Every row has the same fields in the same order, so all rows share one
 * shape; a Date is made anew for every row, since user code may hold on to it.
 */
import { deserialize } from 'node:v8'
import { canGenerate, generate, setField } from '../base/generated-code.ts'
import { PACKED_ROWS, type Column } from './parquet-protocol.ts'

export type Row = Record<string, unknown>
/** Rows [from, from + count) of a row group. */
export type MakeRows = (columns: readonly Accessible[], from: number, count: number) => Row[]

/** A column plus `at` for the kinds that need a call per value. */
export interface Accessible {
  readonly column: Column
  at(row: number): unknown
}

export function accessible(column: Column): Accessible {
  return { column, at: accessor(column) }
}

function accessor(column: Column): (row: number) => unknown {
  switch (column.kind) {
    case 'dictionary': {
      const { codes, texts } = column
      return (row) => texts[codes[row] as number]
    }
    case 'text': {
      const { bytes, offsets, nulls } = column
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      return (row) => (nulls?.[row] === 1 ? null : buffer.toString('utf8', offsets[row], offsets[row + 1]))
    }
    case 'packed': {
      let held = -1
      let values: unknown[] = []
      return (row) => {
        const chunk = Math.floor(row / PACKED_ROWS)
        if (chunk !== held) {
          // These bytes were written a moment ago by our own thread; they never come from outside.
          values = deserialize(column.chunks[chunk] as Uint8Array) as unknown[]
          held = chunk
        }
        return values[row % PACKED_ROWS]
      }
    }
    default: {
      const { kind, values, nulls } = column
      const convert = (value: number | bigint): unknown =>
        kind === 'date' ? new Date(value as number) : kind === 'boolean' ? value === 1 : value
      return (row) => (nulls?.[row] === 1 ? null : convert(values[row] as number | bigint))
    }
  }
}

/** Generated functions by their text, so that all row groups of a file share one. */
export class RowFactory {
  readonly #made = new Map<string, MakeRows>()

  for(names: readonly string[], columns: readonly Accessible[]): MakeRows {
    if (!canGenerate(names)) return loop(names)
    const body = source(names, columns.map(({ column }) => column))
    let make = this.#made.get(body)
    if (make === undefined) {
      make = generate<MakeRows>(['c', 'from', 'count'], body) ?? loop(names)
      this.#made.set(body, make)
    }
    return make
  }
}

function source(names: readonly string[], columns: readonly Column[]): string {
  const head: string[] = []
  const fields = columns.map((column, i) => {
    head.push(`const x${i}=c[${i}],d${i}=x${i}.column;`)
    const name = JSON.stringify(names[i])
    if (column.kind === 'dictionary') {
      head.push(`const k${i}=d${i}.codes,t${i}=d${i}.texts;`)
      return `${name}:t${i}[k${i}[r]]`
    }
    if (column.kind === 'text' || column.kind === 'packed') return `${name}:x${i}.at(r)`
    head.push(`const v${i}=d${i}.values,n${i}=d${i}.nulls;`)
    const value = column.kind === 'date' ? `new Date(v${i}[r])` : column.kind === 'boolean' ? `v${i}[r]===1` : `v${i}[r]`
    return column.nulls === null ? `${name}:${value}` : `${name}:n${i}[r]===1?null:${value}`
  })
  return `${head.join('')}const out=new Array(count);` +
    `for(let i=0,r=from;i<count;i++,r++)out[i]={${fields.join(',')}};return out`
}

function loop(names: readonly string[]): MakeRows {
  return (columns, from, count) => Array.from({ length: count }, (_, i) => {
    const row: Row = {}
    names.forEach((name, c) => setField(row, name, columns[c]?.at(from + i)))
    return row
  })
}
