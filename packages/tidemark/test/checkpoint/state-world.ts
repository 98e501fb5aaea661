/** A state directory on a simulated disk with checkpoints of keyed and list state, written as the engine writes them. */
import { checkpointId, type CheckpointId } from '../../src/base/ids.ts'
import type { Storage } from '../../src/base/ports.ts'
import type { StateSegment } from '../../src/base/protocol.ts'
import { commitManifest } from '../../src/checkpoint/commit-manifest.ts'
import { CheckpointFiles } from '../../src/checkpoint/files.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import type { OpenCheckpoint } from '../../src/checkpoint/inspection/operator-parts.ts'
import { ENUMERATOR_SUBTASK, writerOf, type FileEntry, type Manifest } from '../../src/checkpoint/manifest.ts'
import type { Key } from '../../src/graph/key.ts'
import type { TimeDomain } from '../../src/graph/window-spec.ts'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { encodeSegment } from '../../src/state/snapshot-format.ts'
import type { OpenedDirectory } from '../../src/checkpoint/open.ts'
import type { Extent, KeyedStateSnapshot, ListStateSnapshot } from '../../src/state/snapshot.ts'
import { DIR, opened, opening, run, World } from './world.ts'

export interface StateContent {
  readonly name: string
  readonly kind?: KeyedStateSnapshot['kind']
  readonly stamped?: boolean
  readonly clock?: TimeDomain
  readonly jsonSchema?: unknown
  readonly entries: readonly (readonly [key: Key, namespace: unknown, value: unknown])[]
  /** Default 'whole'; 'changes' with `onto` of `write`. */
  readonly extent?: Extent
  /** Of changes: keys that went. */
  readonly removed?: readonly Key[]
}

export interface OperatorContent {
  readonly name: string
  readonly kind?: string
  readonly parallelism?: number
  readonly states?: readonly StateContent[]
  /** For each subtask its items; number -1 is the enumerator's. */
  readonly lists?: readonly (ListStateSnapshot & { readonly subtask: number })[]
  /** In place of `states`, what each subtask has snapshot itself. */
  readonly snapshots?: readonly (readonly KeyedStateSnapshot[])[]
}

export class StateDirectory {
  readonly world = new World()
  readonly storage: Storage
  readonly #opened: OpenedDirectory

  constructor() {
    this.storage = this.world.disk.mount()
    this.#opened = opened(opening(this.world, this.storage))
  }

  /** `onto`: an earlier one that this goes on top of. */
  write(id: number, operators: readonly OperatorContent[], maxParallelism = 128, onto?: number): CheckpointId {
    const checkpoint = checkpointId(id)
    const ports = this.world.ports(this.storage)
    const { epoch, jobId, start: { lineage } } = this.#opened
    const files = new CheckpointFiles({ ports, directory: DIR, epoch, process: `p${id}` })
    const base = onto === undefined ? undefined : this.open(String(onto)).manifest
    const earlier = <T extends FileEntry | StateSegment>(of: readonly T[]): T[] =>
      base === undefined ? [] : of.map((each) => ({ ...each, checkpoint: writerOf(base, each) }))
    const own = operators.flatMap((operator) => this.#segments(files, checkpoint, operator, maxParallelism))
    const segments = [...earlier(base?.segments ?? []), ...own]
    const file = run(files.seal(checkpoint))
    const manifest: Manifest = {
      checkpoint, epoch, lineage, restoredFrom: null, jobId, job: 'beads', engine: '0.1.0',
      kind: 'checkpoint', finished: false, triggeredAtMs: 1, completedAtMs: 2, tookMs: 1, parallelism: 2, maxParallelism,
      vertices: operators.map(({ name, kind, parallelism }, index) =>
        ({ index, name, parallelism: parallelism ?? 1, operators: [{ name, kind: kind ?? 'process' }] })),
      finishedVertices: [], finishedSubtasks: [], files: [...(file === undefined ? [] : [file]), ...earlier(base?.files ?? [])], segments, subtasks: [],
      counts: { entries: 0, bytes: 0, subtasks: 0 },
    }
    const outcome = run(commitManifest(ports, DIR, manifest))
    if (outcome.kind !== 'committed') throw new Error(outcome.kind)
    return checkpoint
  }

  open(ref: string): OpenCheckpoint {
    const { storage } = this
    return run(withCheckpoints(storage, [{ directory: DIR, ref }], function* (opened) {
      // To be read after this, when its files are no longer held.
      return { ...(opened as OpenCheckpoint), storage }
    }))
  }

  #segments(
    files: CheckpointFiles, checkpoint: CheckpointId, operator: OperatorContent, maxParallelism: number,
  ): StateSegment[] {
    const parallelism = operator.parallelism ?? 1
    const subtasks = [ENUMERATOR_SUBTASK, ...Array.from({ length: parallelism }, (_, i) => i)]
    return subtasks.flatMap((subtask) => {
      const lists = (operator.lists ?? []).filter((list) => list.subtask === subtask)
        .map(({ name, redistribute, items }) => ({ name, redistribute, items }))
      if (subtask === ENUMERATOR_SUBTASK && lists.length === 0) return []
      const range = subtask === ENUMERATOR_SUBTASK ? undefined : keyGroupRange(subtask, parallelism, maxParallelism)
      const own = (key: Key): boolean => {
        const group = keyGroupOf(key, maxParallelism)
        return range !== undefined && group >= range.start && group <= range.end
      }
      const built = (operator.states ?? []).map(({ name, kind, stamped, clock, jsonSchema, entries, extent, removed }) => {
        const builder = new KeyedSnapshotBuilder({
          name, kind: kind ?? 'value', version: 1, maxParallelism, jsonSchema, clock, ...(stamped === true ? { stamped } : {}),
          ...(extent === undefined ? {} : { extent }),
        })
        for (const key of removed ?? []) if (own(key)) builder.remove(key, undefined)
        for (const [key, namespace, value] of entries) if (own(key)) builder.put(key, namespace, value)
        return builder.build()
      })
      const keyed = operator.snapshots?.[subtask] ?? (range === undefined ? [] : built)
      const keyGroups = keyed.length === 0 || range === undefined ? {} : { keyGroups: range }
      const { bytes, states } = encodeSegment({ operator: operator.name, subtask, ...keyGroups, snapshot: { keyed, lists } })
      return [{ operator: operator.name, subtask, states, ...keyGroups, ...run(files.append(checkpoint, bytes)) }]
    })
  }
}

/** What an Io throws; fails if it does not. */
export function failureOf(body: () => unknown): Error & { readonly code?: string } {
  try {
    body()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
