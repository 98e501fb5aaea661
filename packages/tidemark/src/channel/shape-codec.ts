/**
 * The codec of one shape as generated code: one function that writes and one that reads, each a single loop
 * over records with every column's step in line.
 *
 * Called by batch-codec.ts, once for each shape that a channel meets. A function of its own for every shape
 * keeps its speed when many jobs share an isolate, and a literal of constant shape is the fastest way to make
 * an object.
 *
 *   SH-1  Generated source contains nothing from data but field names that are identifiers of ASCII,
 *         written as JSON string literals; `__proto__`, every other name and very wide records go to
 *         closures.
 *   SH-2  What the generated functions write and read is what the closures write and read.
 *   SH-3  A record is read field by field, each once; a record of another shape stops the writing (-1).
 */
import { assert } from '../base/assert.ts'
import { canGenerate, generate } from '../base/generated-code.ts'
import { baseOf, KIND, MOST_CHARS, NULLABLE, TAGS, type Shape, type ShapeCodec } from './columns.ts'
import { closureCodec } from './shape-closures.ts'

/** Compiling a function costs more the longer it is, and V8 optimises none that is very long. */
const MOST_COLUMNS = 100

type Compiled = (...values: readonly unknown[]) => unknown

/** Found once, by trying: it does not change within a process. */
export const GENERATES: boolean = generate<() => boolean>([], 'return true')?.() === true

export function isGeneratable({ names, kinds }: Shape): boolean {
  if (kinds.length > MOST_COLUMNS) return false
  return names === undefined || canGenerate(names)
}

/** `generated`: false to do without generated code, as where it is disallowed. */
export function shapeCodec(shape: Shape, generated: boolean = GENERATES): ShapeCodec {
  if (!generated || !isGeneratable(shape)) return closureCodec(shape)
  const write = generate<Compiled>(['names', 'plain', 'date'], writerSource(shape))
  const read = generate<Compiled>([], readerSource(shape))
  assert(write !== undefined && read !== undefined, 'allowed code compiles for every generatable shape')
  return {
    write: write(shape.names, Object.prototype, Date.prototype) as ShapeCodec['write'],
    read: read() as ShapeCodec['read'],
  }
}

function writerSource({ names, kinds }: Shape): string {
  const before = kinds.map((kind, c) => {
    const base = baseOf(kind)
    if (base === KIND.other) return `const values${c} = columns.others[${c}]`
    const text = base === KIND.string ? `; let text${c} = ''` : ''
    return `const at${c} = columns.at[${c}], tags${c} = columns.tagsAt[${c}]${text}`
  })
  const checks = names === undefined ? '' : `
    if (typeof record !== 'object' || record === null || Object.getPrototypeOf(record) !== plain) return -1
    let found = 0
    for (const name in record) {
      if (name !== names[found]) return -1
      found += 1
    }
    if (found !== ${kinds.length}) return -1`
  const cells = kinds.map((kind, c) => {
    const field = names === undefined ? 'record' : `record[${JSON.stringify(names[c])}]`
    const value = writeCell(baseOf(kind), c)
    return `x = ${field}\n    ${(kind & NULLABLE) === 0 ? value : writeNullable(value, c)}`
  })
  const after = kinds.map((kind, c) => (baseOf(kind) === KIND.string ? `columns.texts[${c}] = text${c}` : ''))
  return `return function write(columns, values, from, n) {
  const { ints, floats, bytes, bigints } = columns
  ${before.join('\n  ')}
  let chars = 0
  for (let i = 0; i < n; i++) {
    const record = values[from + i]${checks}
    let x
    ${cells.join('\n    ')}
  }
  ${after.join('\n  ')}
  return n
}`
}

function writeCell(base: number, c: number): string {
  switch (base) {
    case KIND.int:
      return `if (typeof x !== 'number' || (x | 0) !== x || (x === 0 && 1 / x < 0)) return -1
    ints[at${c} + i] = x`
    case KIND.float:
      return `if (typeof x !== 'number') return -1
    floats[at${c} + i] = x`
    case KIND.boolean:
      return `if (typeof x !== 'boolean') return -1
    bytes[at${c} + i] = x ? 1 : 0`
    case KIND.string:
      return `if (typeof x !== 'string') return -1
    chars += x.length
    if (chars > ${MOST_CHARS}) return i
    ints[at${c} + i] = x.length
    text${c} += x`
    case KIND.date:
      return `if (typeof x !== 'object' || x === null || Object.getPrototypeOf(x) !== date) return -1
    floats[at${c} + i] = x.getTime()`
    case KIND.bigint:
      return `if (typeof x !== 'bigint' || BigInt.asIntN(64, x) !== x) return -1
    bigints[at${c} + i] = x`
    case KIND.other:
      return `values${c}.push(x)`
  }
  return 'return -1'
}

function writeNullable(value: string, c: number): string {
  return `if (x === undefined || x === null) {
      bytes[tags${c} + i] = x === null ? ${TAGS.null} : ${TAGS.undefined}
    } else {
      bytes[tags${c} + i] = ${TAGS.value}
      ${value}
    }`
}

function readerSource({ names, kinds }: Shape): string {
  const before = kinds.map((kind, c) => {
    const base = baseOf(kind)
    if (base === KIND.other) return `const values${c} = columns.others[${c}]`
    const data = base === KIND.string ? `strings${c} = columns.strings[${c}]` : `at${c} = columns.at[${c}]`
    return `const ${data}, tags${c} = columns.tagsAt[${c}]`
  })
  const cells = kinds.map((kind, c) => {
    const value = readCell(baseOf(kind), c)
    if ((kind & NULLABLE) === 0) return value
    const tag = `bytes[tags${c} + i]`
    return `${tag} === ${TAGS.value} ? ${value} : ${tag} === ${TAGS.null} ? null : undefined`
  })
  const record = names === undefined
    ? (cells[0] as string)
    : `{ ${names.map((name, c) => `${JSON.stringify(name)}: ${cells[c]}`).join(', ')} }`
  return `return function read(columns, n) {
  const { ints, floats, bytes, bigints } = columns
  ${before.join('\n  ')}
  const values = []
  for (let i = 0; i < n; i++) values.push(${record})
  return values
}`
}

function readCell(base: number, c: number): string {
  switch (base) {
    case KIND.int:
      return `ints[at${c} + i]`
    case KIND.float:
      return `floats[at${c} + i]`
    case KIND.boolean:
      return `bytes[at${c} + i] === 1`
    case KIND.string:
      return `strings${c}[i]`
    case KIND.date:
      return `new Date(floats[at${c} + i])`
    case KIND.bigint:
      return `bigints[at${c} + i]`
    case KIND.other:
      return `values${c}[i]`
  }
  return 'undefined'
}
