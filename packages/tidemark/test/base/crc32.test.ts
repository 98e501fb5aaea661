import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as zlib from 'node:zlib'
import { crc32, joinCrc32 } from '../../src/base/crc32.ts'

test('the check value of CRC-32 is that of the standard', () => {
  expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array())).toBe(0)
})

test('crc32 equals the checksum that zlib writes behind a gzip stream', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    // The trailer of gzip is CRC-32 and length: there in every Node version, unlike zlib.crc32.
    const gzip = zlib.gzipSync(bytes)
    expect(crc32(bytes)).toBe(gzip.readUInt32LE(gzip.length - 8))
  }))
})

test('crc32 of parts in a row is crc32 of the whole', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 99 }), fc.uint8Array({ maxLength: 99 }), (a, b) => {
    const whole = crc32(Uint8Array.of(...a, ...b))
    expect(crc32(b, crc32(a))).toBe(whole)
    expect(joinCrc32(crc32(a), crc32(b), b.length)).toBe(whole)
  }))
})

test('the checksums of two long parts make that of the whole, of every length around a power of two', () => {
  const bytes = Uint8Array.from({ length: 2 ** 17 + 10 }, (_, i) => (i * 7919) >> 3)
  for (let n = 1; n <= 17; n++) {
    for (const length of [2 ** n - 1, 2 ** n, 2 ** n + 1]) {
      const [first, second] = [bytes.subarray(0, 7), bytes.subarray(7, 7 + length)]
      expect(joinCrc32(crc32(first), crc32(second), length)).toBe(crc32(bytes.subarray(0, 7 + length)))
    }
  }
})
