import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts'
import type { Key } from '../../src/graph/key.ts'
import { encodeValue } from '../../src/record/value-codec.ts'
import { patchFormOf } from '../../src/state/patch.ts'
import { listPatchOf, patchOf } from './patch.ts'

const key: fc.Arbitrary<Key> = fc.oneof(
  fc.nat(4), fc.nat(4).map(String), fc.nat(4).map(BigInt), fc.constantFrom(0.5, 2 ** 40, '', '\u20ac', 'x'.repeat(200)),
)
const value = fc.oneof(fc.integer(), fc.string(), fc.constant({ n: 1 }))
const entries = fc.array(fc.tuple(key, value))

function encoded(of: unknown): Uint8Array {
  const writer = new ByteWriter()
  encodeValue(writer, of)
  return writer.toBytes()
}

function skipped(kind: string, patch: Uint8Array): Uint8Array {
  const reader = new ByteReader(patch)
  patchFormOf(kind).skip(reader)
  expect(reader.remaining).toBe(0)
  return patch
}

test('PH-1, PH-2: a patched map has the bytes of the map that was changed in the same way; of none, of an empty one', () => {
  const patch = fc.record({ gone: fc.uniqueArray(key), set: entries })
  fc.assert(fc.property(fc.option(entries, { nil: undefined }), fc.array(patch), (first, patches) => {
    const model = new Map(first)
    const map = patchFormOf('map').begin(first === undefined ? undefined : encoded(model))
    for (const { gone, set } of patches) {
      map.patch(skipped('map', patchOf(gone, new Map(set))))
      for (const each of gone) model.delete(each)
      for (const [each, one] of set) model.set(each, one)
    }
    expect(map.size).toBe(model.size)
    expect(map.encode()).toEqual(encoded(model))
  }))
})

test('PH-1: a patched list has the bytes of the list of which so many items stayed and to which others were added', () => {
  const patch = fc.record({ kept: fc.nat(20), added: fc.array(value) })
  fc.assert(fc.property(fc.array(value), fc.array(patch), (first, patches) => {
    let model: unknown[] = first
    const list = patchFormOf('list').begin(encoded(model))
    for (const { kept, added } of patches) {
      const stays = Math.min(kept, model.length)
      list.patch(skipped('list', listPatchOf(stays, added)))
      model = [...model.slice(0, stays), ...added]
    }
    expect(list.size).toBe(model.length)
    expect(list.encode()).toEqual(encoded(model))
  }))
})

test('a list that would keep more than there is, and a kind of state that does not change in part, are damage', () => {
  expect(() => patchFormOf('list').begin(encoded([1, 2])).patch(listPatchOf(3, []))).toThrow(RangeError)
  expect(() => patchFormOf('list').begin(undefined).patch(listPatchOf(1, [7]))).toThrow(RangeError)
  expect(() => patchFormOf('map').begin(encoded([1, 2]))).toThrow(RangeError)
  expect(() => patchFormOf('value')).toThrow(RangeError)
})
