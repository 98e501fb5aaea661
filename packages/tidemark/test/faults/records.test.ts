/** F56, F57: records that are very large, and values that most systems trip over. */
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { collect, collection, files, job, jsonl, startJob, state } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'
import { committedLines, temporaryDirectory } from '../host/kit.ts'

const MB = 1024 * 1024

describe('a large record', () => {
  test('of 24 MB goes through source, keyed state, checkpoint and sink unharmed', async () => {
    const directory = temporaryDirectory()
    const [input, out] = [`${directory}/in.jsonl`, `${directory}/out`]
    const long = 'abcdefgh'.repeat(3 * MB)
    writeFileSync(input, `${JSON.stringify({ id: 1, long })}\n${JSON.stringify({ id: 2, long: '' })}\n`)
    const options = { state: { last: state.value<string>() } }
    const keep = job('keep', { checkpoint: { every: '20ms' } }, (j) => {
      j.from('rows', jsonl<{ id: number; long: string }>(input, { maxRowBytes: 32 * MB })).keyBy(() => 'one')
        .process<object, typeof options.state>('keep', options, {
          *onRecord(row, { state: { last } }) {
            yield { id: row.id, before: last.get() ?? '' }
            last.set(row.long)
          },
        })
        .to('out', files({ path: out }))
    })
    const outcome = await startJob(keep, { stateDirectory: `${directory}/state` }).done
    if (outcome.kind === 'failed') throw outcome.error
    const rows = committedLines(out).map((line) => JSON.parse(line) as { id: number; before: string })
    expect(rows.map(({ id }) => id)).toEqual([1, 2])
    expect(rows[1]?.before === long).toBe(true)
  })

  test('above the limit of its source ends the job with file and byte, and nothing is committed', async () => {
    const directory = temporaryDirectory()
    const input = `${directory}/in.jsonl`
    writeFileSync(input, `{"a":1}\n{"a":"${'x'.repeat(2 * MB)}"}\n`)
    const sink = collect<unknown>()
    const limited = job('limited', (j) => void j.from('rows', jsonl(input, { maxRowBytes: MB })).to('out', sink))
    const outcome = await startJob(limited, { stateDirectory: `${directory}/state` }).done
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E107', message: expect.stringContaining('byte 8') } })
    expect(sink.committed).toEqual([])
  })
})

const VALUES: readonly unknown[] = [
  0, -0, 1.5, -1, 2 ** 31, 2 ** 53, -(2 ** 53), Number.MAX_VALUE, Number.MIN_VALUE, Number.EPSILON, Infinity, -Infinity,
  NaN, 0n, 1n, -1n, 2n ** 64n, -(2n ** 200n), true, false, null, undefined, '', ' ', '\0', 'é', 'e\u0301', '日本', '🧵',
  '\u2028', '\uFEFF', '__proto__', 'constructor', 'prototype', '0', 'null', 'NaN', "'; DROP TABLE", '<img onerror>',
  '\u001b[31m', 'x'.repeat(70_000), new Date(0), new Date(-1), new Date(8.64e15), new Date(Number.NaN), [], [[]], [undefined],
  [1, 'a', null], {}, { a: {} }, { __proto__: null, a: 1 }, JSON.parse('{"__proto__":{"polluted":true}}'),
  { constructor: 1 }, { toString: 1 }, { '': 1 }, { 0: 'a', 1: 'b' }, new Map([[1, new Map()]]), new Set([[1], 2]),
  new Uint8Array([0, 255]), new Uint8Array(0), { deep: [[[[[{ a: [new Date(5)] }]]]]] },
]
const KEYS: readonly (string | number | bigint)[] = [
  0, 1, -1, 1.5, 2 ** 53, Infinity, -Infinity, 0n, 1n, 2n ** 80n, '', '0', '1', '__proto__', 'constructor', 'é', 'e\u0301', '🧵', '\0',
]

describe('values', () => {
  const options = { state: { seen: state.list<unknown>() } }
  const keeps = job('keeps', (j) => {
    j.from('pairs', collection<readonly [string | number | bigint, unknown]>([])).keyBy(([key]) => key)
      .process<object, typeof options.state>('keep', options, {
        *onRecord([key, value], { state: { seen } }) {
          seen.push(value)
          yield { key, all: [...seen] }
        },
      })
      .to('out', collect())
  })

  test(`all ${VALUES.length} of the corpus come back from a checkpoint as they went in, and pollute nothing`, async () => {
    await using t = await harness(keeps, { parallelism: 3 })
    await t.send('pairs', VALUES.map((value, i) => [i, value]))
    await t.rescale(2)
    await t.send('pairs', VALUES.map((_value, i) => [i, 'again']))
    const after = t.output('out').slice(VALUES.length)
    const byKey = new Map(after.map(({ key, all }) => [key, all]))
    VALUES.forEach((value, i) => expect(byKey.get(i), `value ${i}`).toStrictEqual([value, 'again']))
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test('keys that look alike are different keys, -0 is 0, and each keeps its own state', async () => {
    await using t = await harness(keeps, { parallelism: 3 })
    await t.send('pairs', KEYS.map((key) => [key, String(key)]))
    await t.rescale(4)
    await t.send('pairs', [...KEYS, -0].map((key) => [key, 'again']))
    const after = t.output('out').slice(KEYS.length)
    for (const key of KEYS) {
      const wanted = Object.is(key, 0) ? [['0', 'again'], ['0', 'again', 'again']] : [[String(key), 'again']]
      expect(after.filter((row) => row.key === key).map(({ all }) => all), String(key)).toEqual(wanted)
    }
  })

  test.each<[string, unknown]>([
    ['NaN', Number.NaN], ['undefined', undefined], ['null', null], ['an object', {}], ['a lone surrogate', 'a\uD800'],
    ['a symbol', Symbol('s')], ['a date', new Date(0)],
  ])('%s is refused as a key: the job fails with the operator, and nothing is committed', async (_what, key) => {
    const sink = collect<unknown>()
    const keyed = job('keyed', { restart: 'none' }, (j) => {
      j.from('one', collection([1])).keyBy(() => key as string).count('count').to('out', sink)
    })
    const outcome = await startJob(keyed).done
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E072', place: { operator: 'count' } } })
    expect(sink.committed).toEqual([])
  })

  test.each<[string, () => unknown]>([
    ['a function', () => () => 1], ['a symbol', () => Symbol('s')], ['a promise', () => Promise.resolve(1)],
    ['what contains itself', () => {
      const cyclic: { self?: unknown } = {}
      cyclic.self = cyclic
      return cyclic
    }],
    ['an instance of a class', () => new (class Bead {})()],
  ])('%s is refused as state: the job fails with state and key named', async (_what, make) => {
    const sink = collect<unknown>()
    const kept = job('kept', { restart: 'none' }, (j) => {
      j.from('one', collection([1])).keyBy((n) => n)
        .process<object, typeof options.state>('keep', options, {
          *onRecord(_, { state: { seen } }) {
            seen.push(make())
            yield {}
          },
        })
        .to('out', sink)
    })
    const outcome = await startJob(kept).done
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E071', place: { position: expect.stringContaining('"seen" of key number 1') } } })
    expect(sink.committed).toEqual([])
  })
})
