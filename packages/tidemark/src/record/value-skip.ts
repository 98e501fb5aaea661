/**
 * Steps over one encoded value without building it: finds where an entry ends, for its digest.
 *
 *   VS-1  `skipValue` ends where `decodeValue` would, and refuses every tag and length that it refuses;
 *         it does not look at the contents of strings.
 */
import type { ByteReader } from '../base/bytes.ts'
import { MAX_DEPTH, TAG } from './value-tags.ts'

export function skipValue(reader: ByteReader): void {
  skip(reader, 0)
}

function skip(reader: ByteReader, depth: number): void {
  const tag = reader.u8()
  if (tag >= TAG.smallInt) return
  switch (tag) {
    case TAG.undefined:
    case TAG.null:
    case TAG.false:
    case TAG.true:
      return
    case TAG.int:
      reader.varint()
      return
    case TAG.float64:
    case TAG.date:
      reader.raw(8)
      return
    case TAG.bigint:
    case TAG.string:
    case TAG.arrayBuffer:
      reader.raw(reader.varint())
      return
    case TAG.utf16:
      reader.raw(reader.varint() * 2)
      return
    case TAG.typedArray:
      reader.u8()
      reader.raw(reader.varint())
      return
  }
  if (depth >= MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} levels deep`)
  switch (tag) {
    case TAG.array:
    case TAG.set:
      for (let left = reader.varint(); left > 0; left--) skip(reader, depth + 1)
      return
    case TAG.map:
      for (let left = reader.varint() * 2; left > 0; left--) skip(reader, depth + 1)
      return
    case TAG.object:
    case TAG.nullObject:
      for (let left = reader.varint(); left > 0; left--) {
        reader.raw(reader.varint())
        skip(reader, depth + 1)
      }
      return
    case TAG.oddObject:
      reader.u8()
      for (let left = reader.varint() * 2; left > 0; left--) skip(reader, depth + 1)
      return
  }
  throw new RangeError(`0x${tag.toString(16)} is no kind of value`)
}
