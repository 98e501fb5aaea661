import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { AnySource } from '../../src/graph/source.ts'
import { csv } from '../../src/connector/csv.ts'
import { jsonl } from '../../src/connector/jsonl.ts'
import type { MemoryStorage } from '../../src/host/memory-storage.ts'
import { bytesOf, discovery, memoryWith, readAll, readSplit, run } from './drive.ts'

const discover = (source: AnySource, storage: MemoryStorage, state?: unknown) =>
  run(source.discover(discovery(storage, state)))

/** Random batch sizes and random closes, from one seed. */
function disturbed(seed: number): { max: () => number; reopen: () => boolean } {
  const random = new Prng(seed)
  return { max: () => 1 + random.below(7), reopen: () => random.chance(1, 3) }
}

const text = fc.string({ unit: fc.constantFrom('a', 'Z', '"', ',', '\n', '\r', 'é', '日', '😀', ' ', ';') })
const row = fc.record({ n: fc.integer(), s: text })
const ends = fc.constantFrom('\n', '\r\n')

describe('jsonl', () => {
  test('any cut into splits and any reopening gives each row once, in order, plain and gzip', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(row, { maxLength: 40 }), ends, fc.boolean(), fc.boolean(), fc.boolean(),
      fc.integer({ min: 1, max: 200 }), fc.integer(),
      async (rows, end, lastEnd, blank, gzip, splitBytes, seed) => {
        const lines = rows.map((value) => JSON.stringify(value)).join(blank ? `${end}${end}` : end)
        const bytes = bytesOf(lastEnd ? lines + end : lines)
        const name = gzip ? 'x.jsonl.gz' : 'x.jsonl'
        const storage = await memoryWith({ [name]: gzip ? gzipSync(bytes) : bytes })
        const result = await readAll(jsonl(`/in/${name}`, { splitBytes }), storage, disturbed(seed))
        expect(result).toEqual({ records: rows, malformed: [] })
      },
    ), { numRuns: 150 })
  })

  test('rows longer than a read are whole, and offsets stay exact', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ i, s: 'é😀x'.repeat(i * 1500) }))
    const storage = await memoryWith({ 'x.jsonl': rows.map((value) => JSON.stringify(value)).join('\n') })
    for (const splitBytes of [100_000, 1 << 30]) {
      expect((await readAll(jsonl('/in/x.jsonl', { splitBytes }), storage, disturbed(7))).records).toEqual(rows)
    }
  })

  test('a gzip file larger than a read is resumed at any row', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => ({ i, s: `row ${i * 7919}` }))
    const bytes = gzipSync(rows.map((value) => JSON.stringify(value)).join('\n'))
    const storage = await memoryWith({ 'x.jsonl.gz': bytes })
    const random = new Prng(3)
    const result = await readAll(jsonl('/in/x.jsonl.gz'), storage,
      { max: () => 5000, reopen: () => random.chance(1, 4) })
    expect(result.records).toEqual(rows)
  })

  test('several gzip members in one file are one stream', async () => {
    const bytes = Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')])
    const storage = await memoryWith({ 'x.jsonl.gz': bytes })
    expect((await readAll(jsonl('/in/x.jsonl.gz'), storage)).records).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('a cut-off gzip file is E109 and no short result', async () => {
    const bytes = gzipSync(Array.from({ length: 5000 }, (_, i) => `{"i":${i * 7919}}`).join('\n'))
    const storage = await memoryWith({ 'x.jsonl.gz': bytes.subarray(0, bytes.length - 100) })
    await expect(readAll(jsonl('/in/x.jsonl.gz'), storage)).rejects.toMatchObject({ code: 'E109' })
  })

  test('a malformed row comes with its text, its reason and its byte offset; the others are read', async () => {
    const storage = await memoryWith({
      'x.jsonl': Buffer.concat([bytesOf('{"é":1}\n{oops}\n'), Buffer.from([0x22, 0xff, 0x22, 10]), bytesOf('2')]),
    })
    const { records, malformed } = await readAll(jsonl('/in/x.jsonl'), storage)
    expect(records).toEqual([{ é: 1 }, 2])
    expect(malformed.map(({ text: t, place }) => [t, place])).toEqual([
      ['{oops}', '/in/x.jsonl, byte 9'], ['"\ufffd"', '/in/x.jsonl, byte 16'],
    ])
    expect(malformed[1]?.reason).toBe('it is not valid UTF-8')
  })

  test('a byte order mark is not part of the first row', async () => {
    const storage = await memoryWith({ 'x.jsonl': '\ufeff{"a":1}\n{"a":2}' })
    expect((await readAll(jsonl('/in/x.jsonl'), storage)).records).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('place() names file and byte of a record', async () => {
    const storage = await memoryWith({ 'x.jsonl': '{"é":1}\n\n{"a":2}\n' })
    const source = jsonl('/in/x.jsonl')
    const { splits } = await discover(source, storage)
    const reader = source.openSplit(splits[0] as never, undefined, {
      storage, wake: () => {}, fail: () => {}, log: () => {},
      ports: { clock: { wallMs: () => 0, monotonicMs: () => 0 } } as never,
    })
    const batch = reader.poll(10)
    expect(typeof batch === 'object' && batch.place(1)).toBe('/in/x.jsonl, byte 10')
  })

  test('__proto__ in a row is data and changes no prototype', async () => {
    const storage = await memoryWith({ 'x.jsonl': '{"__proto__":{"bad":1}}' })
    const [record] = (await readAll(jsonl('/in/x.jsonl'), storage)).records as [object]
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
    expect(({} as { bad?: number }).bad).toBeUndefined()
  })

  test('a row without end is E107', async () => {
    const storage = await memoryWith({ 'x.jsonl': `"${'x'.repeat(3_000_000)}"` })
    await expect(readAll(jsonl('/in/x.jsonl', { maxRowBytes: 1_000_000 }), storage))
      .rejects.toMatchObject({ code: 'E107' })
  })

  test('a directory is read in order of names; hidden and temporary files are not input', async () => {
    const storage = await memoryWith({
      'b.jsonl': '2', 'a.ndjson': '1', 'c.jsonl.gz': gzipSync('3'), '.d.jsonl': '4', 'e.jsonl.tmp': '5', 'f.csv': 'x',
    })
    expect((await readAll(jsonl('/in'), storage)).records).toEqual([1, 2, 3])
  })

  test('a watched directory gives each file once, whenever it came', async () => {
    const storage = await memoryWith({ 'a.jsonl': '1' })
    const source = jsonl('/in', { watch: true })
    const first = await discover(source, storage)
    expect([first.splits.length, first.complete]).toEqual([1, false])
    const b = await run(storage.create('/in/.b.jsonl'))
    await run(storage.append(b, bytesOf('2')))
    expect((await discover(source, storage, first.state)).splits).toEqual([])
    await run(storage.link('/in/.b.jsonl', '/in/b.jsonl'))
    const second = await discover(source, storage, structuredClone(first.state))
    expect(second.splits.map(({ id }) => id)).toEqual(['b.jsonl@0-1'])
    expect((await discover(source, storage, second.state)).splits).toEqual([])
  })

  test('a missing file, an empty directory and a wrong option say so', async () => {
    const storage = await memoryWith({})
    await expect(discover(jsonl('/in/no.jsonl'), storage)).rejects.toMatchObject({ code: 'E103', retryable: false })
    await expect(discover(jsonl('/in'), storage)).rejects.toMatchObject({ code: 'E110' })
    expect((await discover(jsonl('/in', { watch: true }), storage)).splits).toEqual([])
    expect(() => jsonl('/in', { splitBytes: 0 })).toThrow('splitBytes is 0')
  })

  test('a file that changed since it was discovered is E102 with both identities', async () => {
    const storage = await memoryWith({ 'x.jsonl': '1\n2\n3\n' })
    const source = jsonl('/in/x.jsonl')
    const { splits } = await discover(source, storage)
    const reread = async (content: string): Promise<unknown> =>
      readSplit(source, splits[0] as never, await memoryWith({ 'x.jsonl': content }), {}, 4)
    await expect(reread('1\n')).rejects.toMatchObject({
      code: 'E102', details: { expected: { sizeBytes: 6 }, found: { sizeBytes: 2 } },
    })
    await expect(reread('1\n9\n3\n')).rejects.toMatchObject({ code: 'E102' })
    await expect(reread('1\n2\n3\n4\n')).rejects.toMatchObject({ code: 'E102' })
    expect(await reread('1\n2\n3\n')).toMatchObject({ records: [3] })
  })
})

const quote = (field: string, always: boolean): string =>
  always || /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field

describe('csv', () => {
  test('any reopening gives each row once, in order, plain and gzip, with quoted newlines', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.record({ n: text, s: text }), { maxLength: 30 }), ends, fc.boolean(), fc.boolean(), fc.boolean(),
      fc.integer(),
      async (rows, end, lastEnd, always, gzip, seed) => {
        const lines = [
          'n,s', ...rows.map(({ n, s }) => `${quote(n, always)},${quote(s, always)}`),
        ].join(end)
        const bytes = bytesOf(lastEnd ? lines + end : lines)
        const name = gzip ? 'x.csv.gz' : 'x.csv'
        const storage = await memoryWith({ [name]: gzip ? gzipSync(bytes) : bytes })
        const result = await readAll(csv(`/in/${name}`), storage, disturbed(seed))
        expect(result).toEqual({ records: rows, malformed: [] })
      },
    ), { numRuns: 150 })
  })

  test('quoted rows across reads are whole', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({ a: `"\n,é`.repeat(i * 3000), b: String(i) }))
    const content = ['a,b', ...rows.map(({ a, b }) => `${quote(a, true)},${b}`)].join('\n')
    const storage = await memoryWith({ 'x.csv': content })
    expect((await readAll(csv('/in/x.csv'), storage, disturbed(1))).records).toEqual(rows)
  })

  test('ragged rows, text after a quote and an open quote are malformed, with their byte', async () => {
    const storage = await memoryWith({ 'x.csv': 'a,b\n1\n1,2\n1,2,3\n"x"y,2\n\n3,4\n5,"open\n6,7' })
    const { records, malformed } = await readAll(csv('/in/x.csv'), storage)
    expect(records).toEqual([{ a: '1', b: '2' }, { a: '3', b: '4' }])
    expect(malformed.map(({ reason, place }) => [reason, place])).toEqual([
      ['it has 1 fields where there are 2 columns', '/in/x.csv, byte 4'],
      ['it has 3 fields where there are 2 columns', '/in/x.csv, byte 10'],
      ['text follows a closing quote', '/in/x.csv, byte 16'],
      ['a quote is not closed', '/in/x.csv, byte 28'],
    ])
  })

  test('wanted columns are checked against the header, and the near one is named', async () => {
    const storage = await memoryWith({ 'x.csv': 'date,delay,origin\n1,2,3\n' })
    await expect(discover(csv('/in/x.csv', { columns: ['orgin', 'delay'] }), storage)).rejects.toMatchObject({
      code: 'E101', details: { asked: ['orgin'], there: ['date', 'delay', 'origin'] },
      fix: [expect.stringContaining('did you mean "origin"?'), expect.anything()],
    })
    const source = csv('/in/x.csv', { columns: ['origin', 'date'] })
    expect((await readAll(source, storage)).records).toEqual([{ origin: '3', date: '1' }])
  })

  test('a header that repeats a name, is empty, or is not there at all is refused', async () => {
    const storage = await memoryWith({ 'twice.csv': 'a,a\n', 'empty.csv': '', 'long.csv': 'x'.repeat(70_000) })
    for (const name of ['twice', 'empty', 'long']) {
      await expect(discover(csv(`/in/${name}.csv`), storage)).rejects.toMatchObject({ code: 'E108' })
    }
  })

  test('a file without header, with another delimiter and a byte order mark', async () => {
    const storage = await memoryWith({ 'x.csv': '\ufeff1;"2;3"\n', 'h.csv': '\ufeff"a";b\r\n1;2\r\n' })
    expect((await readAll(csv('/in/x.csv', { header: ['a', 'b'], delimiter: ';' }), storage)).records)
      .toEqual([{ a: '1', b: '2;3' }])
    expect((await readAll(csv('/in/h.csv', { delimiter: ';' }), storage)).records).toEqual([{ a: '1', b: '2' }])
    expect(() => csv('/in/x.csv', { delimiter: '::' })).toThrow('one ASCII character')
  })

  test('hostile column names are plain fields', async () => {
    const names = ['__proto__', 'constructor', 'a"b', '${x}', '\\', 'toString']
    const storage = await memoryWith({ 'x.csv': 'h\n' })
    const file = await run(storage.create('/in/y.csv'))
    await run(storage.append(file, bytesOf('1,2,3,4,5,6\n')))
    const [record] = (await readAll(csv('/in/y.csv', { header: names }), storage)).records as [object]
    expect(Object.entries(record)).toEqual(names.map((name, i) => [name, String(i + 1)]))
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype)
  })
})
