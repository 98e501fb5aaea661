/**
 * collection() and collect(): a source over an array and a sink into one, for tests and examples.
 *
 * Both keep the full laws of their contract, so that a test with them tests the real protocol.
 */
import type { Io } from '../base/io.ts'
import type { Batch, Split } from '../graph/source.ts'
import type { Committer, SinkContext, SinkSpec, SinkWriter } from '../graph/sink.ts'
import { positive, type RewindableSource } from './text-source.ts'

export interface RangeSplit extends Split {
  readonly start: number
  readonly end: number
}

export interface CollectionOptions {
  /** Number of contiguous parts, handed out in order; default 1. */
  readonly splits?: number
  /** False: the items are not in event time order. */
  readonly ordered?: boolean
}

/** A bounded source of the items; the position is an index, so it rewinds. */
export function collection<T>(items: Iterable<T>, options: CollectionOptions = {}): RewindableSource<T, RangeSplit> {
  const all = [...items]
  const count = positive('collection', 'splits', options.splits ?? 1)
  return {
    kind: 'collection',
    resource: `collection of ${all.length}`,
    rewind: 'can rewind',
    splitsInTimeOrder: options.ordered ?? true,
    assignment: 'pull',
    discoverEveryMs: 1000,
    *discover() {
      const splits = Array.from({ length: count }, (_, i) => ({
        id: `items-${i}`,
        start: Math.floor((all.length * i) / count),
        end: Math.floor((all.length * (i + 1)) / count),
      }))
      return { splits: splits.filter(({ start, end }) => start < end), state: undefined, complete: true }
    },
    openSplit(split, position) {
      let at = typeof position === 'number' ? position : split.start
      let closed = false
      return {
        poll(max): Batch<T> | 'end' {
          if (closed || at >= split.end) return 'end'
          const first = at
          at = Math.min(at + max, split.end)
          return { records: all.slice(first, at), malformed: [], place: (index) => `item ${first + index}` }
        },
        position: () => at,
        close() {
          closed = true
        },
      }
    },
    *size() {
      return { records: all.length }
    },
  }
}

interface Collected<T> {
  readonly epoch: number
  readonly checkpoint: number
  readonly subtask: number
  readonly records: readonly T[]
}

export interface CollectSink<T> extends SinkSpec<T, 'transactional'> {
  /** What completed checkpoints have committed, in order of commit. */
  readonly committed: readonly T[]
}

/**
 * A transactional sink into memory. Records travel in the committable, so they survive whatever the
 * checkpoint survives; a committable is known by (epoch, checkpoint, subtask) and counted once.
 */
export function collect<T>(): CollectSink<T> {
  const committed: T[] = []
  const done = new Set<string>()
  const committer: Committer = {
    *commit(committables) {
      for (const { epoch, checkpoint, subtask, records } of committables as readonly Collected<T>[]) {
        const key = `${epoch}/${checkpoint}/${subtask}`
        if (done.has(key)) continue
        done.add(key)
        for (const record of records) committed.push(record)
      }
    },
    // Nothing is staged outside the checkpoint.
    *removeAbandoned() {},
  }
  return {
    kind: 'collect',
    resource: 'memory',
    commit: 'transactional',
    createWriter: (context) => collectWriter<T>(context),
    createCommitter: () => committer,
    committed,
  }
}

function collectWriter<T>({ epoch, subtask }: SinkContext): SinkWriter<T> {
  let records: T[] = []
  return {
    write(value) {
      records.push(value)
    },
    full: false,
    prepareCommit(checkpoint) {
      const cut = records
      records = []
      return ready(cut.length === 0 ? [] : [{ epoch, checkpoint, subtask, records: cut } satisfies Collected<T>])
    },
    close() {
      records = []
    },
  }
}

function* ready<V>(value: V): Io<V> {
  return value
}
