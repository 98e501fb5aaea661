/**
 * Segments: the bytes of one operator of one subtask in a checkpoint file. Self-describing.
 *
 *   "TMS1"  varint format  string operator  varint subtask  u8 keyed? [varint start, varint end + 1]
 *   varint keyed states, each:
 *     string name, kind, codec  varint version  string JSON Schema text ('' if none)
 *     u8 extent (from format 2 on): 0 whole, 1 more, 2 changes
 *     varint groups, each: varint group, varint entries, u32 digest, varint bytes, the entries
 *       of changes: varint removed, varint bytes, what was removed
 *         (from format 3 on) varint patched, varint bytes, the patches
 *   varint list states, each: string name, codec, redistribute  varint items  varint bytes, the items
 *
 * An entry is key, namespace, value (record/key-codec.ts, record/value-codec.ts); what was removed is key and
 * namespace, of timers the value, too; a patch is key, namespace, and what changed there (patch.ts): in a map varint
 * removed, their keys as values, a Map of what was set; in a list varint kept, an array of what follows; an item is a
 * value. Several segments of one operator and subtask are a chain (segment-chain.ts).
 * Called by the subtask's snapshot writer and by restore, `tidemark checkpoint` and exports. The
 * checksum over the whole segment is the caller's; decoding checks counts and digests all the same,
 * since they catch a writer that was wrong.
 *
 *   SF-1  Equal snapshots give equal bytes; what is decoded equals what was encoded.
 *   SF-2  A format or codec that is not known here is refused with both versions (E058), never guessed.
 *   SF-3  No user code and no schema is needed to read a segment.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { isStreamError } from '../base/errors.ts'
import { murmur3 } from '../base/hash.ts'
import type { StateSummary } from '../base/protocol.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import { decodeKey } from '../record/key-codec.ts'
import { decodeValue, encodeValue } from '../record/value-codec.ts'
import { skipValue } from '../record/value-skip.ts'
import { E057_CORRUPT_STATE, E058_NEWER_FORMAT } from './errors.ts'
import { patchFormOf } from './patch.ts'
import { EXTENTS, isBag, REDISTRIBUTES, stampsOf } from './snapshot.ts'
import type {
  Extent, KeyedEntry, KeyedStateSnapshot, KeyGroupSnapshot, ListStateSnapshot, OperatorSnapshot, Redistribute,
} from './snapshot.ts'

export const SEGMENT_FORMAT = 3
const MAGIC = [0x54, 0x4d, 0x53, 0x31] // "TMS1"
const PLAIN_CODEC = 'value/1'
const STAMPED_CODEC = 'stamped-value/1'
/** Stamps of event time. */
const EVENT_STAMPED_CODEC = 'event-stamped-value/1'
const CODECS: readonly string[] = [PLAIN_CODEC, STAMPED_CODEC, EVENT_STAMPED_CODEC]
const KINDS: ReadonlySet<string> = new Set<KeyedStateSnapshot['kind']>([
  'value', 'list', 'map', 'reducing', 'aggregating', 'timers', 'window',
])

/** Of keyed state, not of a list. */
export const isKeyedKind = (kind: string): boolean => KINDS.has(kind)

export interface SegmentInput {
  readonly operator: string
  readonly subtask: number
  readonly keyGroups?: KeyGroupRange
  readonly snapshot: OperatorSnapshot
}

export interface DecodedSegment {
  readonly format: number
  readonly operator: string
  readonly subtask: number
  /** Absent for operators without keyed state. */
  readonly keyGroups?: KeyGroupRange
  /** Entries stay bytes until `readEntries`; list items are decoded. */
  readonly snapshot: OperatorSnapshot
}

export function encodeSegment(input: SegmentInput): { bytes: Uint8Array; states: StateSummary[] } {
  const writer = new ByteWriter(HEAD_BYTES + bytesOf(input.snapshot))
  const states: StateSummary[] = []
  for (const byte of MAGIC) writer.u8(byte)
  writer.varint(SEGMENT_FORMAT)
  writer.string(input.operator)
  // -1 stands for what the coordinator's side of an operator keeps (a source's enumerator).
  writer.varint(input.subtask + 1)
  writer.u8(input.keyGroups === undefined ? 0 : 1)
  if (input.keyGroups !== undefined) {
    writer.varint(input.keyGroups.start)
    writer.varint(input.keyGroups.end + 1)
  }
  writer.varint(input.snapshot.keyed.length)
  for (const state of input.snapshot.keyed) states.push(writeKeyed(writer, state))
  writer.varint(input.snapshot.lists.length)
  for (const list of input.snapshot.lists) states.push(writeList(writer, list))
  return { bytes: writer.peek(), states }
}

/** Nearly always enough for all but the entries. */
const HEAD_BYTES = 1024
const GROUP_HEAD_BYTES = 16

