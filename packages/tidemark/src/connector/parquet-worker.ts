/**
 * The thread that decodes Parquet: one request at a time, bytes in, columns out.
 *
 * Owns the metadata of the last file. Started by connector/parquet-decoder.ts. It exists because a page
 * is decoded in one go: many milliseconds for a column of 270,000 rows, which the event loop must not
 * wait for. Flat columns are decoded by parquet-flat.ts; everything else by hyparquet.
 */
import { parentPort } from 'node:worker_threads'
import { parquetMetadata, parquetRead, type Compressors, type FileMetaData, type SchemaElement } from 'hyparquet'
import { decompressorOf } from './parquet-codecs.ts'
import { toColumn, toMilliseconds, type Values } from './parquet-columns.ts'
import { decodeFlat, type Decompress } from './parquet-flat.ts'
import type { Column, DecodeReply, DecodeRequest, LoadedRange } from './parquet-protocol.ts'
import { describe, isInt64, rangeOf, unitOf, wanted } from './parquet-schema.ts'

const port = parentPort
const metadataOf = lastMetadata()

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
  const metadata = metadataOf(request.footer)
  if (request.kind === 'describe') {
    return { id: request.id, kind: 'described', file: describe(metadata) }
  }
  const group = metadata.row_groups[request.group]
  if (group === undefined) throw new Error(`there is no row group ${request.group}`)
  const rows = Number(group.num_rows)
  const codecs = await codecsOf(group)
  const columns: Column[] = []
  for (const element of wanted(metadata, request.columns)) {
    const meta = group.columns.find(({ meta_data: m }) => m?.path_in_schema[0] === element.name)?.meta_data
    const decompress = codecs[meta?.codec ?? '']
    const chunk = meta === undefined ? undefined : chunkOf(request.ranges, rangeOf(meta))
    const flat = chunk === undefined || decompress === undefined
      ? undefined
      : decodeFlat({ element, rows, bytes: chunk, decompress })
    columns.push(flat ?? await decodeAny(request, metadata, element, codecs))
  }
  return { id: request.id, kind: 'decoded', columns }
}

/** The same footer comes again with every row group of a file. */
function lastMetadata(): (footer: Uint8Array) => FileMetaData {
  let last: { readonly footer: Uint8Array; readonly metadata: FileMetaData } | undefined
  return (footer) => {
    if (last === undefined || Buffer.compare(last.footer, footer) !== 0) {
      last = { footer, metadata: parquetMetadata(footer) }
    }
    return last.metadata
  }
}

type Group = FileMetaData['row_groups'][number]
type Codecs = Record<string, Decompress | undefined>

async function codecsOf(group: Group): Promise<Codecs> {
  const found: Codecs = {}
  for (const { meta_data: meta } of group.columns) {
    if (meta !== undefined) found[meta.codec] ??= await decompressorOf(meta.codec)
  }
  return found
}

/** Any column, through hyparquet: slower, and with the words for what is wrong with a file. */
async function decodeAny(
  request: DecodeRequest & { readonly kind: 'decode' }, shared: FileMetaData, { name }: SchemaElement, codecs: Codecs,
): Promise<Column> {
  const group = shared.row_groups[request.group] as Group
  const rows = Number(group.num_rows)
  // Copied, since reading integers changes the schema for a moment and requests may overlap.
  const metadata: FileMetaData = {
    ...shared, schema: shared.schema.map((element) => ({ ...element })), row_groups: [group], num_rows: group.num_rows,
  }
  const element = wanted(metadata, [name])[0] as SchemaElement
  const file = {
    byteLength: request.sizeBytes,
    slice: (start: number, end = request.sizeBytes) => Promise.resolve(bytesFrom(request.ranges, start, end)),
  }
  const read = async (column: string, convert?: (value: bigint) => unknown): Promise<Values[]> => {
    const parts: Values[] = []
    await parquetRead({
      file, metadata, columns: [column], rowStart: 0, rowEnd: rows, compressors: codecs as Compressors,
      parsers: convert === undefined ? {} : { timestampFromMilliseconds: convert },
      onChunk: ({ columnData }) => parts.push(columnData as Values),
    })
    const found = parts.reduce((sum, part) => sum + part.length, 0)
    if (found !== rows) throw new Error(`column ${JSON.stringify(column)} has ${found} values for ${rows} rows`)
    return parts
  }
  const parts = isInt64(element) ? await readInt64(element, read) : await read(name)
  return toColumn(parts, rows, isInt64(element) && unitOf(element) !== undefined)
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

/** The bytes of one chunk, without a copy; undefined if they were not loaded in one piece. */
function chunkOf(ranges: readonly LoadedRange[], { start, end }: { start: number; end: number }): Uint8Array | undefined {
  const range = ranges.find((each) => each.start <= start && end <= each.start + each.bytes.length)
  return range?.bytes.subarray(start - range.start, end - range.start)
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
