/** Puts a manifest together from what a fully acknowledged checkpoint gathered. Pure. */
import type { StateSegment } from '../base/protocol.ts'
import type { JobSummary } from './coordinator-host.ts'
import type { FileEntry, Manifest } from './manifest.ts'
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
    files: from.files,
    segments,
    subtasks: pending.reports,
    counts: {
      entries: segments.reduce((sum, segment) => sum + entriesOf(segment), 0),
      bytes: from.files.reduce((sum, file) => sum + file.length, 0),
      subtasks: pending.acknowledged,
    },
  }
}

const entriesOf = (segment: StateSegment): number => segment.states.reduce((sum, state) => sum + state.entries, 0)
