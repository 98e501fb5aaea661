/**
 * The state of one operator in one checkpoint, part by part: the only place where inspection reads segments.
 *
 * A part is what one subtask (or the enumerator of a source) wrote. Everything that lists, gets, exports or
 * compares entries comes here for them, so that how a part is put together on disk is known nowhere else.
 * Called by the other files of this folder. Reads only.
 *
 *   IX-1  At most one part of an operator is in memory at a time, for each checkpoint that is read.
 *   IX-2  A part is shown whole or not at all: length, checksum, counts and digests hold before anything of it
 *         is given. What is damaged is E057 with its place.
 *   IX-3  What a running job removes while it is read is read all the same (hold-files.ts). Collection removes the
 *         manifest first (GC-2), so that a file that is missing beside its manifest is damage.
 *
 * Source: Flink State Processor API (row C17), read over key groups instead of rows.
 */
import { ByteReader } from '../../base/bytes.ts'
import { isStreamError } from '../../base/errors.ts'
import type { Io } from '../../base/io.ts'
import type { StateSegment } from '../../base/protocol.ts'
import { E055_FILE_MISSING } from '../../base/storage-errors.ts'
import type { Key } from '../../graph/key.ts'
import type { KeyGroupRange } from '../../graph/key-groups.ts'
import { decodeKey } from '../../record/key-codec.ts'
import { skipValue } from '../../record/value-skip.ts'
import { E057_CORRUPT_STATE } from '../../state/errors.ts'
import { mergeChains } from '../../state/segment-chain.ts'
import type { KeyedStateSnapshot, KeyGroupSnapshot } from '../../state/snapshot.ts'
import { decodeSegment, type DecodedSegment } from '../../state/snapshot-format.ts'
import { checkpointFile } from '../layout.ts'
import { ENUMERATOR_SUBTASK, writerOf, type Manifest } from '../manifest.ts'
import { readSegment, type Reader } from '../read.ts'

/** One completed checkpoint, found and believed. */
export interface OpenCheckpoint {
  readonly storage: Reader
  readonly directory: string
  readonly manifest: Manifest
}

/** What one subtask wrote of one operator: a chain of segments (state/segment-chain.ts), mostly of one. */
export interface Part {
  readonly operator: string
  readonly subtask: number
  readonly keyGroups: KeyGroupRange | undefined
  /** Bytes of all segments. */
  readonly length: number
  readonly segments: readonly StateSegment[]
}

/** Of one operator, in the order of their key groups; the enumerator's part is first. */
export function partsOf(manifest: Manifest, operator: string): readonly Part[] {
  const chains = new Map<number, StateSegment[]>()
  for (const segment of manifest.segments) {
    if (segment.operator === operator) chains.set(segment.subtask, [...(chains.get(segment.subtask) ?? []), segment])
  }
  const start = (part: Part): number => part.keyGroups?.start ?? 0
  return [...chains].map(([subtask, segments]) => ({
    operator, subtask, segments,
    keyGroups: segments.find(({ keyGroups }) => keyGroups !== undefined)?.keyGroups,
    length: segments.reduce((sum, { length }) => sum + length, 0),
  })).sort((a, b) => start(a) - start(b) || a.subtask - b.subtask)
}

export const isEnumerator = (part: { readonly subtask: number }): boolean => part.subtask === ENUMERATOR_SUBTASK

export function* readPart(opened: OpenCheckpoint, { segments }: Part): Io<DecodedSegment> {
  const decoded: DecodedSegment[] = []
  for (const segment of segments) decoded.push(yield* readOne(opened, segment))
  return mergeChains(decoded)[0] as DecodedSegment
}

function* readOne({ storage, directory, manifest }: OpenCheckpoint, part: StateSegment): Io<DecodedSegment> {
  const file = checkpointFile(directory, writerOf(manifest, part), part.file)
  const damaged = (what: string): Error =>
    E057_CORRUPT_STATE({ file, offset: part.offset, what }, {
      place: { file, operator: part.operator, checkpoint: manifest.checkpoint, position: `byte ${part.offset}` },
    })
  let bytes: Uint8Array
  try {
    bytes = yield* readSegment(storage, directory, manifest.checkpoint, part)
  } catch (error) {
    if (!isStreamError(error) || error.code !== E055_FILE_MISSING.definition.code) throw error
    throw damaged(`it is missing, ${part.length} bytes are expected`)
  }
  const decoded = decodeSegment(bytes, { file, offset: part.offset })
  if (decoded.operator === part.operator) return decoded
  throw damaged(`it holds state of "${decoded.operator}" instead of "${part.operator}"`)
}

export interface Wanted {
  /** Undefined: every keyed state. */
  readonly state?: string
  /** Undefined: every key group. */
  readonly groups?: KeyGroupRange
}

/**
 * Every key group of the keyed states of one operator, of one state in ascending order of their numbers.
 * Parts that own none of the wanted groups are not read. `visit` ends it by giving false.
 */
export function* visitGroups(
  opened: OpenCheckpoint, operator: string, wanted: Wanted,
  visit: (state: KeyedStateSnapshot, group: KeyGroupSnapshot) => boolean,
): Io<void> {
  const { state: name, groups: range } = wanted
  for (const part of partsOf(opened.manifest, operator)) {
    if (range !== undefined && !overlap(part.keyGroups, range)) continue
    const { snapshot } = yield* readPart(opened, part)
    for (const state of snapshot.keyed) {
      if (name !== undefined && state.name !== name) continue
      for (const group of state.groups) {
        if (range !== undefined && (group.group < range.start || group.group > range.end)) continue
        if (!visit(state, group)) return
      }
    }
  }
}

const overlap = (a: KeyGroupRange | undefined, b: KeyGroupRange): boolean =>
  a !== undefined && a.start <= b.end && a.end >= b.start

/** One entry, still bytes but for its key. */
export interface RawEntry {
  readonly key: Key
  /** Key and namespace, encoded: equal bytes, equal place in the state. */
  readonly id: Uint8Array
  readonly namespace: Uint8Array
  readonly value: Uint8Array
}

/** In stored order; the bytes are views of the group's. */
export function* rawEntries({ bytes }: KeyGroupSnapshot): Generator<RawEntry, void, undefined> {
  const reader = new ByteReader(bytes)
  while (reader.remaining > 0) {
    const from = reader.position
    const key = decodeKey(reader)
    const keyEnd = reader.position
    skipValue(reader)
    const idEnd = reader.position
    skipValue(reader)
    yield {
      key,
      id: bytes.subarray(from, idEnd),
      namespace: bytes.subarray(keyEnd, idEnd),
      value: bytes.subarray(idEnd, reader.position),
    }
  }
}
