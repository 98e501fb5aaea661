/**
 * Records as text: JSON lines or CSV. Called by the file sink's writer for every record.
 *
 * JSON has JSON.stringify's meaning: undefined fields are left out, NaN and infinities become null, a
 * Date becomes an ISO string. What JSON cannot say at all (a bigint, a function, undefined as the whole
 * record, a cycle) is refused with E106 instead of being written as something else.
 */
import { describeThrown } from '../base/errors.ts'
import { E106_UNWRITABLE_RECORD } from './errors.ts'

export interface RowWriter {
  /** First line of every file, with its line end; '' if there is none. */
  header(): string
  /** One record with its line end. */
  line(record: unknown): string
}

export function jsonLines(sink: string): RowWriter {
  const refuse = (reason: string): Error => E106_UNWRITABLE_RECORD({ sink, format: 'JSON', reason })
  return {
    header: () => '',
    line(record) {
      let text: string | undefined
      try {
        text = JSON.stringify(record)
      } catch (error) {
        throw refuse(describeThrown(error))
      }
      if (text === undefined) throw refuse(`it is ${typeof record}`)
      return `${text}\n`
    },
  }
}

/**
 * CSV with a header row in every file. The columns are those given, or the fields of the first record;
 * a record with any other field is refused, since the file could not hold it.
 */
export function csvLines(sink: string, given: readonly string[] | undefined): RowWriter {
  const refuse = (reason: string): Error => E106_UNWRITABLE_RECORD({ sink, format: 'CSV', reason })
  let columns = given
  let known = new Set(given)
  return {
    header: () => (columns === undefined ? '' : `${columns.map(csvField).join(',')}\n`),
    line(record) {
      if (typeof record !== 'object' || record === null || Array.isArray(record)) {
        throw refuse('it is no object with fields')
      }
      const fields = Object.keys(record)
      if (columns === undefined) {
        columns = fields
        known = new Set(fields)
      }
      const other = fields.find((name) => !known.has(name))
      if (other !== undefined) {
        throw refuse(`its field ${JSON.stringify(other)} is none of the columns ${JSON.stringify(columns)}`)
      }
      const own = (name: string): unknown =>
        Object.hasOwn(record, name) ? (record as Record<string, unknown>)[name] : undefined
      return `${columns.map((name) => csvField(own(name))).join(',')}\n`
    },
  }
}

function plainText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'number': case 'bigint': case 'boolean':
      return String(value)
    default:
      return JSON.stringify(value) ?? ''
  }
}

function csvField(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = value instanceof Date ? value.toISOString() : plainText(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
