/**
 * Changes to an encoded map or list, as increments hold them.
 *
 * Called by segment-chain.ts and job/landing.ts, which put increments together. Everything stays bytes. Of a map a patch is
 * what is gone from it, then what was set; of a list how many items are kept, then those after them.
 *
 *   PH-1  The result is what encoding the changed map or list gives: an entry that is set again keeps its place, unless it
 *         was gone before; a new one is last.
 *   PH-2  A map of which nothing is there begins empty: a base holds nothing of what had expired. A list of which something is
 *         missing is not patched (ListCell).
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { encodeArrayHead, encodeMapHead, readArrayHead, readMapHead } from '../record/value-codec.ts'
import { skipValue } from '../record/value-skip.ts'

/** An encoded value that is changed. The bytes it is given are used as long as it is. */
export interface Patched {
  /** Nothing is left of it: 0. */
  readonly size: number
  /** What `skipPatch` steps over. Damage: RangeError. */
  patch(bytes: Uint8Array): void
  encode(): Uint8Array
}

interface PatchForm {
  /** `bytes`: as it was; undefined: there is nothing. */
  readonly begin: (bytes: Uint8Array | undefined) => Patched
  readonly skip: (reader: ByteReader) => void
}

/** Some bytes as what a Map can be asked for. */
export function textOf(bytes: Uint8Array, from: number, end: number): string {
  let text = ''
  for (let i = from; i < end; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

class EncodedMap implements Patched {
  /** Key and value, by the key. */
  readonly #entries = new Map<string, Uint8Array>()

  constructor(bytes: Uint8Array | undefined) {
    if (bytes !== undefined) this.#take(new ByteReader(bytes), bytes)
  }

  get size(): number {
    return this.#entries.size
  }

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

class EncodedList implements Patched {
  readonly #items: Uint8Array[] = []

  constructor(bytes: Uint8Array | undefined) {
    if (bytes !== undefined) this.#take(new ByteReader(bytes), bytes)
  }

  get size(): number {
    return this.#items.length
  }

  patch(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes)
    const kept = reader.varint()
    if (kept > this.#items.length) throw new RangeError(`${kept} items of a list are kept, which has ${this.#items.length}`)
    this.#items.length = kept
    this.#take(reader, bytes)
  }

  encode(): Uint8Array {
    const writer = new ByteWriter()
    encodeArrayHead(writer, this.#items.length)
    for (const item of this.#items) writer.raw(item)
    return writer.peek()
  }

  #take(reader: ByteReader, bytes: Uint8Array): void {
    for (let left = readArrayHead(reader); left > 0; left--) {
      const from = reader.position
      skipValue(reader)
      this.#items.push(bytes.subarray(from, reader.position))
    }
  }
}

const FORMS: Readonly<Partial<Record<string, PatchForm>>> = {
  map: {
    begin: (bytes) => new EncodedMap(bytes),
    skip(reader) {
      for (let left = reader.varint(); left > 0; left--) skipValue(reader)
      for (let left = readMapHead(reader) * 2; left > 0; left--) skipValue(reader)
    },
  },
  list: {
    begin: (bytes) => new EncodedList(bytes),
    skip(reader) {
      reader.varint()
      for (let left = readArrayHead(reader); left > 0; left--) skipValue(reader)
    },
  },
}

/** How states of this kind change in part. Throws RangeError: they do not. */
export function patchFormOf(kind: string): PatchForm {
  const form = FORMS[kind]
  if (form === undefined) throw new RangeError(`a state of kind "${kind}" does not change in part`)
  return form
}

function readText(reader: ByteReader, bytes: Uint8Array): string {
  const from = reader.position
  skipValue(reader)
  return textOf(bytes, from, reader.position)
}
