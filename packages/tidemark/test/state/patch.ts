/** What changed in a map or a list, as increments hold it (state/patch.ts). */
import { ByteWriter } from '../../src/base/bytes.ts'
import type { Key } from '../../src/graph/key.ts'
import { encodeValue } from '../../src/record/value-codec.ts'

/** Keys that went, then entries that were set. */
export function patchOf(gone: readonly Key[], set: ReadonlyMap<Key, unknown>): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(gone.length)
  for (const key of gone) encodeValue(writer, key)
  encodeValue(writer, set)
  return writer.toBytes()
}

/** So many items stay, then these come. */
export function listPatchOf(kept: number, added: readonly unknown[]): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(kept)
  encodeValue(writer, added)
  return writer.toBytes()
}
