import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import vm from 'node:vm'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { decodeValue, encodeValue } from '../../src/record/value-codec.ts'
import { checkStorable, findUnstorable } from '../../src/record/value-check.ts'
import { skipValue } from '../../src/record/value-skip.ts'

function encoded(value: unknown): Uint8Array {
  const writer = new ByteWriter(1)
  encodeValue(writer, value)
  return writer.toBytes()
}

function roundTrip(value: unknown): unknown {
  const bytes = encoded(value)
  const reader = new ByteReader(bytes)
  const back = decodeValue(reader)
  expect(reader.remaining).toBe(0)
  const skipper = new ByteReader(bytes)
  skipValue(skipper)
  expect(skipper.remaining).toBe(0)
  return back
}

const leaf = fc.oneof(
  fc.constantFrom(undefined, null, true, false, -0, NaN, Infinity, -Infinity, 0n),
  fc.integer(), fc.double(), fc.maxSafeInteger(), fc.bigInt(), fc.string({ unit: 'binary' }), fc.string(),
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })).map((units) => String.fromCharCode(...units)),
  // Invalid dates have a test of their own: whether two of them are equal depends on the Node version.
  fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.float64Array(), fc.int16Array(), fc.bigInt64Array(),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
)
const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '0', '\ud800')), tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: false }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
  ),
})).value

test('VL-1, VS-1: any storable value comes back equal, and is skipped to the same byte', () => {
  fc.assert(fc.property(anything, (value) => {
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true)
    expect(findUnstorable(value)).toBeUndefined()
  }), { numRuns: 2000 })
})

test('KN-1: records that share names, numbers of names and beginnings come back with their own, in their order', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e-f', '__proto__', '1', '0', '\u00e9', '\ud800')
  const record = fc.uniqueArray(name, { maxLength: 5 }).map((names) => {
    const made: Record<string, unknown> = {}
    names.forEach((one, i) => Object.defineProperty(made, one, { value: i, enumerable: true, writable: true, configurable: true }))
    return made
  })
  fc.assert(fc.property(fc.array(record, { maxLength: 40 }), (records) => {
    const back = roundTrip(records) as readonly object[]
    expect(isDeepStrictEqual(back, records)).toBe(true)
    expect(back.map((one) => Object.keys(one))).toEqual(records.map((one) => Object.keys(one)))
    expect(encoded(back)).toEqual(encoded(records))
  }), { numRuns: 1000 })
})

test('KN-1: a forged record that names a field twice has what was named last', () => {
  const twice = new ByteWriter()
  encodeValue(twice, { a: 1, b: 2 })
  const forged = twice.toBytes().map((byte) => (byte === 'b'.charCodeAt(0) ? 'a'.charCodeAt(0) : byte))
  for (let i = 0; i < 3; i++) {
    expect(decodeValue(new ByteReader(forged))).toEqual({ a: 2 })
    expect(roundTrip({ a: 1, b: 2 })).toEqual({ a: 1, b: 2 })
  }
})

test('an invalid date comes back as an invalid date', () => {
  const back = roundTrip([new Date(Number.NaN)]) as readonly Date[]
  expect(back[0]).toBeInstanceOf(Date)
  expect(back[0]?.getTime()).toBeNaN()
})

test('VL-2: the bytes of what came back are the bytes it came from', () => {
  fc.assert(fc.property(anything, (value) => {
    const bytes = encoded(value)
    expect(encoded(decodeValue(new ByteReader(bytes)))).toEqual(bytes)
  }))
})

test('numbers keep every bit that JavaScript can tell apart, at every border of the encodings', () => {
  for (const power of [6, 7, 8, 31, 32, 46, 47, 48, 52, 53]) {
    for (const offset of [-2, -1, 0, 1, 2]) {
      for (const n of [2 ** power + offset, -(2 ** power) + offset]) expect(roundTrip(n)).toBe(n)
    }
  }
  for (const n of [-0, 0, NaN, Infinity, -Infinity, 5e-324, 1.5, Number.MAX_VALUE]) expect(roundTrip(n)).toBe(n)
  expect(encoded(127).length).toBe(1)
  expect(encoded(1_000_000).length).toBeLessThan(5)
})

