import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { recordWriter } from '../../src/record/record-writer.ts'
import { decodeValue, encodeValue } from '../../src/record/value-codec.ts'

function encoded(value: unknown): Uint8Array {
  const writer = new ByteWriter(1)
  encodeValue(writer, value)
  return writer.toBytes()
}

function encodedNames(names: readonly string[]): Uint8Array[] {
  return names.map((name) => {
    const writer = new ByteWriter()
    writer.string(name)
    return writer.toBytes()
  })
}

const writerOf = (names: readonly string[]) =>
  recordWriter(names, encodedNames(names), (writer, value) => encodeValue(writer, value))

const scalar = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, -0, NaN, 127, 128, -1, 2 ** 30, -(2 ** 30), 2 ** 47, -(2 ** 47), 1e300),
  fc.integer(), fc.double(), fc.maxSafeInteger(), fc.bigInt(), fc.string({ unit: 'binary' }),
  fc.integer({ min: 90, max: 100 }).map((length) => 'x'.repeat(length)), fc.constant('\ud800'), fc.constant('é'),
)
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(fc.constantFrom('p', 'q'), scalar))
const name = fc.constantFrom('a', 'b', 'bb', 'constructor', 'toString', '$', '_', 'class', 'x'.repeat(90))

test('RB-1: a function for a shape writes the bytes that the plain way writes', () => {
  const record = fc.uniqueArray(name, { minLength: 1, maxLength: 5 })
    .chain((names) => fc.tuple(fc.constant(names), fc.array(value, { minLength: names.length, maxLength: names.length })))
  fc.assert(fc.property(record, ([names, values]) => {
    const made = Object.fromEntries(names.map((each, i) => [each, values[i]]))
    // A prototype of null is told by another tag, which is the first byte, and never has a function.
    const plain = encoded(Object.assign(Object.create(null) as object, made)).slice(1)
    const writer = new ByteWriter(1)
    expect(writerOf(names)?.(writer, made, 1)).toBe(true)
    expect(writer.toBytes().slice(1)).toEqual(plain)
    expect(isDeepStrictEqual(decodeValue(new ByteReader(writer.toBytes())), made)).toBe(true)
  }), { numRuns: 100 })
})

test('RB-2: a record of other names, or in another order, is refused and nothing is written', () => {
  const write = writerOf(['a', 'b'])
  const others = [{ b: 1, a: 2 }, { a: 1 }, { a: 1, b: 2, c: 3 }, { a: 1, c: 2 }, {}]
  for (const other of others) {
    const writer = new ByteWriter()
    expect(write?.(writer, other, 1)).toBe(false)
    expect(writer.length).toBe(0)
  }
})

test('RB-3: names that are no identifiers, and names that are very long, get no function', () => {
  const long = Array.from({ length: 30 }, (_, i) => `n${i}${'x'.repeat(30)}`)
  for (const names of [['a-b'], ['__proto__'], ['1'], ['é'], [], long]) expect(writerOf(names)).toBeUndefined()
  expect(writerOf(['a'])).toBeTypeOf('function')
})

test('KN-1, KN-4: of more shapes than are remembered as likely, written in turn, all give the bytes they gave at first', () => {
  const shapes = Array.from({ length: 7 }, (_, i) => ({ [`kn4${i}`]: i, both: i * 1e9, text: `t${i}`, deep: { [`d${i}`]: 1 } }))
  const first = shapes.map((each) => encoded(each))
  for (let round = 0; round < 100; round++) expect(shapes.map((each) => encoded(each))).toEqual(first)
})
