/**
 * What a flight is, as a Standard Schema: rows of Parquet, JSON and CSV become the same record.
 *
 * Any schema library would do (zod, valibot, arktype …); this one is written out so that the example
 * needs none, and because three million rows make every nanosecond count.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'

export interface Flight {
  readonly origin: string
  /** Scheduled departure, milliseconds since 1970, UTC. */
  readonly date: number
  /** Minutes; negative if it left early. */
  readonly delay: number
}

type Result = StandardSchemaV1.Result<Flight>

export const flightSchema: StandardSchemaV1<unknown, Flight> = {
  '~standard': { version: 1, vendor: 'flights-example', validate },
}

function validate(row: unknown): Result {
  if (typeof row !== 'object' || row === null) return issue('a flight is an object', [])
  const { origin, date, delay } = row as { origin?: unknown; date?: unknown; delay?: unknown }
  if (typeof origin !== 'string' || origin === '') return wrong(row, 'origin', 'an airport code', origin)
  const at = toMillis(date)
  if (at === undefined) return wrong(row, 'date', 'a date, an ISO text, "2001/01/01 00:47" or milliseconds', date)
  const minutes = toWhole(delay)
  if (minutes === undefined) return wrong(row, 'delay', 'a whole number of minutes', delay)
  return { value: { origin, date: at, delay: minutes } }
}

function toMillis(value: unknown): number | undefined {
  if (value instanceof Date) return valid(value.getTime())
  if (typeof value === 'number') return valid(value)
  if (typeof value === 'bigint') return valid(Number(value))
  return typeof value === 'string' ? parseDate(value) : undefined
}

const DATE = /^(\d{4})[-/](\d\d)[-/](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** Texts without a time zone are UTC: the result must not depend on where the job runs. */
function parseDate(text: string): number | undefined {
  if (/^-?\d+$/.test(text)) return valid(Number(text))
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = match
  const at = Date.UTC(
    Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second),
    Number(fraction.padEnd(3, '0')),
  )
  // Date.UTC turns the 31st of February into the 3rd of March; a wrong date must not slip through.
  if (new Date(at).getUTCDate() !== Number(day) || new Date(at).getUTCMonth() !== Number(month) - 1) return undefined
  return at - offsetMs(zone)
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -1 : 1) * minutes * 60_000
}

const valid = (ms: number): number | undefined => (Number.isSafeInteger(ms) ? ms : undefined)

function toWhole(value: unknown): number | undefined {
  if (typeof value === 'number') return valid(value)
  if (typeof value === 'bigint') return valid(Number(value))
  return typeof value === 'string' && /^[+-]?\d+$/.test(value.trim()) ? valid(Number(value)) : undefined
}

function wrong(row: object, column: string, wanted: string, found: unknown): Result {
  if (!(column in row)) {
    return issue(`the column "${column}" is missing; there are ${Object.keys(row).join(', ') || 'none'}`, [column])
  }
  return issue(`${column} must be ${wanted}, not ${show(found)}`, [column])
}

const issue = (message: string, path: readonly string[]): Result => ({ issues: [{ message, path }] })

function show(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Date ? 'an invalid date' : JSON.stringify(value) ?? String(value)
}
