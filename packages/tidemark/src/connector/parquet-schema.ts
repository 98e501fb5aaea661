/**
 * What the decoding thread needs to know of the schema of a file.
 *
 * Called by connector/parquet-worker.ts and connector/parquet-flat.ts. Pure.
 */
import type { FileMetaData, SchemaElement } from 'hyparquet'
import type { DateUnit } from './parquet-columns.ts'
import type { ByteRange, FileDescription } from './parquet-protocol.ts'

type ColumnMeta = NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>

export function describe(metadata: FileMetaData): FileDescription {
  return {
    columns: topLevel(metadata).map(({ name }) => name),
    groups: metadata.row_groups.map((group) => ({
      rows: Number(group.num_rows),
      ranges: group.columns.flatMap(({ meta_data: meta }): ByteRange[] => (meta === undefined ? [] : [rangeOf(meta)])),
    })),
  }
}

/** Where the pages of a column of a row group are. */
export function rangeOf(meta: ColumnMeta): ByteRange {
  // Some writers put 0 where there is no dictionary.
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
  return { column: meta.path_in_schema[0] ?? '', start, end: start + Number(meta.total_compressed_size) }
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

export function wanted(metadata: FileMetaData, names: readonly string[]): SchemaElement[] {
  const elements = topLevel(metadata)
  return names.map((name) => {
    const element = elements.find((candidate) => candidate.name === name)
    if (element === undefined) throw new Error(`there is no column ${JSON.stringify(name)}`)
    return element
  })
}

/** A flat column of signed 64-bit integers or timestamps. */
export function isInt64(element: SchemaElement): boolean {
  const { type, repetition_type: repetition, converted_type: converted, logical_type: logical } = element
  if (type !== 'INT64' || repetition === 'REPEATED') return false
  return unitOf(element) !== undefined ||
    ((converted === undefined || converted === 'INT_64') &&
      (logical === undefined || (logical.type === 'INTEGER' && logical.isSigned)))
}

export function unitOf({ converted_type: converted, logical_type: logical }: SchemaElement): DateUnit | undefined {
  if (logical?.type === 'TIMESTAMP') return logical.unit
  return converted === 'TIMESTAMP_MILLIS' ? 'MILLIS' : converted === 'TIMESTAMP_MICROS' ? 'MICROS' : undefined
}
