/**
 * Values as bytes: the tagged binary format of state, positions and committables.
 *
 * Called by snapshots, by list states and wherever plain data must outlive the process. The tags are
 * in value-tags.ts.
 *
 *   VL-1  What is encoded comes back equal in every bit: -0, NaN, lone surrogates, key order, own keys
 *         named `__proto__`, null prototypes, invalid dates. Shared references come back as copies.
 *   VL-2  One value has one encoding: equal values in equal order give equal bytes.
 *   VL-3  What cannot come back equal is refused with E071 and its path, never altered. Exceptions, by
 *         design: a Buffer comes back as Uint8Array, an accessor as its value; fields that are not
 *         enumerable or named by a symbol, and extra fields on arrays, Maps, Sets and Dates are no data
 *         and are left out (looking for symbols on every object would cost a third of its encoding).
 *   VL-4  Decoding builds nothing from a length that the data left do not cover, and changes no prototype.
 *         Damaged data throw `RangeError` (or `TypeError` for bytes that are no UTF-8).
 *   VL-5  After a refusal the writer holds a partial value: the caller abandons it.
 *
 * Typed arrays are copied as they lie in memory: little-endian hosts only.
 */
import { putShortAscii, SHORT_STRING_BYTES, type ByteReader, type ByteWriter } from '../base/bytes.ts'
import { bigintToBytes, bytesToBigint } from './bigint-bytes.ts'
import { setField } from '../base/generated-code.ts'
import { isPlainObject } from './plain.ts'
import { likelyWriters, makeRecord, moveForward, noteWritten, shapesOf, shapeWith } from './record-shapes.ts'
import type { RecordWriter } from './record-writer.ts'
import { MOST_NUMBER_BYTES, putNumber } from './number-bytes.ts'
import { unstorable } from './value-check.ts'
import { MAX_DEPTH, TAG, TYPED_ARRAYS, typedArrayIndex } from './value-tags.ts'
import { isWellFormed } from './well-formed.ts'

/** Thrown inside the encoder only; value-check.ts finds the place for the message. */
class Refusal extends Error {}

export function encodeValue(writer: ByteWriter, value: unknown): void {
  try {
    write(writer, value, 0)
  } catch (error) {
    throw error instanceof Refusal ? unstorable(value) : error
  }
}

/** An array as `encodeValue` writes it, bit by bit: this, then so many items. */
export function encodeArrayHead(writer: ByteWriter, items: number): void {
  writer.u8(TAG.array)
  writer.varint(items)
}

export function encodeItem(writer: ByteWriter, item: unknown): void {
  try {
    write(writer, item, 1)
  } catch (error) {
    throw error instanceof Refusal ? unstorable([item]) : error
  }
}

/** How many items follow. Damage: RangeError (VL-4). */
export function readArrayHead(reader: ByteReader): number {
  if (reader.u8() !== TAG.array) throw new RangeError('an array is expected')
  return readCount(reader, 1)
}

/** The same of a Map: this, then so many entries. */
export function encodeMapHead(writer: ByteWriter, entries: number): void {
  writer.u8(TAG.map)
  writer.varint(entries)
}

export function encodeMapEntry(writer: ByteWriter, key: unknown, value: unknown): void {
  try {
    write(writer, key, 1)
    write(writer, value, 1)
  } catch (error) {
    throw error instanceof Refusal ? unstorable(new Map([[key, value]])) : error
  }
}

/** How many entries follow. Damage: RangeError (VL-4). */
export function readMapHead(reader: ByteReader): number {
  if (reader.u8() !== TAG.map) throw new RangeError('a map is expected')
  return readCount(reader, 2)
}

export function decodeValue(reader: ByteReader): unknown {
  return read(reader, 0)
}

