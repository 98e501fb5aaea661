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
import { encodeKey, keyGroupOf } from '../record/key-codec.ts'
import { encodeValue } from '../record/value-codec.ts'
import type { KeyedStateSnapshot, KeyGroupSnapshot } from './snapshot.ts'

export interface KeyedSnapshotInit {
  readonly name: string
  readonly kind: KeyedStateSnapshot['kind']
  readonly version: number
  readonly jsonSchema?: unknown
  readonly stamped?: boolean
  readonly maxParallelism: number
}

interface Group {
  readonly writer: ByteWriter
  /** Where each entry ends; entries are hashed in `build`, all bytes of a group at a time. */
  readonly ends: number[]
}

const FIRST_BUFFER_BYTES = 512

export class KeyedSnapshotBuilder {
  readonly #init: KeyedSnapshotInit
  readonly #groups: (Group | undefined)[]

  constructor(init: KeyedSnapshotInit) {
    assert(init.maxParallelism >= 1, 'max parallelism is at least 1')
    this.#init = init
    this.#groups = Array.from({ length: init.maxParallelism }, () => undefined)
  }

  /** The value is encoded before this returns. Throws E071; the builder is then abandoned. */
  put(key: Key, namespace: unknown, value: unknown): void {
    const { writer, ends } = this.#group(keyGroupOf(key, this.#init.maxParallelism))
    encodeKey(writer, key)
    encodeValue(writer, namespace)
    encodeValue(writer, value)
    ends.push(writer.length)
  }

  build(): KeyedStateSnapshot {
    const groups: KeyGroupSnapshot[] = []
    this.#groups.forEach((group, index) => {
      if (group === undefined) return
      const bytes = group.writer.toBytes()
      let digest = 0
      let from = 0
      for (const end of group.ends) {
        digest = (digest + murmur3(bytes, end - from, 0, from)) >>> 0
        from = end
      }
      groups.push({ group: index, entries: group.ends.length, digest, bytes })
    })
    const { name, kind, version, jsonSchema, stamped } = this.#init
    return {
      name, kind, version, groups,
      ...(jsonSchema === undefined ? {} : { jsonSchema }),
      ...(stamped === true ? { stamped } : {}),
    }
  }

  #group(index: number): Group {
    const known = this.#groups[index]
    if (known !== undefined) return known
    const fresh = { writer: new ByteWriter(FIRST_BUFFER_BYTES), ends: [] }
    this.#groups[index] = fresh
    return fresh
  }
}
