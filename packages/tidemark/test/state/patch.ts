/** What changed in a map, as increments hold it: keys that went, then entries that were set (state/map-patch.ts). */
import { ByteWriter } from '../../src/base/bytes.ts'
import type { Key } from '../../src/graph/key.ts'
import { encodeValue } from '../../src/record/value-codec.ts'

export function patchOf(gone: readonly Key[], set: ReadonlyMap<Key, unknown>): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(gone.length)
  for (const key of gone) encodeValue(writer, key)
  encodeValue(writer, set)
  return writer.toBytes()
}
