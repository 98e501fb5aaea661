/**
 * Growing byte buffer and its reader: little-endian, LEB128 varints, length-prefixed UTF-8.
 *
 * Readers never trust a length: every read checks what is left and throws `RangeError`, which the
 * snapshot layer turns into a corruption error with file and offset (checksums come first anyway).
 */
import { assert } from './assert.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Texts of fewer characters are written one by one, in case they are ASCII. */
export const SHORT_STRING_BYTES = 96
const TWO_TO_28 = 0x10000000

/** A whole number from 0 to 2^53-1, into 8 bytes at most; gives where it ends. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  assert(value >= 0, 'a varint is not negative')
  // Bits beyond the 31st only by division, which is slow: four bytes at a time.
  while (value >= TWO_TO_28) {
    const high = Math.floor(value / TWO_TO_28)
    const low = value - high * TWO_TO_28
    bytes[at] = (low & 0x7f) | 0x80
    bytes[at + 1] = ((low >> 7) & 0x7f) | 0x80
    bytes[at + 2] = ((low >> 14) & 0x7f) | 0x80
    bytes[at + 3] = (low >> 21) | 0x80
    at += 4
    value = high
  }
  while (value >= 0x80) {
    bytes[at++] = (value & 0x7f) | 0x80
    value >>= 7
  }
  bytes[at++] = value
  return at
}

/**
 * A text of fewer than SHORT_STRING_BYTES characters as `ByteWriter.string` writes it; gives where it ends, or -1, and
 * what is there is nothing, if it is no ASCII.
 */
export function putShortAscii(bytes: Uint8Array, from: number, text: string): number {
  const size = text.length
  let at = from + 1
  let any = 0
  for (let i = 0; i < size; i++) {
    const unit = text.charCodeAt(i)
    any |= unit
    bytes[at++] = unit
  }
  if (any > 0x7f) return -1
  bytes[from] = size
  return at
}

export class ByteWriter {
  #bytes: Uint8Array
  /** Made when first needed: most of what is written has neither u32 nor f64. */
  #view: DataView | undefined
  #length = 0

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes)
  }

  get length(): number {
    return this.#length
  }

  reset(): void {
    this.#length = 0
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** What was written, without a copy; valid until the next write. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view ??= new DataView(this.#bytes.buffer)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view ??= new DataView(this.#bytes.buffer)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  /** Whole numbers from 0 to 2^53-1. */
  varint(value: number): void {
    this.#reserve(8)
    this.#length = putVarint(this.#bytes, this.#length, value)
  }

  /**
   * The bytes themselves, with room for `more` from `length` on, valid until the next write: for code that puts
   * several values there at a time and says with `wrote` how far it came.
   */
  room(more: number): Uint8Array {
    this.#reserve(more)
    return this.#bytes
  }

  /** `end`: where what was put into `room` ends. */
  wrote(end: number): void {
    this.#length = end
  }

  /** As `raw`, of few bytes: a loop is quicker than a call for them. */
  few(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    const into = this.#bytes
    let at = this.#length
    for (let i = 0; i < bytes.length; i++) into[at++] = bytes[i] as number
    this.#length = at
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Length-prefixed bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** Length-prefixed UTF-8. Lone surrogates become U+FFFD: callers that must keep them refuse first. */
  string(text: string): void {
    if (text.length < SHORT_STRING_BYTES) {
      this.#reserve(text.length + 1)
      const end = putShortAscii(this.#bytes, this.#length, text)
      if (end >= 0) {
        this.#length = end
        return
      }
    }
    const most = text.length * 3
    this.#reserve(most + 8)
    // The length is known only afterwards: write behind the widest prefix, then close the gap.
    const at = this.#length
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at + 8, at + 8 + most))
    this.varint(written)
    this.#bytes.copyWithin(this.#length, at + 8, at + 8 + written)
    this.#length += written
  }

  #reserve(more: number): void {
    const need = this.#length + more
    if (need <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2))
    grown.set(this.peek())
    this.#bytes = grown
    this.#view = undefined
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  #viewed: DataView | undefined
  #at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get #view(): DataView {
    const { buffer, byteOffset, byteLength } = this.#bytes
    this.#viewed ??= new DataView(buffer, byteOffset, byteLength)
    return this.#viewed
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    this.#need(1)
    return this.#bytes[this.#at++] as number
  }

  u32(): number {
    this.#need(4)
    this.#at += 4
    return this.#view.getUint32(this.#at - 4, true)
  }

  f64(): number {
    this.#need(8)
    this.#at += 8
    return this.#view.getFloat64(this.#at - 8, true)
  }

  varint(): number {
    const first = this.u8()
    if (first < 0x80) return first
    let value = first & 0x7f
    let scale = 128
    for (let i = 1; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw new RangeError('varint is longer than 53 bits')
  }

  /** Steps over `expected` if it is what comes next. */
  skips(expected: Uint8Array): boolean {
    const { length } = expected
    const bytes = this.#bytes
    const at = this.#at
    if (at + length > bytes.length) return false
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false
    this.#at = at + length
    return true
  }

  raw(length: number): Uint8Array {
    this.#need(length)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  blob(): Uint8Array {
    return this.raw(this.varint())
  }

  string(): string {
    const length = this.varint()
    this.#need(length)
    const from = this.#at
    this.#at += length
    if (length < SHORT_STRING_BYTES) return shortText(this.#bytes, from, length)
    return decoder.decode(this.#bytes.subarray(from, this.#at))
  }

  #need(more: number): void {
    if (more > this.remaining) throw new RangeError('the data end too early')
  }
}

/** Texts that were read, by a few of their bytes: the same few come again and again, and are then kept once. */
const TEXTS = 1024
const texts: string[] = Array.from({ length: TEXTS }, () => '')

function shortText(bytes: Uint8Array, from: number, length: number): string {
  if (length === 0) return ''
  const end = from + length
  const first = bytes[from] as number
  const middle = bytes[from + (length >> 1)] as number
  const beforeLast = bytes[end - Math.min(length, 2)] as number
  const last = bytes[end - 1] as number
  const slot = (first * 31 + middle * 197 + beforeLast * 67 + last * 7 + length * 131) % TEXTS
  const known = texts[slot] as string
  if (isAscii(known, bytes, from, length)) return known
  const text = (length < FEW ? fewAscii(bytes, from, end) : undefined) ?? decoder.decode(bytes.subarray(from, end))
  // As many characters as bytes: ASCII, which is all that the comparison below is right for.
  if (text.length === length) texts[slot] = text
  return text
}

/** Also true of no text that is not ASCII: its characters are fewer than its bytes. */
function isAscii(text: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false
  return true
}

/** Fewer bytes than a call of the decoder is worth. */
const FEW = 24

function fewAscii(bytes: Uint8Array, from: number, end: number): string | undefined {
  let text = ''
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number
    if (byte > 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}
