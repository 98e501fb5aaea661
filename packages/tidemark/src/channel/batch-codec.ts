/**
 * A batch of records as bytes, for the ring: by columns if its records have one shape, else value by value.
 *
 *   int32 records, int32 form (by columns or by values), int32 bytes of the descriptor, 0
 *   descriptor    of the shape: field names and kinds (value codec), padded to 8 bytes
 *   timestamps    time-column.ts
 *   columns       columns.ts; then a text for each string column (text-column.ts)
 *   values        of columns of mixed kind, or whole records: value codec
 *
 * Each ring end owns one encoder or decoder. A batch says its shape itself, so what is in flight can be
 * read without what went before; a decoder only remembers the functions that it made for shapes.
 *
 *   BC-1  What is decoded equals what was encoded, by the laws of value-codec.ts (VL-1, VL-3), whichever
 *         form was chosen. Decoded records are fresh objects and hold on to no part of the bytes.
 *   BC-2  What cannot cross is refused with E071 and the path inside its record.
 *   BC-3  A shape is learned a bounded number of times (CD-1, `MOST_SHAPES`); what is beyond goes by values.
 *   BC-4  The bytes depend on nothing but the batch and the shapes learned before: nothing stale is in them.
 */
import { assert } from '../base/assert.ts'
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { decodeValue, encodeValue } from '../record/value-codec.ts'
import {
  baseOf, columnsIn, join, KIND, layOut, observe, padded, type Columns, type Shape, type ShapeCodec,
} from './columns.ts'
import { E170_RECORD_TOO_LARGE } from './errors.ts'
import type { DataBatch } from './items.ts'
import { Scratch } from './scratch.ts'
import { shapeCodec } from './shape-codec.ts'
import { readText, writeText } from './text-column.ts'
import { readTimes, writeTimes } from './time-column.ts'

const BY_VALUES = 0
const BY_COLUMNS = 1
const HEAD_BYTES = 16
const MOST_SHAPES = 8
/** From so many bytes of values on, what is left of a batch becomes another one. */
const MOST_VALUE_BYTES = 2 ** 22
const MOST_RECORD_BYTES = 2 ** 30

interface KnownShape {
  readonly shape: Shape
  readonly descriptor: Uint8Array
  readonly codec: ShapeCodec
}

export interface BatchCodecOptions {
  /** False to do without generated code; found out by default. */
  readonly generate?: boolean
  /** What takes more in one piece is refused. Pieces of several records stay far below the default. */
  readonly mostRecordBytes?: number
}

export class BatchEncoder {
  readonly #options: BatchCodecOptions
  readonly #scratch = new Scratch()
  #values = new ByteWriter()
  /** The last used is the first. */
  #shapes: KnownShape[] = []
  length = 0

  constructor(options: BatchCodecOptions = {}) {
    this.#options = options
  }

  /** The first `length` are what `encode` made; valid until the next call. */
  get bytes(): Uint8Array {
    return this.#scratch.bytes
  }

