/**
 * files(): exactly-once output as part files in a directory.
 *
 * Called by job files. Parts are staged under names with a leading dot, and appear under
 * `<operator>-<job>-<subtask>-<epoch>-<checkpoint>-<part>.<format>` when their checkpoint is complete. See
 * connector/file-writer.ts and connector/file-committer.ts for how.
 */
import type { SinkSpec } from '../graph/sink.ts'
import { E111_CONNECTOR_OPTION } from './errors.ts'
import { FileCommitter } from './file-committer.ts'
import { FileWriter } from './file-writer.ts'
import { inputPath } from './inputs.ts'
import { csvLines, jsonLines } from './row-writer.ts'
import { positive } from './text-source.ts'

export interface FilesOptions {
  /** Output directory; made at the first record. */
  readonly path: string | URL
  /** Default 'jsonl'. */
  readonly format?: 'jsonl' | 'csv'
  /** Columns of CSV output; default: the fields of the first record. */
  readonly columns?: readonly string[]
  /** A part is closed when it is this large, also between two checkpoints; default 128 MB. */
  readonly partMaxBytes?: number
}

const DEFAULT_PART_BYTES = 128 * 1024 * 1024

export function files<T = unknown>(options: FilesOptions): SinkSpec<T, 'transactional'> {
  const directory = inputPath(options.path)
  const format = options.format ?? 'jsonl'
  if (format !== 'jsonl' && format !== 'csv') {
    throw E111_CONNECTOR_OPTION({ connector: 'files', option: 'format', reason: "must be 'jsonl' or 'csv'" })
  }
  const partMaxBytes = positive('files', 'partMaxBytes', options.partMaxBytes ?? DEFAULT_PART_BYTES)
  return {
    kind: 'files',
    resource: directory,
    commit: 'transactional',
    createWriter: (context) => new FileWriter(
      context, { directory, ending: format, partMaxBytes },
      format === 'csv' ? csvLines(context.operator, options.columns) : jsonLines(context.operator),
    ),
    createCommitter: (context) => new FileCommitter(context, directory),
  }
}
