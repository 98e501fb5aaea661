/**
 * Reads the state of a checkpoint back and spreads it over the subtasks of a new attempt.
 *
 * Called by the supervisor before anything is deployed. Every segment is read once and its checksum
 * verified before it is decoded. Keyed state that may be larger than memory goes elsewhere at once (landing.ts).
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
import type { Landing } from './landing.ts'
import { entriesSaid, groupsOfChains, kept, segmentsToRead, type RestorePlan } from './restore-plan.ts'

interface RestoredJobInit {
  readonly maxParallelism: number
  readonly landing?: Landing | undefined
  readonly plan: RestorePlan
}

export class RestoredJob {
  readonly checkpoint: number
  #subtasks: ReadonlyMap<string, readonly DecodedSegment[]>
  readonly #enumerators: ReadonlyMap<string, DecodedSegment>
  readonly #maxParallelism: number
  readonly #manifest: Manifest | undefined
  /** Where keyed state is that is not in the segments; undefined: nowhere. */
  readonly landing: Landing | undefined
  /** Of the operators that were made from this. */
  readonly #forget: (() => void)[] = []
  readonly #plan: RestorePlan

  constructor(manifest: Manifest | undefined, segments: readonly DecodedSegment[], init: RestoredJobInit) {
    const { maxParallelism, landing, plan } = init
    this.landing = landing
    this.#plan = plan
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
    const said = this.#plan.kind === 'described' ? entriesSaid(this.#manifest) : undefined
    const stored = new StoredOperators((operator, state) => this.landing?.entriesOf(operator, state) ?? said?.(operator, state))
    for (const segment of [...this.#subtasks.values()].flat()) stored.add(segment)
    for (const segment of this.#enumerators.values()) stored.add(segment)
    return stored.of(this.#manifest)
  }

  of(operator: string, vertex: JobVertex, subtask: number): RestoredOperator | undefined {
    const segments = this.#subtasks.get(operator)
    if (segments === undefined) return undefined
    const { parallelism } = vertex
    const keyGroups = keyGroupRange(subtask, parallelism, this.#maxParallelism)
    const restored = restoreOperator(segments, { subtask, parallelism, keyGroups })
    this.#forget.push(() => restored.forget?.())
    return this.landing?.with(restored, operator, subtask) ?? restored
  }

  enumerator(operator: string): RestoredOperator | undefined {
    const segment = this.#enumerators.get(operator)
    if (segment === undefined) return undefined
    const all = { start: 0, end: this.#maxParallelism - 1 }
    return restoreOperator([segment], { subtask: 0, parallelism: 1, keyGroups: all })
  }

  /** Lets go of keyed entries, when all that is made from this has taken its own: they can be large. */
  forgetKeyed(): void {
    for (const forget of this.#forget.splice(0)) forget()
    const bare = (segment: DecodedSegment): DecodedSegment => ({ ...segment, snapshot: { ...segment.snapshot, keyed: [] } })
    this.#subtasks = new Map([...this.#subtasks].map(([operator, segments]) => [operator, segments.map(bare)]))
  }

  /** The same without one list state of some operators. */
  without(name: string, operators: ReadonlySet<string>): RestoredJob {
    const segments = [...this.#subtasks.values()].flat().map((segment) => {
      if (!operators.has(segment.operator)) return segment
      const { snapshot } = segment
      return { ...segment, snapshot: { ...snapshot, lists: snapshot.lists.filter((list) => list.name !== name) } }
    })
    const all = [...segments, ...this.#enumerators.values()]
    return new RestoredJob(this.#manifest, all, { maxParallelism: this.#maxParallelism, landing: this.landing, plan: this.#plan })
  }

  /** All items of one list state of one operator, of all subtasks, in their order. */
  listOf(operator: string, name: string): readonly unknown[] {
    const segments = this.#subtasks.get(operator)
    if (segments === undefined) return []
    const all = { start: 0, end: this.#maxParallelism - 1 }
    return restoreOperator(segments, { subtask: 0, parallelism: 1, keyGroups: all }).list(name)
  }
}

export interface CheckpointReading {
  readonly directory: string
  readonly manifest: Manifest | undefined
  readonly maxParallelism: number
  /** Of these alone, by their names in the checkpoint; undefined: of all. */
  readonly operators?: ReadonlySet<string> | undefined
  /** Takes keyed state that is not to be held in memory; undefined: all is. */
  readonly landing?: Landing | undefined
  readonly plan: RestorePlan
}

export function* readCheckpoint(
  ports: Pick<Ports, 'storage' | 'timers' | 'probe'>,
  { directory, manifest, maxParallelism, operators, landing, plan }: CheckpointReading,
): Io<RestoredJob> {
  const segments: DecodedSegment[] = []
  if (manifest !== undefined) {
    const retry = retrying(ports.timers)
    const wanted = manifest.segments.filter(({ operator }) => operators?.has(operator) ?? true)
    landing?.expect(new Set(wanted.map(({ operator }) => operator)))
    const groupsOf = groupsOfChains(wanted)
    for (const segment of segmentsToRead(wanted, plan)) {
      const bytes = yield* readSegment(ports.storage, directory, manifest.checkpoint, segment, retry)
      const decoded = decodeSegment(bytes)
      segments.push(kept(landing?.land(decoded) ?? decoded, plan, groupsOf(segment)))
      ports.probe('restore.apply')
    }
  }
  return new RestoredJob(manifest, segments, { maxParallelism, landing, plan })
}
