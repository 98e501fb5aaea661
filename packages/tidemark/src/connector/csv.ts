/**
 * csv(): RFC 4180 rows as objects of strings, from a file or a directory, plain or gzip.
 *
 * Called by job files; read by connector/rows.ts. A file is one split, because whether a newline ends
 * a row is known only from the beginning of the file.
 *
 * Source: RFC 4180. Stricter in one point: text after a closing quote makes the row malformed.
 */
import { constants, gunzipSync } from 'node:zlib'
import { E101_WRONG_COLUMN, E108_BAD_HEADER, E109_INPUT_DAMAGED, E111_CONNECTOR_OPTION } from './errors.ts'
import type { InputFile } from './inputs.ts'
import { fieldPicker } from './row-maker.ts'
import type { RowFormat } from './rows.ts'
import { textSource, type RewindableSource, type TextSourceOptions, type TextSplit } from './text-source.ts'

export interface CsvOptions<C extends string> extends TextSourceOptions {
  /** True (the default): the first row names the columns. Names: the file has no such row. */
  readonly header?: true | readonly string[]
  /** The columns that records have; default: all. */
  readonly columns?: readonly C[]
  /** One ASCII character; default ','. */
  readonly delimiter?: string
}

/**
 * A source of CSV rows. Every value is a string; an empty field is ''. A row with more or fewer fields
 * than there are columns is malformed; an empty line is skipped.
 */
export function csv<const C extends string = string>(
  path: string | URL, options: CsvOptions<C> = {},
): RewindableSource<Record<C, string>, TextSplit> {
  const delimiter = options.delimiter ?? ','
  if (delimiter.length !== 1 || delimiter.charCodeAt(0) > 127 || '"\r\n'.includes(delimiter)) {
    throw E111_CONNECTOR_OPTION({
      connector: 'csv', option: 'delimiter', reason: 'must be one ASCII character, and no quote or line end',
    })
  }
  return textSource<Record<C, string>>(path, {
    kind: 'csv',
    endings: ['.csv'],
    splittable: false,
    splits(file, gzip) {
      const { columns, start } = headerOf(file, gzip, options.header ?? true, delimiter)
      const missing = (options.columns ?? []).filter((name) => !columns.includes(name))
      if (missing.length > 0) throw E101_WRONG_COLUMN({ file: file.path, asked: missing, there: columns })
      const { path: at, sizeBytes, crc32, name } = file
      return [{ id: name, path: at, sizeBytes, crc32, gzip, start, end: null, columns }]
    },
    rows: (split) => new CsvRows(split.columns ?? [], options.columns, delimiter) as RowFormat<Record<C, string>>,
  }, options)
}

class CsvRows implements RowFormat<Record<string, string>> {
  readonly keepsText = true
  readonly #columns: readonly string[]
  readonly #pick: (fields: readonly string[]) => Record<string, string>
  readonly #delimiter: string
  #searched = ''
  /** First quote in `#searched` at or behind the last row asked for. */
  #quoteAt = -1

  constructor(columns: readonly string[], wanted: readonly string[] | undefined, delimiter: string) {
    this.#columns = columns
    const names = wanted ?? columns
    this.#pick = fieldPicker(names, names.map((name) => columns.indexOf(name)))
    this.#delimiter = delimiter
  }

  rowEnd(text: string, from: number): number {
    // One search per quote, not one per row: most rows of most files have none.
    if (text !== this.#searched || (this.#quoteAt >= 0 && this.#quoteAt < from)) {
      this.#searched = text
      this.#quoteAt = text.indexOf('"', from)
    }
    const newline = text.indexOf('\n', from)
    if (this.#quoteAt < 0 || (newline >= 0 && newline < this.#quoteAt)) return newline
    return quotedRowEnd(text, from, this.#delimiter)
  }

  blank(text: string): boolean {
    return text === ''
  }

  parse(text: string): Record<string, string> {
    const fields = splitRow(text, this.#delimiter)
    if (fields.length !== this.#columns.length) {
      throw new Error(`it has ${fields.length} fields where there are ${this.#columns.length} columns`)
    }
    return this.#pick(fields)
  }
}

/** The newline that ends a row with quotes in it, or -1 if `text` ends before. */
function quotedRowEnd(text: string, from: number, delimiter: string): number {
  let i = from
  for (;;) {
    if (text[i] === '"') {
      i = closingQuote(text, i)
      // A quote at the very end of the block may be the first half of an escaped one.
      if (i < 0 || i === text.length - 1) return -1
      i += 1
    }
    const newline = text.indexOf('\n', i)
    const next = text.indexOf(delimiter, i)
    if (next < 0 || (newline >= 0 && newline < next)) return newline
    i = next + 1
  }
}

/** Index of the quote that closes the field opened at `open`; -1 if there is none. */
function closingQuote(text: string, open: number): number {
  for (let i = text.indexOf('"', open + 1); i >= 0; i = text.indexOf('"', i + 2)) {
    if (text[i + 1] !== '"') return i
  }
  return -1
}

export function splitRow(text: string, delimiter: string): string[] {
  if (!text.includes('"')) return text.split(delimiter)
  const fields: string[] = []
  for (let i = 0; ; i++) {
    if (text[i] === '"') {
      const close = closingQuote(text, i)
      if (close < 0) throw new Error('a quote is not closed')
      const field = text.slice(i + 1, close)
      fields.push(field.includes('"') ? field.replaceAll('""', '"') : field)
      i = close + 1
      if (i < text.length && text[i] !== delimiter) throw new Error('text follows a closing quote')
    } else {
      const next = text.indexOf(delimiter, i)
      const end = next < 0 ? text.length : next
      fields.push(text.slice(i, end))
      i = end
    }
    if (i >= text.length) return fields
  }
}

function headerOf(
  file: InputFile, gzip: boolean, header: true | readonly string[], delimiter: string,
): { columns: readonly string[]; start: number } {
  const bad = (reason: string): Error => E108_BAD_HEADER({ file: file.path, reason }, { place: { file: file.path } })
  let columns = header
  let start = 0
  if (columns === true) {
    const head = gzip ? gunzipHead(file) : Buffer.from(file.head.buffer, file.head.byteOffset, file.head.length)
    const text = head.toString('latin1', 0, head.length)
    const begin = text.startsWith('\u00ef\u00bb\u00bf') ? 3 : 0
    const newline = quotedRowEnd(text, begin, delimiter)
    if (newline < 0 && file.sizeBytes > file.head.length) throw bad('it does not end within 64 KB')
    const end = newline < 0 ? head.length : newline
    const row = head.toString('utf8', begin, end > begin && head[end - 1] === 13 ? end - 1 : end)
    if (row === '') throw bad(text === '' ? 'the file is empty' : 'the first line is empty')
    try {
      columns = splitRow(row, delimiter)
    } catch (error) {
      throw bad((error as Error).message)
    }
    start = newline < 0 ? head.length : newline + 1
  }
  const twice = columns.find((name, i) => columns.indexOf(name) !== i)
  if (twice !== undefined) throw bad(`the column ${JSON.stringify(twice)} occurs twice`)
  return { columns, start }
}

function gunzipHead(file: InputFile): Buffer {
  try {
    // The head is a cut-off stream: what can be decompressed of it is enough.
    return gunzipSync(file.head, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch (cause) {
    const reason = (cause as Error).message
    throw E109_INPUT_DAMAGED({ file: file.path, reason }, { place: { file: file.path }, cause })
  }
}
