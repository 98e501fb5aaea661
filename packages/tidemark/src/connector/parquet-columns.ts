/**
 * Turns decoded Parquet values into columns in shared memory, which cross threads without a copy.
 *
 * Called by the decoding thread. Pure. A 64-bit integer becomes a number where all values of the row
 * group are safe integers, else the column stays bigint; a timestamp is milliseconds, rounded down.
 */
import { serialize } from 'node:v8'
import { PACKED_ROWS, type Column } from './parquet-protocol.ts'

export type DateUnit = 'MILLIS' | 'MICROS' | 'NANOS'
export type Values = ArrayLike<unknown>

export const DICTIONARY_LIMIT = 10_000
export const UNITS_IN_MS: Readonly<Record<DateUnit, number>> = { MILLIS: 1, MICROS: 1000, NANOS: 1_000_000 }

/** Milliseconds of a timestamp, rounded down. */
export function toMilliseconds(value: number | bigint, unit: DateUnit): number {
  const perMs = UNITS_IN_MS[unit]
  const number = Number(value)
  if (Number.isSafeInteger(number)) return Math.floor(number / perMs)
  // Division of bigints rounds towards zero; the remainder says whether that was up.
  const big = BigInt(value)
  const rest = big % BigInt(perMs)
  return Number(big / BigInt(perMs)) - (rest < 0n ? 1 : 0)
}

const float64s = (length: number): Float64Array => new Float64Array(new SharedArrayBuffer(length * 8))

/** Joins the parts of one column. `date`: its numbers are milliseconds. */
export function toColumn(parts: readonly Values[], rows: number, date: boolean): Column {
  if (parts.length > 0 && parts.every(isSmallNumbers)) {
    const numbers = float64s(rows)
    let at = 0
    for (const part of parts) {
      numbers.set(part as Float64Array, at)
      at += part.length
    }
    return { kind: date ? 'date' : 'number', values: numbers, nulls: null }
  }
  const values: unknown[] = []
  for (const part of parts) for (let i = 0; i < part.length; i++) values.push(part[i] ?? null)
  const column = fromValues(values)
  return date && column.kind === 'number' ? { ...column, kind: 'date' } : column
}

function isSmallNumbers(part: Values): boolean {
  return part instanceof Int32Array || part instanceof Uint32Array ||
    part instanceof Float64Array || part instanceof Float32Array
}

function fromValues(values: readonly unknown[]): Column {
  const kind = kindOf(values)
  if (kind === 'string') return fromTexts(values as readonly (string | null)[])
  if (kind === 'bigint') {
    const column = fromBigints(values as readonly (bigint | null)[])
    return column ?? packed(values)
  }
  if (kind === 'boolean') {
    const bits = new Uint8Array(new SharedArrayBuffer(values.length))
    bits.set(toNumbers(values))
    return { kind, values: bits, nulls: nullsOf(values) }
  }
  if (kind === 'other') return packed(values)
  return { kind, values: toNumbers(values), nulls: nullsOf(values) }
}

/** Numbers, Dates and booleans; null is 0. */
function toNumbers(values: readonly unknown[]): Float64Array {
  const numbers = float64s(values.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(values[i])
  return numbers
}

/** Numbers if all are safe integers; undefined if one has more than 64 bits. */
function fromBigints(values: readonly (bigint | null)[]): Column | undefined {
  const bigints = new BigInt64Array(new SharedArrayBuffer(values.length * 8))
  const numbers = float64s(values.length)
  let safe = true
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0n
    bigints[i] = value
    if (bigints[i] !== value) return undefined
    const number = Number(value)
    if (!Number.isSafeInteger(number)) safe = false
    numbers[i] = number
  }
  const nulls = nullsOf(values)
  return safe ? { kind: 'number', values: numbers, nulls } : { kind: 'bigint', values: bigints, nulls }
}

function packed(values: readonly unknown[]): Column {
  const chunks: Uint8Array[] = []
  for (let i = 0; i < values.length; i += PACKED_ROWS) {
    const bytes = serialize(values.slice(i, i + PACKED_ROWS))
    const chunk = new Uint8Array(new SharedArrayBuffer(bytes.length))
    chunk.set(bytes)
    chunks.push(chunk)
  }
  return { kind: 'packed', chunks }
}

/** The type that all values share, nulls apart. */
function kindOf(values: readonly unknown[]): 'string' | 'bigint' | 'number' | 'boolean' | 'date' | 'other' {
  let kind: string | undefined
  for (const value of values) {
    if (value === null) continue
    const own = value instanceof Date ? 'date' : typeof value
    if (kind !== undefined && own !== kind) return 'other'
    kind = own
  }
  switch (kind) {
    case 'string': case 'bigint': case 'number': case 'boolean': case 'date':
      return kind
    case undefined:
      // Only nulls.
      return 'number'
    default:
      return 'other'
  }
}

function nullsOf(values: readonly unknown[]): Uint8Array | null {
  if (!values.includes(null)) return null
  const nulls = new Uint8Array(new SharedArrayBuffer(values.length))
  for (let i = 0; i < nulls.length; i++) nulls[i] = values[i] === null ? 1 : 0
  return nulls
}

function fromTexts(values: readonly (string | null)[]): Column {
  const known = new Map<string | null, number>()
  const codes = new Int32Array(new SharedArrayBuffer(values.length * 4))
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as string | null
    let code = known.get(value)
    if (code === undefined) {
      if (known.size >= DICTIONARY_LIMIT) return textHeap(values)
      code = known.size
      known.set(value, code)
    }
    codes[i] = code
  }
  return { kind: 'dictionary', codes, texts: [...known.keys()] }
}

function textHeap(values: readonly (string | null)[]): Column {
  const offsets = new Uint32Array(new SharedArrayBuffer((values.length + 1) * 4))
  let bytes = new Uint8Array(values.length * 32)
  const encoder = new TextEncoder()
  let at = 0
  values.forEach((value, i) => {
    const text = value ?? ''
    if (at + text.length * 3 > bytes.length) {
      const grown = new Uint8Array(Math.max(bytes.length * 2, at + text.length * 3))
      grown.set(bytes.subarray(0, at))
      bytes = grown
    }
    at += encoder.encodeInto(text, bytes.subarray(at)).written
    offsets[i + 1] = at
  })
  const heap = new Uint8Array(new SharedArrayBuffer(at))
  heap.set(bytes.subarray(0, at))
  return { kind: 'text', bytes: heap, offsets, nulls: nullsOf(values) }
}
