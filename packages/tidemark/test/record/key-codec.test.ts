import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import { murmur3 } from '../../src/base/hash.ts'
import { flinkMurmur, keyGroupOfHash, keyGroupRange, subtaskOfGroup } from '../../src/graph/key-groups.ts'
import type { Key } from '../../src/graph/key.ts'
import {
  canonicalKeyBytes, checkKey, decodeKey, encodeKey, keyGroupOf, keyHash,
} from '../../src/record/key-codec.ts'
import fixture from '../fixtures/key-groups.json' with { type: 'json' }

type FixtureKey = string | number | { readonly bigint: string } | { readonly number: string }

function keyOf(stored: FixtureKey): Key {
  if (typeof stored !== 'object') return stored
  return 'bigint' in stored ? BigInt(stored.bigint) : Number(stored.number)
}

const entries = fixture as readonly { readonly key: FixtureKey; readonly hash: number; readonly group: number }[]
const anyKey = fc.oneof(
  fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary' }),
  fc.double({ noNaN: true }), fc.integer(), fc.bigInt(),
)

test('KC-2: hash and group of the 1,000 keys of the fixture never change', () => {
  expect(entries.length).toBe(1000)
  for (const { key, hash, group } of entries) {
    expect([key, keyHash(keyOf(key))]).toEqual([key, hash])
    expect([key, keyGroupOf(keyOf(key), 128)]).toEqual([key, group])
  }
})

test('the fixture reaches every one of 128 key groups', () => {
  expect(new Set(entries.map(({ group }) => group)).size).toBe(128)
})

test('KG-3: the arithmetic from hash to key group is that of Flink', () => {
  const vectors: readonly [hash: number, murmur: number, group: number][] = [
    [-1, 1982413648, 80], [42, 1134849565, 29], [2147483647, 1653689534, 62],
    [-2147483648, 1718298732, 108], [97, 1455541201, 81],
  ]
  for (const [hash, murmur, group] of vectors) {
    expect(flinkMurmur(hash)).toBe(murmur)
    expect(keyGroupOfHash(hash, 128)).toBe(group)
  }
  const ranges = (n: number): number[][] =>
    Array.from({ length: n }, (_, i) => keyGroupRange(i, n, 128)).map(({ start, end }) => [start, end])
  expect(ranges(3)).toEqual([[0, 42], [43, 85], [86, 127]])
  expect(ranges(5)).toEqual([[0, 25], [26, 51], [52, 76], [77, 102], [103, 127]])
})

test('KG-1, KG-2: ranges cover every group once, and agree with the owner of a group', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), (a, b) => {
    const [parallelism, max] = a < b ? [a, b] : [b, a]
    let next = 0
    for (let subtask = 0; subtask < parallelism; subtask++) {
      const { start, end } = keyGroupRange(subtask, parallelism, max)
      expect(start).toBe(next)
      for (let g = start; g <= end; g++) expect(subtaskOfGroup(g, parallelism, max)).toBe(subtask)
      next = end + 1
    }
    expect(next).toBe(max)
  }))
})

test('KC-2: the hash is murmur3 of the canonical bytes, whatever the kind and length', () => {
  fc.assert(fc.property(anyKey, (key) => {
    fc.pre(typeof key !== 'string' || !/\p{Surrogate}/u.test(key))
    expect(keyHash(key)).toBe(murmur3(canonicalKeyBytes(key)))
  }), { numRuns: 2000 })
})

test('a key is itself after encode and decode, in the middle of other bytes', () => {
  fc.assert(fc.property(anyKey, (given) => {
    fc.pre(typeof given !== 'string' || !/\p{Surrogate}/u.test(given))
    const key = checkKey(given, 'op')
    const writer = new ByteWriter(1)
    encodeKey(writer, key)
    writer.u8(0xaa)
    const reader = new ByteReader(writer.peek())
    expect(decodeKey(reader)).toBe(key)
    expect(reader.u8()).toBe(0xaa)
  }), { numRuns: 1000 })
})

test('KC-1: canonical bytes are as documented; 1, 1n and "1" differ, -0 and 0 do not', () => {
  const hex = (key: Key): string => Buffer.from(canonicalKeyBytes(key)).toString('hex')
  expect(hex('1')).toBe('0131')
  expect(hex('é')).toBe('01c3a9')
  expect(hex(1)).toBe('023ff0000000000000')
  expect(hex(-0)).toBe('020000000000000000')
  expect(hex(0n)).toBe('0300')
  expect(hex(127n)).toBe('037f')
  expect(hex(128n)).toBe('030080')
  expect(hex(-128n)).toBe('0380')
  expect(hex(-129n)).toBe('03ff7f')
  expect(hex(2n ** 64n)).toBe('03010000000000000000')
  expect(keyHash(-0)).toBe(keyHash(0))
  expect(Object.is(checkKey(-0, 'op'), 0)).toBe(true)
})

test('impossible keys are refused with E072 naming the operator and what was found', () => {
  const bad: readonly [unknown, string][] = [
    [NaN, 'NaN'], ['\ud800x', 'surrogate'], ['x\udc00', 'surrogate'], [undefined, 'undefined'], [null, 'null'],
    [true, 'boolean'], [{}, 'an object'], [[1], 'an array'], [new Date(0), 'a Date'], [Symbol('s'), 'symbol'],
    [() => 1, 'function'], [`${'a'.repeat(80)}\udfff`, 'surrogate'],
  ]
  for (const [key, found] of bad) {
    expect(() => checkKey(key, 'by-user')).toThrow(expect.objectContaining({
      code: 'E072', message: expect.stringContaining(found) as string, place: { operator: 'by-user' },
    }))
  }
  expect(checkKey('🙂', 'op')).toBe('🙂')
})

test('damaged keys are refused', () => {
  for (const bytes of [[], [0], [4], [1], [1, 5, 0x61], [2, 0, 0], [3, 0]]) {
    expect(() => decodeKey(new ByteReader(Uint8Array.from(bytes)))).toThrow(RangeError)
  }
  expect(() => decodeKey(new ByteReader(Uint8Array.of(1, 1, 0xff)))).toThrow(TypeError)
})
