/**
 * Reads the checkpoints that a simulated disk holds, past every fault, to compare them with the truth.
 *
 * Called by the simulator when a checkpoint completes, when one is restored and when a process ends.
 *
 *   CU-1  Reading changes nothing and draws nothing: it is not part of the run.
 */
import { crc32 } from '../../base/crc32.ts'
import type { Key } from '../../graph/key.ts'
import type { CheckpointId, Epoch } from '../../base/ids.ts'
import { checkpointFile, checkpointsDirectory, manifestFile, parseManifestFile } from '../../checkpoint/layout.ts'
import { parseManifest, writerOf, type Manifest } from '../../checkpoint/manifest.ts'
import type { AssignedSplit } from '../../base/protocol.ts'
import { decodeSegment, readEntries } from '../../state/snapshot-format.ts'
import { mergeChains } from '../../state/segment-chain.ts'
import type { KeyedEntry, OperatorSnapshot } from '../../state/snapshot.ts'
import { IN_FLIGHT, restoreInFlight, type InFlightItem } from '../../task/in-flight.ts'
import { SimulatedDirectory, SimulatedFile } from './inodes.ts'
import type { SimulatedDisk } from './storage.ts'

interface Part {
  readonly operator: string
  readonly subtask: number
  readonly snapshot: OperatorSnapshot
}

/** One checkpoint, decoded. */
export class Cut {
  readonly manifest: Manifest
  readonly #parts: readonly Part[]

  constructor(manifest: Manifest, parts: readonly Part[]) {
    this.manifest = manifest
    this.#parts = parts
  }

  list(operator: string, name: string): unknown[] {
    const items: unknown[] = []
    for (const part of this.#parts) {
      if (part.operator !== operator) continue
      for (const list of part.snapshot.lists) if (list.name === name) items.push(...list.items)
    }
    return items
  }

  /** Keyed state, of all subtasks. */
  entries(operator: string, name: string): KeyedEntry[] {
    const entries: KeyedEntry[] = []
    for (const part of this.#parts) {
      if (part.operator !== operator) continue
      for (const state of part.snapshot.keyed) {
        if (state.name !== name) continue
        for (const group of state.groups) for (const entry of readEntries(group)) entries.push(entry)
      }
    }
    return entries
  }

  /** The same where each key has one value. */
  keyed(operator: string, name: string): Map<Key, unknown> {
    return new Map(this.entries(operator, name).map(({ key, value }) => [key, value]))
  }

  /** What was on its way to an operator, of all subtasks: items in the order of each channel. */
  inFlight(operator: string): InFlightItem[] {
    const { maxParallelism } = this.manifest
    const keyGroups = { start: 0, end: maxParallelism - 1 }
    const everything = { subtask: 0, parallelism: 1, maxParallelism, keyGroups }
    const stages = restoreInFlight(operator, this.list(operator, IN_FLIGHT), everything, () => ({}))
    return stages.flatMap(({ channels }) => channels).flatMap(({ items }) => items)
  }

  recordsInFlight(operator: string): unknown[] {
    return this.inFlight(operator).flatMap((item) => (item.kind === 'data' ? item.values : []))
  }

  /** Operators that something was on its way to. */
  get overtaken(): readonly string[] {
    return [...new Set(this.#parts.filter(({ snapshot: { lists } }) => lists.some(({ name }) => name === IN_FLIGHT))
      .map(({ operator }) => operator))]
  }

  get committables(): unknown[] {
    const found: unknown[] = []
    for (const { snapshot } of this.#parts) {
      for (const list of snapshot.lists) {
        if (list.name !== 'pending') continue
        for (const item of list.items) found.push((item as { readonly committable: unknown }).committable)
      }
    }
    return found
  }

  /**
   * What of a source's splits is not read yet: position by id, undefined for one that was never opened.
   * Undefined if the splits were not even discovered.
   */
  unread(source: string): Map<string, { readonly split: { readonly id: string }; readonly position: unknown }> | undefined {
    const unread = new Map<string, { readonly split: { readonly id: string }; readonly position: unknown }>()
    const [enumerator] = this.list(source, 'enumerator') as readonly {
      readonly pending: readonly AssignedSplit[]; readonly complete: boolean
    }[]
    if (enumerator?.complete !== true) return undefined
    for (const { split } of enumerator.pending) unread.set(split.id, { split, position: undefined })
    for (const item of this.list(source, 'splits')) {
      const active = item as { readonly split: { readonly id: string }; readonly position: unknown }
      unread.set(active.split.id, active)
    }
    return unread
  }
}

export function readCut(disk: SimulatedDisk, directory: string, id: CheckpointId): Cut {
  const path = manifestFile(directory, id)
  const manifest = parseManifest(bytesOf(disk, path), path, id)
  const files = new Map<string, Uint8Array>()
  const segments = manifest.segments.map((segment) => {
    const path = checkpointFile(directory, writerOf(manifest, segment), segment.file)
    const bytes = files.get(path) ?? bytesOf(disk, path)
    files.set(path, bytes)
    return decodeSegment(bytes.subarray(segment.offset, segment.offset + segment.length))
  })
  return new Cut(manifest, mergeChains(segments))
}

/**
 * What is wrong with the checkpoints on the disk that an epoch of `completed` made: a manifest refers only to
 * whole files.
 *
 * Any other is left out: a writer that was succeeded may link one behind the back of a collection, also under
 * a number that was just collected, and lose its files; no start ever goes on from it (EP-2).
 */
export function unreadableCheckpoint(
  disk: SimulatedDisk, directory: string, completed: ReadonlyMap<CheckpointId, Epoch>,
): string | undefined {
  const found = disk.lookup(checkpointsDirectory(directory))
  if (!(found instanceof SimulatedDirectory)) return undefined
  for (const name of found.entries.keys()) {
    const id = parseManifestFile(name)
    if (id === undefined || !completed.has(id)) continue
    try {
      const path = manifestFile(directory, id)
      const manifest = parseManifest(bytesOf(disk, path), path, id)
      if (manifest.epoch !== completed.get(id)) continue
      for (const file of manifest.files) {
        const bytes = bytesOf(disk, checkpointFile(directory, writerOf(manifest, file), file.name))
        if (bytes.length !== file.length || crc32(bytes) !== file.crc32) {
          return `${file.name} of checkpoint ${writerOf(manifest, file)}, of which ${id} consists, is damaged`
        }
      }
    } catch (error) {
      return `checkpoint ${id}: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  return undefined
}

/** What of checkpoint `id` a power cut now could take away. */
export function notDurable(disk: SimulatedDisk, directory: string, manifest: Manifest): string | undefined {
  const id = manifest.checkpoint
  const paths = [manifestFile(directory, id), ...manifest.files.map((file) => checkpointFile(directory, writerOf(manifest, file), file.name))]
  return paths.find((path) => !disk.durable(path))
}

function bytesOf(disk: SimulatedDisk, path: string): Uint8Array {
  const file = disk.lookup(path)
  if (!(file instanceof SimulatedFile)) throw new Error(`${path} is missing`)
  return file.read(0, file.length)
}

