/**
 * Encodes one keyed state into a buffer per key group, at the barrier.
 *
 * Owns the buffers until `build`. Called by the keyed backend, the window operator and the timer
 * service while they stand still, so every nanosecond per entry delays the stream.
 *
 *   KS-1  An entry is key, namespace, value back to back (record/key-codec.ts, record/value-codec.ts).
 *   KS-2  The digest of a group is the sum modulo 2^32 of murmur3 over each entry's bytes: it does not
 *         depend on the order of `put`, and each entry can be added or taken away alone.
 *   KS-3  Key groups are computed here and not kept live (DESIGN §5.4).
 */
import { assert } from '../base/assert.ts'
import { ByteWriter } from '../base/bytes.ts'
import { murmur3 } from '../base/hash.ts'
import type { Key } from '../graph/key.ts'
import type { TimeDomain } from '../graph/window-spec.ts'
import { encodeKey, keyGroupOf } from '../record/key-codec.ts'
import { encodeArrayHead, encodeMapHead, encodeValue } from '../record/value-codec.ts'
import type { Extent, KeyedStateSnapshot, KeyGroupSnapshot } from './snapshot.ts'

export interface KeyedSnapshotInit {
  readonly name: string
  readonly kind: KeyedStateSnapshot['kind']
  readonly version: number
  readonly jsonSchema?: unknown
  readonly stamped?: boolean
  readonly clock?: TimeDomain | undefined
  readonly extent?: Extent
  readonly maxParallelism: number
}

interface Group {
  readonly writer: ByteWriter
  /** Where each entry ends; entries are hashed in `build`, all bytes of a group at a time. */
  readonly ends: number[]
  /** Key and namespace of what went. */
  removed: { readonly writer: ByteWriter; entries: number } | undefined
  /** The same of what changed in part, each with its patch (patch.ts). */
  patched: { readonly writer: ByteWriter; entries: number } | undefined
}

const FIRST_BUFFER_BYTES = 512
const NO_BYTES = new Uint8Array()

export class KeyedSnapshotBuilder {
  readonly #init: KeyedSnapshotInit
  #extent: Extent | undefined
  readonly #groups: (Group | undefined)[]
  #bytes = 0

  constructor(init: KeyedSnapshotInit) {
    assert(init.maxParallelism >= 1, 'max parallelism is at least 1')
    this.#init = init
    this.#extent = init.extent
    this.#groups = Array.from({ length: init.maxParallelism }, () => undefined)
  }

  /** Encoded so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** The value is encoded before this returns. Throws E071; the builder is then abandoned. */
  put(key: Key, namespace: unknown, value: unknown): void {
    const { writer, ends } = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    const before = writer.length
    encodeKey(writer, key)
    encodeValue(writer, namespace)
    encodeValue(writer, value)
    ends.push(writer.length)
    this.#bytes += writer.length - before
  }

  /** The same with a value that is encoded already. */
  putEncoded(key: Key, namespace: unknown, value: Uint8Array): void {
    const { writer, ends } = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    const before = writer.length
    encodeKey(writer, key)
    encodeValue(writer, namespace)
    writer.raw(value)
    ends.push(writer.length)
    this.#bytes += writer.length - before
  }

  /** A Map or an array of which so many parts are encoded already (`encodeMapEntry`, `encodeItem`). */
  putParts(what: 'map' | 'array', key: Key, parts: number, encoded: Uint8Array): void {
    const { writer, ends } = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    const before = writer.length
    encodeKey(writer, key)
    encodeValue(writer, undefined)
    if (what === 'map') encodeMapHead(writer, parts)
    else encodeArrayHead(writer, parts)
    writer.raw(encoded)
    ends.push(writer.length)
    this.#bytes += writer.length - before
  }

  /** Of changes: what changed in a map or a list that is not put or removed (patch.ts). */
  patch(key: Key, namespace: unknown, encoded: Uint8Array): void {
    const group = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    group.patched ??= { writer: new ByteWriter(64), entries: 0 }
    const { writer } = group.patched
    const before = writer.length
    encodeKey(writer, key)
    encodeValue(writer, namespace)
    writer.raw(encoded)
    group.patched.entries += 1
    this.#bytes += writer.length - before
  }

  /**
   * Of changes: there is no such entry any more. One that is put in the same builder is there all the same. `value`: given
   * for the kinds whose entries are known by it, too.
   */
  remove(key: Key, namespace: unknown, ...value: readonly [unknown?]): void {
    const group = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    group.removed ??= { writer: new ByteWriter(64), entries: 0 }
    const { writer } = group.removed
    const before = writer.length
    encodeKey(writer, key)
    encodeValue(writer, namespace)
    if (value.length > 0) encodeValue(writer, value[0])
    group.removed.entries += 1
    this.#bytes += writer.length - before
  }

  /** Copies what was put. */
  build(): KeyedStateSnapshot {
    const { name, kind, version, jsonSchema, stamped, clock } = this.#init
    const extent = this.#extent
    const groups: KeyGroupSnapshot[] = []
    this.#groups.forEach((group, index) => {
      if (group === undefined) return
      const { removed, patched } = group
      if (group.ends.length === 0 && removed === undefined && patched === undefined) return
      const bytes = group.writer.toBytes()
      let digest = 0
      let from = 0
      for (const end of group.ends) {
        digest = (digest + murmur3(bytes, end - from, 0, from)) >>> 0
        from = end
      }
      const gone = { entries: removed?.entries ?? 0, bytes: removed?.writer.toBytes() ?? NO_BYTES }
      groups.push({
        group: index, entries: group.ends.length, digest, bytes,
        ...(extent === 'changes' ? { removed: gone } : {}),
        ...(patched === undefined ? {} : { patched: { entries: patched.entries, bytes: patched.writer.toBytes() } }),
      })
    })
    return {
      name, kind, version, groups,
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      ...(stamped === true ? { stamped } : {}),
      ...(clock === 'event' ? { clock } : {}),
      ...(extent === undefined || extent === 'whole' ? {} : { extent }),
    }
  }

  /** Empty again, for another part of the same state; buffers stay as large as they have become. */
  restart(extent: Extent): void {
    this.#extent = extent
    this.#bytes = 0
    for (const group of this.#groups) {
      if (group === undefined) continue
      group.writer.reset()
      group.ends.length = 0
      group.removed = undefined
      group.patched = undefined
    }
  }

  #group(index: number): Group {
    const known = this.#groups[index]
    if (known !== undefined) return known
    const fresh = { writer: new ByteWriter(FIRST_BUFFER_BYTES), ends: [], removed: undefined, patched: undefined }
    this.#groups[index] = fresh
    return fresh
  }
}
