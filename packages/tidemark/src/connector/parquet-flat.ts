/**
 * Decodes the chunk of a flat column of numbers, timestamps or texts straight into a shared column.
 *
 * Called by the decoding thread, which takes the general decoder where this one answers undefined: it
 * knows the common layouts only, and leaves it to the other to say what is wrong with damaged bytes.
 * It exists for speed: no array of JavaScript values is made per page, so that the first row of a file
 * is there after a fifth of the time.
 *
 * Invariants
 *   PQ-1  An answer equals that of the general decoder, value for value (a test compares whole files).
 *   PQ-2  Whatever is not understood, or does not add up, is answered with undefined.
 *
 * Source: the Parquet format, Data Pages, Encodings, Logical Types.
 */
import type { SchemaElement } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { readPlain } from 'hyparquet/src/plain.js'
import { readHybrid } from './parquet-bits.ts'
import { DICTIONARY_LIMIT, toMilliseconds, UNITS_IN_MS, type DateUnit } from './parquet-columns.ts'
import type { Column } from './parquet-protocol.ts'
import { isInt64, unitOf } from './parquet-schema.ts'

export type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array

export interface FlatChunk {
  readonly element: SchemaElement
  readonly rows: number
  /** All pages of the column in the row group. */
  readonly bytes: Uint8Array
  readonly decompress: Decompress
}

const LARGEST = Number.MAX_SAFE_INTEGER

type Kind = 'number' | 'text'
type Header = ReturnType<typeof parquetHeader>

/** A data page, decompressed: levels and values apart. */
interface Page {
  readonly values: number
  readonly encoding: string
  readonly levels: Uint8Array
  readonly body: Uint8Array
}

export function decodeFlat(chunk: FlatChunk): Column | undefined {
  const kind = kindOf(chunk.element)
  if (kind === undefined) return undefined
  try {
    return kind === 'text' ? new TextDecoding(chunk).column() : new NumberDecoding(chunk).column()
  } catch {
    // Damaged bytes make views and decompressors throw; the general decoder reports them.
    return undefined
  }
}

function kindOf(element: SchemaElement): Kind | undefined {
  const { type, repetition_type: repetition, converted_type: converted, logical_type: logical } = element
  if ((element.num_children ?? 0) > 0 || (repetition !== 'OPTIONAL' && repetition !== 'REQUIRED')) return undefined
  if (isInt64(element)) return 'number'
  const untyped = converted === undefined && logical === undefined
  if ((type === 'INT32' || type === 'DOUBLE' || type === 'FLOAT') && untyped) return 'number'
  const text = (converted === undefined || converted === 'UTF8') && (logical === undefined || logical.type === 'STRING')
  return type === 'BYTE_ARRAY' && text ? 'text' : undefined
}

/** Goes through the pages of a chunk; what becomes of them is the matter of the two kinds below. */
abstract class Decoding {
  protected readonly chunk: FlatChunk
  protected readonly codes: Int32Array
  #levels: Int32Array | undefined
  #nulls: Uint8Array | undefined
  #at = 0

  constructor(chunk: FlatChunk, codes: Int32Array) {
    this.chunk = chunk
    this.codes = codes
  }

  protected abstract readDictionary(values: ArrayLike<unknown>): boolean
  /** Values without nulls, to [at, at + count). */
  protected abstract readValues(page: Page, at: number, count: number): boolean
  /** Moves the value at `from` to `to`, which is not before it, or makes `to` the null. */
  protected abstract move(from: number, to: number): void
  protected abstract clear(row: number): void
  protected abstract finish(nulls: Uint8Array | null): Column | undefined

