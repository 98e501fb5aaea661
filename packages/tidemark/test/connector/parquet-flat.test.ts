import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { parquetMetadata, parquetRead, type SchemaElement } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js'
import { expect, test } from 'vitest'
import { readHybrid } from '../../src/connector/parquet-bits.ts'
import { decodeFlat, type Decompress } from '../../src/connector/parquet-flat.ts'
import { accessible } from '../../src/connector/parquet-rows.ts'
import { rangeOf } from '../../src/connector/parquet-schema.ts'

const FLIGHTS = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))

test('every value of all row groups of the flights equals that of hyparquet', async () => {
  const bytes = new Uint8Array(readFileSync(FLIGHTS))
  const metadata = parquetMetadata(bytes)
  const file = { byteLength: bytes.length, slice: (from: number, to?: number) => bytes.slice(from, to).buffer }
  let compared = 0
  let different = 0
  for (const group of metadata.row_groups) {
    const only = { ...metadata, row_groups: [group], num_rows: group.num_rows }
    for (const { meta_data: meta } of group.columns) {
      if (meta === undefined) throw new Error('the flights have metadata')
      const name = meta.path_in_schema[0] as string
      const { start, end } = rangeOf(meta)
      const column = decodeFlat({
        element: metadata.schema.find((element) => element.name === name) as SchemaElement,
        rows: Number(group.num_rows), bytes: bytes.subarray(start, end),
        decompress: compressors[meta.codec] as Decompress,
      })
      expect(column?.kind).toBe({ date: 'date', origin: 'dictionary', destination: 'dictionary' }[name] ?? 'number')
      if (column === undefined) continue
      const own = accessible(column)
      let row = 0
      await parquetRead({
        file, metadata: only, columns: [name], compressors,
        onChunk: ({ columnData }) => {
          for (const value of columnData) {
            const mine = own.at(row++)
            const theirs: unknown = typeof value === 'bigint' ? Number(value) : value
            if (mine !== theirs && Number(mine) !== Number(theirs)) different += 1
          }
        },
      })
      compared += row
    }
  }
  expect(different).toBe(0)
  expect(compared).toBe(15_000_000)
}, 180_000)

// --- small chunks, made here ---

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])

/** Runs of one value and groups of eight packed ones. */
function hybrid(runs: readonly { readonly values: readonly number[]; readonly packed: boolean }[], width: number): number[] {
  return runs.flatMap(({ values, packed }) => {
    if (!packed) {
      const value = values[0] as number
      const bytes = Array.from({ length: (width + 7) >> 3 }, (_, i) => (value >>> (8 * i)) & 255)
      return [...varint(values.length << 1), ...bytes]
    }
    const groups = Math.ceil(values.length / 8)
    const bits = Array.from({ length: groups * 8 * width }, (_, bit) => ((values[Math.floor(bit / width)] ?? 0) >>> (bit % width)) & 1)
    const bytes = Array.from({ length: groups * width }, (_, i) => bits.slice(i * 8, i * 8 + 8).reduce((sum, b, at) => sum | (b << at), 0))
    return [...varint((groups << 1) | 1), ...bytes]
  })
}

const runs = fc.integer({ min: 1, max: 24 }).chain((width) => fc.record({
  width: fc.constant(width),
  runs: fc.array(fc.oneof(
    fc.record({ packed: fc.constant(true), values: fc.integer({ min: 1, max: 5 }).chain((groups) =>
      fc.array(fc.nat({ max: 2 ** width - 1 }), { minLength: groups * 8, maxLength: groups * 8 })) }),
    fc.record({ packed: fc.constant(false), values: fc.tuple(fc.nat({ max: 2 ** width - 1 }), fc.integer({ min: 1, max: 300 }))
      .map(([value, count]) => Array.from({ length: count }, () => value)) }),
  ), { minLength: 1, maxLength: 6 }),
}))

test('the hybrid is read back as it was written, and as hyparquet reads it; cut off, it is refused', () => {
  fc.assert(fc.property(runs, fc.nat(7), ({ width, runs: parts }, less) => {
    const values = parts.flatMap((part) => part.values)
    // The last group may hold more than is wanted.
    const count = Math.max(1, values.length - (parts.at(-1)?.packed === true ? less : 0))
    const bytes = Uint8Array.from(hybrid(parts, width))
    const out = new Int32Array(count + 2).fill(-1)
    expect(readHybrid(bytes, 0, bytes.length, width, out, 1, count)).toBe(true)
    expect([...out]).toEqual([-1, ...values.slice(0, count), -1])
    const theirs = Array.from({ length: count }, () => 0)
    readRleBitPackedHybrid({ view: new DataView(bytes.buffer), offset: 0 }, width, theirs, bytes.length)
    expect(theirs).toEqual(values.slice(0, count))
    expect(readHybrid(bytes, 0, bytes.length - 1, width, new Int32Array(count), 0, count)).toBe(false)
  }))
})

/** A thrift struct in the compact form; fields are i32 or structs. */
function thrift(fields: Readonly<Record<number, number | number[]>>): number[] {
  let last = 0
  const out: number[] = []
  for (const [key, value] of Object.entries(fields)) {
    const type = Array.isArray(value) ? 12 : 5
    out.push(((Number(key) - last) << 4) | type, ...(Array.isArray(value) ? value : varint(value << 1)))
    last = Number(key)
  }
  return [...out, 0]
}

const int64s = (values: readonly bigint[]): number[] => [...new Uint8Array(BigInt64Array.from(values).buffer)]
const texts = (values: readonly string[]): number[] => values.flatMap((value) => {
  const bytes = new TextEncoder().encode(value)
  return [bytes.length, 0, 0, 0, ...bytes]
})

