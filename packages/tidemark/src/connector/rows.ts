/**
 * Rows of a text file by byte offset: the part that JSONL and CSV share.
 *
 * Owns the block of bytes that is being cut into rows. Called by the subtask that reads the split.
 *
 * A block is seen as a latin1 string, one unit a byte, so that string positions are byte offsets;
 * newlines, quotes and delimiters are ASCII and never occur inside a multi-byte character. The text of
 * a row is a slice of that string, or is decoded from its bytes where the block is not plain ASCII.
 *
 * Invariants
 *   RO-1  A split [start, end) owns the rows that start within it; a row that starts before `start` is
 *         the previous split's, even where it ends in this one.
 *   RO-2  `position` is the byte offset of the first row not yet returned, or of the bytes before it
 *         that hold no row; at `start` it means "the first row this split owns".
 *   RO-3  `poll` stops after `max` rows or SLICE_MS, and never waits.
 *
 * Source: Hadoop LineRecordReader (ownership by start of line), Flink FLIP-27.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import type { Batch, MalformedRow, ReaderContext, SplitReader } from '../graph/source.ts'
import { ChunkReader, type ChunkRequest } from './chunks.ts'
import { E107_ROW_TOO_LONG } from './errors.ts'

const SLICE_MS = 4
const ROWS_PER_CLOCK_READ = 64
const MALFORMED_TEXT = 500
const NEWLINE = 10

export const DEFAULT_MAX_ROW_BYTES = 16 * 1024 * 1024

/** What differs between formats. */
export interface RowFormat<T> {
  /**
   * Position of the newline that ends the row starting at `from`, or -1 if `text` ends before it.
   * `text` has one unit a byte.
   */
  rowEnd(text: string, from: number): number
  /**
   * True if records hold slices of the row's text: it is then a copy of its own, since a slice would
   * keep the whole block in memory for as long as somebody keeps the record.
   */
  readonly keepsText: boolean
  /** True for a row that is no record, such as a blank line. */
  blank(text: string): boolean
  /** May throw: the row is malformed then, and the message is the reason. */
  parse(text: string): T
}

export interface RowSplit {
  readonly name: string
  readonly start: number
  /** Rows that start here or later are not this split's; undefined: to the end of the file. */
  readonly end: number | undefined
  /** True if `start` may lie within a row, which is then another split's. */
  readonly cut: boolean
}

export class RowReader<T> implements SplitReader<T> {
  readonly #format: RowFormat<T>
  readonly #split: RowSplit
  readonly #context: ReaderContext
  readonly #chunks: ChunkReader
  readonly #maxRowBytes: number
  #block: Buffer = Buffer.alloc(0)
  #text = ''
  #ascii = true
  /** Bytes of the block, from its start, that are known to be whole rows of valid UTF-8. */
  #validTo = 0
  /** Chunks behind the block, kept apart until they are worth joining: a long row must not cost n². */
  #tail: Uint8Array[] = []
  #tailBytes = 0
  /** File offset of the block's first byte. */
  #base: number
  /** Index in the block of the next row. */
  #at = 0
  /** Index in the block of the newline that ends the next row. */
  #rowEnd = 0
  #position: number
  #skipToRow: boolean
  #inputEnded = false
  #ended = false

  constructor(
    format: RowFormat<T>, split: RowSplit, request: Omit<ChunkRequest, 'from'>, position: number,
    maxRowBytes: number, context: ReaderContext,
  ) {
    this.#format = format
    this.#split = split
    this.#context = context
    this.#maxRowBytes = maxRowBytes
    this.#position = position
    // The byte before `start` tells whether a row starts exactly there.
    this.#skipToRow = split.cut && position === split.start && position > 0
    this.#base = this.#skipToRow ? position - 1 : position
    this.#chunks = new ChunkReader(context.storage, { ...request, from: this.#base }, context)
  }

  position(): number {
    return this.#position
  }

  close(): void {
    this.#chunks.close()
    this.#ended = true
  }

