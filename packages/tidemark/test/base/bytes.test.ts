import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'

const item = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'binary', maxLength: 60 }) }),
  fc.record({ kind: fc.constant('string' as const), value: fc.string({ unit: 'grapheme-ascii', minLength: 80, maxLength: 110 }) }),
  fc.record({ kind: fc.constant('blob' as const), value: fc.uint8Array({ maxLength: 60 }) }),
)

test('what is written in some order is read in that order, whatever the first buffer was', () => {
  fc.assert(fc.property(fc.array(item), fc.integer({ min: 1, max: 64 }), (items, initial) => {
    const writer = new ByteWriter(initial)
    for (const { kind, value } of items) (writer[kind] as (v: unknown) => void)(value)
    const bytes = writer.toBytes()
    expect(bytes.length).toBe(writer.length)
    const reader = new ByteReader(bytes)
    for (const { kind, value } of items) expect(reader[kind]()).toEqual(value)
    expect(reader.remaining).toBe(0)
  }))
})

test('every cut of a message is refused with RangeError and never read beyond its end', () => {
  const writer = new ByteWriter()
  writer.string('a string that is longer than the short path '.repeat(3))
  writer.blob(Uint8Array.of(1, 2, 3))
  const whole = writer.toBytes()
  for (let cut = 0; cut < whole.length; cut++) {
    const reader = new ByteReader(whole.slice(0, cut))
    expect(() => [reader.string(), reader.blob()]).toThrow(RangeError)
  }
})

test('a varint beyond the safe integers is refused', () => {
  expect(() => new ByteReader(new Uint8Array(9).fill(0xff)).varint()).toThrow(RangeError)
  const writer = new ByteWriter()
  writer.varint(Number.MAX_SAFE_INTEGER)
  expect(new ByteReader(writer.peek()).varint()).toBe(Number.MAX_SAFE_INTEGER)
})

test('a varint around every power of two comes back', () => {
  for (let bits = 0; bits <= 53; bits++) {
    for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1].filter(Number.isSafeInteger)) {
      const writer = new ByteWriter(1)
      writer.varint(value)
      expect(writer.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)))
      expect(new ByteReader(writer.peek()).varint()).toBe(value)
    }
  }
})

test('no text that was read before is taken for one with other bytes', () => {
  // The characters of some are the bytes of others.
  const unit = fc.constantFrom('a', 'b', '\u00e9', '\u00c3', '\u00a9', '\u20ac', '\u00e2', '\u0082', '\u00ac')
  fc.assert(fc.property(fc.array(fc.string({ unit, maxLength: 4 }), { maxLength: 30 }), (texts) => {
    const writer = new ByteWriter()
    for (const text of texts) writer.string(text)
    const reader = new ByteReader(writer.peek())
    expect(texts.map(() => reader.string())).toEqual(texts)
  }))
})

test('bytes are stepped over only if all of them come next', () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3))
  expect(reader.skips(Uint8Array.of(1, 2, 4))).toBe(false)
  expect(reader.skips(Uint8Array.of(1, 2, 3, 4))).toBe(false)
  expect(reader.position).toBe(0)
  expect(reader.skips(Uint8Array.of(1, 2))).toBe(true)
  expect(reader.u8()).toBe(3)
})

test('a byte order mark survives', () => {
  const writer = new ByteWriter()
  writer.string('\ufeffx')
  expect(new ByteReader(writer.peek()).string()).toBe('\ufeffx')
})

test('reset starts again and keeps nothing', () => {
  const writer = new ByteWriter(4)
  writer.string('before')
  writer.reset()
  writer.u8(7)
  expect(writer.toBytes()).toEqual(Uint8Array.of(7))
})
