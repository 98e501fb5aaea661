/** What runs a job, in this thread or in several: made by run.ts, and followed by another one in live-rescale.ts. */
import type { Log, Probe, Storage } from '../base/ports.ts'
import type { SavepointOutcome } from '../checkpoint/live-savepoint.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { JobEnd, SupervisorInit } from '../job/job-supervisor.ts'
import type { StopRequest } from '../job/stop.ts'
import type { DeploymentCounts } from './deployment.ts'
import type { HostSample } from './host-meter.ts'
import type { PrintLine } from './print-hub.ts'

export interface JobHost {
  /** What takes its time before `start` may begin now: threads load the job file. */
  prepare?(): void
  start(): void
  stop(request?: StopRequest): void
  savepoint(path: string, done: (outcome: SavepointOutcome) => void): void
  cancel(): void
  /** After its end: when the last of its threads is gone. Undefined: it had none of its own. */
  gone?(): Promise<void>
  readonly restarts: number
  /** Names of the operators that are being started again while the others go on. */
  readonly restarting: readonly string[]
  /** Records since the job began; late and invalid ones since this process began. */
  counts(): DeploymentCounts
  readonly watermark: number | undefined
  /** What every subtask and checkpoint did up to now. */
  sample(): HostSample
}

export interface JobHostInit
  extends Pick<SupervisorInit, 'allowDropped' | 'from' | 'onStarted' | 'onCheckpoint' | 'onCheckpointFailed' | 'onRestart'> {
  readonly graph: JobGraph
  readonly storage: Storage
  readonly directory: string
  readonly engine: string
  readonly fresh: boolean
  /** For keyed state that is kept on the local disk, empty; undefined: none is. */
  readonly pagedDirectory?: string | undefined
  readonly log: Log
  readonly probe: Probe
  readonly print: PrintLine
  onEnd(end: JobEnd): void
  /** A broken invariant: the host has stopped. */
  onBroken(error: unknown): void
}

export const NO_COUNTS: DeploymentCounts = { recordsIn: 0, recordsOut: 0, late: 0, invalid: 0 }
