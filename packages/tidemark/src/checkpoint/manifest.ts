/**
 * What a completed checkpoint says about itself; readable without the user's code.
 *
 * Made by the coordinator, read by recovery, garbage collection and inspection.
 *
 *   MF-1  A manifest lists every file of its checkpoint with length and checksum, and every segment
 *         lies within one of those files.
 *   MF-2  It names files by plain names of layout.ts only, in its own directory or in that of an earlier
 *         checkpoint, by number: nothing outside the state directory (S12).
 *   MF-3  Its number is the number in its file name, so that a copied manifest is refused.
 *
 * Source: Flink CheckpointMetadata; decisions D1, D7.
 */
import { checkpointId, epoch, type CheckpointId, type Epoch } from '../base/ids.ts'
import type { SnapshotMetrics, StateSegment, StateSummary } from '../base/protocol.ts'
import { encodeDocument, parseDocument } from './document.ts'
import { readResource, type ResourceUse } from './epochs.ts'
import { parseStateFile } from './layout.ts'
import { Shape } from './shape.ts'

/** Subtask number of a segment that holds the state of a source's enumerator. */
export const ENUMERATOR_SUBTASK = -1

export interface FileEntry {
  /** The earlier checkpoint that wrote it, in whose directory it lies; absent: this one. */
  readonly checkpoint?: CheckpointId
  readonly name: string
  readonly length: number
  readonly crc32: number
}

export interface VertexSummary {
  readonly index: number
  readonly name: string
  readonly parallelism: number
  readonly operators: readonly { readonly name: string; readonly kind: string }[]
}

export interface FinishedSubtask {
  readonly vertex: number
  readonly subtask: number
}

export interface SubtaskReport {
  readonly vertex: number
  readonly subtask: number
  /** Acknowledged this long after the trigger, ms. */
  readonly afterMs: number
  readonly metrics: SnapshotMetrics
}

/** Where the state of a checkpoint was staged for the outside, if not in the directory that it lies in. */
export interface CheckpointOrigin {
  /** Of the state directory it was taken from. */
  readonly jobId: string
  readonly checkpoint: CheckpointId
  readonly epoch: Epoch
  /** Everything that it carries for sinks was committed before it was taken. */
  readonly committed: boolean
  /** What its sinks wrote to. */
  readonly sinks: readonly ResourceUse[]
}

export interface Manifest {
  readonly checkpoint: CheckpointId
  readonly epoch: Epoch
  /** Epoch in which the present line of checkpoints began (the first, or a --fresh one). */
  readonly lineage: Epoch
  /** Checkpoint the writing epoch went on from. */
  readonly restoredFrom: CheckpointId | null
  readonly jobId: string
  readonly job: string
  readonly engine: string
  readonly kind: 'checkpoint' | 'final'
  /** True: all input had ended and every operator was finished before this checkpoint. */
  readonly finished: boolean
  /** The end of the input was declared (stop --drain): what its windows said was said before their time. */
  readonly drained?: true
  /** It was brought in from elsewhere: its committables are those of another line (SV-4). */
  readonly origin?: CheckpointOrigin
  readonly triggeredAtMs: number
  /** When the manifest was made, wall clock. */
  readonly completedAtMs: number
  /** Trigger to manifest, monotonic. */
  readonly tookMs: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly vertices: readonly VertexSummary[]
  readonly finishedVertices: readonly number[]
  readonly finishedSubtasks: readonly FinishedSubtask[]
  readonly files: readonly FileEntry[]
  /** Those of one operator and subtask are a chain, oldest first (state/segment-chain.ts). */
  readonly segments: readonly StateSegment[]
  readonly subtasks: readonly SubtaskReport[]
  /** `bytes` and `entries` are those that this checkpoint wrote. */
  readonly counts: { readonly entries: number; readonly bytes: number; readonly subtasks: number }
}

/** Which checkpoint's directory holds it. */
export const writerOf = (manifest: Manifest, of: FileEntry | StateSegment): CheckpointId =>
  of.checkpoint ?? manifest.checkpoint

/** Bytes that a restore needs, whoever wrote them. */
export const fullBytes = ({ files }: Pick<Manifest, 'files'>): number => files.reduce((sum, { length }) => sum + length, 0)

export const encodeManifest = (manifest: Manifest): Uint8Array => encodeDocument('manifest', manifest)

