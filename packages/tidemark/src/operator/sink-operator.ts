/**
 * The end of a chain: hands records to a sink's writer, and commits what completed checkpoints cover.
 *
 * Owns: the writer, and the list of committables that are not yet confirmed. They are part of every
 * snapshot until they are (decision D1), so a crash at any moment between the manifest and the last
 * commit loses none; committing twice is harmless because committers are idempotent.
 *
 *   SI-1  A committable of checkpoint n is committed only after `onCheckpointComplete(m)`, m >= n.
 *   SI-2  Committables leave the list only when `commit` returned without error.
 *   SI-3  Commits run one after another, oldest checkpoint first.
 *   SI-4  What an aborted checkpoint staged stays in the list and travels with the next one.
 *   SI-5  Before each batch of commits the fence is asked: a writer that lost its epoch commits nothing.
 * Source: Flink TwoPhaseCommitSinkFunction, CommitterOperator; FLIP-191.
 */
import { Latch, start, type Io } from '../base/io.ts'
import type { CheckpointId } from '../base/ids.ts'
import type { SinkOperatorSpec } from '../graph/operator-spec.ts'
import type { Committer, SinkContext, SinkWriter } from '../graph/sink.ts'
import type { OperatorSnapshot } from '../state/snapshot.ts'
import type { Inline } from './inline.ts'
import { totalOf, type Collect, type Operator, type OperatorContext } from './operator.ts'

interface Pending {
  readonly checkpoint: number
  readonly committable: unknown
}

export class SinkOperator implements Operator {
  readonly collect: Collect
  readonly inline: Inline
  readonly #context: OperatorContext
  readonly #writer: SinkWriter
  readonly #committer: Committer
  /** In the order of their checkpoints. */
  #pending: Pending[]
  #complete: number
  #committing = false
  /** Opens when the last begun staging is in `#pending`: a later snapshot must not miss it (SI-4). */
  #staged = new Latch()
  /** Records written since the job began: part of the snapshot, as of the cut. */
  written: number

  constructor(spec: SinkOperatorSpec, context: OperatorContext) {
    this.#context = context
    this.#staged.open()
    const sinkContext = sinkContextOf(context)
    this.#writer = spec.sink.createWriter(sinkContext)
    this.#committer = spec.sink.createCommitter(sinkContext)
    this.written = totalOf(context.restored?.list('records'))
    this.#pending = [...((context.restored?.list('pending') ?? []) as readonly Pending[])]
    // All that a restored checkpoint carries is covered by that checkpoint.
    this.#complete = Math.max(0, ...this.#pending.map((pending) => pending.checkpoint))
    const writer = this.#writer
    this.collect = (value, timestamp) => {
      this.written += 1
      writer.write(value, timestamp)
    }
    this.inline = (code, value, time) =>
      `${code.bind(this)}.written += 1; ${code.bind(writer)}.write(${value}, ${time})`
  }

  open(): void {
    if (this.#pending.length > 0) this.#context.ports.probe('restore.recommit')
    this.#commitNext()
  }

  get busy(): boolean {
    return this.#writer.full
  }

  onWatermark(): void {}

  onIdle(): void {}

  *snapshot(checkpoint: CheckpointId): Io<OperatorSnapshot> {
    const { written } = this
    const earlier = this.#staged
    const staged = new Latch()
    this.#staged = staged
    try {
      const committables = yield* this.#stage(checkpoint)
      yield* earlier.passed()
      for (const committable of committables) this.#pending.push({ checkpoint, committable })
    } finally {
      staged.open()
    }
    return {
      keyed: [],
      lists: [
        { name: 'pending', redistribute: 'split', items: [...this.#pending] },
        { name: 'records', redistribute: 'split', items: [written] },
      ],
    }
  }

  /** A part that could not be staged is lost for this attempt: only going back can bring it again. */
  *#stage(checkpoint: CheckpointId): Io<readonly unknown[]> {
    try {
      return yield* this.#writer.prepareCommit(checkpoint)
    } catch (error) {
      this.#context.fail(error)
      throw error
    }
  }

  onCheckpointComplete(checkpoint: CheckpointId): void {
    this.#complete = Math.max(this.#complete, checkpoint)
    this.#commitNext()
  }

  committedUpTo(): number {
    const oldest = this.#pending[0]
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.checkpoint - 1
  }

  close(): void {
    this.#writer.close()
  }

  #commitNext(): void {
    if (this.#committing) return
    const due = this.#pending.filter((pending) => pending.checkpoint <= this.#complete)
    if (due.length === 0) return
    this.#committing = true
    start(this.#commit(due), (outcome) => {
      this.#committing = false
      if (!outcome.ok) {
        this.#context.fail(outcome.error)
        return
      }
      const done = new Set(due)
      this.#pending = this.#pending.filter((pending) => !done.has(pending))
      this.#context.wake()
      this.#commitNext()
    })
  }

  *#commit(due: readonly Pending[]): Io<void> {
    const { probe } = this.#context.ports
    probe('commit.begin')
    yield* this.#context.fence()
    yield* this.#committer.commit(due.map((pending) => pending.committable))
    probe('commit.all')
  }
}

export function createSink(spec: SinkOperatorSpec, context: OperatorContext): SinkOperator {
  return new SinkOperator(spec, context)
}

export function sinkContextOf(context: {
  readonly operator: string
  readonly subtask: number
  readonly jobId: string
  readonly epoch: SinkContext['epoch']
  readonly attempt: SinkContext['attempt']
  readonly ports: SinkContext['ports']
  wake(): void
  fail(error: unknown): void
}): SinkContext {
  const { operator, subtask, jobId, epoch, attempt, ports } = context
  return {
    operator, subtask, jobId, epoch, attempt, ports, storage: ports.storage, log: ports.log,
    wake: () => context.wake(),
    fail: (error) => context.fail(error),
  }
}