  /**
   * Encodes records from `from` on, all of them unless they are very large; gives the index of the first
   * that is left. Throws E071 for a value that is no plain data, E170 for a record beyond all bounds.
   */
  encode(batch: DataBatch, from: number): number {
    const { values } = batch
    const n = values.length - from
    const written = n === 0 ? 0 : this.#byColumns(batch, from, n)
    const next = from + (written > 0 ? written : this.#byValues(batch, from, n))
    const most = this.#options.mostRecordBytes ?? MOST_RECORD_BYTES
    if (this.length > most) throw E170_RECORD_TOO_LARGE({ bytes: this.length, most })
    return next
  }

  /** The bytes are done with. */
  reset(): void {
    this.length = 0
    this.#scratch.reset()
    if (this.#values.length > MOST_VALUE_BYTES) this.#values = new ByteWriter()
  }

  /** Gives how many records were written; 0 if they have no shape. */
  #byColumns(batch: DataBatch, from: number, n: number): number {
    const last = this.#shapes[0]
    const written = last === undefined ? 0 : this.#writeShaped(last, batch, from, n)
    if (written > 0) return written
    const learned = this.#learn(batch.values, from, n)
    return learned === undefined || learned === last ? 0 : this.#writeShaped(learned, batch, from, n)
  }

  /** A known shape that has these records' fields, widened if need be, or a new one. */
  #learn(values: readonly unknown[], from: number, n: number): KnownShape | undefined {
    const observed = observe(values, from, n)
    if (observed === undefined) return undefined
    const index = this.#shapes.findIndex(({ shape }) => sameNames(shape, observed))
    const known = this.#shapes[index]
    if (known === undefined && this.#shapes.length === MOST_SHAPES) return undefined
    const old = known?.shape.kinds ?? observed.kinds
    const kinds = observed.kinds.map((kind, c) => join(old[c] as number, kind))
    const fits = known !== undefined && kinds.every((kind, c) => kind === old[c])
    const chosen = fits ? known : knownShape({ names: observed.names, kinds }, this.#options)
    this.#shapes = [chosen, ...this.#shapes.filter((shape) => shape !== known)]
    return chosen
  }

  #writeShaped(known: KnownShape, batch: DataBatch, from: number, all: number): number {
    const { shape: { kinds }, descriptor, codec } = known
    for (let n = all; ;) {
      let at = this.#writeHead(n, BY_COLUMNS, descriptor)
      at = writeTimes(this.#scratch, at, batch.timestamps, from, n)
      const layout = layOut(kinds, n, at)
      this.#scratch.reserve(layout.end, at)
      this.#scratch.bytes.fill(0, at, layout.end)
      const columns = columnsIn(this.#scratch, layout)
      const written = codec.write(columns, batch.values, from, n)
      if (written === n) return this.#writeTails(kinds, columns, layout.end) ? n : 0
      if (written <= 0) return 0
      n = written
    }
  }

  /**
   * Texts and mixed columns. False if the other form must do it, which finds the place of a value that
   * cannot cross and cuts a batch of very large ones.
   */
  #writeTails(kinds: readonly number[], { texts, others }: Columns, start: number): boolean {
    let at = start
    let mixed = false
    for (const [c, kind] of kinds.entries()) {
      const base = baseOf(kind)
      if (base === KIND.string) at = writeText(this.#scratch, at, texts[c] as string)
      else if (base === KIND.other) mixed = true
    }
    this.length = at
    if (!mixed) return true
    this.#values.reset()
    try {
      for (const values of others) {
        for (const value of values) {
          encodeValue(this.#values, value)
          if (this.#values.length > MOST_VALUE_BYTES) return false
        }
      }
    } catch {
      return false
    }
    this.#appendValues()
    return true
  }

  #byValues({ values, timestamps }: DataBatch, from: number, n: number): number {
    this.#values.reset()
    let written = 0
    while (written < n && this.#values.length < MOST_VALUE_BYTES) {
      encodeValue(this.#values, values[from + written])
      written += 1
    }
    const at = this.#writeHead(written, BY_VALUES, undefined)
    this.length = written === 0 ? at : writeTimes(this.#scratch, at, timestamps, from, written)
    this.#appendValues()
    return written
  }

  #writeHead(n: number, form: number, descriptor: Uint8Array | undefined): number {
    const size = descriptor?.length ?? 0
    const end = padded(HEAD_BYTES + size)
    this.#scratch.reserve(end, 0)
    const { ints, bytes } = this.#scratch
    ints[0] = n
    ints[1] = form
    ints[2] = size
    ints[3] = 0
    if (descriptor !== undefined) {
      bytes.set(descriptor, HEAD_BYTES)
      bytes.fill(0, HEAD_BYTES + size, end)
    }
    return end
  }

  #appendValues(): void {
    const values = this.#values.peek()
    this.#scratch.reserve(this.length + values.length, this.length)
    this.#scratch.bytes.set(values, this.length)
    this.length += values.length
  }
}

export class BatchDecoder {
  readonly #options: BatchCodecOptions
  /** The last used is the first. */
  #shapes: KnownShape[] = []

  constructor(options: BatchCodecOptions = {}) {
    this.#options = options
  }

  /** Decodes the first `length` bytes, which an encoder made. */
  decode(scratch: Scratch, length: number): DataBatch {
    assert(length >= HEAD_BYTES, 'a batch has a head')
    const { ints, bytes } = scratch
    const n = ints[0] as number
    const size = ints[2] as number
    const start = padded(HEAD_BYTES + size)
    if (n === 0) return { kind: 'data', values: [], timestamps: [] }
    const { timestamps, end } = readTimes(scratch, start, n)
    const values = ints[1] === BY_COLUMNS
      ? readShaped(this.#shapeOf(bytes.subarray(HEAD_BYTES, HEAD_BYTES + size)), scratch, end, length, n)
      : readValues(new ByteReader(bytes.subarray(0, length), end), n)
    return { kind: 'data', values, timestamps }
  }

  #shapeOf(descriptor: Uint8Array): KnownShape {
    for (const known of this.#shapes) {
      if (!sameBytes(known.descriptor, descriptor)) continue
      if (known === this.#shapes[0]) return known
      this.#shapes = [known, ...this.#shapes.filter((other) => other !== known)]
      return known
    }
    const made = knownShape(shapeOf(descriptor), this.#options)
    this.#shapes = [made, ...this.#shapes.slice(0, MOST_SHAPES - 1)]
    return made
  }
}

function readShaped(
  { shape: { kinds }, codec }: KnownShape, scratch: Scratch, start: number, length: number, n: number,
): unknown[] {
  const layout = layOut(kinds, n, start)
  const columns = columnsIn(scratch, layout)
  let at = layout.end
  for (const [c, kind] of kinds.entries()) {
    if (baseOf(kind) !== KIND.string) continue
    const { strings, end } = readText(scratch, at, layout.at[c] as number, n)
    columns.strings[c] = strings
    at = end
  }
  const reader = new ByteReader(scratch.bytes.subarray(0, length), at)
  for (const [c, kind] of kinds.entries()) {
    if (baseOf(kind) === KIND.other) columns.others[c] = readValues(reader, n)
  }
  assert(reader.remaining === 0, 'a batch ends where its bytes end')
  return codec.read(columns, n)
}

function readValues(reader: ByteReader, n: number): unknown[] {
  const values: unknown[] = []
  for (let i = 0; i < n; i++) values.push(decodeValue(reader))
  return values
}

function knownShape(shape: Shape, { generate }: BatchCodecOptions): KnownShape {
  const writer = new ByteWriter()
  encodeValue(writer, [shape.names, shape.kinds])
  return { shape, descriptor: writer.toBytes(), codec: shapeCodec(shape, generate) }
}

function shapeOf(descriptor: Uint8Array): Shape {
  const [names, kinds] = decodeValue(new ByteReader(descriptor)) as [string[] | undefined, number[]]
  return { names, kinds }
}

function sameNames(a: Shape, b: Shape): boolean {
  if (a.names === undefined || b.names === undefined) return a.names === b.names
  return a.names.length === b.names.length && a.names.every((name, i) => name === b.names?.[i])
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
