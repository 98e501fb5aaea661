/**
 * How far a source had come at a checkpoint, and from two of those what a replay has to read.
 *
 * Called by the host of a replay before anything runs. Reads the list state that operator/source-operator.ts and
 * job/split-enumerator.ts write, without the user's code.
 *
 *   RPL-1  A split that the second checkpoint was reading is read to its position there; one that waited to be
 *          handed out there is not read; any other that was known there is read to its end.
 *   RPL-2  Positions are compared by their encoded bytes: whoever made them, equal plain data is one position.
 *
 * Source: own design (DESIGN section 11, 5); the lists are those of FLIP-27's reader and enumerator snapshots.
 */
import { ByteWriter } from '../../base/bytes.ts'
import type { Io } from '../../base/io.ts'
import type { AssignedSplit } from '../../base/protocol.ts'
import { bytesAsText } from '../../checkpoint/inspection/compare-bytes.ts'
import { partsOf, readPart, type OpenCheckpoint } from '../../checkpoint/inspection/operator-parts.ts'
import type { Manifest } from '../../checkpoint/manifest.ts'
import { encodeValue } from '../../record/value-codec.ts'

/** One source in one checkpoint. */
export interface SourceCut {
  /** Splits that some subtask was reading, with the position of the next record; undefined: never opened. */
  readonly active: ReadonlyMap<string, unknown>
  /** Ids of splits that waited to be handed out. */
  readonly pending: ReadonlySet<string>
  /** Splits that had been discovered. */
  readonly discovered: number
  /** There were no more to come. */
  readonly complete: boolean
  /** Records of the subtasks that still ran, since the job began. */
  readonly records: number
  /** Subtasks that had ended. */
  readonly finished: number
  readonly parallelism: number
}

interface Enumerated {
  readonly pending: readonly AssignedSplit[]
  readonly complete: boolean
  readonly nextOrder: number
}

/** `names`: of the source, and its former ones. */
export function* readSourceCut(opened: OpenCheckpoint, names: readonly string[]): Io<SourceCut> {
  const lists = new Map<string, unknown[]>()
  for (const name of names) {
    for (const part of partsOf(opened.manifest, name)) {
      for (const { name: list, items } of (yield* readPart(opened, part)).snapshot.lists) {
        lists.set(list, [...(lists.get(list) ?? []), ...items])
      }
    }
  }
  const [enumerated] = (lists.get('enumerator') ?? []) as readonly Enumerated[]
  const active = (lists.get('splits') ?? []) as readonly (AssignedSplit & { readonly position: unknown })[]
  return {
    active: new Map(active.map(({ split, position }) => [split.id, position])),
    pending: new Set(enumerated?.pending.map(({ split }) => split.id)),
    discovered: enumerated?.nextOrder ?? 0,
    complete: enumerated?.complete ?? false,
    records: ((lists.get('records') ?? []) as readonly number[]).reduce((sum, count) => sum + count, 0),
    ...subtasksOf(opened.manifest, names),
  }
}

function subtasksOf(manifest: Manifest, names: readonly string[]): Pick<SourceCut, 'finished' | 'parallelism'> {
  const vertex = manifest.vertices.find(({ operators }) => operators.some(({ name }) => names.includes(name)))
  if (vertex === undefined) return { finished: 0, parallelism: 1 }
  const { index, parallelism } = vertex
  const some = manifest.finishedSubtasks.filter((subtask) => subtask.vertex === index).length
  return { parallelism, finished: manifest.finishedVertices.includes(index) ? parallelism : some }
}

export type Bound =
  /** Read up to here, and no further. */
  | { readonly kind: 'position'; readonly position: unknown }
  | { readonly kind: 'end' }
  /** Not opened at all: it had not been begun, or nothing was read of it between the two. */
  | { readonly kind: 'untouched' }

/** What a replay reads of one source. */
export interface SourceBounds {
  /** `position`: where reading begins. */
  of(split: string, position: unknown): Bound
  /** Splits known at the first checkpoint, and at the second: those between are new. */
  readonly known: readonly [number, number]
  readonly complete: boolean
  /** Splits that have to come to their bound. */
  readonly open: number
  /** Exactly so many lie between; undefined: subtasks ended meanwhile, and took their counts along. */
  readonly records: number | undefined
  /** At the second checkpoint there was nothing left to read, ever: the source had given its last watermark. */
  readonly ended: boolean
}

export function boundsBetween(from: SourceCut, to: SourceCut): SourceBounds {
  const boundOf = (split: string, position: unknown): Bound => {
    if (to.pending.has(split)) return { kind: 'untouched' }
    if (!to.active.has(split)) return { kind: 'end' }
    const end = to.active.get(split)
    return end === undefined || samePosition(end, position) ? { kind: 'untouched' } : { kind: 'position', position: end }
  }
  const isRead = (split: string, position?: unknown): boolean => boundOf(split, position).kind !== 'untouched'
  const begun = [...from.active].filter(([split, position]) => isRead(split, position)).length
  const waiting = [...from.pending].filter((split) => isRead(split)).length
  const isNew = (split: string): boolean => !from.active.has(split) && !from.pending.has(split)
  const left = [...to.active.keys(), ...to.pending].filter((split) => isNew(split) && !isRead(split)).length
  return {
    of: boundOf, known: [from.discovered, to.discovered], complete: to.complete,
    // A subtask that ends is counted as finished only by the checkpoint after the one that covers its end.
    ended: to.finished === to.parallelism || (to.complete && to.active.size === 0 && to.pending.size === 0),
    open: begun + waiting + (to.discovered - from.discovered) - left,
    records: from.finished === to.finished ? to.records - from.records : undefined,
  }
}

/** RPL-2. */
export const samePosition = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) || (typeof a === 'object' && typeof b === 'object' && encoded(a) === encoded(b))

function encoded(position: unknown): string {
  const writer = new ByteWriter()
  encodeValue(writer, position)
  return bytesAsText(writer.toBytes())
}
