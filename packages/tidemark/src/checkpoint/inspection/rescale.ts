/**
 * What a start at another parallelism would do to the state of a checkpoint, without doing it.
 *
 * Called by `tidemark rescale`. It reads and decodes the whole state once, as a restore does, counts by key group, and
 * asks the arithmetic of restore (graph/key-groups.ts, state/restore.ts) where each group and each item would go.
 *
 *   RR-1  What moves and what stays are all there is, of key groups, entries, bytes and items: a group moves if
 *         the subtask that owns it has another number afterwards.
 *   RR-2  What is said of the largest subtask is what a restore at that parallelism gives it, byte for byte.
 *   RR-3  Operators with the parallelism of the job get the new one; others have one of their own and keep it.
 *   RR-4  Memory: one part of one operator.
 *
 * Source: Flink StateAssignmentOperation; own design.
 */
import type { Io } from '../../base/io.ts'
import { subtaskOfGroup } from '../../graph/key-groups.ts'
import { readEntries } from '../../state/snapshot-format.ts'
import type { Manifest } from '../manifest.ts'
import { E180_BEYOND_MAXIMUM } from './errors.ts'
import { operatorsIn } from './open.ts'
import { isEnumerator, partsOf, readPart, type OpenCheckpoint } from './operator-parts.ts'

export interface Share {
  readonly moved: number
  readonly stayed: number
}

export interface LargestSubtask {
  readonly subtask: number
  readonly entries: number
  readonly bytes: number
  /** Its bytes over those of a subtask on the average; 1 is an even spread. */
  readonly factor: number
}

export interface OperatorRescale {
  readonly operator: string
  readonly from: number
  readonly to: number
  /** Of keyed state; nothing where there is none. */
  readonly keyGroups: Share
  readonly entries: Share
  /** Of entries, encoded. */
  readonly bytes: Share
  /** Items of list state of which each goes to one subtask, as splits of sources do. */
  readonly items: Share
  /** Items that every subtask gets, or looks through. */
  readonly itemsForAll: number
  /** Absent without entries. */
  readonly largest?: LargestSubtask
}

export interface RescaleReport {
  readonly schema: 'tidemark.rescale/1'
  readonly directory: string
  readonly job: string
  readonly checkpoint: number
  readonly from: number
  readonly to: number
  readonly maxParallelism: number
  readonly operators: readonly OperatorRescale[]
  readonly restore: {
    /** Of all files that were read, increments included. */
    readonly bytes: number
    /** It took so long to read and decode them here and now, on one thread; files may have come from memory. */
    readonly measuredMs: number
    readonly bytesPerSecond: number
  }
}

/** `nowMs`: monotonic. Throws E180, and E057 for damage. */
export function* reportRescale(opened: OpenCheckpoint, to: number, nowMs: () => number): Io<RescaleReport> {
  const { directory, manifest } = opened
  const { job, checkpoint, parallelism, maxParallelism } = manifest
  if (to > maxParallelism) throw E180_BEYOND_MAXIMUM({ to, maximum: maxParallelism, job })
  const startedMs = nowMs()
  const operators: OperatorRescale[] = []
  for (const operator of operatorsIn(manifest)) {
    const before = parallelismOf(manifest, operator)
    const after = before === parallelism ? to : before
    operators.push(yield* rescaleOperator(opened, operator, before, after))
  }
  const measuredMs = Math.max(0, nowMs() - startedMs)
  const bytes = manifest.segments.reduce((sum, { length }) => sum + length, 0)
  return {
    schema: 'tidemark.rescale/1', directory, job, checkpoint, from: parallelism, to, maxParallelism, operators,
    restore: { bytes, measuredMs, bytesPerSecond: measuredMs === 0 ? 0 : (bytes / measuredMs) * 1000 },
  }
}

function parallelismOf(manifest: Manifest, operator: string): number {
  const vertex = manifest.vertices.find(({ operators }) => operators.some(({ name }) => name === operator))
  return vertex?.parallelism ?? manifest.parallelism
}

interface Sum {
  moved: number
  stayed: number
}

function add(sum: Sum, moves: boolean, much = 1): void {
  if (moves) sum.moved += much
  else sum.stayed += much
}

function* rescaleOperator(opened: OpenCheckpoint, operator: string, from: number, to: number): Io<OperatorRescale> {
  const { maxParallelism } = opened.manifest
  const sum = (): Sum => ({ moved: 0, stayed: 0 })
  const [keyGroups, entries, bytes, items] = [sum(), sum(), sum(), sum()]
  const subtasks = Array.from({ length: to }, () => ({ entries: 0, bytes: 0 }))
  const seen = new Map<string, number>()
  let itemsForAll = 0
  const parts = partsOf(opened.manifest, operator).filter((part) => !isEnumerator(part))
  for (const part of parts.toSorted((a, b) => a.subtask - b.subtask)) {
    const { start, end } = part.keyGroups ?? { start: 0, end: -1 }
    for (let group = start; group <= end; group++) {
      add(keyGroups, subtaskOfGroup(group, to, maxParallelism) !== part.subtask)
    }
    const { snapshot } = yield* readPart(opened, part)
    for (const group of snapshot.keyed.flatMap((state) => state.groups)) {
      // Decoded for the time it takes.
      for (const _entry of readEntries(group));
      const owner = subtaskOfGroup(group.group, to, maxParallelism)
      add(entries, owner !== part.subtask, group.entries)
      add(bytes, owner !== part.subtask, group.bytes.length)
      const total = subtasks[owner] as (typeof subtasks)[number]
      total.entries += group.entries
      total.bytes += group.bytes.length
    }
    for (const list of snapshot.lists) {
      if (list.redistribute !== 'split') {
        itemsForAll += list.items.length
        continue
      }
      const before = seen.get(list.name) ?? 0
      list.items.forEach((_item, i) => add(items, (before + i) % to !== part.subtask))
      seen.set(list.name, before + list.items.length)
    }
  }
  const largest = largestOf(subtasks)
  return {
    operator, from, to, keyGroups, entries, bytes, items, itemsForAll, ...(largest === undefined ? {} : { largest }),
  }
}

/** Of several the first. */
function largestOf(subtasks: readonly { readonly entries: number; readonly bytes: number }[]): LargestSubtask | undefined {
  const total = subtasks.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total === 0) return undefined
  const most = Math.max(...subtasks.map(({ bytes }) => bytes))
  const subtask = subtasks.findIndex(({ bytes }) => bytes === most)
  const { entries, bytes } = subtasks[subtask] as (typeof subtasks)[number]
  return { subtask, entries, bytes, factor: (bytes * subtasks.length) / total }
}
