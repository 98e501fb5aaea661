import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import type { Key } from '../../src/graph/key.ts'
import { encodeValue } from '../../src/record/value-codec.ts'
import { EncodedMap, skipPatch } from '../../src/state/map-patch.ts'
import { patchOf } from './patch.ts'

const key: fc.Arbitrary<Key> = fc.oneof(
  fc.nat(4), fc.nat(4).map(String), fc.nat(4).map(BigInt), fc.constantFrom(0.5, 2 ** 40, '', '\u20ac', 'x'.repeat(200)),
)
const entries = fc.array(fc.tuple(key, fc.oneof(fc.integer(), fc.string(), fc.constant({ n: 1 }))))

function encoded(value: unknown): Uint8Array {
  const writer = new ByteWriter()
  encodeValue(writer, value)
  return writer.toBytes()
}

test('PH-1, PH-2: a patched map has the bytes of the map that was changed in the same way; of none, of an empty one', () => {
  const patch = fc.record({ gone: fc.uniqueArray(key), set: entries })
  fc.assert(fc.property(fc.option(entries, { nil: undefined }), fc.array(patch), (first, patches) => {
    const model = new Map(first)
    const map = new EncodedMap(first === undefined ? undefined : encoded(model))
    for (const { gone, set } of patches) {
      const bytes = patchOf(gone, new Map(set))
      const reader = new ByteReader(bytes)
      skipPatch(reader)
      expect(reader.remaining).toBe(0)
      map.patch(bytes)
      for (const each of gone) model.delete(each)
      for (const [each, value] of set) model.set(each, value)
    }
    expect(map.size).toBe(model.size)
    expect(map.encode()).toEqual(encoded(model))
  }))
})
