/**
 * What the reader of a Parquet file and its decoding thread say to each other.
 *
 * Columns are typed arrays in shared memory; of text only the distinct values are copied. So the
 * receiving thread pays nothing that grows with the number of rows. Shared memory and not moved
 * ArrayBuffers, since those count as memory of the receiving heap and make it collect garbage early.
 */

/** Values of one column of one row group. `nulls[row]` is 1 where the value is null. */
export type Column =
  | { readonly kind: 'number' | 'date'; readonly values: Float64Array; readonly nulls: Uint8Array | null }
  | { readonly kind: 'bigint'; readonly values: BigInt64Array; readonly nulls: Uint8Array | null }
  | { readonly kind: 'boolean'; readonly values: Uint8Array; readonly nulls: Uint8Array | null }
  /** `texts[codes[row]]`; a null is one of the texts. */
  | { readonly kind: 'dictionary'; readonly codes: Int32Array; readonly texts: readonly (string | null)[] }
  /** UTF-8 from offsets[row] to offsets[row + 1]. */
  | {
      readonly kind: 'text'
      readonly bytes: Uint8Array
      readonly offsets: Uint32Array
      readonly nulls: Uint8Array | null
    }
  /** Anything else: v8-serialised arrays of PACKED_ROWS values. */
  | { readonly kind: 'packed'; readonly chunks: readonly Uint8Array[] }

export const PACKED_ROWS = 64

export interface GroupDescription {
  readonly rows: number
  /** Bytes of each wanted column's chunk(s), in the order of `FileDescription.columns`. */
  readonly ranges: readonly ByteRange[]
}

export interface ByteRange {
  /** Name of the top-level column. */
  readonly column: string
  readonly start: number
  readonly end: number
}

export interface FileDescription {
  readonly columns: readonly string[]
  readonly groups: readonly GroupDescription[]
}

export interface LoadedRange {
  readonly start: number
  readonly bytes: Uint8Array
}

export type DecodeRequest =
  /** `footer`: the last bytes of the file, the whole metadata included. */
  | { readonly id: number; readonly kind: 'describe'; readonly footer: Uint8Array; readonly sizeBytes: number }
  | {
      readonly id: number
      readonly kind: 'decode'
      readonly footer: Uint8Array
      readonly sizeBytes: number
      readonly group: number
      readonly columns: readonly string[]
      readonly ranges: readonly LoadedRange[]
    }

export type DecodeReply =
  | { readonly id: number; readonly kind: 'described'; readonly file: FileDescription }
  | { readonly id: number; readonly kind: 'decoded'; readonly columns: readonly Column[] }
  | { readonly id: number; readonly kind: 'failed'; readonly reason: string }
