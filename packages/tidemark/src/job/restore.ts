/**
 * Reads the state of a checkpoint back and spreads it over the subtasks of a new attempt.
 *
 * Called by the supervisor before anything is deployed. Every segment is read once and its checksum
 * verified before it is decoded.
 */
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { StoredOperators, type StoredOperator } from '../checkpoint/evolution/stored.ts'
import { ENUMERATOR_SUBTASK, type Manifest } from '../checkpoint/manifest.ts'
import { readSegment, retrying } from '../checkpoint/read.ts'
import type { JobVertex } from '../graph/job-graph.ts'
import { keyGroupRange } from '../graph/key-groups.ts'
import { restoreOperator } from '../state/restore.ts'
import { mergeChains } from '../state/segment-chain.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { decodeSegment, type DecodedSegment } from '../state/snapshot-format.ts'

export class RestoredJob {
  readonly checkpoint: number
  readonly #subtasks: ReadonlyMap<string, readonly DecodedSegment[]>
  readonly #enumerators: ReadonlyMap<string, DecodedSegment>
  readonly #maxParallelism: number
  readonly #manifest: Manifest | undefined

  constructor(manifest: Manifest | undefined, segments: readonly DecodedSegment[], maxParallelism: number) {
    this.checkpoint = manifest?.checkpoint ?? 0
    this.#maxParallelism = maxParallelism
    this.#manifest = manifest
    const subtasks = new Map<string, DecodedSegment[]>()
    const enumerators = new Map<string, DecodedSegment>()
    for (const segment of mergeChains(segments)) {
      if (segment.subtask === ENUMERATOR_SUBTASK) enumerators.set(segment.operator, segment)
      else subtasks.set(segment.operator, [...(subtasks.get(segment.operator) ?? []), segment])
    }
    this.#subtasks = subtasks
    this.#enumerators = enumerators
  }

  /** What the checkpoint holds; empty if there is none. */
  describe(): readonly StoredOperator[] {
    if (this.#manifest === undefined) return []
    const stored = new StoredOperators()
    for (const segment of [...this.#subtasks.values()].flat()) stored.add(segment)
    for (const segment of this.#enumerators.values()) stored.add(segment)
    return stored.of(this.#manifest)
  }

  of(operator: string, vertex: JobVertex, subtask: number): RestoredOperator | undefined {
    const segments = this.#subtasks.get(operator)
    if (segments === undefined) return undefined
    const { parallelism } = vertex
    const keyGroups = keyGroupRange(subtask, parallelism, this.#maxParallelism)
    return restoreOperator(segments, { subtask, parallelism, keyGroups })
  }

  enumerator(operator: string): RestoredOperator | undefined {
    const segment = this.#enumerators.get(operator)
    if (segment === undefined) return undefined
    const all = { start: 0, end: this.#maxParallelism - 1 }
    return restoreOperator([segment], { subtask: 0, parallelism: 1, keyGroups: all })
  }

  /** The same without one list state of some operators. */
  without(name: string, operators: ReadonlySet<string>): RestoredJob {
    const segments = [...this.#subtasks.values()].flat().map((segment) => {
      if (!operators.has(segment.operator)) return segment
      const { snapshot } = segment
      return { ...segment, snapshot: { ...snapshot, lists: snapshot.lists.filter((list) => list.name !== name) } }
    })
    const all = [...segments, ...this.#enumerators.values()]
    return new RestoredJob(this.#manifest, all, this.#maxParallelism)
  }

  /** All items of one list state of one operator, of all subtasks, in their order. */
  listOf(operator: string, name: string): readonly unknown[] {
    const segments = this.#subtasks.get(operator)
    if (segments === undefined) return []
    const all = { start: 0, end: this.#maxParallelism - 1 }
    return restoreOperator(segments, { subtask: 0, parallelism: 1, keyGroups: all }).list(name)
  }
}

/** `operators`: of these alone, by their names in the checkpoint; undefined: of all. */
export function* readCheckpoint(
  ports: Pick<Ports, 'storage' | 'timers' | 'probe'>,
  directory: string,
  manifest: Manifest | undefined,
  maxParallelism: number,
  operators?: ReadonlySet<string>,
): Io<RestoredJob> {
  const segments: DecodedSegment[] = []
  if (manifest !== undefined) {
    const retry = retrying(ports.timers)
    for (const segment of manifest.segments) {
      if (operators?.has(segment.operator) === false) continue
      const bytes = yield* readSegment(ports.storage, directory, manifest.checkpoint, segment, retry)
      segments.push(decodeSegment(bytes))
      ports.probe('restore.apply')
    }
  }
  return new RestoredJob(manifest, segments, maxParallelism)
}