  column(): Column | undefined {
    const { bytes, rows, element } = this.chunk
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 }
    while (this.#at < rows) {
      const header = parquetHeader(reader)
      const end = reader.offset + header.compressed_page_size
      if (!(end <= bytes.length)) return undefined
      const raw = bytes.subarray(reader.offset, end)
      reader.offset = end
      if (header.type === 'DICTIONARY_PAGE') {
        const count = header.dictionary_page_header?.num_values ?? -1
        const page = this.#decompressed(raw, header.uncompressed_page_size)
        const plain = { view: new DataView(page.buffer, page.byteOffset, page.byteLength), offset: 0 }
        const values = readPlain(plain, element.type ?? 'INT32', count, undefined)
        if (plain.offset > page.byteLength || !this.readDictionary(values)) return undefined
      } else {
        const page = this.#page(header, raw)
        if (page === undefined || this.#at + page.values > rows || !this.#read(page)) return undefined
        this.#at += page.values
      }
    }
    return this.finish(this.#nulls ?? null)
  }

  #decompressed(raw: Uint8Array, size: number): Uint8Array {
    const page = this.chunk.decompress(raw, size)
    if (page.length !== size) throw new Error('a page has another size than its header says')
    return page
  }

  #page(header: Header, raw: Uint8Array): Page | undefined {
    const optional = this.chunk.element.repetition_type === 'OPTIONAL'
    const v1 = header.data_page_header
    if (header.type === 'DATA_PAGE' && v1 !== undefined) {
      const page = this.#decompressed(raw, header.uncompressed_page_size)
      const { num_values: values, encoding } = v1
      if (!optional) return { values, encoding, levels: page.subarray(0, 0), body: page }
      if (v1.definition_level_encoding !== 'RLE') return undefined
      const length = new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(0, true)
      return { values, encoding, levels: page.subarray(4, 4 + length), body: page.subarray(4 + length) }
    }
    const v2 = header.data_page_header_v2
    if (header.type !== 'DATA_PAGE_V2' || v2 === undefined || v2.repetition_levels_byte_length !== 0) return undefined
    const length = v2.definition_levels_byte_length
    const rest = raw.subarray(length)
    // Without levels there is nothing that says where a null is.
    if (!optional && (v2.num_nulls !== 0 || length !== 0)) return undefined
    const body = v2.is_compressed === false ? rest : this.#decompressed(rest, header.uncompressed_page_size - length)
    return { values: v2.num_values, encoding: v2.encoding, levels: raw.subarray(0, length), body }
  }

  #read(page: Page): boolean {
    const at = this.#at
    if (this.chunk.element.repetition_type === 'REQUIRED') return this.readValues(page, at, page.values)
    if (this.#levels === undefined || this.#levels.length < page.values) this.#levels = new Int32Array(page.values)
    const levels = this.#levels.subarray(0, page.values)
    if (!readHybrid(page.levels, 0, page.levels.length, 1, levels, 0, page.values)) return false
    if (!levels.includes(0)) return this.readValues(page, at, page.values)
    let present = 0
    for (const level of levels) present += level
    if (!this.readValues(page, at, present)) return false
    this.#spread(levels, at, present)
    return true
  }

  /** From the back: a value never moves over one that has still to move. */
  #spread(levels: Int32Array, at: number, present: number): void {
    this.#nulls ??= new Uint8Array(new SharedArrayBuffer(this.chunk.rows))
    let from = at + present
    for (let i = levels.length - 1; i >= 0; i--) {
      const to = at + i
      if (levels[i] === 1) this.move(--from, to)
      else {
        this.clear(to)
        this.#nulls[to] = 1
      }
    }
  }

  /** Dictionary indices to `codes`, all below `size`. */
  protected readCodes({ body, encoding }: Page, at: number, count: number, size: number): boolean {
    if (encoding !== 'RLE_DICTIONARY' && encoding !== 'PLAIN_DICTIONARY') return false
    if (count === 0) return true
    const { codes } = this
    const width = body[0]
    if (width === undefined) return false
    if (width === 0) codes.fill(0, at, at + count)
    else if (!readHybrid(body, 1, body.length, width, codes, at, count)) return false
    let largest = 0
    for (let i = at; i < at + count; i++) {
      const code = codes[i] as number
      if (code > largest) largest = code
    }
    return largest < size
  }
}