/** Throws E050 or E059. `file` is the path, for messages; `expected` the number in its name. */
export function parseManifest(bytes: Uint8Array, file: string, expected: CheckpointId): Manifest {
  const shape = new Shape(parseDocument('manifest', bytes, file), file)
  const id = shape.integer('checkpoint', 1)
  const files = shape.list('files', (item) => readFile(item, id))
  const segments = shape.list('segments', (item) => readSegment(item, files, id))
  if (id !== expected) shape.fail('checkpoint', `is ${id}, but the file's name says ${expected}`)
  const counts = shape.object('counts')
  return {
    checkpoint: checkpointId(id),
    epoch: epoch(shape.integer('epoch', 1)),
    lineage: epoch(shape.integer('lineage', 1)),
    restoredFrom: shape.raw('restoredFrom') === null ? null : checkpointId(shape.integer('restoredFrom', 1)),
    jobId: shape.string('jobId'),
    job: shape.string('job'),
    engine: shape.string('engine'),
    kind: shape.oneOf('kind', ['checkpoint', 'final']),
    finished: shape.boolean('finished'),
    ...(shape.has('drained') && shape.boolean('drained') ? { drained: true as const } : {}),
    ...(shape.has('origin') ? { origin: readOrigin(shape.object('origin')) } : {}),
    triggeredAtMs: shape.number('triggeredAtMs'),
    completedAtMs: shape.number('completedAtMs'),
    tookMs: shape.number('tookMs'),
    parallelism: shape.integer('parallelism', 1),
    maxParallelism: shape.integer('maxParallelism', 1),
    vertices: shape.list('vertices', readVertex),
    finishedVertices: shape.integers('finishedVertices'),
    finishedSubtasks: shape.list('finishedSubtasks', (item) => ({
      vertex: item.integer('vertex'), subtask: item.integer('subtask'),
    })),
    files,
    segments,
    subtasks: shape.list('subtasks', (item) => ({
      vertex: item.integer('vertex'), subtask: item.integer('subtask'), afterMs: item.number('afterMs'),
      metrics: readMetrics(item.object('metrics')),
    })),
    counts: {
      entries: counts.integer('entries'), bytes: counts.integer('bytes'), subtasks: counts.integer('subtasks'),
    },
  }
}

const readOrigin = (item: Shape): CheckpointOrigin => ({
  jobId: item.string('jobId'),
  checkpoint: checkpointId(item.integer('checkpoint', 1)),
  epoch: epoch(item.integer('epoch', 1)),
  committed: item.boolean('committed'),
  sinks: item.list('sinks', readResource),
})

/** Where a file lies, if not in the directory of checkpoint `id` itself. */
function readWriter(item: Shape, id: number): { readonly checkpoint?: CheckpointId } {
  if (!item.has('checkpoint')) return {}
  const writer = item.integer('checkpoint', 1)
  if (writer >= id) item.fail('checkpoint', `is ${writer}, which is no earlier one than ${id}`)
  return { checkpoint: checkpointId(writer) }
}

function readFile(item: Shape, id: number): FileEntry {
  const name = item.string('name')
  if (parseStateFile(name) === undefined) {
    item.fail('name', `is ${JSON.stringify(name)}, which is not the name of a state file`)
  }
  return { ...readWriter(item, id), name, length: item.integer('length'), crc32: item.integer('crc32') }
}

function readSegment(item: Shape, files: readonly FileEntry[], id: number): StateSegment {
  const file = item.string('file')
  const offset = item.integer('offset')
  const length = item.integer('length')
  const writer = readWriter(item, id)
  const listed = files.find((entry) => entry.name === file && entry.checkpoint === writer.checkpoint)
  if (listed === undefined) return item.fail('file', 'is not among the files of the checkpoint')
  if (offset + length > listed.length) item.fail('length', 'reaches beyond the end of its file')
  const segment = {
    operator: item.string('operator'),
    subtask: item.integer('subtask', ENUMERATOR_SUBTASK),
    ...writer, file, offset, length,
    crc32: item.integer('crc32'),
    states: item.list('states', readSummary),
  }
  if (!item.has('keyGroups')) return segment
  const groups = item.object('keyGroups')
  return { ...segment, keyGroups: { start: groups.integer('start'), end: groups.integer('end', -1) } }
}

const readSummary = (item: Shape): StateSummary => ({
  name: item.string('name'), kind: item.string('kind'), entries: item.integer('entries'), bytes: item.integer('bytes'),
})

const readVertex = (item: Shape): VertexSummary => ({
  index: item.integer('index'),
  name: item.string('name'),
  parallelism: item.integer('parallelism', 1),
  operators: item.list('operators', (operator) => ({ name: operator.string('name'), kind: operator.string('kind') })),
})

function readMetrics(item: Shape): SnapshotMetrics {
  const metrics = {
    startDelayMs: item.number('startDelayMs'), alignmentMs: item.number('alignmentMs'),
    syncMs: item.number('syncMs'), asyncMs: item.number('asyncMs'), bytes: item.number('bytes'),
  }
  return item.has('lastChannel') ? { ...metrics, lastChannel: item.string('lastChannel') } : metrics
}
