/**
 * Changes to an encoded map, as increments hold them: what is gone from it, then what was set.
 *
 * Called by segment-chain.ts and job/landing.ts, which put increments together. Everything stays bytes.
 *
 *   PH-1  The result is what encoding the changed map gives: an entry that is set again keeps its place, unless it was
 *         gone before; a new one is last.
 *   PH-2  A map of which nothing is there begins empty: a base holds nothing of what had expired.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { encodeMapHead, readMapHead } from '../record/value-codec.ts'
import { skipValue } from '../record/value-skip.ts'

/** Steps over a patch: a count, so many keys, a Map. */
export function skipPatch(reader: ByteReader): void {
  for (let left = reader.varint(); left > 0; left--) skipValue(reader)
  for (let left = readMapHead(reader) * 2; left > 0; left--) skipValue(reader)
}

/** Some bytes as what a Map can be asked for. */
export function textOf(bytes: Uint8Array, from: number, end: number): string {
  let text = ''
  for (let i = from; i < end; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

export class EncodedMap {
  /** Key and value, by the key. */
  readonly #entries = new Map<string, Uint8Array>()

  /** The bytes are used as long as this is. */
  constructor(bytes: Uint8Array | undefined) {
    if (bytes !== undefined) this.#take(new ByteReader(bytes), bytes)
  }

  get size(): number {
    return this.#entries.size
  }

  /** What `skipPatch` steps over. */
  patch(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes)
    for (let left = reader.varint(); left > 0; left--) this.#entries.delete(readText(reader, bytes))
    this.#take(reader, bytes)
  }

  encode(): Uint8Array {
    const writer = new ByteWriter()
    encodeMapHead(writer, this.#entries.size)
    for (const entry of this.#entries.values()) writer.raw(entry)
    return writer.peek()
  }

  #take(reader: ByteReader, bytes: Uint8Array): void {
    for (let left = readMapHead(reader); left > 0; left--) {
      const from = reader.position
      const key = readText(reader, bytes)
      skipValue(reader)
      this.#entries.set(key, bytes.subarray(from, reader.position))
    }
  }
}

function readText(reader: ByteReader, bytes: Uint8Array): string {
  const from = reader.position
  skipValue(reader)
  return textOf(bytes, from, reader.position)
}
