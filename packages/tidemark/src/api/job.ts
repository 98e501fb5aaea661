/**
 * `job(name, build)`: a job as a value. Nothing runs when a job file is imported.
 *
 * The command line, tests and every worker import the same file and build the graph from this value
 * (build.ts). Functions are never serialised.
 */
import type { ByteSize } from '../base/byte-size.ts'
import type { Duration } from '../base/duration.ts'
import type { Guarantee } from '../graph/logical-graph.ts'
import { callSite } from './call-site.ts'
import { requireFunction } from './checks.ts'
import type { JobBuilder } from './job-builder.ts'

const BRAND = Symbol.for('tidemark.Job')

export interface CheckpointSettings {
  /** From trigger to trigger. Default 1 s. */
  readonly every?: Duration
  /** A checkpoint that takes longer is given up. Default 10 min. */
  readonly timeout?: Duration
  /** At least this long from the end of one to the trigger of the next. Default 0. */
  readonly minPause?: Duration
  /** Completed checkpoints kept. Default 3. */
  readonly retain?: number
  /** Failed checkpoints in a row that are put up with. Default 2. */
  readonly tolerableFailures?: number
  /**
   * A checkpoint that is older than `after` and not complete waits for no more records in front of its
   * barriers: it stores them instead, so that back-pressure cannot hold it up. Default after 250 ms; '0s': every
   * checkpoint does so at once; false: none does. Final checkpoints always wait, so a job that was stopped has
   * nothing on its way. Edges that send to all subtasks, or from each to its like, always wait, too.
   * Source: Flink's aligned-checkpoint-timeout.
   */
  readonly unaligned?: false | { readonly after: Duration }
  /**
   * While the watermark of a source is further than `lag` behind the clock of the machine, and there is something to
   * read, checkpoints come every so often instead: at most as often as `every` says, or not at all (false). What is
   * read meanwhile is committed as rarely, and read again after a failure. Default: no difference.
   * Source: Flink's execution.checkpointing.interval-during-backlog (FLIP-309).
   */
  readonly duringBacklog?: { readonly lag: Duration; readonly every: Duration | false }
}

/** What happens after a failure. Default: exponential delay. */
export type RestartSettings =
  | 'none'
  | { readonly kind: 'fixed-delay'; readonly delay: Duration; readonly attempts: number }
  | {
      readonly kind: 'exponential-delay'
      /** Delay before the second restart; the first is immediate. */
      readonly initial?: Duration
      readonly max?: Duration
      readonly factor?: number
      /** Restarts without a completed checkpoint in between, after which the job fails. */
      readonly attempts?: number
    }

export interface StateSettings {
  /**
   * Where keyed state lives between checkpoints. 'heap' (default): in memory. 'lmdb': in files of the local disk, with
   * a cache in memory, for state that is larger than memory; needs the package `lmdb` beside this one (E195). It holds for
   * process functions and what is made of them (`dedupe`, `topN`, …), for running aggregates and for joins without
   * windows; windows, other joins, patterns and timers stay on the heap. Checkpoints and savepoints are the same.
   * Source: Flink's state.backend.type, with RocksDB.
   */
  readonly backend?: 'heap' | 'lmdb'
  /** What decoded entries may take in memory, all operators and subtasks together, about. Default '256MB'. */
  readonly cache?: ByteSize
  /** Of the files, which are scratch. Default: in the state directory, or in that of the system if it is not of this machine. */
  readonly directory?: string
}

export interface JobOptions<G extends Guarantee = Guarantee> {
  /** 'exactly-once' (default), or 'at-least-once': after a failure records may be seen twice. */
  readonly guarantee?: G
  readonly checkpoint?: CheckpointSettings
  /** Subtasks of each operator, unless the command line says otherwise. Default 1. */
  readonly parallelism?: number
  /** Key groups: the largest parallelism this job can ever have on its state. Default 128. */
  readonly maxParallelism?: number
  readonly restart?: RestartSettings
  readonly state?: StateSettings
}

export interface Job {
  readonly [BRAND]: true
  readonly name: string
  readonly options: JobOptions
  readonly build: (builder: JobBuilder) => void
  /** file:line of the call, if it could be found. */
  readonly place?: string
}

export function job(name: string, build: (j: JobBuilder<'exactly-once'>) => void): Job
export function job<const G extends Guarantee = 'exactly-once'>(
  name: string, options: JobOptions<G>, build: (j: JobBuilder<G>) => void,
): Job
export function job(
  name: string,
  first: JobOptions | ((j: JobBuilder<never>) => void),
  second?: (j: JobBuilder<never>) => void,
): Job {
  const [options, build] = typeof first === 'function' ? [{}, first] : [first, second]
  const place = callSite()
  return Object.freeze({
    [BRAND]: true as const,
    name,
    options: Object.freeze({ ...options }),
    // The guarantee of the builder is in its types alone; build.ts checks it again on the graph.
    build: requireFunction(build, 'job') as unknown as Job['build'],
    ...(place === undefined ? {} : { place }),
  })
}

/** Recognised by brand, so that several copies of the package in one process agree. */
export function isJob(value: unknown): value is Job {
  return typeof value === 'object' && value !== null && BRAND in value
}
