import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { NO_TIMESTAMP } from '../../src/base/time.ts'
import { BatchDecoder, BatchEncoder, type BatchCodecOptions } from '../../src/channel/batch-codec.ts'
import { join, kindOf, MOST_CHARS, observe } from '../../src/channel/columns.ts'
import type { DataBatch } from '../../src/channel/items.ts'
import { Scratch } from '../../src/channel/scratch.ts'
import { GENERATES, isGeneratable } from '../../src/channel/shape-codec.ts'

const times = (values: readonly unknown[]): number[] => values.map((_, i) => 1000 + i)
const batch = (values: readonly unknown[], timestamps: readonly number[] = times(values)): DataBatch =>
  ({ kind: 'data', values, timestamps })

const BY_COLUMNS = 1

/** One direction of a channel: bytes are copied between its ends. */
class Line {
  readonly encoder: BatchEncoder
  readonly decoder: BatchDecoder
  /** Of the last batch. */
  bytes = new Uint8Array(0)
  /** How many pieces each batch was cut into. */
  pieces = 0

  constructor(options: BatchCodecOptions = {}, decoding: BatchCodecOptions = options) {
    this.encoder = new BatchEncoder(options)
    this.decoder = new BatchDecoder(decoding)
  }

  get byColumns(): boolean {
    return this.bytes[4] === BY_COLUMNS
  }

  cross(original: DataBatch): DataBatch {
    const values: unknown[] = []
    const timestamps: number[] = []
    this.pieces = 0
    for (let from = 0; from < original.values.length;) {
      from = this.encoder.encode(original, from)
      this.bytes = this.encoder.bytes.slice(0, this.encoder.length)
      this.encoder.reset()
      this.pieces += 1
      const scratch = new Scratch()
      scratch.reserve(this.bytes.length, 0)
      scratch.bytes.set(this.bytes)
      const piece = this.decoder.decode(scratch, this.bytes.length)
      // Nothing that was decoded may depend on the memory it came from.
      scratch.bytes.fill(0xff)
      values.push(...piece.values)
      timestamps.push(...piece.timestamps)
    }
    return batch(values, timestamps)
  }
}

function same(a: DataBatch, b: DataBatch): boolean {
  const fields = (value: unknown): unknown =>
    typeof value === 'object' && value !== null ? Object.keys(value) : undefined
  return isDeepStrictEqual(a, b) && isDeepStrictEqual(a.values.map(fields), b.values.map(fields))
}

const HOSTILE_NAMES = [
  '__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf', '', ' ', '0', '1e3', '-1',
  'a b', 'a-b',   'a"b', "a'b", 'a`b', 'a\\', '\\u0061', 'a\nb', '\u2028', '\0', '${x}', '*/', '//',
  '"]; throw 1; //', 'x"]: 1 }); process.exit(9); //',
  'é', '名', '𝒳', '\ud800', 'if', 'class', 'await', 'async',
  'get', 'set', 'yield', 'let', 'static', 'arguments', 'eval', 'undefined',
  'names', 'plain', 'date', 'record', 'columns', 'x', 'i', 'n', 'at0', 'text0', 'values0', 'found', '$', '_',
  'then', 'toJSON',
]

const wild = fc.string({ unit: 'binary', maxLength: 20 })
const columnOf: readonly fc.Arbitrary<unknown>[] = [
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, 5e-324),
  fc.string({ maxLength: 30 }),
  wild,
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.constant(null),
  fc.constant(undefined),
  fc.option(fc.integer()),
  fc.option(fc.string(), { nil: undefined }),
  fc.oneof(fc.constant(null), fc.constant(undefined), fc.boolean(), fc.date({ noInvalidDate: true })),
  fc.oneof(fc.integer(), fc.string()),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.double(), { maxKeys: 2 }),
  fc.anything({ withMap: true, withSet: true, withBigInt: true, withTypedArray: true, maxDepth: 2 }),
]
const name = fc.oneof(fc.constantFrom('id', 'price', 'name', 'at', 'k'), fc.constantFrom(...HOSTILE_NAMES))
const names = fc.uniqueArray(name, { maxLength: 6 })

function recordOf(keys: readonly string[], values: readonly unknown[]): object {
  const record = {}
  for (const [i, key] of keys.entries()) {
    Object.defineProperty(record, key, { value: values[i], writable: true, enumerable: true, configurable: true })
  }
  return record
}

const column = fc.constantFrom(...columnOf)
const shaped = names.chain((keys) => fc.tuple(...keys.map(() => column)).chain((columns) =>
  fc.array(fc.tuple(...columns), { maxLength: 12 }).map((rows) => rows.map((row) => recordOf(keys, row)))))
