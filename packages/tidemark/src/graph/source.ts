/**
 * What a source connector provides (Flink's FLIP-27, cut into plain data and two small objects).
 *
 * A source is divided into splits. `discover` lists them in order, on the coordinator's side;
 * `openSplit` reads one of them, on a subtask's side. Everything between (assignment, give-back
 * after a failure, positions in snapshots, watermarks per split) is the engine's, so that no
 * connector can get it wrong.
 *
 * Laws a connector must keep
 *   SR-1  Reading a split from a position yields the records that followed it the first time.
 *   SR-2  `position()` is the position of the next record NOT yet returned by `poll`.
 *   SR-3  `poll` never waits and takes at most a few milliseconds; slow work goes into an Io.
 *   SR-4  Splits and positions are plain data (record/value-codec.ts can encode them).
 */
import type { Io } from '../base/io.ts'
import type { Log, Ports, Storage } from '../base/ports.ts'

export type Rewind = 'can rewind' | 'live: cannot rewind after a failure'

export interface Split {
  /** Unique within the source, for ever; names the split in errors and traces. */
  readonly id: string
}

/** A row that could not become a record, e.g. a line that is no JSON. */
export interface MalformedRow {
  readonly text: string
  readonly reason: string
  /** Human-readable place within the split's resource, e.g. "flights.jsonl, byte 5120". */
  readonly place: string
}

export interface Batch<T> {
  readonly records: readonly T[]
  readonly malformed: readonly MalformedRow[]
  /**
   * Event times of the records, ms, where the connector knows them (the timestamps of a log); used if the
   * job does not say how to read them from the records.
   */
  readonly eventTimes?: ArrayLike<number>
  /** Place of `records[index]`, for errors. Called only when something went wrong. */
  place(index: number): string
}

export interface SplitReader<T> {
  /**
   * Up to `max` records; 'pending' if none is ready (the reader calls `context.wake` later);
   * 'end' once the split is exhausted, and from then on.
   */
  poll(max: number): Batch<T> | 'pending' | 'end'
  position(): unknown
  /** Releases files and sockets; may be called at any time, more than once. */
  close(): void
}

export interface ReaderContext {
  readonly storage: Storage
  readonly ports: Ports
  readonly log: Log
  /** Something became ready: the subtask will poll again. Callable from any Io or callback. */
  wake(): void
  /** The split cannot be read; ends this attempt of the subtask with `error`. */
  fail(error: unknown): void
}

export interface Discovery<S extends Split> {
  /** New splits, in the order in which they are to be handed out. */
  readonly splits: readonly S[]
  /** Plain data given to the next `discover`, and kept in snapshots. */
  readonly state: unknown
  /** True if there will never be more: a bounded source. */
  readonly complete: boolean
}

export interface DiscoveryContext {
  readonly storage: Storage
  readonly parallelism: number
  /** `state` of the previous call, or undefined at the very first one. */
  readonly state: unknown
}

export interface SourceSpec<T = unknown, S extends Split = Split, R extends Rewind = Rewind> {
  readonly kind: string
  /**
   * What is read, resolved (an absolute path, a topic with its cluster): stored with the job, and a
   * different value for the same state directory is refused.
   */
  readonly resource: string
  readonly rewind: R
  /**
   * True if splits, in the order of discovery, follow each other in event time, so that the
   * watermark of what is being read is a bound for all that is not handed out yet. If false the
   * source gives no watermark before its end.
   */
  readonly splitsInTimeOrder: boolean
  /**
   * 'pull': a subtask asks for the next split when it has none (files). 'spread': all splits are
   * spread over the subtasks and read side by side (partitions of a log).
   */
  readonly assignment: 'pull' | 'spread'
  /** Asked again after this many milliseconds while discovery is not complete. */
  readonly discoverEveryMs: number
  discover(context: DiscoveryContext): Io<Discovery<S>>
  openSplit(split: S, position: unknown, context: ReaderContext): SplitReader<T>
  /**
   * A hint that reading is about to begin, given before the state directory is opened: start what takes
   * long (a thread). Opens no file, cannot fail, and may be followed by nothing.
   */
  warm?(): void
  /** Bytes or records in total, if known, for the progress bar. */
  size?(context: DiscoveryContext): Io<SourceSize | undefined>
  /** Phantom: the record type. */
  readonly __record?: T
}

export interface SourceSize {
  readonly records?: number
  readonly bytes?: number
}

/** The type-erased form that graphs hold. */
export type AnySource = SourceSpec<any, any, Rewind>