  poll(max: number): Batch<T> | 'pending' | 'end' {
    if (this.#ended) return 'end'
    const records: T[] = []
    const offsets: number[] = []
    const malformed: MalformedRow[] = []
    const { clock } = this.#context.ports
    const deadline = clock.monotonicMs() + SLICE_MS
    let rows = 0
    while (rows < max) {
      const stop = this.#nextRow()
      if (stop === 'end') this.#ended = true
      if (stop !== undefined) {
        if (rows === 0) return stop
        break
      }
      const offset = this.#base + this.#at
      const end = this.#rowEnd
      const text = this.#rowText(this.#at, end)
      // The last row may have no newline behind it.
      this.#at = Math.min(end + 1, this.#text.length)
      this.#position = this.#base + this.#at
      rows += 1
      try {
        if (text === undefined) throw new Error('it is not valid UTF-8')
        if (!this.#format.blank(text)) {
          records.push(this.#format.parse(text))
          offsets.push(offset)
        }
      } catch (error) {
        malformed.push({
          text: this.#excerpt(offset - this.#base, end),
          reason: error instanceof Error ? error.message : String(error),
          place: this.#place(offset),
        })
      }
      if (rows % ROWS_PER_CLOCK_READ === 0 && clock.monotonicMs() >= deadline) break
    }
    return { records, malformed, place: (index) => this.#place(offsets[index] ?? this.#position) }
  }

  /** Finds the next owned row: `#at` to `#rowEnd` of the block. Otherwise says why there is none. */
  #nextRow(): 'pending' | 'end' | undefined {
    for (;;) {
      if (this.#skipToRow) this.#skip()
      if (!this.#skipToRow) {
        if (this.#split.end !== undefined && this.#base + this.#at >= this.#split.end) return 'end'
        if (this.#at < this.#text.length) {
          this.#rowEnd = this.#format.rowEnd(this.#text, this.#at)
          if (this.#rowEnd >= 0) return undefined
          if (this.#inputEnded && this.#tailBytes === 0) {
            // The last row of a file needs no newline.
            this.#rowEnd = this.#text.length
            return undefined
          }
        }
      }
      const more = this.#grow()
      if (more !== undefined) return more
    }
  }

  /** Drops the rest of a row that belongs to the split before. */
  #skip(): void {
    const newline = this.#block.indexOf(NEWLINE, this.#at)
    this.#at = newline < 0 ? this.#block.length : newline + 1
    if (newline >= 0) this.#skipToRow = false
    // A position within the dropped row is not a row's start, so it stays at `start` until one is known.
    if (newline >= 0) this.#position = Math.max(this.#base + this.#at, this.#split.start)
  }

  /** Joins the unfinished row with what comes next. */
  #grow(): 'pending' | 'end' | undefined {
    const rest = this.#block.length - this.#at
    // Everything that rests is one row without an end: a row that had one would have been returned.
    if (rest > this.#maxRowBytes) {
      const offset = this.#base + this.#at
      this.#context.fail(E107_ROW_TOO_LONG({ file: this.#split.name, offset, limit: this.#maxRowBytes }))
      this.close()
      return 'end'
    }
    for (;;) {
      const chunk = this.#inputEnded ? 'end' : this.#chunks.next()
      if (chunk === 'pending') return 'pending'
      if (chunk === 'end') {
        this.#inputEnded = true
        if (this.#tailBytes === 0) {
          // Without a newline to come, a dropped row reaches to the end of the file.
          return this.#skipToRow || rest === 0 ? 'end' : undefined
        }
        break
      }
      this.#tail.push(chunk)
      this.#tailBytes += chunk.length
      if (this.#tailBytes >= rest) break
    }
    this.#join(rest)
    return undefined
  }

  #join(rest: number): void {
    const offset = this.#base + this.#at
    const [only] = this.#tail
    this.#block = rest === 0 && this.#tail.length === 1 && only !== undefined
      ? Buffer.from(only.buffer, only.byteOffset, only.length)
      : Buffer.concat([this.#block.subarray(this.#at), ...this.#tail], rest + this.#tailBytes)
    this.#tail = []
    this.#tailBytes = 0
    this.#base = offset
    this.#at = 0
    this.#ascii = isAscii(this.#block)
    this.#text = this.#block.toString('latin1', 0, this.#block.length)
    if (!this.#ascii) {
      // One check for all rows that end here is far cheaper than one for each.
      const whole = this.#block.lastIndexOf(NEWLINE) + 1
      this.#validTo = isUtf8(this.#block.subarray(0, whole)) ? whole : 0
    }
    if (offset === 0 && this.#text.startsWith('\u00ef\u00bb\u00bf')) this.#at = 3
  }

  /** The row's text without its line end; undefined if its bytes are no UTF-8. */
  #rowText(from: number, to: number): string | undefined {
    const end = to > from && this.#text.charCodeAt(to - 1) === 13 ? to - 1 : to
    if (this.#ascii) {
      return this.#format.keepsText ? this.#block.toString('latin1', from, end) : this.#text.slice(from, end)
    }
    if (end <= this.#validTo || isUtf8(this.#block.subarray(from, end))) return this.#block.toString('utf8', from, end)
    return undefined
  }

  /** The start of a row, as a copy: a slice would hold on to the whole block. */
  #excerpt(from: number, to: number): string {
    return this.#block.toString('utf8', from, Math.min(to, from + MALFORMED_TEXT))
  }

  #place(offset: number): string {
    return `${this.#split.name}, byte ${offset}`
  }
}
