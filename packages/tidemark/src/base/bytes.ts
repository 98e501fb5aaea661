/**
 * Growing byte buffer and its reader: little-endian, LEB128 varints, length-prefixed UTF-8.
 *
 * Readers never trust a length: every read checks what is left and throws `RangeError`, which the
 * snapshot layer turns into a corruption error with file and offset (checksums come first anyway).
 */
import { assert } from './assert.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const SHORT_STRING_BYTES = 32

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
    assert(value >= 0, 'a varint is not negative')
    this.#reserve(8)
    while (value >= 0x80) {
      this.#bytes[this.#length++] = (value % 128) | 0x80
      value = Math.floor(value / 128)
    }
    this.#bytes[this.#length++] = value
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
    if (text.length < SHORT_STRING_BYTES && this.#shortAscii(text)) return
    const most = text.length * 3
    this.#reserve(most + 8)
    // The length is known only afterwards: write behind the widest prefix, then close the gap.
    const at = this.#length
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(at + 8, at + 8 + most))
    this.varint(written)
    this.#bytes.copyWithin(this.#length, at + 8, at + 8 + written)
    this.#length += written
  }

  #shortAscii(text: string): boolean {
    const size = text.length
    this.#reserve(size + 1)
    const bytes = this.#bytes
    let at = this.#length + 1
    for (let i = 0; i < size; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      bytes[at++] = unit
    }
    bytes[this.#length] = size
    this.#length = at
    return true
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
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
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
    const bytes = this.raw(length)
    if (length < SHORT_STRING_BYTES) {
      const text = shortAscii(bytes)
      if (text !== undefined) return text
    }
    return decoder.decode(bytes)
  }

  #need(more: number): void {
    if (more > this.remaining) throw new RangeError('the data end too early')
  }
}

function shortAscii(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte > 0x7f) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}
