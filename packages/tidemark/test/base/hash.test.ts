import fc from 'fast-check'
import { expect, test } from 'vitest'
import { finalMix, murmur3 } from '../../src/base/hash.ts'

const hashText = (text: string, seed = 0): number => {
  const bytes = new TextEncoder().encode(text)
  return murmur3(bytes, bytes.length, seed) >>> 0
}

test('murmur3 gives the published 32-bit vectors', () => {
  expect(hashText('')).toBe(0)
  expect(hashText('', 1)).toBe(0x514e28b7)
  expect(hashText('', 0xffffffff)).toBe(0x81f16f39)
  expect(hashText('hello')).toBe(0x248bfa47)
  expect(hashText('hello, world')).toBe(0x149bbb7f)
  expect(hashText('The quick brown fox jumps over the lazy dog')).toBe(0x2e4ff723)
  expect(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff)) >>> 0).toBe(0x76293b50)
  expect(murmur3(Uint8Array.of(0x21, 0x43, 0x65, 0x87)) >>> 0).toBe(0xf55b516b)
  expect(murmur3(Uint8Array.of(0x21, 0x43, 0x65)) >>> 0).toBe(0x7e4a8634)
  expect(murmur3(Uint8Array.of(0, 0, 0, 0)) >>> 0).toBe(0x2362f9de)
  expect(murmur3(Uint8Array.of(0)) >>> 0).toBe(0x514e28b7)
})

test('murmur3 of a range is murmur3 of its copy', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), fc.nat(64), (bytes, a, b) => {
    const from = Math.min(a, bytes.length)
    const length = Math.min(b, bytes.length - from)
    expect(murmur3(bytes, length, 7, from)).toBe(murmur3(bytes.slice(from, from + length), length, 7))
  }))
})

test('the finaliser maps different numbers to different numbers', () => {
  fc.assert(fc.property(fc.integer(), fc.integer(), (a, b) => (finalMix(a) === finalMix(b)) === (a === b)))
})
