/**
 * Numbers of the value codec, put straight into bytes that have room for them.
 *
 * Called by value-codec.ts for one value, and by record-writer.ts for the fields of a record. Owns nothing.
 */
import { putVarint } from '../base/bytes.ts'
import { INT_LIMIT, TAG } from './value-tags.ts'

/** Most that one takes. */
export const MOST_NUMBER_BYTES = 9

// Only a way to see the bytes of a number: written and read within one call, it keeps nothing.
const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)

/** Puts a number; gives where it ends. */
export function putNumber(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value && (value !== 0 || 1 / value > 0) && value < 0x40000000 && value > -0x40000000) {
    if (value >= 0 && value < 0x80) {
      bytes[at] = TAG.smallInt | value
      return at + 1
    }
    bytes[at] = TAG.int
    return putVarint(bytes, at + 1, value >= 0 ? value << 1 : (-value << 1) - 1)
  }
  if (Number.isInteger(value) && value > -INT_LIMIT && value < INT_LIMIT && value !== 0) {
    bytes[at] = TAG.int
    return putVarint(bytes, at + 1, value >= 0 ? value * 2 : value * -2 - 1)
  }
  bytes[at] = TAG.float64
  // One NaN only: its payload bits are no part of the value.
  float[0] = Number.isNaN(value) ? NaN : value
  for (let i = 0; i < 8; i++) bytes[at + 1 + i] = floatBytes[i] as number
  return at + 9
}
