/**
 * The source of text files: discovery, splits and readers, whatever the format of a row.
 *
 * Owns nothing between calls: what discovery has seen is in its state, which the engine keeps. Called
 * by jsonl() and csv().
 *
 * Invariants
 *   TX-1  A file is discovered once, by name; its splits follow each other by offset.
 *   TX-2  A gzip file is one split, since it can be read only from its beginning.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import type { Io } from '../base/io.ts'
import type { DiscoveryContext, SourceSpec, Split } from '../graph/source.ts'
import { E111_CONNECTOR_OPTION } from './errors.ts'
import { findInputs, inputPath, type InputFile } from './inputs.ts'
import { DEFAULT_MAX_ROW_BYTES, RowReader, type RowFormat } from './rows.ts'

export interface TextSourceOptions {
  /**
   * True: the path is a directory that is watched for ever. A new file must be moved into place whole
   * (write it under a name that starts with '.' or ends in '.tmp', then rename), and never change.
   */
  readonly watch?: boolean
  /** How often a watched directory is listed; default '1s'. */
  readonly discoverEvery?: Duration
  /** False: the files, in order of their names, do not follow each other in event time. */
  readonly ordered?: boolean
  /** A longer row ends the job; default 16 MB. */
  readonly maxRowBytes?: number
}

/** One part of one file. */
export interface TextSplit extends Split {
  readonly path: string
  readonly sizeBytes: number
  readonly crc32: number
  readonly gzip: boolean
  readonly start: number
  /** Null: to the end of the file. */
  readonly end: number | null
  /** Column names in file order, for formats that have them. */
  readonly columns: readonly string[] | null
}

export interface TextFormat<T> {
  readonly kind: string
  /** Endings of file names that are read in a directory, without '.gz'. */
  readonly endings: readonly string[]
  /** True if a split may begin within a row. */
  readonly splittable: boolean
  splits(file: InputFile, gzip: boolean): readonly TextSplit[]
  rows(split: TextSplit): RowFormat<T>
}

interface Seen {
  readonly seen: readonly string[]
}

export type RewindableSource<T, S extends Split> = SourceSpec<T, S, 'can rewind'>

export function textSource<T>(
  path: string | URL, format: TextFormat<T>, options: TextSourceOptions,
): RewindableSource<T, TextSplit> {
  const root = inputPath(path)
  const watch = options.watch ?? false
  const endings = format.endings.flatMap((ending) => [ending, `${ending}.gz`])
  const maxRowBytes = positive(format.kind, 'maxRowBytes', options.maxRowBytes ?? DEFAULT_MAX_ROW_BYTES)
  const find = (context: DiscoveryContext, known: ReadonlySet<string>): Io<InputFile[]> =>
    findInputs(context.storage, root, endings, watch, known)
  return {
    kind: format.kind,
    resource: root,
    rewind: 'can rewind',
    splitsInTimeOrder: options.ordered ?? true,
    assignment: 'pull',
    discoverEveryMs: durationMs(options.discoverEvery ?? '1s', `${format.kind}: discoverEvery`, 1),
    *discover(context) {
      const seen = (context.state as Seen | undefined)?.seen ?? []
      const files = yield* find(context, new Set(seen))
      return {
        splits: files.flatMap((file) => format.splits(file, file.name.endsWith('.gz'))),
        state: { seen: [...seen, ...files.map((file) => file.name)] } satisfies Seen,
        complete: !watch,
      }
    },
    openSplit(split, position, context) {
      return new RowReader(
        format.rows(split),
        {
          name: split.path, start: split.start, end: split.end ?? undefined,
          cut: format.splittable && split.start > 0,
        },
        { path: split.path, identity: split, gzip: split.gzip },
        typeof position === 'number' ? position : split.start, maxRowBytes, context,
      )
    },
    *size(context) {
      const files = yield* find(context, new Set())
      return { bytes: files.reduce((sum, file) => sum + file.sizeBytes, 0) }
    },
  }
}

export function positive(connector: string, option: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw E111_CONNECTOR_OPTION({ connector, option, reason: `is ${value}, and must be a whole number above 0` })
}