const dictionaryPage = (count: number, body: readonly number[]): number[] =>
  [...thrift({ 1: 2, 2: body.length, 3: body.length, 7: thrift({ 1: count, 2: 0 }) }), ...body]

/** Version 1: levels with their length in front. `encoding`: 0 plain, 8 dictionary indices. */
function dataPage(levels: readonly number[], encoding: number, values: readonly number[]): number[] {
  const packed = hybrid([{ packed: true, values: levels }], 1)
  const body = [packed.length, 0, 0, 0, ...packed, ...values]
  return [...thrift({ 1: 0, 2: body.length, 3: body.length, 5: thrift({ 1: levels.length, 2: encoding, 3: 3, 4: 3 }) }), ...body]
}

function dataPageV2(levels: readonly number[], encoding: number, values: readonly number[]): number[] {
  const packed = hybrid([{ packed: true, values: levels }], 1)
  const body = [...packed, ...values]
  const nulls = levels.filter((level) => level === 0).length
  return [...thrift({ 1: 3, 2: body.length, 3: body.length, 8: thrift({
    1: levels.length, 2: nulls, 3: levels.length, 4: encoding, 5: packed.length, 6: 0,
  }) }), ...body]
}

const decode = (element: Partial<SchemaElement>, rows: number, pages: readonly number[][]): unknown[] | undefined => {
  const column = decodeFlat({
    element: { name: 'x', repetition_type: 'OPTIONAL', ...element }, rows,
    bytes: Uint8Array.from(pages.flat()), decompress: (input) => input,
  })
  if (column === undefined) return undefined
  const values = accessible(column)
  return Array.from({ length: rows }, (_, row) => values.at(row))
}
const indices = (values: readonly number[], width: number): number[] => [width, ...hybrid([{ packed: true, values }], width)]
const TEXT: Partial<SchemaElement> = { type: 'BYTE_ARRAY', converted_type: 'UTF8' }
const INT64: Partial<SchemaElement> = { type: 'INT64' }
const MICROS: Partial<SchemaElement> = {
  type: 'INT64', logical_type: { type: 'TIMESTAMP', unit: 'MICROS', isAdjustedToUTC: true },
}

for (const [version, page] of [[1, dataPage], [2, dataPageV2]] as const) {
  test(`nulls stay where they are, over several pages and encodings (pages of version ${version})`, () => {
    expect(decode(TEXT, 7, [
      dictionaryPage(2, texts(['é', 'b'])), page([1, 0, 1, 0], 8, indices([1, 0], 1)), page([0, 1, 1], 8, indices([0, 0], 1)),
    ])).toEqual(['b', null, 'é', null, null, 'é', 'é'])
    expect(decode(INT64, 6, [
      dictionaryPage(2, int64s([-5n, 7n])), page([0, 1, 1], 8, indices([1, 0], 1)), page([1, 0, 1], 0, int64s([9n, -(2n ** 53n) + 1n])),
    ])).toEqual([null, 7, -5, 9, null, -(2 ** 53) + 1])
    expect(decode(MICROS, 3, [page([1, 0, 1], 0, int64s([-1n, 1_999n]))])).toEqual([new Date(-1), null, new Date(1)])
    expect(decode({ type: 'INT32' }, 2, [page([1, 1], 0, [1, 0, 0, 0, 255, 255, 255, 255])])).toEqual([1, -1])
  })
}

test('what is not understood or does not add up is left to the general decoder', () => {
  const dictionary = dictionaryPage(2, texts(['a', 'b']))
  const good = [dictionary, dataPage([1, 1], 8, indices([0, 1], 1))]
  expect(decode(TEXT, 2, good)).toEqual(['a', 'b'])
  const cases: Record<string, unknown[] | undefined> = {
    'an index beyond the dictionary': decode(TEXT, 2, [dictionary, dataPage([1, 1], 8, indices([0, 3], 2))]),
    'indices without a dictionary': decode(TEXT, 2, good.slice(1)),
    'fewer rows than the group has': decode(TEXT, 3, good),
    'more rows than the group has': decode(TEXT, 1, good),
    'plain texts': decode(TEXT, 1, [dataPage([1], 0, texts(['a']))]),
    'a page that is cut off': decode(TEXT, 2, [dictionary, (good[1] as number[]).slice(0, -1)]),
    'an integer that no number holds': decode(INT64, 1, [dataPage([1], 0, int64s([2n ** 53n]))]),
    'too few plain values': decode(INT64, 2, [dataPage([1, 1], 0, int64s([1n]))]),
    'an unsigned integer': decode({ type: 'INT64', converted_type: 'UINT_64' }, 1, [dataPage([1], 0, int64s([1n]))]),
    'a decimal': decode({ type: 'INT32', converted_type: 'DECIMAL' }, 1, [dataPage([1], 0, [1, 0, 0, 0])]),
    'JSON': decode({ type: 'BYTE_ARRAY', converted_type: 'JSON' }, 2, good),
    'a repeated column': decode({ ...TEXT, repetition_type: 'REPEATED' }, 2, good),
    'another encoding': decode(INT64, 1, [dataPage([1], 5, int64s([1n]))]),
  }
  for (const [what, answer] of Object.entries(cases)) expect(answer, what).toBeUndefined()
})

test('a codec that gives another size than the header says is left to the general decoder', () => {
  const bytes = Uint8Array.from(dataPage([1], 0, int64s([1n])))
  const element = { name: 'x', repetition_type: 'OPTIONAL', type: 'INT64' } as const
  expect(decodeFlat({ element, rows: 1, bytes, decompress: (input) => input })).toBeDefined()
  expect(decodeFlat({ element, rows: 1, bytes, decompress: (input) => input.subarray(1) })).toBeUndefined()
})
