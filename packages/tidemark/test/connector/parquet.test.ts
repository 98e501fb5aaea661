import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { beforeAll, describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { parquet, type ParquetSplit } from '../../src/connector/parquet.ts'
import { toColumn, toMilliseconds } from '../../src/connector/parquet-columns.ts'
import { accessible, RowFactory } from '../../src/connector/parquet-rows.ts'
import type { Split } from '../../src/graph/source.ts'
import { nodeStorage } from '../../src/host/node-storage.ts'
import { discovery, memoryWith, readSplit, run } from './drive.ts'

const FLIGHTS = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
const storage = nodeStorage()

describe('flights', () => {
  let truth: Record<string, unknown>[] = []
  const COLUMNS = ['date', 'delay', 'origin']
  const source = parquet(FLIGHTS, { columns: COLUMNS })
  let splits: readonly ParquetSplit[] = []

  beforeAll(async () => {
    const bytes = readFileSync(FLIGHTS)
    const file = {
      byteLength: bytes.length,
      slice: (from: number, to = bytes.length) => Promise.resolve(new Uint8Array(bytes.subarray(from, to)).buffer),
    }
    truth = await parquetReadObjects({ file, compressors, columns: COLUMNS, rowStart: 0, rowEnd: 300_000 })
    splits = (await run(source.discover(discovery(storage)))).splits
  })

  test('row groups are the splits, in order, with all rows', async () => {
    expect(splits.map(({ id }) => id)).toEqual(Array.from({ length: 11 }, (_, i) => `flights-3m.parquet#${i}`))
    expect(splits.reduce((sum, { rows }) => sum + rows, 0)).toBe(3_000_000)
    expect(await run(source.size?.(discovery(storage)) as never)).toEqual({
      records: 3_000_000, bytes: statSync(FLIGHTS).size,
    })
  })

  test('rows equal those of a plain read, with reopenings, and have one shape', async () => {
    const random = new Prng(1)
    let reopened = 0
    const options = {
      max: () => 1 + random.below(3000),
      // A reopening decodes the row group anew, so there are few.
      reopen: () => reopened < 4 && random.chance(1, 15) && ++reopened > 0,
    }
    const { records } = await readSplit(source, splits[0] as Split, storage, options)
    expect(reopened).toBe(4)
    expect(records).toHaveLength(splits[0]?.rows ?? 0)
    let different = 0
    records.forEach((record, i) => {
      const other = truth[i] as { date: Date; delay: bigint; origin: string }
      const same = record['date'].getTime() === other.date.getTime() && record['origin'] === other.origin &&
        record['delay'] === Number(other.delay) && Object.keys(record).join() === 'date,delay,origin'
      if (!same) different += 1
    })
    expect(different).toBe(0)
  })

  test('all columns are read if none are named', async () => {
    const all = parquet(FLIGHTS)
    const found = (await run(all.discover(discovery(storage)))).splits
    expect(found[0]?.columns).toEqual(['date', 'delay', 'distance', 'origin', 'destination'])
    const { records } = await readSplit(all, { ...found[10], rows: 10 } as ParquetSplit, storage)
    expect(Object.keys(records[9] ?? {})).toEqual(['date', 'delay', 'distance', 'origin', 'destination'])
  })

  test('a wrong column is E101 and names those of the file', async () => {
    await expect(run(parquet(FLIGHTS, { columns: ['Origin', 'dely'] }).discover(discovery(storage)))).rejects
      .toMatchObject({ code: 'E101', details: { asked: ['Origin', 'dely'] }, fix: [
        'did you mean "origin"?', 'did you mean "delay"?', expect.anything(),
      ] })
  })

  // Processor time of the main thread, and not the time on the wall, which a busy machine stretches.
  const cpuMs = (): number => Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6

  test.skipIf(!existsSync('/proc/self/schedstat') || !isMainThread)(
    'a row group is not decoded on the event loop: its turns stay below 20 ms (on Linux, where it can be measured)',
    async () => {
      // Decoding takes 60 ms and more for every column of every group, so it shows in each of them. A
      // collection of garbage may stretch a turn of one group or another, but not of all.
      let best = Number.POSITIVE_INFINITY
      for (const split of splits.slice(0, 8)) {
        let worst = 0
        let last = cpuMs()
        const beat = setInterval(() => {
          const now = cpuMs()
          worst = Math.max(worst, now - last)
          last = now
        }, 1)
        const { records } = await readSplit(source, split, storage, { breathe: true })
        clearInterval(beat)
        expect(records).toHaveLength(split.rows)
        best = Math.min(best, worst)
        if (best < 20) break
      }
      expect(best).toBeLessThan(20)
    })
})

test('what is no Parquet file, or is cut off, is E109; a missing one is E103', async () => {
  const bytes = readFileSync(FLIGHTS)
  const memory = await memoryWith({
    'text.parquet': 'PAR1 no', 'cut.parquet': bytes.subarray(0, 500_000),
    'garbage.parquet': Buffer.concat([Buffer.alloc(500, 7), Buffer.from([200, 0, 0, 0]), Buffer.from('PAR1')]),
  })
  for (const name of ['text', 'cut', 'garbage']) {
    await expect(run(parquet(`/in/${name}.parquet`).discover(discovery(memory)))).rejects.toMatchObject({ code: 'E109' })
  }
  await expect(run(parquet('/in/no.parquet').discover(discovery(memory)))).rejects.toMatchObject({ code: 'E103' })
})

test('a file with damaged pages is E109 and no wrong row', async () => {
  const bytes = Buffer.from(readFileSync(FLIGHTS))
  bytes.fill(0xa5, 200_000, 260_000)
  const memory = await memoryWith({ 'x.parquet': bytes })
  const source = parquet('/in/x.parquet')
  const { splits } = await run(source.discover(discovery(memory)))
  await expect(readSplit(source, splits[0] as Split, memory)).rejects.toMatchObject({ code: 'E109' })
})

test('every kind of column survives the way through the thread, generated or not', () => {
  const d = new Date(86_400_000)
  const many = Array.from({ length: 12_000 }, (_, i) => (i % 7 === 0 ? null : `é${i}`))
  const cases: [readonly ArrayLike<unknown>[], readonly unknown[], string][] = [
    [[BigInt64Array.of(1n, -5n)], [1, -5], 'number'],
    [[BigInt64Array.of(1n, 2n ** 60n)], [1n, 2n ** 60n], 'bigint'],
    [[[1n, undefined, -(2n ** 62n)]], [1n, null, -(2n ** 62n)], 'bigint'],
    [[[1n, null], [-3n]], [1, null, -3], 'number'],
    [[Int32Array.of(1), Int32Array.of(-2)], [1, -2], 'number'],
    [[[1.5, null]], [1.5, null], 'number'],
    [[[true, null, false]], [true, null, false], 'boolean'],
    [[[d, undefined]], [d, null], 'date'],
    [[['a', null, 'b', 'a']], ['a', null, 'b', 'a'], 'dictionary'],
    [[many], many, 'text'],
    [[[{ a: [1, d] }, null, 'x', 2n ** 70n]], [{ a: [1, d] }, null, 'x', 2n ** 70n], 'packed'],
    [[[2n ** 63n, 1n]], [2n ** 63n, 1n], 'packed'],
    [[[null, null]], [null, null], 'number'],
  ]
  for (const [parts, expected, kind] of cases) {
    const column = structuredClone(toColumn(parts, expected.length, false))
    expect(column.kind).toBe(kind)
    for (const name of ['field', 'not an identifier', '__proto__']) {
      const columns = [accessible(column)]
      const rows = new RowFactory().for([name], columns)(columns, 0, expected.length)
      expect(rows.map((row) => Object.entries(row))).toEqual(expected.map((value) => [[name, value]]))
    }
  }
})

test('timestamps of every unit are milliseconds, rounded down also before 1970', () => {
  expect(toMilliseconds(-1n, 'MILLIS')).toBe(-1)
  expect(toMilliseconds(1_999n, 'MICROS')).toBe(1)
  expect(toMilliseconds(-1n, 'MICROS')).toBe(-1)
  expect(toMilliseconds(1_700_000_000_123_999_999n, 'NANOS')).toBe(1_700_000_000_123)
  expect(toMilliseconds(-1_700_000_000_123_000_001n, 'NANOS')).toBe(-1_700_000_000_124)
  const columns = [accessible(toColumn([[5, null]], 2, true))]
  expect(new RowFactory().for(['t'], columns)(columns, 0, 2)).toEqual([{ t: new Date(5) }, { t: null }])
})
