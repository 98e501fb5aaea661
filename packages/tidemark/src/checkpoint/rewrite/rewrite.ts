/**
 * Writes a new savepoint that is a checkpoint with one state of one operator changed.
 *
 * Called by edit-state.ts and import-state.ts, which say what changes. What is given is only read, and the new
 * savepoint follows the rules of every other (write-savepoint.ts): half of one is none.
 *
 *   RZ-1  Everything but the changed state is in the new savepoint as it was: other states, list state, positions.
 *   RZ-2  Chains of increments are written as what they stand for, each part in one piece, in one file.
 *   RZ-3  It is no checkpoint of the job it came from: it has an identity of its own, so that a directory which
 *         began with the original is not taken for one that began with this (BF-2). What it carries for sinks stays
 *         the affair of the line it was taken from (SV-4).
 *   RZ-4  Memory: one part, and the changed state.
 *
 * Source: Flink State Processor API (row C17), as an edit instead of a job.
 */
import type { Io } from '../../base/io.ts'
import type { Ports } from '../../base/ports.ts'
import type { StateSegment } from '../../base/protocol.ts'
import { encodeSegment, type DecodedSegment } from '../../state/snapshot-format.ts'
import type { KeyedStateSnapshot } from '../../state/snapshot.ts'
import { CheckpointFiles } from '../files.ts'
import { holdFiles } from '../inspection/hold-files.ts'
import { operatorsIn } from '../inspection/open.ts'
import { partsOf, readPart, type OpenCheckpoint, type Part } from '../inspection/operator-parts.ts'
import { encodeManifest, type FileEntry, type Manifest } from '../manifest.ts'
import { newJobId } from '../read.ts'
import { restorableAt, type Restorable } from '../savepoint.ts'
import { claimTarget, fillSavepoint, type TakenSavepoint } from '../write-savepoint.ts'

export type RewritePorts = Pick<Ports, 'storage' | 'random' | 'clock'>

export interface Target {
  /** Absolute; must not exist, or be empty. */
  readonly path: string
  readonly engine: string
}

/** What one keyed state of one operator is to be, part by part. */
export interface StateChange {
  readonly operator: string
  readonly state: string
  /** Of one part, which owns key groups; undefined: the part says nothing of the state. */
  readonly of: (part: Part, state: KeyedStateSnapshot | undefined) => KeyedStateSnapshot | undefined
}

/**
 * `prepare` looks at the checkpoint and says what changes; its errors come before anything is written. `ref` as in
 * references.ts; of a savepoint its only checkpoint. Throws also E047, E143, E154, E116, E117.
 */
export function* rewrite<T>(
  ports: RewritePorts, source: { readonly directory: string; readonly ref: string }, target: Target,
  prepare: (opened: OpenCheckpoint) => Io<{ readonly change: StateChange; readonly result: T }>,
): Io<{ readonly savepoint: TakenSavepoint; readonly result: T }> {
  const { storage } = ports
  const { directory, ref } = source
  const from = yield* restorableAt(storage, directory, ref)
  const { manifest } = from
  const held = yield* holdFiles(storage, directory, manifest)
  try {
    const opened: OpenCheckpoint = { storage: held, directory, manifest }
    const { change, result } = yield* prepare(opened)
    yield* claimTarget(storage, target.path)
    const fill = (): Io<Pick<Restorable, 'manifest' | 'bytes' | 'resources' | 'committed'>> =>
      fillChanged(ports, opened, from, change, target.path)
    const at = { ...target, checkpoint: manifest.checkpoint }
    return { savepoint: yield* fillSavepoint(ports, at, fill), result }
  } finally {
    yield* held.release()
  }
}

function* fillChanged(
  ports: RewritePorts, opened: OpenCheckpoint, from: Restorable, change: StateChange, path: string,
): Io<Pick<Restorable, 'manifest' | 'bytes' | 'resources' | 'committed'>> {
  const { checkpoint, epoch } = from.manifest
  const files = new CheckpointFiles({
    ports: { storage: ports.storage, probe: () => {} }, directory: path, epoch, process: 'edited',
  })
  const segments: StateSegment[] = []
  try {
    for (const operator of operatorsIn(opened.manifest)) {
      for (const part of partsOf(opened.manifest, operator)) {
        const { bytes, states } = encodeSegment(changed(yield* readPart(opened, part), part, change))
        const { keyGroups, subtask } = part
        const at = yield* files.append(checkpoint, bytes)
        segments.push({ operator, subtask, ...at, ...(keyGroups === undefined ? {} : { keyGroups }), states })
      }
    }
    const file = yield* files.seal(checkpoint)
    const manifest = manifestOf(ports, from, segments, file)
    return { manifest, bytes: encodeManifest(manifest), resources: from.resources, committed: from.committed }
  } catch (error) {
    yield* files.discard(checkpoint)
    throw error
  }
}

function changed(decoded: DecodedSegment, part: Part, change: StateChange): DecodedSegment {
  if (decoded.operator !== change.operator || decoded.keyGroups === undefined) return decoded
  const { keyed, lists } = decoded.snapshot
  const before = keyed.find(({ name }) => name === change.state)
  const after = change.of(part, before)
  if (before === after) return decoded
  const others = before === undefined
    ? [...keyed, ...(after === undefined ? [] : [after])]
    : keyed.flatMap((state) => (state === before ? (after === undefined ? [] : [after]) : [state]))
  return { ...decoded, snapshot: { keyed: others, lists } }
}

function manifestOf(
  { random }: RewritePorts, { manifest: old, resources, committed }: Restorable,
  segments: readonly StateSegment[], file: FileEntry | undefined,
): Manifest {
  const { jobId, checkpoint, epoch } = old
  const sinks = resources.filter(({ role }) => role === 'sink')
  const entries = segments.flatMap(({ states }) => states).reduce((sum, state) => sum + state.entries, 0)
  return {
    ...old,
    jobId: newJobId(random),
    origin: old.origin ?? { jobId, checkpoint, epoch, committed, sinks },
    files: file === undefined ? [] : [file],
    segments,
    counts: { ...old.counts, entries, bytes: file?.length ?? 0 },
  }
}
