/**
 * The shape of a batch: what its records have in common, and where its columns lie.
 *
 * A batch has a shape if all its records are plain objects with the same own enumerable fields in the same
 * order, or if none is an object with fields (bare values: one column without a name). Called by
 * batch-codec.ts; the codecs of one shape are in shape-codec.ts and shape-closures.ts.
 *
 *   CD-1  Kinds form a lattice: `join` is commutative, associative and idempotent, and never narrows. So a
 *         column changes its kind a few times at most, and learning ends.
 *   CD-2  A value that was joined into a kind is written and read back by that kind equal in every bit.
 */
import type { Scratch } from './scratch.ts'

/** Of one column. Numbers are in the bytes of a batch. NULLABLE is added where null or undefined occur. */
export const KIND = {
  /** Nothing but null and undefined; always with NULLABLE. */
  none: 0,
  /** Whole numbers that fit int32; not -0. */
  int: 1,
  float: 2,
  boolean: 3,
  /** Lengths as int32, and one text a column. */
  string: 4,
  date: 5,
  /** Fits int64. */
  bigint: 6,
  /** Anything, value by value. */
  other: 7,
} as const
export const NULLABLE = 8

export function baseOf(kind: number): number {
  return kind & ~NULLABLE
}

/** Bytes a record, by kind without NULLABLE. */
const WIDTH = [0, 4, 8, 1, 4, 8, 8, 0] as const

/** What the tag byte of a nullable column says. */
export const TAGS = { value: 0, null: 1, undefined: 2 } as const

export interface Shape {
  /** Undefined for bare values. */
  readonly names: readonly string[] | undefined
  /** One a name; one in all for bare values. */
  readonly kinds: readonly number[]
}

/** A batch between its records and its bytes. */
export interface Columns {
  readonly ints: Int32Array
  readonly floats: Float64Array
  readonly bytes: Uint8Array
  readonly bigints: BigInt64Array
  /** Per column: index of its first element in the view of its kind. */
  readonly at: readonly number[]
  /** Per column: index in `bytes` of its first tag. */
  readonly tagsAt: readonly number[]
  /** Per string column, when writing: all its strings in one. */
  readonly texts: string[]
  /** Per string column, when reading. */
  readonly strings: (readonly string[])[]
  /** Per column of kind `other`: its values. */
  readonly others: unknown[][]
}

/** Writes and reads the columns of one shape. */
export interface ShapeCodec {
  /**
   * Writes `n` records from `from` on. Gives n; or how many come before the strings grew too long; or -1 if
   * a record is not of this shape.
   */
  write(columns: Columns, values: readonly unknown[], from: number, n: number): number
  read(columns: Columns, n: number): unknown[]
}

/** Beyond so many characters what is left of a batch becomes another one; a single record goes by values. */
export const MOST_CHARS = 2 ** 22

export interface Layout {
  readonly at: readonly number[]
  readonly tagsAt: readonly number[]
  /** The first byte behind all columns, a multiple of 8. */
  readonly end: number
}

/** The places of all columns of `n` records behind byte `start`, a multiple of 8. */
export function layOut(kinds: readonly number[], n: number, start: number): Layout {
  const at: number[] = []
  const tagsAt: number[] = []
  let end = start
  for (const kind of kinds) {
    const width = WIDTH[baseOf(kind)] ?? 0
    at.push(width === 0 ? 0 : end / width)
    end = padded(end + n * width)
    tagsAt.push(end)
    if (kind & NULLABLE) end = padded(end + n)
  }
  return { at, tagsAt, end }
}

/** `scratch` has room up to the end of the layout, and keeps its memory while the columns are in use. */
export function columnsIn({ ints, floats, bytes, bigints }: Scratch, { at, tagsAt }: Layout): Columns {
  return { ints, floats, bytes, bigints, at, tagsAt, texts: [], strings: [], others: at.map(() => []) }
}

export function padded(bytes: number): number {
  return (bytes + 7) & ~7
}

export function join(a: number, b: number): number {
  const nullable = (a | b) & NULLABLE
  const left = baseOf(a)
  const right = baseOf(b)
  if (left === right || right === KIND.none) return left === KIND.other ? left : left | nullable
  if (left === KIND.none) return right === KIND.other ? right : right | nullable
  const numbers = (left === KIND.int || left === KIND.float) && (right === KIND.int || right === KIND.float)
  return numbers ? KIND.float | nullable : KIND.other
}

export function kindOf(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return (value | 0) === value && !Object.is(value, -0) ? KIND.int : KIND.float
    case 'string':
      return KIND.string
    case 'boolean':
      return KIND.boolean
    case 'undefined':
      return NULLABLE
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? KIND.bigint : KIND.other
    case 'object':
      if (value === null) return NULLABLE
      return isDate(value) ? KIND.date : KIND.other
  }
  return KIND.other
}

/** The shape of `n` values (at least one) from `from` on, if they have one. */
export function observe(values: readonly unknown[], from: number, n: number): Shape | undefined {
  const first = values[from]
  const names = typeof first === 'object' && first !== null && !isDate(first) ? Object.keys(first) : undefined
  const kinds: number[] = []
  for (let i = from; i < from + n; i++) {
    const value = values[i]
    if (names === undefined) {
      kinds[0] = joined(kinds[0], value)
      if (kinds[0] === KIND.other) return undefined
      continue
    }
    if (!isRecordOf(value, names)) return undefined
    for (const [c, name] of names.entries()) kinds[c] = joined(kinds[c], value[name])
  }
  return { names, kinds }
}

/** A plain object with just these fields, in this order. */
export function isRecordOf(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  let found = 0
  for (const name in value) {
    if (name !== names[found]) return false
    found += 1
  }
  return found === names.length
}

export function isDate(value: unknown): value is Date {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Date.prototype
}

function joined(kind: number | undefined, value: unknown): number {
  return kind === undefined ? kindOf(value) : join(kind, kindOf(value))
}