function bytesOf({ keyed }: SegmentInput['snapshot']): number {
  let bytes = 0
  for (const { groups } of keyed) {
    for (const { bytes: entries, removed, patched } of groups) {
      bytes += GROUP_HEAD_BYTES + entries.length + (removed?.bytes.length ?? 0) + (patched?.bytes.length ?? 0)
    }
  }
  return bytes
}

function writeKeyed(writer: ByteWriter, state: KeyedStateSnapshot): StateSummary {
  writer.string(state.name)
  writer.string(state.kind)
  writer.string(codecOf(state))
  writer.varint(state.version)
  writer.string(state.jsonSchema === undefined ? '' : JSON.stringify(state.jsonSchema))
  const extent = state.extent ?? 'whole'
  writer.u8(EXTENTS.indexOf(extent))
  writer.varint(state.groups.length)
  let entries = 0
  let bytes = 0
  for (const group of state.groups) {
    writer.varint(group.group)
    writer.varint(group.entries)
    writer.u32(group.digest)
    writer.blob(group.bytes)
    entries += group.entries
    bytes += group.bytes.length
    if (extent !== 'changes') continue
    const { removed = NOTHING, patched = NOTHING } = group
    for (const part of [removed, patched]) {
      writer.varint(part.entries)
      writer.blob(part.bytes)
      bytes += part.bytes.length
    }
    entries += patched.entries
  }
  return { name: state.name, kind: state.kind, entries, bytes }
}

function codecOf(state: KeyedStateSnapshot): string {
  const clock = stampsOf(state)
  return clock === undefined ? PLAIN_CODEC : clock === 'event' ? EVENT_STAMPED_CODEC : STAMPED_CODEC
}

const NOTHING = { entries: 0, bytes: new Uint8Array() }

const LIST_KINDS: Readonly<Record<Redistribute, string>> = {
  split: 'operator-list', union: 'operator-union-list', broadcast: 'operator-broadcast-list', 'in-flight': 'in-flight',
  overlap: 'operator-overlap-list',
}

function writeList(writer: ByteWriter, list: ListStateSnapshot): StateSummary {
  const items = new ByteWriter()
  for (const item of list.items) {
    try {
      encodeValue(items, item)
    } catch (error) {
      throw isStreamError(error) ? error.withPlace({ position: `list state "${list.name}"` }) : error
    }
  }
  writer.string(list.name)
  writer.string(PLAIN_CODEC)
  writer.string(list.redistribute)
  writer.varint(list.items.length)
  writer.blob(items.peek())
  return { name: list.name, kind: LIST_KINDS[list.redistribute], entries: list.items.length, bytes: items.length }
}

/** `place` is where the bytes come from, for errors: a file, and the segment's offset in it. */
export function decodeSegment(
  bytes: Uint8Array, place: { readonly file?: string; readonly offset?: number } = {},
): DecodedSegment {
  const reader = new ByteReader(bytes)
  try {
    return readSegment(reader)
  } catch (error) {
    if (isStreamError(error)) throw place.file === undefined ? error : error.withPlace({ file: place.file })
    if (!(error instanceof Error) || !isDamage(error)) throw error
    const details = {
      what: error.message, file: place.file ?? '', offset: (place.offset ?? 0) + reader.position,
    }
    throw E057_CORRUPT_STATE(details, {
      cause: error, ...(place.file === undefined ? {} : { place: { file: place.file } }),
    })
  }
}

/** Readers throw RangeError, the UTF-8 decoder TypeError, JSON.parse SyntaxError. */
function isDamage(error: Error): boolean {
  return error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError
}

function readSegment(reader: ByteReader): DecodedSegment {
  for (const byte of MAGIC) if (reader.u8() !== byte) throw new RangeError('it does not begin with TMS1')
  const format = reader.varint()
  if (format > SEGMENT_FORMAT) {
    throw E058_NEWER_FORMAT({ subject: 'The state segment', found: format, supported: SEGMENT_FORMAT })
  }
  if (format === 0) throw new RangeError('format 0 was never written')
  const operator = reader.string()
  const subtask = reader.varint() - 1
  const hasKeyGroups = reader.u8() === 1
  const keyGroups = hasKeyGroups ? { start: reader.varint(), end: reader.varint() - 1 } : undefined
  const keyed: KeyedStateSnapshot[] = []
  for (let left = reader.varint(); left > 0; left--) keyed.push(readKeyed(reader, keyGroups, format))
  const lists: ListStateSnapshot[] = []
  for (let left = reader.varint(); left > 0; left--) lists.push(readList(reader))
  if (reader.remaining > 0) throw new RangeError(`${reader.remaining} bytes follow the end`)
  const snapshot = { keyed, lists }
  return { format, operator, subtask, snapshot, ...(keyGroups === undefined ? {} : { keyGroups }) }
}