const bare = column.chain((values) => fc.array(values, { maxLength: 12 }))
const mixed = fc.array(fc.oneof(...columnOf, fc.record({ a: fc.integer() }), fc.constant({})), { maxLength: 8 })
const time = fc.oneof(
  fc.constant(NO_TIMESTAMP), fc.constantFrom(0, -0, 1, 1e-20, NaN, Number.MAX_SAFE_INTEGER), fc.integer(),
  fc.maxSafeInteger(),
)
const anyValues = fc.oneof({ weight: 3, arbitrary: shaped }, bare, mixed)
const anyBatch = fc.tuple(anyValues, fc.array(time, { minLength: 12, maxLength: 12 }), fc.boolean())
  .map(([values, at, equal]) => batch(values, values.map((_, i) => at[equal ? 0 : i] as number)))

describe('BC-1: batches come back equal in every bit, in order of fields', () => {
  test('any batches, one after the other on one line; generated code and closures write the same bytes', () => {
    let byColumns = 0
    let byValues = 0
    fc.assert(fc.property(fc.array(anyBatch, { minLength: 1, maxLength: 4 }), (batches) => {
      const generated = new Line({}, { generate: false })
      const closures = new Line({ generate: false }, {})
      for (const original of batches) {
        expect(same(generated.cross(original), original)).toBe(true)
        expect(same(closures.cross(original), original)).toBe(true)
        expect(closures.bytes).toEqual(generated.bytes)
        if (generated.byColumns) byColumns += 1
        else byValues += 1
      }
    }), { numRuns: 120 })
    expect(GENERATES).toBe(true)
    expect(byColumns).toBeGreaterThan(0)
    expect(byValues).toBeGreaterThan(0)
  })

  test('every hostile name, alone and beside others, as data and nothing else', () => {
    for (const name of HOSTILE_NAMES) {
      for (const keys of [[name], ['id', name], [name, 'id', `${name}x`]]) {
        const values = [0, 1, 2].map((n) => recordOf(keys, [n, `text ${n}`, null]))
        const original = batch(values)
        for (const generate of [true, false]) {
          const line = new Line({ generate })
          const back = line.cross(original)
          expect(line.byColumns).toBe(true)
          expect(same(back, original)).toBe(true)
          for (const record of back.values) expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
        }
      }
    }
    expect(HOSTILE_NAMES.filter((name) => isGeneratable({ names: [name], kinds: [1] }))).not.toContain('__proto__')
  })

  test('poison records: every odd value of the fault catalogue, as a bare value, a field and deep inside', () => {
    const poison: unknown[] = [
      NaN, -0, 0, Infinity, -Infinity, 1n, -(2n ** 63n), 2n ** 64n, undefined, null, '', '\ud800',
      '\udc00\ud800', 'a\udfff',      '\ufeff', '\0', '\ufffd', '😀', 'é', new Map([[NaN, -0]]), new Set([undefined, '\ud800']),
      JSON.parse('{"__proto__":{"a":1}}'),
      Object.create(null), Object.assign(Object.create(null) as object, { a: 1 }), [], [undefined], {},
      new Uint8Array([1, 2]),       new Float64Array([-0, NaN]), new ArrayBuffer(3), new Date(-1), new Date(8.64e15), 2 ** 53, -(2 ** 53), 5e-324,
    ]
    for (const value of poison) {
      for (const form of [value, { value }, { id: 1, value }, { deep: [{ value }] }, [value]]) {
        const other = { id: 1, value: 'x' }
        for (const values of [[form], [form, form, form], [form, other], [{ id: 1, value: 0 }, form]]) {
          const original = batch(values)
          expect(same(new Line().cross(original), original)).toBe(true)
        }
      }
    }
  })

  test('an invalid date stays one, in a column of dates and elsewhere', () => {
    const invalid = new Date(NaN)
    for (const values of [[invalid], [{ at: new Date(0) }, { at: invalid }], [{ at: null }, { at: invalid }]]) {
      const [last] = new Line().cross(batch(values)).values.slice(-1)
      const date = last instanceof Date ? last : (last as { at: Date }).at
      expect(Object.getPrototypeOf(date)).toBe(Date.prototype)
      expect(date.getTime()).toBeNaN()
    }
  })

  test('timestamps whose difference is a rounded one stay exact', () => {
    const original = batch([1, 2, 3], [1, 1e-20, -1])
    expect(same(new Line().cross(original), original)).toBe(true)
  })

  test('half pairs that meet in the text of a column stay halves', () => {
    const original = batch([{ s: 'a\ud83d' }, { s: '\ude00b' }, { s: '\ud83d' }])
    expect(same(new Line().cross(original), original)).toBe(true)
  })

  test('long and short strings of all widths, around every length at which their handling changes', () => {
    for (const unit of ['a', 'é', '名', '\ud800']) {
      const lengths = [0, 1, 11, 12, 13, 14, 511, 512, 513, 4095, 4096, 4097, 9000, 3]
      const values = lengths.map((n) => ({ s: unit.repeat(n), t: 'x' }))
      const original = batch(values)
      const line = new Line()
      expect(same(line.cross(original), original)).toBe(true)
      expect(line.byColumns).toBe(true)
    }
  })
})

