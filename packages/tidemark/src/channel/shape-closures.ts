/**
 * The codec of one shape without generated code: a loop over columns with a closure for each.
 *
 * Used where code generation is disallowed, and for shapes whose field names generated code must not
 * contain. Same bytes and same results as shape-codec.ts, by test; several times slower.
 */
import { assert } from '../base/assert.ts'
import { setField } from '../base/generated-code.ts'
import {
  baseOf, isDate, isRecordOf, KIND, MOST_CHARS, NULLABLE, TAGS, type Columns, type Shape, type ShapeCodec,
} from './columns.ts'

/** False if the value is not of the column's kind. */
type WriteCell = (columns: Columns, column: number, row: number, value: unknown) => boolean
type ReadCell = (columns: Columns, column: number, row: number) => unknown

interface Cell {
  readonly write: WriteCell
  readonly read: ReadCell
}

const place = (columns: Columns, column: number, row: number): number => (columns.at[column] as number) + row

const CELLS: readonly Cell[] = [
  { // none
    write: () => false,
    read: () => undefined,
  },
  { // int
    write(columns, column, row, value) {
      if (typeof value !== 'number' || (value | 0) !== value || Object.is(value, -0)) return false
      columns.ints[place(columns, column, row)] = value
      return true
    },
    read: (columns, column, row) => columns.ints[place(columns, column, row)],
  },
  { // float
    write(columns, column, row, value) {
      if (typeof value !== 'number') return false
      columns.floats[place(columns, column, row)] = value
      return true
    },
    read: (columns, column, row) => columns.floats[place(columns, column, row)],
  },
  { // boolean
    write(columns, column, row, value) {
      if (typeof value !== 'boolean') return false
      columns.bytes[place(columns, column, row)] = value ? 1 : 0
      return true
    },
    read: (columns, column, row) => columns.bytes[place(columns, column, row)] === 1,
  },
  { // string
    write(columns, column, row, value) {
      if (typeof value !== 'string') return false
      columns.ints[place(columns, column, row)] = value.length
      columns.texts[column] += value
      return true
    },
    read: (columns, column, row) => columns.strings[column]?.[row],
  },
  { // date
    write(columns, column, row, value) {
      if (!isDate(value)) return false
      columns.floats[place(columns, column, row)] = value.getTime()
      return true
    },
    read: (columns, column, row) => new Date(columns.floats[place(columns, column, row)] as number),
  },
  { // bigint
    write(columns, column, row, value) {
      if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) return false
      columns.bigints[place(columns, column, row)] = value
      return true
    },
    read: (columns, column, row) => columns.bigints[place(columns, column, row)],
  },
  { // other
    write(columns, column, _row, value) {
      columns.others[column]?.push(value)
      return true
    },
    read: (columns, column, row) => columns.others[column]?.[row],
  },
]

function nullable({ write, read }: Cell): Cell {
  return {
    write(columns, column, row, value) {
      const at = (columns.tagsAt[column] as number) + row
      if (value !== undefined && value !== null) {
        columns.bytes[at] = TAGS.value
        return write(columns, column, row, value)
      }
      columns.bytes[at] = value === null ? TAGS.null : TAGS.undefined
      return true
    },
    read(columns, column, row) {
      const tag = columns.bytes[(columns.tagsAt[column] as number) + row]
      return tag === TAGS.value ? read(columns, column, row) : tag === TAGS.null ? null : undefined
    },
  }
}

export function closureCodec({ names, kinds }: Shape): ShapeCodec {
  const cells = kinds.map((kind) => {
    const cell = CELLS[baseOf(kind)]
    assert(cell !== undefined, 'a column has a known kind')
    return kind & NULLABLE ? nullable(cell) : cell
  })
  const valueAt = names === undefined
    ? (value: unknown) => value
    : (value: unknown, column: number) => (value as Record<string, unknown>)[names[column] as string]
  return {
    write(columns, values, from, n) {
      const { texts } = columns
      let chars = 0
      for (const c of kinds.keys()) texts[c] = ''
      for (let row = 0; row < n; row++) {
        const value = values[from + row]
        if (names !== undefined && !isRecordOf(value, names)) return -1
        for (const [c, cell] of cells.entries()) {
          const field = valueAt(value, c)
          if (typeof field === 'string' && baseOf(kinds[c] as number) === KIND.string) {
            chars += field.length
            if (chars > MOST_CHARS) return row
          }
          if (!cell.write(columns, c, row, field)) return -1
        }
      }
      return n
    },
    read(columns, n) {
      const values: unknown[] = []
      for (let row = 0; row < n; row++) {
        if (names === undefined) {
          values.push(cells[0]?.read(columns, 0, row))
          continue
        }
        const record: Record<string, unknown> = {}
        for (const [c, cell] of cells.entries()) {
          setField(record, names[c] as string, cell.read(columns, c, row))
        }
        values.push(record)
      }
      return values
    },
  }
}
