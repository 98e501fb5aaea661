/**
 * What the starting thread and a worker thread say to each other. Plain data, and shared memory.
 *
 * Every message of an attempt carries its term (the epoch of the attempt), so that a word of an attempt
 * that is over is known as such.
 */
import type { ErrorReport } from '../../base/errors.ts'
import type { Attempt, CheckpointId, Epoch } from '../../base/ids.ts'
import type { LogLevel } from '../../base/ports.ts'
import type { FromSubtask, SubtaskId, ToSubtask } from '../../base/protocol.ts'
import type { FileEntry, Manifest } from '../../checkpoint/manifest.ts'
import type { JobAddress } from '../load/load-job.ts'

/** Given to a worker when it is started; which one it is, it learns when it takes its place. */
export interface WorkerSetup {
  readonly workers: number
  readonly address: JobAddress
  readonly config: Readonly<Record<string, string>>
  readonly parallelism: number
  readonly directory: string
  /** The graph as the starting thread built it, as text: a worker that builds another one is refused. */
  readonly graph: string
  /** Shared memory of WorkerControl. */
  readonly control: SharedArrayBuffer
  readonly failpoints: string | undefined
  /** For keyed state that is kept on the local disk; undefined: none is. */
  readonly pagedDirectory: string | undefined
  /** Of this thread (state/lmdb/write-gate.ts). */
  readonly gate: SharedArrayBuffer
}

/** The first message to a worker. */
export interface TakePlace {
  readonly index: number
  /** The how-many-th thread in its place this is, from 1. */
  readonly generation: number
}

/** Shared memory between two subtasks of different workers, for one attempt. */
export interface RingPlace {
  readonly edge: number
  readonly producer: number
  readonly consumer: number
  readonly memory: SharedArrayBuffer
}

export type ToWorker =
  | {
      readonly kind: 'deploy'
      readonly term: Epoch
      readonly jobId: string
      readonly restore: Manifest | undefined
      /** Absent: all. Else these vertices are started again, and the rest of the term goes on. */
      readonly vertices?: readonly number[]
      readonly attempt: Attempt
      readonly rings: readonly RingPlace[]
      /** Shared memory of the attempt's MetricsTable. */
      readonly metrics: SharedArrayBuffer
    }
  | { readonly kind: 'start'; readonly term: Epoch; readonly attempt: Attempt }
  | {
      readonly kind: 'deliver'
      readonly term: Epoch
      readonly to: SubtaskId
      readonly message: ToSubtask
    }
  /** Makes the worker's state file durable, or removes it; answered with the same request number. */
  | { readonly kind: 'seal' | 'discard'; readonly term: Epoch; readonly request: number; readonly checkpoint: CheckpointId }
  /** Without `vertices` the term is over here. */
  | { readonly kind: 'cancel'; readonly term: Epoch; readonly vertices?: readonly number[] }

export type FromWorker =
  | { readonly kind: 'from'; readonly term: Epoch; readonly id: SubtaskId; readonly message: FromSubtask }
  /** A part could not be made here. */
  | { readonly kind: 'not-deployed'; readonly term: Epoch; readonly error: ErrorReport; readonly retryable: boolean }
  | { readonly kind: 'done'; readonly request: number; readonly entry: FileEntry | undefined }
  | { readonly kind: 'not-done'; readonly request: number; readonly error: ErrorReport; readonly retryable: boolean }
  | { readonly kind: 'print'; readonly operator: string; readonly subtask: number; readonly index: number; readonly text: string }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  /** The job file does not load here, or gives another graph: no attempt will help. */
  | { readonly kind: 'refused'; readonly error: ErrorReport }
  /** A broken invariant: the whole job stops. */
  | { readonly kind: 'broken'; readonly error: ErrorReport }
