/**
 * What a running operator is. Operators are synchronous and know no thread, file or channel.
 *
 * Records are pushed: a `Collect` takes the value and its timestamp, and returns when everything
 * downstream in the chain has taken it. There is no wrapper object per record.
 *
 * Laws
 *   OP-1  An operator emits only from within a call of its own (record, watermark, timer, posted mail, beforeBarrier).
 *   OP-2  A watermark is forwarded after everything it triggered was emitted.
 *   OP-3  `snapshot` is a cut: it contains the effect of every call before it and of none after it,
 *         also where it returns an Io (that has run to its first wait when `snapshot` returns).
 *   OP-4  After restore from a snapshot, the outputs that follow are those that would have followed.
 *   OP-5  An operator that is firing takes no record and no watermark: the rest of its timers comes first. It
 *         can be cut then.
 */
import type { Io } from '../base/io.ts'
import type { Attempt, CheckpointId, Epoch } from '../base/ids.ts'
import type { Ports } from '../base/ports.ts'
import type { KeyGroupRange } from '../graph/key-groups.ts'
import type { OutputTag } from '../graph/operator-spec.ts'
import type { PagedStore } from '../state/paged/paged-store.ts'
import type { OperatorSnapshot, RestoredOperator } from '../state/snapshot.ts'
import type { Generate, Inline } from './inline.ts'

export type Collect = (value: any, timestamp: number) => void

/** What an operator sends to. Every tag exists; one without a consumer drops. */
export interface Output {
  collector(tag: OutputTag): Collect
  /** Makes functions that end in what is behind this operator; undefined where no code is generated. */
  readonly generate?: Generate | undefined
  /** To every consumer of every tag. */
  watermark(watermark: number): void
  /** True: nothing will come for a while, do not wait for this operator's watermark. */
  idle(idle: boolean): void
}

/** Processing time: fires from the subtask's loop, between two records. */
export interface ProcessingTimeService {
  now(): number
  /** Calls back once at or after `time` (wall ms); returns a function that cancels. */
  at(time: number, fire: () => void): () => void
}

/** Counts that the user sees; added up over subtasks. */
export interface OperatorMetrics {
  late: number
  invalid: number
  dropped: number
}

export interface OperatorContext {
  readonly job: string
  readonly operator: string
  readonly subtask: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly keyGroups: KeyGroupRange
  readonly jobId: string
  readonly epoch: Epoch
  readonly attempt: Attempt
  readonly output: Output
  readonly processingTime: ProcessingTimeService
  readonly ports: Ports
  readonly metrics: OperatorMetrics
  /** State of this subtask at the restored checkpoint; undefined at a first start. */
  readonly restored: RestoredOperator | undefined
  /** Of this operator alone: where keyed state is kept that may be larger than memory; undefined: on the heap. */
  readonly pagedStore?: PagedStore | undefined
  /** Dev, tests and harness: deep-freeze what user code hands over. */
  readonly freeze: boolean
  /** Something outside the record path became ready (source data, sink room): run me again. */
  wake(): void
  /** Runs `mail` in this subtask, between two records; never once the attempt has ended. */
  post(mail: () => void): void
  /** Ends the attempt of this subtask. */
  fail(error: unknown): void
  /** Throws unless this process is still the one writer: asked before each batch of commits. */
  fence(): Io<void>
  /** Sends a line of `print`; `index` counts the lines of this operator and subtask from 0. */
  print(label: string, index: number, text: string): void
}

export interface Operator {
  /** Entry for records. Sources have none. */
  readonly collect: Collect
  /** Entries of an operator with several inputs, one each; `collect` is then the first of them. */
  readonly inputs?: readonly Collect[]
  /** `collect` as statements, for operators that are worth it. */
  readonly inline?: Inline
  /** Once, after restore, before the first record. */
  open?(): void
  /** The merged watermark of all inputs rose. */
  onWatermark(watermark: number): void
  onIdle(idle: boolean): void
  /** True: timers of the last watermark are left, which has not gone on yet. */
  firing?(): boolean
  /** Fires at most so many of them; the watermark goes on after the last. Only while firing. */
  fireMore?(most: number): void
  /** The barrier is about to leave behind what is sent now (Flink's prepareSnapshotPreBarrier). */
  beforeBarrier?(): void
  snapshot(checkpoint: CheckpointId): OperatorSnapshot | Io<OperatorSnapshot> | undefined
  /** What a snapshot would hold now, all of it, without being a cut. Absent: `snapshot` changes nothing. */
  look?(): OperatorSnapshot
  onCheckpointComplete?(checkpoint: CheckpointId): void
  onCheckpointAborted?(checkpoint: CheckpointId): void
  /** Largest checkpoint whose commits are all confirmed; undefined for operators that commit nothing. */
  committedUpTo?(): number
  /** True: take no input for this chain now (a sink that is full). */
  readonly busy?: boolean
  /** True: results of records it has taken are still to come; the end of data waits for them. */
  readonly inFlight?: boolean
  close?(): void
}

/** Sum of a restored list of counts; 0 at a first start. */
export function totalOf(counts: readonly unknown[] | undefined): number {
  return ((counts ?? []) as readonly number[]).reduce((sum, count) => sum + count, 0)
}
