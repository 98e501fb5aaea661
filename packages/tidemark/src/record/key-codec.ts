/**
 * Canonical bytes of keys, their hash and their key group.
 *
 *   string   0x01, UTF-8
 *   number   0x02, IEEE 754 binary64 big-endian, -0 as 0
 *   bigint   0x03, minimal two's complement big-endian
 *
 * Called by partitioners (`keyGroupOf`), keyed operators (`checkKey`) and snapshots (`encodeKey`).
 *
 *   KC-1  Different keys have different canonical bytes; 1, 1n and '1' are three keys, -0 and 0 are one.
 *   KC-2  `keyHash` is murmur3 (seed 0, int32) of the canonical bytes, without any length. It never
 *         changes (fixture test/fixtures/key-groups.json): state is found by it for ever.
 *   KC-3  Only keys that passed `checkKey` come to the other functions.
 */
import { assert, unreachable } from '../base/assert.ts'
import type { ByteReader, ByteWriter } from '../base/bytes.ts'
import { finalMix, mix, murmur3, murmurRound } from '../base/hash.ts'
import type { KeyGroup } from '../base/ids.ts'
import { keyGroupOfHash } from '../graph/key-groups.ts'
import type { Key } from '../graph/key.ts'
import { bigintToBytes, bytesToBigint } from './bigint-bytes.ts'
import { E072_IMPOSSIBLE_KEY } from './errors.ts'
import { isWellFormed } from './well-formed.ts'

const STRING = 0x01
const NUMBER = 0x02
const BIGINT = 0x03
/** Tag and number. */
const NUMBER_BYTES = 9

const encoder = new TextEncoder()
// Only a way to see the bits of a number: written and read within one expression, it keeps nothing.
const bits = new DataView(new ArrayBuffer(8))

/** The key as it is used from here on (-0 becomes 0), or E072 naming the operator (`subject`: see there). */
export function checkKey(value: unknown, operator: string, subject?: string): Key {
  switch (typeof value) {
    case 'string':
      if (isWellFormed(value)) return value
      break
    case 'number':
      if (!Number.isNaN(value)) return value + 0 // -0 + 0 is 0
      break
    case 'bigint':
      return value
  }
  const found = describeBadKey(value)
  if (subject !== undefined) throw E072_IMPOSSIBLE_KEY({ operator, found, subject })
  throw E072_IMPOSSIBLE_KEY({ operator, found }, { place: { operator } })
}

/** Self-delimiting: strings and bigints carry their length here, which the hash does not see. */
export function encodeKey(writer: ByteWriter, key: Key): void {
  if (typeof key === 'string') {
    assert(isWellFormed(key), 'a key was checked before it is stored')
    writer.u8(STRING)
    writer.string(key)
  } else if (typeof key === 'number') {
    const bytes = writer.room(NUMBER_BYTES)
    const at = writer.length
    bits.setFloat64(0, key)
    bytes[at] = NUMBER
    for (let i = 1; i < NUMBER_BYTES; i++) bytes[at + i] = bits.getUint8(i - 1)
    writer.wrote(at + NUMBER_BYTES)
  } else {
    writer.u8(BIGINT)
    writer.blob(bigintToBytes(key))
  }
}

/** Throws `RangeError` (`TypeError` for bytes that are no UTF-8) on what `encodeKey` did not write. */
export function decodeKey(reader: ByteReader): Key {
  const tag = reader.u8()
  switch (tag) {
    case STRING:
      return reader.string()
    case NUMBER: {
      bits.setUint32(0, reader.u32(), true)
      bits.setUint32(4, reader.u32(), true)
      return bits.getFloat64(0)
    }
    case BIGINT:
      return bytesToBigint(reader.blob())
  }
  throw new RangeError(`${tag} is no kind of key`)
}

/** Canonical bytes as a copy: for export and for tests; the engine itself never needs them in one piece. */
export function canonicalKeyBytes(key: Key): Uint8Array {
  if (typeof key === 'number') {
    const bytes = new Uint8Array(NUMBER_BYTES)
    bytes[0] = NUMBER
    new DataView(bytes.buffer).setFloat64(1, key + 0)
    return bytes
  }
  const body = typeof key === 'string' ? encoder.encode(key) : bigintToBytes(key)
  const bytes = new Uint8Array(body.length + 1)
  bytes[0] = typeof key === 'string' ? STRING : BIGINT
  bytes.set(body, 1)
  return bytes
}

export function keyHash(key: Key): number {
  if (typeof key === 'string') return hashString(key)
  if (typeof key === 'number') return hashNumber(key)
  return murmur3(canonicalKeyBytes(key))
}

export function keyGroupOf(key: Key, maxParallelism: number): KeyGroup {
  return keyGroupOfHash(keyHash(key), maxParallelism)
}

/** murmur3 over the tag and the characters without making bytes of them, as long as all are ASCII. */
function hashString(text: string): number {
  const length = text.length
  let h = 0
  let all = 0
  let i = 0
  // The tag is byte 0, so the first word takes three characters and every later one four.
  let word = STRING
  let room = 3
  while (length - i >= room) {
    const a = room === 4 ? text.charCodeAt(i++) : STRING
    const b = text.charCodeAt(i)
    const c = text.charCodeAt(i + 1)
    const d = text.charCodeAt(i + 2)
    i += 3
    all |= a | b | c | d
    h = murmurRound(h, a | (b << 8) | (c << 16) | (d << 24))
    word = 0
    room = 4
  }
  for (let shift = 4 - room; i < length; shift++) {
    const unit = text.charCodeAt(i++)
    all |= unit
    word |= unit << (8 * shift)
  }
  if (all > 0x7f) return murmur3(canonicalKeyBytes(text))
  // A word of zero bytes changes nothing, which is what murmur3 wants where no byte is left over.
  return finalMix(h ^ mix(word) ^ (length + 1))
}

function hashNumber(value: number): number {
  bits.setFloat64(0, value + 0)
  const high = bits.getUint32(0, true) // reading little-endian what was written big-endian: byte 0 is lowest
  const low = bits.getUint32(4, true)
  let h = murmurRound(0, NUMBER | (high << 8))
  h = murmurRound(h, (high >>> 24) | (low << 8))
  return finalMix(h ^ mix(low >>> 24) ^ 9)
}

function describeBadKey(value: unknown): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'boolean':
      return `the boolean ${value}`
    case 'number':
      return 'NaN'
    case 'string':
      return `a string with half a surrogate pair (${JSON.stringify(value.slice(0, 40))}), which is no UTF-8`
    case 'symbol':
      return 'a symbol'
    case 'function':
      return 'a function'
    case 'object':
      return Array.isArray(value) ? 'an array' : value instanceof Date ? 'a Date' : 'an object'
  }
  return unreachable('every bigint is a key')
}
