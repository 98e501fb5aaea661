/** Sizes that a host chooses; the simulator draws them from its seed. */
export interface TaskOptions {
  /** Records a batch in a channel. */
  readonly batchRecords: number
  /** Records a source hands out in one step. */
  readonly sourceBatchRecords: number
  /** Batches a channel holds before its writer waits. */
  readonly channelBatches: number
  /** Deep-freeze what user code hands over (dev, tests, simulator). */
  readonly freeze: boolean
  /** Which ready channel is read next: in turn, or drawn from ports.random (simulator). */
  readonly pick: 'in-turn' | 'random'
  /** False: chains as calls of closures, without generated code (the simulator tries both). Default true. */
  readonly fuse?: boolean
  /** Entries of keyed state that one step encodes while a snapshot is written. Default 1000. */
  readonly sliceEntries?: number
  /** A snapshot that is encoded in slices is written in segments of about so many bytes. Default 1 MB. */
  readonly segmentBytes?: number
}

export const DEFAULT_TASK_OPTIONS: TaskOptions = {
  batchRecords: 1000, sourceBatchRecords: 1000, channelBatches: 4, freeze: false, pick: 'in-turn',
}
