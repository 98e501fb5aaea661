/**
 * What a checkpoint that was brought in from elsewhere still owes the outside.
 *
 * Called by the supervisor when it restores such a checkpoint, before anything is deployed; `ownState` also by
 * the threads of a job, each of which reads the checkpoint itself. The committables in
 * it were staged by the sinks of another line, under that line's names, so they are never handed to the sinks
 * of this one.
 *
 *   OB-1  If that line had committed them (a savepoint of a running or stopped job) nothing is committed.
 *   OB-2  If it is not known (the job was dead) they are committed here, in the name of that line: committing
 *          twice is recognised (SK-3), so that it does not matter whether that line runs again, or now.
 *   OB-3  That needs the sink to write to the same place; else the start is refused (E159), nothing is
 *          passed over.
 *   OB-4  Output of that line after the checkpoint, in the place this job writes to, refuses the start
 *          (E113): its rows would come a second time.
 *
 * Source: decision D1; Flink's warning about intermediate savepoints (row C13).
 */
import { attempt, type Epoch } from '../base/ids.ts'
import type { Io } from '../base/io.ts'
import type { Ports } from '../base/ports.ts'
import { E159_OUTPUT_ELSEWHERE } from '../checkpoint/errors-savepoint.ts'
import type { CheckpointOrigin, Manifest } from '../checkpoint/manifest.ts'
import type { LogicalGraph, LogicalOperator } from '../graph/logical-graph.ts'
import type { SinkOperatorSpec } from '../graph/operator-spec.ts'
import type { SinkContext } from '../graph/sink.ts'
import type { RestoredJob } from './restore.ts'

/** Before every term: a committer of this one finds nothing to be its own, and removes nothing. */
const NO_TERM = 0 as Epoch

export interface Settling {
  readonly ports: Ports
  readonly graph: LogicalGraph
  readonly origin: CheckpointOrigin
  readonly restored: RestoredJob
  /** Throws if another process has taken over. */
  readonly fence: () => Io<void>
}

export function* settle(settling: Settling): Io<void> {
  for (const operator of settling.graph.operators) {
    if (operator.spec.kind === 'sink') yield* settleSink(settling, operator)
  }
}

/** What this line restores of a checkpoint: without committables if they are those of another one. */
export function ownState(restored: RestoredJob, manifest: Manifest | undefined): RestoredJob {
  if (manifest?.origin === undefined) return restored
  const operators = manifest.vertices.flatMap((vertex) => vertex.operators)
  const sinks = operators.filter(({ kind }) => kind === 'sink').map(({ name }) => name)
  return restored.without('pending', new Set(sinks))
}

function* settleSink({ ports, origin, restored, fence }: Settling, operator: LogicalOperator): Io<void> {
  const { sink } = operator.spec as SinkOperatorSpec
  const names = [operator.name, ...operator.was]
  const items = names.flatMap((name) => restored.listOf(name, 'pending')) as readonly { readonly committable: unknown }[]
  const committables = items.map((item) => item.committable)
  const before = origin.sinks.find((use) => names.includes(use.operator))
  const open = committables.length > 0 && !origin.committed
  if (before !== undefined && before.resource !== sink.resource) {
    if (!open) return
    const { checkpoint } = origin
    throw E159_OUTPUT_ELSEWHERE(
      { operator: operator.name, stored: before.resource, now: sink.resource, checkpoint },
      { place: { operator: operator.name, checkpoint } },
    )
  }
  const context: SinkContext = {
    operator: before?.operator ?? operator.name, subtask: -1, jobId: origin.jobId, epoch: NO_TERM, attempt: attempt(0), ports,
    storage: ports.storage, log: ports.log, wake: () => {}, fail: () => {},
  }
  const committer = sink.createCommitter(context)
  yield* committer.removeAbandoned(committables, origin.checkpoint)
  if (!open) return
  yield* fence()
  yield* committer.commit(committables)
}