function readKeyed(reader: ByteReader, owned: KeyGroupRange | undefined, format: number): KeyedStateSnapshot {
  const name = reader.string()
  const kind = reader.string() as KeyedStateSnapshot['kind']
  if (!KINDS.has(kind)) throw newer(`State "${name}"`, kind, [...KINDS].join(', '))
  const codec = reader.string()
  if (!CODECS.includes(codec)) throw newer(`State "${name}"`, codec, CODECS.join(', '))
  const version = reader.varint()
  const schemaText = reader.string()
  const jsonSchema: unknown = schemaText === '' ? undefined : JSON.parse(schemaText)
  const extent = format === 1 ? 'whole' : extentOf(name, reader.u8())
  const groups: KeyGroupSnapshot[] = []
  let last = -1
  for (let left = reader.varint(); left > 0; left--) {
    const group: KeyGroupSnapshot = {
      group: reader.varint(), entries: reader.varint(), digest: reader.u32(), bytes: reader.blob(),
      ...(extent === 'changes' ? { removed: { entries: reader.varint(), bytes: reader.blob() } } : {}),
      ...(extent === 'changes' && format >= 3 ? readPatched(reader) : {}),
    }
    if (group.group <= last) throw new RangeError(`the key groups of "${name}" are out of order`)
    if (owned === undefined || group.group < owned.start || group.group > owned.end) {
      throw new RangeError(`key group ${group.group} of "${name}" does not belong to this subtask`)
    }
    last = group.group
    verifyGroup(name, kind, group)
    groups.push(group)
  }
  return {
    name, version, groups, kind,
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(codec === PLAIN_CODEC ? {} : { stamped: true }),
    ...(codec === EVENT_STAMPED_CODEC ? { clock: 'event' } : {}),
    ...(extent === 'whole' ? {} : { extent }),
  }
}

function readPatched(reader: ByteReader): Pick<KeyGroupSnapshot, 'patched'> {
  const patched = { entries: reader.varint(), bytes: reader.blob() }
  return patched.entries === 0 && patched.bytes.length === 0 ? {} : { patched }
}

function extentOf(state: string, code: number): Extent {
  const extent = EXTENTS[code]
  if (extent === undefined) throw newer(`State "${state}"`, `extent ${code}`, EXTENTS.join(', '))
  return extent
}

function verifyGroup(state: string, kind: KeyedStateSnapshot['kind'], group: KeyGroupSnapshot): void {
  const reader = new ByteReader(group.bytes)
  let entries = 0
  let digest = 0
  while (reader.remaining > 0) {
    const from = reader.position
    decodeKey(reader)
    skipValue(reader)
    skipValue(reader)
    digest = (digest + murmur3(group.bytes, reader.position - from, 0, from)) >>> 0
    entries += 1
  }
  if (entries !== group.entries) {
    const counts = `${entries} entries, not ${group.entries}`
    throw new RangeError(`key group ${group.group} of "${state}" holds ${counts}`)
  }
  if (digest !== group.digest) {
    throw new RangeError(`the digest of key group ${group.group} of "${state}" does not match`)
  }
  verifyChanges(`key group ${group.group} of "${state}" lacks`, group.removed, isBag(kind) ? skipValue : () => {})
  if (group.patched === undefined) return
  verifyChanges(`key group ${group.group} of "${state}" changes`, group.patched, patchFormOf(kind).skip)
}

function verifyChanges(what: string, changes: KeyGroupSnapshot['removed'], skipRest: (reader: ByteReader) => void): void {
  if (changes === undefined) return
  let entries = 0
  for (const reader = new ByteReader(changes.bytes); reader.remaining > 0; entries++) {
    decodeKey(reader)
    skipValue(reader)
    skipRest(reader)
  }
  if (entries !== changes.entries) throw new RangeError(`${what} ${entries} entries, not ${changes.entries}`)
}

function readList(reader: ByteReader): ListStateSnapshot {
  const name = reader.string()
  const codec = reader.string()
  if (codec !== PLAIN_CODEC) throw newer(`List state "${name}"`, codec, PLAIN_CODEC)
  const redistribute = reader.string()
  const known = REDISTRIBUTES.find((each) => each === redistribute)
  if (known === undefined) throw newer(`List state "${name}"`, redistribute, REDISTRIBUTES.join(', '))
  const count = reader.varint()
  const inner = new ByteReader(reader.blob())
  const items: unknown[] = []
  while (inner.remaining > 0) items.push(decodeValue(inner))
  if (items.length !== count) throw new RangeError(`"${name}" has ${items.length} items, not ${count}`)
  return { name, redistribute: known, items }
}

function newer(subject: string, found: string, supported: string): Error {
  return E058_NEWER_FORMAT({ subject, found, supported })
}

/** Entries of one group of a decoded segment, in stored order. */
export function* readEntries(group: KeyGroupSnapshot): Generator<KeyedEntry, void, undefined> {
  const reader = new ByteReader(group.bytes)
  while (reader.remaining > 0) {
    yield { key: decodeKey(reader), namespace: decodeValue(reader), value: decodeValue(reader) }
  }
}
