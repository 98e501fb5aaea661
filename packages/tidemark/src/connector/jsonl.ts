/**
 * jsonl(): one JSON value a line (NDJSON), from a file or a directory, plain or gzip.
 *
 * Called by job files; read by connector/rows.ts. A plain file is cut into splits of `splitBytes`, so
 * that several subtasks read one file.
 */
import type { InputFile } from './inputs.ts'
import type { RowFormat } from './rows.ts'
import { positive, textSource, type RewindableSource, type TextSourceOptions, type TextSplit } from './text-source.ts'

export interface JsonlOptions extends TextSourceOptions {
  /** Size of the parts into which a plain file is cut; default 4 MB. */
  readonly splitBytes?: number
}

const DEFAULT_SPLIT_BYTES = 4 * 1024 * 1024

const jsonRows: RowFormat<unknown> = {
  rowEnd: (text, from) => text.indexOf('\n', from),
  // JSON.parse copies every string out of its input.
  keepsText: false,
  blank: (text) => text.charCodeAt(0) !== 123 && text.trim() === '',
  parse: (text) => JSON.parse(text),
}

/**
 * A source of JSON lines. `path` is a file, or a directory of *.jsonl, *.ndjson (and *.gz of them), read
 * in order of their names. Blank lines are skipped; a line that is no JSON is a malformed row.
 */
export function jsonl<T = unknown>(
  path: string | URL, options: JsonlOptions = {},
): RewindableSource<T, TextSplit> {
  const splitBytes = positive('jsonl', 'splitBytes', options.splitBytes ?? DEFAULT_SPLIT_BYTES)
  return textSource<T>(path, {
    kind: 'jsonl',
    endings: ['.jsonl', '.ndjson'],
    splittable: true,
    splits: (file, gzip) => (gzip ? [wholeFile(file)] : cut(file, splitBytes)),
    rows: () => jsonRows as RowFormat<T>,
  }, options)
}

function wholeFile(file: InputFile): TextSplit {
  const { path, sizeBytes, crc32, name } = file
  return { id: name, path, sizeBytes, crc32, gzip: true, start: 0, end: null, columns: null }
}

function cut(file: InputFile, splitBytes: number): TextSplit[] {
  const { path, sizeBytes, crc32, name } = file
  const splits: TextSplit[] = []
  for (let start = 0; start < sizeBytes; start += splitBytes) {
    const end = Math.min(start + splitBytes, sizeBytes)
    splits.push({ id: `${name}@${start}-${end}`, path, sizeBytes, crc32, gzip: false, start, end, columns: null })
  }
  return splits
}