function write(writer: ByteWriter, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'number':
      return writeNumber(writer, value)
    case 'string':
      return writeString(writer, value)
    case 'object':
      if (value === null) return writer.u8(TAG.null)
      if (depth >= MAX_DEPTH) throw new Refusal()
      return writeObject(writer, value, depth + 1)
    case 'undefined':
      return writer.u8(TAG.undefined)
    case 'boolean':
      return writer.u8(value ? TAG.true : TAG.false)
    case 'bigint':
      writer.u8(TAG.bigint)
      return writer.blob(bigintToBytes(value))
    default:
      throw new Refusal()
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  const bytes = writer.room(MOST_NUMBER_BYTES)
  writer.wrote(putNumber(bytes, writer.length, value))
}

function writeString(writer: ByteWriter, text: string): void {
  if (text.length < SHORT_STRING_BYTES) {
    const bytes = writer.room(text.length + 2)
    const end = putShortAscii(bytes, writer.length + 1, text)
    if (end >= 0) {
      bytes[writer.length] = TAG.string
      return writer.wrote(end)
    }
  }
  if (isWellFormed(text)) {
    writer.u8(TAG.string)
    return writer.string(text)
  }
  writer.u8(TAG.utf16)
  writer.varint(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    writer.u8(unit & 0xff)
    writer.u8(unit >>> 8)
  }
}

function writeObject(writer: ByteWriter, value: object, depth: number): void {
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto === Object.prototype) {
    if (writeLikely(writer, value, depth)) return
    return writeRecord(writer, value, TAG.object, depth)
  }
  if (Array.isArray(value)) {
    if (proto !== Array.prototype) throw new Refusal()
    writer.u8(TAG.array)
    writer.varint(value.length)
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (item === undefined && !(i in value)) throw new Refusal()
      write(writer, item, depth)
    }
    return
  }
  if (proto === Map.prototype) {
    const map = value as Map<unknown, unknown>
    writer.u8(TAG.map)
    writer.varint(map.size)
    for (const [key, item] of map) {
      write(writer, key, depth)
      write(writer, item, depth)
    }
    return
  }
  if (proto === Set.prototype) {
    const set = value as Set<unknown>
    writer.u8(TAG.set)
    writer.varint(set.size)
    for (const item of set) write(writer, item, depth)
    return
  }
  if (proto === Date.prototype) {
    writer.u8(TAG.date)
    return writer.f64((value as Date).getTime())
  }
  if (proto === ArrayBuffer.prototype) {
    writer.u8(TAG.arrayBuffer)
    return writer.blob(new Uint8Array(value as ArrayBuffer))
  }
  if (ArrayBuffer.isView(value)) {
    const index = typedArrayIndex(value)
    if (index < 0) throw new Refusal()
    writer.u8(TAG.typedArray)
    writer.u8(index)
    return writer.blob(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  if (!isPlainObject(value)) throw new Refusal()
  writeRecord(writer, value, proto === null ? TAG.nullObject : TAG.object, depth)
}

/** As one of the records that are met often; false: it is none of them, and nothing was written. */
function writeLikely(writer: ByteWriter, value: object, depth: number): boolean {
  for (let i = 0; i < likelyWriters.length; i++) {
    if (!(likelyWriters[i] as RecordWriter)(writer, value, depth)) continue
    if (i > 0) moveForward(i)
    return true
  }
  return false
}

function writeRecord(writer: ByteWriter, value: object, tag: number, depth: number): void {
  const shape = shapeWith(Object.keys(value))
  if (tag === TAG.object) noteWritten(shape, write)
  const { names, encoded } = shape
  if (encoded === undefined) {
    writer.u8(TAG.oddObject)
    writer.u8(tag === TAG.nullObject ? 1 : 0)
  } else {
    writer.u8(tag)
  }
  writer.varint(names.length)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    if (encoded === undefined) writeString(writer, name)
    else writer.few(encoded[i] as Uint8Array)
    write(writer, (value as Record<string, unknown>)[name], depth)
  }
}

