/**
 * The measuring side of a host: the metrics table of the attempt that runs, and what becomes of checkpoints.
 *
 * Owned by a JobHost, in the thread of the coordinator. Watches what passes between the supervisor and the
 * deployment and changes nothing of it.
 */
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/ports.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { JobSupervisor, SupervisorInit } from '../job/job-supervisor.ts'
import { CheckpointMeter } from '../observe/checkpoint-meter.ts'
import { sampleVertices, type CheckpointSample, type VertexSample } from '../observe/job-sample.ts'
import type { MetricsTable } from '../observe/metrics-table.ts'
import { tableOf } from './deployment.ts'

export interface HostSample {
  /** Of the attempt that runs, or ran last. */
  readonly epoch?: number
  readonly workers: number
  readonly checkpoint: CheckpointSample
  readonly vertices: readonly VertexSample[]
}

/** What leads from this thread's `performance.now()` to a clock that all threads of the process share, ms. */
export function sharedZeroMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now()
}

export class HostMeter {
  readonly #graph: JobGraph
  readonly #workers: number
  readonly #zeroMs = sharedZeroMs()
  readonly #checkpoints = new CheckpointMeter()
  #attempt: { readonly epoch: number; readonly table: MetricsTable } | undefined

  constructor(graph: JobGraph, workers: number) {
    this.#graph = graph
    this.#workers = workers
  }

  /** Memory of the attempt that begins: a thread of an earlier one may still write its own. */
  get metrics(): { readonly table: MetricsTable; readonly zeroMs: number } {
    assert(this.#attempt !== undefined, 'an attempt has a table before it is deployed')
    return { table: this.#attempt.table, zeroMs: this.#zeroMs }
  }

  /** The same supervisor, watched. */
  watching(init: SupervisorInit): SupervisorInit {
    const checkpoints = this.#checkpoints
    return {
      ...init,
      onCheckpoint: (checkpoint) => {
        checkpoints.onCompleted(checkpoint)
        init.onCheckpoint(checkpoint)
      },
      onCheckpointFailed: (id, reason, error) => {
        checkpoints.onFailed()
        init.onCheckpointFailed(id, reason, error)
      },
      deploy: (deploy) => {
        this.#attempt = { epoch: deploy.opened.epoch, table: tableOf(this.#graph) }
        return init.deploy({
          ...deploy,
          fromSubtask: (id, message) => {
            checkpoints.onMessage(message)
            deploy.fromSubtask(id, message)
          },
        })
      },
    }
  }

  sample(clock: Clock, supervisor: JobSupervisor): HostSample {
    const { completed, failed, last } = this.#checkpoints.numbers
    const current = supervisor.inProgress
    const attempt = this.#attempt
    return {
      ...(attempt === undefined ? {} : { epoch: attempt.epoch }),
      workers: this.#workers,
      checkpoint: {
        completed, failed,
        ...(last === undefined ? {} : { last }),
        ...(current === undefined ? {} : {
          current: {
            id: current.id, ageMs: Math.max(0, clock.wallMs() - current.triggeredAtMs),
            acknowledged: current.acknowledged, of: current.of,
          },
        }),
      },
      vertices: sampleVertices(this.#graph, attempt?.table, clock.monotonicMs() + this.#zeroMs, this.#workers),
    }
  }
}