describe('BC-2: what cannot cross is refused with E071 and its path', () => {
  class Session {
    readonly id = 1
  }
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const cases: readonly (readonly [unknown, string])[] = [
    [new Session(), ''],
    [{ id: 1, session: new Session() }, 'session'],
    [{ id: 1, session: { run: () => 1 } }, 'session.run'],
    [{ id: Symbol('x') }, 'id'],
    [() => 1, ''],
    [cyclic, 'self'],
    [{ list: [1, new WeakMap()] }, 'list[1]'],
    [{ a: new (class Day extends Date {})() }, 'a'],
  ]
  for (const generate of [true, false]) {
    test(generate ? 'with generated code' : 'without generated code', () => {
      for (const [value, path] of cases) {
        const refusal: unknown = expect.objectContaining({
          code: 'E071', details: expect.objectContaining({ path }) as object,
        })
        for (const values of [[value], [value, value], [{ id: 1, session: 2 }, value]]) {
          const line = new Line({ generate })
          expect(() => line.cross(batch(values))).toThrow(refusal)
          expect(same(line.cross(batch([{ id: 1 }])), batch([{ id: 1 }]))).toBe(true)
        }
      }
    })
  }
})

describe('the form', () => {
  test('records of one shape and bare primitives go by columns, others by values', () => {
    const columns = [
      [{ k: 1, v: 2 }, { k: 3, v: 0.5 }],
      [
        { a: 'x', b: null, c: undefined, d: 1n, e: new Date(0), f: true },
        { a: 'y', b: 1, c: 'z', d: 2n, e: null, f: false },
      ],
      [1, 2, 3], ['a', 'b'], [true, null], [{}, {}], [{ nested: [1] }, { nested: { a: 1 } }],
    ]
    for (const values of columns) {
      const line = new Line()
      line.cross(batch(values))
      expect(line.byColumns).toBe(true)
    }
    const others = [
      [{ a: 1 }, { b: 1 }], [{ a: 1, b: 2 }, { b: 2, a: 1 }], [1, 'x'], [[1], [2]], [Object.create(null)],
      [{ a: 1 }, 1],
    ]
    for (const values of others) {
      const line = new Line()
      line.cross(batch(values))
      expect(line.byColumns).toBe(false)
    }
  })

  test('whole numbers take four bytes and fractions eight, times four or none', () => {
    const size = (values: unknown[], at: number[]): number => {
      const line = new Line()
      line.cross(batch(values, at))
      return line.bytes.length
    }
    const thousand = Array.from({ length: 1000 }, (_, i) => i)
    const ints = thousand.map((n) => ({ n }))
    const floats = thousand.map((n) => ({ n: n + 0.5 }))
    const equal = thousand.map(() => NO_TIMESTAMP)
    expect(size(floats, equal) - size(ints, equal)).toBe(4000)
    expect(size(ints, thousand) - size(ints, equal)).toBe(4000)
  })

  test('a column whose kind was learned widens for every value that the kind does not hold', () => {
    const pairs: readonly (readonly [unknown, unknown])[] = [
      [1, -0], [1, 2 ** 31], [1, 0.5], [1, NaN], [1, '1'], [1, 1n], [1, true], [0.5, '1'], ['a', 1], ['a', null],
      [true, 1], [true, undefined], [null, 1], [undefined, 'a'], [1n, 2n ** 63n], [1n, 1], [new Date(0), 0],
      [new Date(0), null], [new Date(0), { getTime: 0 }], [null, [1]], [[1], 1],
    ]
    for (const generate of [true, false]) {
      for (const [first, second] of pairs) {
        const line = new Line({ generate })
        for (const values of [[first], [second], [first, second, first]]) {
          const original = batch(values.map((n) => ({ n })))
          expect(same(line.cross(original), original)).toBe(true)
          expect(line.byColumns).toBe(true)
        }
      }
    }
  })

  test('BC-3: a channel whose records have ever new fields stops learning and goes by values', () => {
    const line = new Line()
    const forms = Array.from({ length: 30 }, (_, i) => {
      const original = batch([{ [`field${i}`]: i }, { [`field${i}`]: i }])
      expect(same(line.cross(original), original)).toBe(true)
      return line.byColumns
    })
    expect(forms.lastIndexOf(true)).toBe(forms.filter(Boolean).length - 1)
    expect(forms.filter(Boolean).length).toBeLessThan(16)
    const first = batch([{ field0: 1 }])
    expect(same(line.cross(first), first)).toBe(true)
    expect(line.byColumns).toBe(true)
  })

  test('getters are read as their values, also those that change their mind', () => {
    let turn = 0
    const moody = { get v(): unknown { return turn++ % 2 === 0 ? 1 : 'one' } }
    const back = new Line().cross(batch([moody, moody, moody]))
    for (const record of back.values) expect([1, 'one']).toContain((record as { v: unknown }).v)
    expect(back.values).toHaveLength(3)
  })

  test('fields inherited through a changed Object.prototype do not become own fields', () => {
    Object.defineProperty(Object.prototype, 'spy', { value: 1, enumerable: true, configurable: true, writable: true })
    try {
      const back = new Line().cross(batch([{ a: 1 }, { a: 2 }]))
      expect(back.values.map((record) => Object.keys(record as object))).toEqual([['a'], ['a']])
    } finally {
      delete (Object.prototype as { spy?: unknown }).spy
    }
  })
})