function read(reader: ByteReader, depth: number): unknown {
  const tag = reader.u8()
  if (tag >= TAG.smallInt) return tag - TAG.smallInt
  switch (tag) {
    case TAG.undefined:
      return undefined
    case TAG.null:
      return null
    case TAG.false:
      return false
    case TAG.true:
      return true
    case TAG.int: {
      const zigzag = reader.varint()
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
    case TAG.float64:
      return reader.f64()
    case TAG.bigint:
      return bytesToBigint(reader.blob())
    case TAG.string:
      return reader.string()
    case TAG.utf16:
      return readUtf16(reader)
    case TAG.date:
      return new Date(reader.f64())
    case TAG.arrayBuffer:
      return reader.blob().slice().buffer
    case TAG.typedArray:
      return readTypedArray(reader)
  }
  if (depth >= MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`)
  return readContainer(reader, tag, depth + 1)
}

function readContainer(reader: ByteReader, tag: number, depth: number): unknown {
  switch (tag) {
    case TAG.array: {
      const array: unknown[] = []
      for (let left = readCount(reader, 1); left > 0; left--) array.push(read(reader, depth))
      return array
    }
    case TAG.object:
      return readKnown(reader, depth)
    case TAG.nullObject:
      return readRecord(reader, readCount(reader, 2), Object.create(null) as Record<string, unknown>, false, depth)
    case TAG.oddObject: {
      const bare = reader.u8() === 1
      const record = bare ? (Object.create(null) as Record<string, unknown>) : {}
      return readRecord(reader, readCount(reader, 2), record, true, depth)
    }
    case TAG.map: {
      const map = new Map<unknown, unknown>()
      for (let left = readCount(reader, 2); left > 0; left--) {
        map.set(read(reader, depth), read(reader, depth))
      }
      return map
    }
    case TAG.set: {
      const set = new Set<unknown>()
      for (let left = readCount(reader, 1); left > 0; left--) set.add(read(reader, depth))
      return set
    }
  }
  throw new RangeError(`0x${tag.toString(16)} is no kind of value`)
}

/** Elements are at least `bytesEach` long, so a count beyond the data is refused before the loop. */
function readCount(reader: ByteReader, bytesEach: number): number {
  const count = reader.varint()
  if (count * bytesEach > reader.remaining) throw new RangeError('more elements announced than data left')
  return count
}

/** As the last record with so many fields, as long as that goes well. */
function readKnown(reader: ByteReader, depth: number): Record<string, unknown> {
  const count = readCount(reader, 2)
  for (const shape of shapesOf(count)) {
    const { encoded } = shape
    if (count === 0 || encoded === undefined || !reader.skips(encoded[0] as Uint8Array)) continue
    const values: unknown[] = [read(reader, depth)]
    while (values.length < count && reader.skips(encoded[values.length] as Uint8Array)) values.push(read(reader, depth))
    if (values.length === count) return makeRecord(shape, values)
    // Other fields from here on.
    const record: Record<string, unknown> = {}
    values.forEach((value, i) => setField(record, shape.names[i] as string, value))
    return readRecord(reader, count - values.length, record, false, depth)
  }
  const record = readRecord(reader, count, {}, false, depth)
  const names = Object.keys(record)
  if (names.length === count) shapeWith(names)
  return record
}

function readRecord(
  reader: ByteReader, count: number, record: Record<string, unknown>, odd: boolean, depth: number,
): Record<string, unknown> {
  for (let left = count; left > 0; left--) {
    const key = odd ? read(reader, MAX_DEPTH) : reader.string()
    if (typeof key !== 'string') throw new RangeError('a field name is no string')
    const value = read(reader, depth)
    setField(record, key, value)
  }
  return record
}

function readUtf16(reader: ByteReader): string {
  const bytes = reader.raw(readCount(reader, 2) * 2)
  const parts: string[] = []
  for (let i = 0; i < bytes.length; i += 2) {
    parts.push(String.fromCharCode((bytes[i] as number) | ((bytes[i + 1] as number) << 8)))
  }
  return parts.join('')
}

function readTypedArray(reader: ByteReader): ArrayBufferView {
  const maker = TYPED_ARRAYS[reader.u8()]
  const bytes = reader.blob()
  if (maker === undefined || bytes.length % maker.BYTES_PER_ELEMENT !== 0) {
    throw new RangeError('no such typed array')
  }
  return new maker(bytes.slice().buffer)
}