test('own keys named like members of Object.prototype come back as data and change no prototype', () => {
  const hostile: unknown = JSON.parse('{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":2}')
  const back = roundTrip(hostile) as Record<string, unknown>
  expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
  expect(Object.keys(back)).toEqual(['__proto__', 'constructor', 'hasOwnProperty'])
  expect(Object.getOwnPropertyDescriptor(back, '__proto__')).toEqual({
    value: { admin: true }, writable: true, enumerable: true, configurable: true,
  })
  expect((back as { admin?: unknown }).admin).toBeUndefined()
  expect(({} as { admin?: unknown }).admin).toBeUndefined()
})

test('the prototype null is kept, and so is the order of fields', () => {
  const bare = Object.assign(Object.create(null) as object, { b: 1, a: 2 })
  const back = roundTrip(bare) as object
  expect(Object.getPrototypeOf(back)).toBeNull()
  expect(Object.keys(back)).toEqual(['b', 'a'])
})

test('VL-3: a Buffer comes back as Uint8Array, independent of the bytes it was decoded from', () => {
  const bytes = encoded(Buffer.from('abc'))
  const back = decodeValue(new ByteReader(bytes)) as Uint8Array
  expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
  bytes.fill(0)
  expect([...back]).toEqual([97, 98, 99])
})

test('a plain object of another realm is plain', () => {
  expect(roundTrip(vm.runInNewContext('({ a: 1 })'))).toEqual({ a: 1 })
})

class Session {
  id = 1
}

test('E071 names the place and what was found there', () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const cases: readonly [unknown, string, string][] = [
    [{ user: { session: new Session() } }, 'user.session', 'an instance of Session'],
    [() => 1, '', 'a function'],
    [{ list: [1, { 'odd name': Symbol('s') }] }, 'list[1]["odd name"]', 'symbol'],
    [{ a: cyclic }, 'a.self', 'cycle'],
    [new Map([['k', /x/]]), 'k', 'RegExp'],
    [new Set([1, new WeakMap()]), '[1]', 'WeakMap'],
    [{ p: Promise.resolve(1) }, 'p', 'Promise'],
    [{ e: new Error('x') }, 'e', 'Error'],
    [Object.assign([1], { 2: 3 }), '[1]', 'a hole'],
    [{ d: new (class Day extends Date {})() }, 'd', 'Day'],
    [{ v: new DataView(new ArrayBuffer(1)) }, 'v', 'DataView'],
  ]
  for (const [value, path, found] of cases) {
    const error = expect.objectContaining({
      code: 'E071', message: expect.stringContaining(found) as string,
      details: expect.objectContaining({ path }) as object,
    })
    expect(() => encoded(value)).toThrow(error)
    expect(() => checkStorable(value)).toThrow(error)
  }
})

test('VC-1: a field named by a symbol is left out by the codec and found by the check', () => {
  const value = { a: 1, [Symbol('hidden')]: 2 }
  expect(roundTrip(value)).toStrictEqual({ a: 1 })
  expect(findUnstorable(value)?.found).toContain('symbol')
})

test('depth is limited alike when encoding, checking, decoding and skipping', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1
    for (let i = 0; i < levels; i++) value = [value]
    return value
  }
  expect(roundTrip(nested(256))).toEqual(nested(256))
  expect(() => encoded(nested(257))).toThrow(expect.objectContaining({ code: 'E071' }))
  const deep = Uint8Array.from([...Array.from({ length: 100_000 }, () => [0x0a, 1]).flat(), 0])
  expect(() => decodeValue(new ByteReader(deep))).toThrow(RangeError)
  expect(() => skipValue(new ByteReader(deep))).toThrow(RangeError)
})

test('VL-4: announced lengths beyond the data are refused before anything is built', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
  for (const tag of [0x06, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x0e, 0x0f, 0x10]) {
    expect(() => decodeValue(new ByteReader(Uint8Array.of(tag, ...huge)))).toThrow(RangeError)
    expect(() => skipValue(new ByteReader(Uint8Array.of(tag, ...huge)))).toThrow(RangeError)
  }
  expect(() => decodeValue(new ByteReader(Uint8Array.of(0x11, 200, 0)))).toThrow(RangeError)
  expect(() => decodeValue(new ByteReader(Uint8Array.of(0x11, 8, 3, 1, 2, 3)))).toThrow(RangeError)
})

test('VL-4: any bytes decode to a value or are refused; nothing else happens', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    try {
      decodeValue(new ByteReader(bytes))
    } catch (error) {
      expect(error instanceof RangeError || error instanceof TypeError).toBe(true)
    }
  }), { numRuns: 5000 })
  expect(Object.keys(Object.prototype)).toEqual([])
})