class TextDecoding extends Decoding {
  #texts: (string | null)[] | undefined

  constructor(chunk: FlatChunk) {
    super(chunk, new Int32Array(new SharedArrayBuffer(chunk.rows * 4)))
  }

  protected override readDictionary(values: ArrayLike<unknown>): boolean {
    // The last place is kept for the null. Larger ones are better sent as bytes.
    if (this.#texts !== undefined || values.length >= DICTIONARY_LIMIT) return false
    const decoder = new TextDecoder()
    this.#texts = Array.from(values, (value) => decoder.decode(value as Uint8Array))
    return true
  }

  protected override readValues(page: Page, at: number, count: number): boolean {
    return this.readCodes(page, at, count, this.#texts?.length ?? 0)
  }

  protected override move(from: number, to: number): void {
    this.codes[to] = this.codes[from] as number
  }

  protected override clear(row: number): void {
    this.codes[row] = this.#texts?.length ?? 0
  }

  protected override finish(nulls: Uint8Array | null): Column | undefined {
    // Only nulls and no dictionary: that is no text either.
    if (this.#texts === undefined) return undefined
    return { kind: 'dictionary', codes: this.codes, texts: nulls === null ? this.#texts : [...this.#texts, null] }
  }
}

class NumberDecoding extends Decoding {
  readonly #values: Float64Array
  readonly #unit: DateUnit | undefined
  #dictionary: Float64Array | undefined

  constructor(chunk: FlatChunk) {
    super(chunk, new Int32Array(chunk.rows))
    this.#values = new Float64Array(new SharedArrayBuffer(chunk.rows * 8))
    this.#unit = isInt64(chunk.element) ? unitOf(chunk.element) : undefined
  }

  protected override readDictionary(values: ArrayLike<unknown>): boolean {
    if (this.#dictionary !== undefined) return false
    this.#dictionary = new Float64Array(values.length)
    return this.#convert(values, this.#dictionary, 0)
  }

  /** False: one is an integer that only a bigint can hold. */
  #convert(from: ArrayLike<unknown>, to: Float64Array, at: number): boolean {
    const unit = this.#unit
    if (!(from instanceof BigInt64Array)) {
      to.set(from as ArrayLike<number>, at)
      return true
    }
    // By halves: a bigint per value costs more than all the rest.
    const halves = new Int32Array(from.buffer, from.byteOffset, from.length * 2)
    const perMs = unit === undefined ? 1 : UNITS_IN_MS[unit]
    for (let i = 0; i < from.length; i++) {
      const value = (halves[2 * i + 1] as number) * 2 ** 32 + ((halves[2 * i] as number) >>> 0)
      if (value >= -LARGEST && value <= LARGEST) to[at + i] = unit === undefined ? value : Math.floor(value / perMs)
      else if (unit === undefined) return false
      else to[at + i] = toMilliseconds(from[i] as bigint, unit)
    }
    return true
  }

  protected override readValues(page: Page, at: number, count: number): boolean {
    const values = this.#values
    if (page.encoding === 'PLAIN') {
      const { body } = page
      const reader = { view: new DataView(body.buffer, body.byteOffset, body.byteLength), offset: 0 }
      const plain = readPlain(reader, this.chunk.element.type ?? 'INT32', count, undefined)
      return reader.offset <= body.byteLength && this.#convert(plain, values, at)
    }
    const dictionary = this.#dictionary
    if (dictionary === undefined || !this.readCodes(page, at, count, dictionary.length)) return false
    const { codes } = this
    for (let i = at; i < at + count; i++) values[i] = dictionary[codes[i] as number] as number
    return true
  }

  protected override move(from: number, to: number): void {
    this.#values[to] = this.#values[from] as number
  }

  protected override clear(row: number): void {
    this.#values[row] = 0
  }

  protected override finish(nulls: Uint8Array | null): Column {
    return { kind: this.#unit === undefined ? 'number' : 'date', values: this.#values, nulls }
  }
}
