/**
 * parquet(): rows of Parquet files, one split a row group.
 *
 * Called by job files. The groups of one file are splits like any others: several subtasks read it at once,
 * and a rescale deals them out anew. The position is the number of rows of the group that were returned, so
 * it means the same at any parallelism and batch size. Decoding is done in a thread of its own, one for each
 * thread that reads (connector/parquet-worker.ts); what is left for the event loop is to make row objects, a
 * few at a time.
 *
 * Types: timestamps and dates are Date objects, 64-bit integers are numbers where all of a row group are
 * safe integers and bigints otherwise, nested columns are objects and arrays, nulls are null.
 */
import { start, type Io } from '../base/io.ts'
import type { Batch, DiscoveryContext, ReaderContext, Split, SplitReader } from '../graph/source.ts'
import { E101_WRONG_COLUMN } from './errors.ts'
import { findInputs, inputPath, openInput, type InputFile } from './inputs.ts'
import { ParquetGroups } from './parquet-groups.ts'
import type { FileDescription } from './parquet-protocol.ts'
import { accessible, RowFactory, type Accessible, type MakeRows } from './parquet-rows.ts'
import type { RewindableSource } from './text-source.ts'

export interface ParquetOptions {
  /** The columns that records have, in this order; default: all. Others are not even read. */
  readonly columns?: readonly string[]
  /** False: row groups, or files by name, do not follow each other in event time. */
  readonly ordered?: boolean
}

export interface ParquetSplit extends Split {
  readonly path: string
  readonly sizeBytes: number
  readonly crc32: number
  readonly group: number
  readonly groups: number
  readonly rows: number
  /** Subtasks among whom the groups are dealt out: which one to decode ahead, and nothing else, follows from it. */
  readonly readers: number
  readonly columns: readonly string[]
}

/** What a row is if the job does not say: the file is read at run time, so its types are not known here. */
export type ParquetRow = Record<string, any>

const ROWS_PER_POLL = 2048

/** A source of the rows of `path`: a Parquet file, or a directory of *.parquet, in order of their names. */
export function parquet<T = ParquetRow>(
  path: string | URL, options: ParquetOptions = {},
): RewindableSource<T, ParquetSplit> {
  const root = inputPath(path)
  const groups = new ParquetGroups()
  const factory = new RowFactory()

  function* describe({ storage }: DiscoveryContext): Io<{ file: InputFile; description: FileDescription }[]> {
    groups.decoder.warm()
    const files = yield* findInputs(storage, root, ['.parquet'], false, new Set())
    const found: { file: InputFile; description: FileDescription }[] = []
    for (const file of files) {
      const handle = yield* openInput(storage, file.path, file)
      try {
        const { description } = yield* groups.describe(storage, handle, file)
        found.push({ file, description })
      } finally {
        yield* storage.close(handle)
      }
    }
    return found
  }

  return {
    kind: 'parquet',
    resource: root,
    rewind: 'can rewind',
    splitsInTimeOrder: options.ordered ?? true,
    assignment: 'pull',
    discoverEveryMs: 1000,
    warm: () => groups.decoder.warm(),
    *discover(context) {
      const files = yield* describe(context)
      const splits = files.flatMap(({ file, description }) => splitsOf(file, description, context.parallelism, options.columns))
      return { splits, state: undefined, complete: true }
    },
    openSplit: (split, position, context) => new ParquetReader<T>(split, position, context, groups, factory),
    *size(context) {
      const files = yield* describe(context)
      const rows = files.flatMap(({ description }) => description.groups).reduce((sum, group) => sum + group.rows, 0)
      return { records: rows, bytes: files.reduce((sum, { file }) => sum + file.sizeBytes, 0) }
    },
  }
}

function splitsOf(
  file: InputFile, description: FileDescription, readers: number, wanted: readonly string[] | undefined,
): ParquetSplit[] {
  const { path, sizeBytes, crc32, name } = file
  const columns = wanted ?? description.columns
  const missing = columns.filter((column) => !description.columns.includes(column))
  if (missing.length > 0) throw E101_WRONG_COLUMN({ file: path, asked: missing, there: description.columns })
  const groups = description.groups.length
  return description.groups
    .map(({ rows }, group) => ({ id: `${name}#${group}`, path, sizeBytes, crc32, group, groups, rows, readers, columns }))
    .filter(({ rows }) => rows > 0)
}

class ParquetReader<T> implements SplitReader<T> {
  readonly #split: ParquetSplit
  readonly #context: ReaderContext
  readonly #groups: ParquetGroups
  #columns: readonly Accessible[] | undefined
  #make: MakeRows | undefined
  #at: number
  #closed = false

  constructor(
    split: ParquetSplit, position: unknown, context: ReaderContext, groups: ParquetGroups, factory: RowFactory,
  ) {
    this.#split = split
    this.#context = context
    this.#groups = groups
    this.#at = typeof position === 'number' ? position : 0
    groups.decoder.acquire()
    start(groups.load(context.storage, split), (outcome) => {
      if (this.#closed) return
      if (!outcome.ok) {
        context.fail(outcome.error)
        return
      }
      const columns = outcome.value.map(accessible)
      this.#columns = columns
      this.#make = factory.for(split.columns, columns)
      context.wake()
    })
  }

  poll(max: number): Batch<T> | 'pending' | 'end' {
    if (this.#closed || this.#at >= this.#split.rows) return 'end'
    if (this.#columns === undefined || this.#make === undefined) return 'pending'
    const first = this.#at
    const count = Math.min(max, ROWS_PER_POLL, this.#split.rows - first)
    const records = this.#make(this.#columns, first, count) as T[]
    this.#at += count
    const { path, group } = this.#split
    return { records, malformed: [], place: (index) => `${path}, row group ${group}, row ${first + index}` }
  }

  position(): number {
    return this.#at
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#columns = undefined
    this.#groups.release(this.#context.ports.timers)
  }
}
