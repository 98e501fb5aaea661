/**
 * Records of one shape as bytes: a generated function for each, with the bytes of every field name in line.
 *
 * Called by value-codec.ts for shapes that are met often; record-shapes.ts keeps the functions. State holds millions
 * of records of few shapes, and listing the names of each anew costs more than its values do.
 *
 *   RB-1  What a function writes is byte for byte what the plain way writes (KN-1).
 *   RB-2  A record of other names, or of the same in another order, is refused before anything is written.
 *   RB-3  Generated source contains nothing from data but the bytes of field names that are identifiers of ASCII, as
 *         numbers, and the names as JSON string literals.
 */
import type { ByteWriter } from '../base/bytes.ts'
import { canGenerate, generate } from '../base/generated-code.ts'
import { MOST_NUMBER_BYTES, putNumber } from './number-bytes.ts'
import { TAG } from './value-tags.ts'

/** Writes a value of any kind that lies so deep. */
export type WriteValue = (writer: ByteWriter, value: unknown, depth: number) => void

/** Writes a record whose prototype is Object.prototype; false: it is of another shape, and nothing was written. */
export type RecordWriter = (writer: ByteWriter, record: object, depth: number) => boolean

/** A function for more than this is longer than V8 likes to optimise. */
const MOST_NAME_BYTES = 512

/**
 * `encoded`: of each name its length and UTF-8. Undefined where there is no such function: code generation is
 * disallowed, or the names are no identifiers, or too long.
 */
export function recordWriter(
  names: readonly string[], encoded: readonly Uint8Array[], writeValue: WriteValue,
): RecordWriter | undefined {
  const nameBytes = encoded.reduce((sum, { length }) => sum + length, 0)
  if (names.length === 0 || nameBytes > MOST_NAME_BYTES || !canGenerate(names)) return undefined
  const made = generate<(...bound: readonly unknown[]) => RecordWriter>(
    ['names', 'number', 'other'], sourceOf(names, encoded),
  )
  return made?.(names, putNumber, writeValue)
}

function sourceOf(names: readonly string[], encoded: readonly Uint8Array[]): string {
  // Names, and values as if all were numbers; everything else asks for its own room.
  const mostFrom = (field: number): number =>
    encoded.slice(field).reduce((sum, { length }) => sum + length + MOST_NUMBER_BYTES, 0)
  const fields = names.map((name, i) => {
    const bytes = [...(encoded[i] as Uint8Array)]
    return `x = record[${JSON.stringify(name)}]
    ${bytes.map((byte, k) => `bytes[at${k === 0 ? '' : ` + ${k}`}] = ${byte}`).join('; ')}; at += ${bytes.length}
    if (typeof x === 'number') at = number(bytes, at, x)
    else {
      writer.wrote(at)
      other(writer, x, depth)
      bytes = writer.room(${mostFrom(i + 1)}); at = writer.length
    }`
  })
  return `return function (writer, record, depth) {
    let found = 0
    for (const name in record) {
      if (name !== names[found]) return false
      found += 1
    }
    if (found !== ${names.length}) return false
    let bytes = writer.room(${2 + mostFrom(0)}), at = writer.length, x
    bytes[at] = ${TAG.object}; bytes[at + 1] = ${names.length}; at += 2
    ${fields.join('\n    ')}
    writer.wrote(at)
    return true
  }`
}

