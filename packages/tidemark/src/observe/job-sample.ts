/**
 * Everything that can be seen of a running job at one instant, as plain data: what its process answers to
 * whoever asks, and what `JobHandle.metrics()` gives.
 *
 * Made by the host from the metrics table; read by rates.ts and the command line.
 *
 *   JM-1  Counters and times are totals since the attempt began, so that a reader that misses samples loses nothing.
 *   JM-2  The document names its schema and version; fields are added, never changed.
 */
import type { JobGraph } from '../graph/job-graph.ts'
import type { LastCheckpoint } from './checkpoint-meter.ts'
import type { MetricsTable, SubtaskReading } from './metrics-table.ts'

export const SAMPLE_SCHEMA = 'tidemark.metrics/1'

export interface SubtaskSample extends SubtaskReading {
  readonly subtask: number
  /** Thread that runs it; 0 if there is but one. */
  readonly worker: number
}

export interface VertexSample {
  readonly name: string
  /** Names of the operators that are fused in it, in order. */
  readonly operators: readonly string[]
  /** Indices of the vertices that it reads. */
  readonly inputs: readonly number[]
  /** Those that are deployed. */
  readonly subtasks: readonly SubtaskSample[]
}

export interface CheckpointSample {
  /** Since the process began. */
  readonly completed: number
  readonly failed: number
  readonly last?: LastCheckpoint
  readonly current?: {
    readonly id: number
    readonly ageMs: number
    readonly acknowledged: number
    /** Subtasks that have to acknowledge. */
    readonly of: number
  }
}

export interface JobSample {
  readonly schema: typeof SAMPLE_SCHEMA
  readonly job: string
  readonly engine: string
  readonly pid: number
  /** Of the attempt: counters begin anew with each. Undefined before the first. */
  readonly epoch?: number
  readonly phase: 'starting' | 'running' | 'stopping' | 'ended'
  /** Wall clock, ms. */
  readonly atMs: number
  /** Since the process began to run the job. */
  readonly uptimeMs: number
  readonly workers: number
  /** That the job runs at; undefined: of a process that did not say it yet. */
  readonly parallelism?: number
  readonly restarts: number
  /** Operators that are being started again while the others go on; undefined: none. */
  readonly restarting?: readonly string[]
  /** Records since the job began; late and invalid ones since the process did. */
  readonly recordsIn: number
  readonly recordsOut: number
  readonly late: number
  readonly invalid: number
  readonly checkpoint: CheckpointSample
  /** In topological order. */
  readonly vertices: readonly VertexSample[]
}

/** The rows of `table` with the names of `graph`. `nowMs` as the table's readers count. */
export function sampleVertices(
  graph: JobGraph, table: MetricsTable | undefined, nowMs: number, workers: number,
): VertexSample[] {
  return graph.vertices.map((vertex) => {
    const subtasks: SubtaskSample[] = []
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      const reading = table?.read(vertex.index, subtask, nowMs)
      if (reading !== undefined) subtasks.push({ subtask, worker: subtask % workers, ...reading })
    }
    return {
      name: vertex.name,
      operators: vertex.operators.map(({ name }) => name),
      inputs: [...new Set(vertex.inputs.map(({ fromVertex }) => fromVertex))],
      subtasks,
    }
  })
}