test('BC-4: what was encoded before leaves no trace in the bytes', () => {
  const learned = batch([{ s: 'é', n: null, b: true, x: [1] }, { s: null, n: 1, b: null, x: 1 }])
  const many = batch(Array.from({ length: 50 }, (_, i) => ({ s: `${i}`, n: -1 - i, b: true, x: 'z' })))
  const few = batch([{ s: null, n: 1, b: null, x: 1 }, { s: 'a', n: null, b: true, x: 2 }, { s: 'b', n: 3, b: true, x: 3 }])
  const fresh = new Line()
  const used = new Line()
  for (const line of [fresh, used]) line.cross(learned)
  used.cross(many)
  for (const original of [few, batch(few.values, [1, 1, 1]), batch(few.values, [0.5, 1, 2]), batch([[1], 'x', 1])]) {
    fresh.cross(original)
    used.cross(original)
    expect(used.bytes).toEqual(fresh.bytes)
  }
})

describe('large batches', () => {
  test('are cut into pieces by their characters and by their values, a piece holding a record at least', () => {
    const text = 'y'.repeat(MOST_CHARS / 2)
    const nested = { t: [text] }
    const cases = [[1, 2, 3].map((n) => ({ n, text })), [[text], [text], [text]], [nested, nested, nested]]
    cases.push([{ n: 1, text }, { n: 2, text: text.repeat(3) }, { n: 3, text }])
    for (const values of cases) {
      const line = new Line()
      const original = batch(values)
      expect(same(line.cross(original), original)).toBe(true)
      expect(line.pieces).toBeGreaterThan(1)
    }
  })

  test('a record beyond the limit is refused with E170, in either form', () => {
    for (const values of [[{ text: 'z'.repeat(5000) }], [['z'.repeat(5000)]]]) {
      const line = new Line({ mostRecordBytes: 4096 })
      expect(() => line.cross(batch(values))).toThrow(expect.objectContaining({ code: 'E170' }))
      expect(same(line.cross(batch([1])), batch([1]))).toBe(true)
    }
  })
})

describe('CD-1: kinds', () => {
  const kind = fc.oneof(...columnOf).map(kindOf)

  test('join is associative, commutative and idempotent', () => {
    fc.assert(fc.property(kind, kind, kind, (a, b, c) => {
      expect(join(a, b)).toBe(join(b, a))
      expect(join(a, join(b, c))).toBe(join(join(a, b), c))
      expect(join(a, a)).toBe(a)
      expect(join(join(a, b), a)).toBe(join(a, b))
    }))
  })

  test('a shape is what all records have in common, or none', () => {
    expect(observe([{ a: 1, b: null }, { a: 0.5, b: 'x' }], 0, 2)).toEqual({ names: ['a', 'b'], kinds: [2, 8 | 4] })
    expect(observe([1, 2], 0, 2)).toEqual({ names: undefined, kinds: [1] })
    expect(observe([{ a: 1 }, 1], 0, 2)).toBeUndefined()
    expect(observe([1, { a: 1 }], 0, 2)).toBeUndefined()
  })
})
