/**
 * The thread that decodes Parquet: one request at a time, bytes in, columns out.
 *
 * Owns nothing but the request in hand. Started by connector/parquet-decoder.ts. It exists because
 * a page is decoded in one go: 60 ms for a column of 270,000 rows, which the event loop must not wait for.
 */
import { parentPort } from 'node:worker_threads'
import * as zlib from 'node:zlib'
import { parquetMetadata, parquetRead, type FileMetaData, type SchemaElement } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { toColumn, toMilliseconds, type DateUnit, type Values } from './parquet-columns.ts'
import type { ByteRange, Column, DecodeReply, DecodeRequest, FileDescription, LoadedRange } from './parquet-protocol.ts'

const port = parentPort
type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array

// Newer versions of Node bring zstd in native code, several times faster than the one in JavaScript.
const nativeZstd = (zlib as unknown as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array }).zstdDecompressSync
const codecs: Record<string, Decompress | undefined> = {
  ...compressors,
  GZIP: (input) => zlib.gunzipSync(input),
  BROTLI: (input) => zlib.brotliDecompressSync(input),
  ...(nativeZstd === undefined ? {} : { ZSTD: (input: Uint8Array) => nativeZstd(input) }),
}

port?.on('message', (request: DecodeRequest) => {
  answer(request).then(
    (reply) => port.postMessage(reply),
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      port.postMessage({ id: request.id, kind: 'failed', reason } satisfies DecodeReply)
    },
  )
})

async function answer(request: DecodeRequest): Promise<DecodeReply> {
  const metadata = parquetMetadata(request.footer)
  if (request.kind === 'describe') {
    return { id: request.id, kind: 'described', file: describe(metadata) }
  }
  const group = metadata.row_groups[request.group]
  if (group === undefined) throw new Error(`there is no row group ${request.group}`)
  const rows = Number(group.num_rows)
  const only: FileMetaData = { ...metadata, row_groups: [group], num_rows: group.num_rows }
  const file = {
    byteLength: request.sizeBytes,
    slice: (start: number, end = request.sizeBytes) => Promise.resolve(bytesFrom(request.ranges, start, end)),
  }
  const read = async (column: string, convert?: (value: bigint) => unknown): Promise<Values[]> => {
    const parts: Values[] = []
    await parquetRead({
      file, metadata: only, columns: [column], rowStart: 0, rowEnd: rows, compressors: codecs as typeof compressors,
      parsers: convert === undefined ? {} : { timestampFromMilliseconds: convert },
      onChunk: ({ columnData }) => parts.push(columnData as Values),
    })
    const found = parts.reduce((sum, part) => sum + part.length, 0)
    if (found !== rows) throw new Error(`column ${JSON.stringify(column)} has ${found} values for ${rows} rows`)
    return parts
  }
  const columns: Column[] = []
  for (const element of wanted(metadata, request.columns)) {
    const parts = isInt64(element) ? await readInt64(element, read) : await read(element.name)
    columns.push(toColumn(parts, rows, isInt64(element) && unitOf(element) !== undefined))
  }
  return { id: request.id, kind: 'decoded', columns }
}

function describe(metadata: FileMetaData): FileDescription {
  return {
    columns: topLevel(metadata).map(({ name }) => name),
    groups: metadata.row_groups.map((group) => ({
      rows: Number(group.num_rows),
      ranges: group.columns.flatMap(({ meta_data: meta }): ByteRange[] => {
        if (meta === undefined) return []
        // Some writers put 0 where there is no dictionary.
        const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
        const end = start + Number(meta.total_compressed_size)
        return [{ column: meta.path_in_schema[0] ?? '', start, end }]
      }),
    })),
  }
}

/** The schema is a tree in pre-order; its first element is the root. */
function topLevel(metadata: FileMetaData): SchemaElement[] {
  const found: SchemaElement[] = []
  let at = 1
  const skip = (): void => {
    const children = metadata.schema[at]?.num_children ?? 0
    at += 1
    for (let i = 0; i < children; i++) skip()
  }
  while (at < metadata.schema.length) {
    found.push(metadata.schema[at] as SchemaElement)
    skip()
  }
  return found
}

function wanted(metadata: FileMetaData, names: readonly string[]): SchemaElement[] {
  const elements = topLevel(metadata)
  return names.map((name) => {
    const element = elements.find((candidate) => candidate.name === name)
    if (element === undefined) throw new Error(`there is no column ${JSON.stringify(name)}`)
    return element
  })
}

/** A flat column of signed 64-bit integers or timestamps. */
function isInt64(element: SchemaElement): boolean {
  const { type, repetition_type: repetition, converted_type: converted, logical_type: logical } = element
  if (type !== 'INT64' || repetition === 'REPEATED') return false
  return unitOf(element) !== undefined ||
    ((converted === undefined || converted === 'INT_64') &&
      (logical === undefined || (logical.type === 'INTEGER' && logical.isSigned)))
}

function unitOf({ converted_type: converted, logical_type: logical }: SchemaElement): DateUnit | undefined {
  if (logical?.type === 'TIMESTAMP') return logical.unit
  return converted === 'TIMESTAMP_MILLIS' ? 'MILLIS' : converted === 'TIMESTAMP_MICROS' ? 'MICROS' : undefined
}

/**
 * Reads 64-bit integers as numbers. The conversion is put where the decoder converts timestamps: for a
 * column with a dictionary it is called per distinct value, and no bigint is made per row.
 */
async function readInt64(
  element: SchemaElement, read: (column: string, convert?: (value: bigint) => unknown) => Promise<Values[]>,
): Promise<Values[]> {
  const { converted_type: converted, logical_type: logical } = element
  const unit = unitOf(element)
  let safe = true
  const convert = (value: bigint | null | undefined): unknown => {
    if (value === null || value === undefined) return null
    if (unit !== undefined) return toMilliseconds(value, unit)
    const number = Number(value)
    if (!Number.isSafeInteger(number)) safe = false
    return number
  }
  delete element.logical_type
  element.converted_type = 'TIMESTAMP_MILLIS'
  const parts = await read(element.name, convert)
  // Put back: it says what the numbers are.
  if (logical !== undefined) element.logical_type = logical
  delete element.converted_type
  if (converted !== undefined) element.converted_type = converted
  return safe ? parts : read(element.name)
}

/** File bytes [start, end) from what was loaded; what lies between columns is left zero. */
function bytesFrom(ranges: readonly LoadedRange[], start: number, end: number): ArrayBuffer {
  const out = new Uint8Array(end - start)
  for (const range of ranges) {
    const from = Math.max(start, range.start)
    const to = Math.min(end, range.start + range.bytes.length)
    if (from < to) out.set(range.bytes.subarray(from - range.start, to - range.start), from - start)
  }
  return out.buffer
}
