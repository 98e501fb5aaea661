/**
 * Tags of the value codec and the table of typed arrays. Numbers here are in files: add, never change.
 *
 * Bytes 0x80 to 0xff are the whole numbers 0 to 127 themselves.
 */
export const TAG = {
  undefined: 0x00,
  null: 0x01,
  false: 0x02,
  true: 0x03,
  /** Zigzag varint, |n| < 2^47. */
  int: 0x04,
  float64: 0x05,
  bigint: 0x06,
  /** Length-prefixed UTF-8. */
  string: 0x07,
  /** Count of UTF-16 units, then the units: for strings with lone surrogates. */
  utf16: 0x08,
  /** Milliseconds as float64; NaN is the invalid date. */
  date: 0x09,
  array: 0x0a,
  /** Count, then bare UTF-8 key and value each. */
  object: 0x0b,
  /** As `object`, with the prototype null. */
  nullObject: 0x0c,
  /** Flag for a null prototype, then as `object`, but each key a tagged string. */
  oddObject: 0x0d,
  map: 0x0e,
  set: 0x0f,
  arrayBuffer: 0x10,
  /** Index in TYPED_ARRAYS, length in bytes, little-endian elements. */
  typedArray: 0x11,
  smallInt: 0x80,
} as const

export const INT_LIMIT = 2 ** 47

/** Deep enough for any data, shallow enough for every stack. */
export const MAX_DEPTH = 256

type TypedArrayMaker = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer): ArrayBufferView }

/** The position is part of the format. */
export const TYPED_ARRAYS: readonly TypedArrayMaker[] = [
  Uint8Array, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array,
]

const NAMES = [
  'Uint8Array', 'Int8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
  'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array',
]

/** Index in TYPED_ARRAYS; -1 for a DataView and for kinds of later Node versions. Sees through Buffer. */
export function typedArrayIndex(view: ArrayBufferView): number {
  return NAMES.indexOf((view as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? '')
}
