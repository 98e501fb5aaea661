/**
 * Puts a manifest together from what a fully acknowledged checkpoint gathered. Pure.
 *
 * Called by the coordinator. Files of earlier checkpoints that segments lie in are listed as the manifests say
 * that list them already: a subtask goes on top of a confirmed checkpoint only, so one of them does.
 */
import { unreachable } from '../base/assert.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { StateSegment } from '../base/protocol.ts'
import type { JobSummary } from './coordinator-host.ts'
import { writerOf, type FileEntry, type Manifest } from './manifest.ts'
import type { OpenedDirectory } from './open.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

export function buildManifest(from: {
  readonly pending: PendingCheckpoint
  readonly files: readonly FileEntry[]
  readonly opened: OpenedDirectory
  readonly job: JobSummary
  readonly completedAtMs: number
  readonly tookMs: number
}): Manifest {
  const { pending, opened, job } = from
  // Stable: a chain keeps its order.
  const segments = pending.segments.toSorted(
    (a, b) => (a.operator < b.operator ? -1 : a.operator > b.operator ? 1 : a.subtask - b.subtask),
  )
  return {
    checkpoint: pending.id,
    epoch: opened.epoch,
    lineage: opened.start.lineage,
    restoredFrom: opened.start.restored?.checkpoint ?? null,
    jobId: opened.jobId,
    job: job.job,
    engine: job.engine,
    kind: pending.request.kind === 'final' || pending.finished ? 'final' : 'checkpoint',
    finished: pending.finished,
    triggeredAtMs: pending.triggeredAtMs,
    completedAtMs: from.completedAtMs,
    tookMs: from.tookMs,
    parallelism: job.parallelism,
    maxParallelism: job.maxParallelism,
    vertices: job.vertices,
    finishedVertices: pending.plan.finishedVertices,
    finishedSubtasks: pending.plan.finishedSubtasks,
    files: [...from.files, ...earlierFiles(segments, [...opened.known.manifests.values()])],
    segments,
    subtasks: pending.reports,
    counts: {
      entries: segments.reduce((sum, segment) => sum + (segment.checkpoint === undefined ? entriesOf(segment) : 0), 0),
      bytes: from.files.reduce((sum, file) => sum + file.length, 0),
      subtasks: pending.acknowledged,
    },
  }
}

function earlierFiles(segments: readonly StateSegment[], known: readonly Manifest[]): FileEntry[] {
  const wanted = new Map<string, { readonly checkpoint: CheckpointId; readonly name: string }>()
  for (const { checkpoint, file } of segments) {
    if (checkpoint !== undefined) wanted.set(`${checkpoint}/${file}`, { checkpoint, name: file })
  }
  return [...wanted.values()].map(({ checkpoint, name }) => {
    for (const manifest of known) {
      const entry = manifest.files.find((file) => file.name === name && writerOf(manifest, file) === checkpoint)
      if (entry !== undefined) return { ...entry, checkpoint }
    }
    return unreachable(`${name} of checkpoint ${checkpoint} is listed by no manifest that is kept`)
  })
}

const entriesOf = (segment: StateSegment): number => segment.states.reduce((sum, state) => sum + state.entries, 0)
