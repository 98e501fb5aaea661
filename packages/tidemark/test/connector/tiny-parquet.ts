/** Makes small Parquet files: one required 64-bit column, plain, uncompressed, row groups of any sizes. */

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))]
const zigzag = (value: number): number[] => varint(value * 2)
const text = (value: string): number[] => [...varint(value.length), ...Buffer.from(value, 'latin1')]

/** Type ids of Thrift's compact protocol. */
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

type Field = readonly [id: number, type: number, bytes: readonly number[]]

function struct(...fields: readonly Field[]): number[] {
  let last = 0
  const bytes = fields.flatMap(([id, type, value]) => {
    const head = ((id - last) << 4) | type
    last = id
    return [head, ...value]
  })
  return [...bytes, 0]
}

const i32 = (id: number, value: number): Field => [id, I32, zigzag(value)]
const i64 = (id: number, value: number): Field => [id, I64, zigzag(value)]
const list = (id: number, type: number, items: readonly (readonly number[])[]): Field =>
  [id, LIST, [...(items.length < 15 ? [(items.length << 4) | type] : [0xf0 | type, ...varint(items.length)]), ...items.flat()]]

const INT64 = 2
const PLAIN = 0
const RLE = 3

/** A file whose column `name` holds 0, 1, 2 … over row groups of these sizes. */
export function tinyParquet(name: string, groups: readonly number[]): Uint8Array {
  const bytes: number[] = [...Buffer.from('PAR1')]
  let next = 0
  const described = groups.map((rows) => {
    const values = Buffer.alloc(rows * 8)
    for (let row = 0; row < rows; row++) values.writeBigInt64LE(BigInt(next++), row * 8)
    const page = [5, STRUCT, struct(i32(1, rows), i32(2, PLAIN), i32(3, RLE), i32(4, RLE))] as const
    const header = struct(i32(1, 0), i32(2, values.length), i32(3, values.length), page)
    const start = bytes.length
    bytes.push(...header, ...values)
    const size = header.length + values.length
    const meta = struct(
      i32(1, INT64), list(2, I32, [zigzag(PLAIN)]), list(3, BINARY, [text(name)]), i32(4, 0), i64(5, rows),
      i64(6, size), i64(7, size), i64(9, start),
    )
    return struct(list(1, STRUCT, [struct(i64(2, start), [3, STRUCT, meta])]), i64(2, size), i64(3, rows))
  })
  const root = struct([4, BINARY, text('schema')], i32(5, 1))
  const column = struct(i32(1, INT64), i32(3, 0), [4, BINARY, text(name)])
  const footer = struct(i32(1, 1), list(2, STRUCT, [root, column]), i64(3, next), list(4, STRUCT, described))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Uint8Array.from([...bytes, ...footer, ...length, ...Buffer.from('PAR1')])
}
