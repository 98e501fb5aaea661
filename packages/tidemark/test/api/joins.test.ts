import { describe, expect, it, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import type { KeyedStream } from '../../src/api/streams.ts'
import { globalWindow, tumbling } from '../../src/api/windows.ts'
import type { StreamError } from '../../src/base/errors.ts'
import { describe as words } from '../../src/graph/describe.ts'
import { collect, collection, count } from '../../src/index.ts'
import { harness } from '../../src/testing/harness.ts'
import { errorOf, sink, source } from './fakes.ts'

type Side = KeyedStream<number, number, 'exactly-once'>
const pair = (l: unknown, r: unknown): unknown => [l, r]
const built = (use: (left: Side, right: Side) => unknown) => buildGraph(job('joins', (j) => {
  const numbers = j.from('n', source<number>())
  numbers.to('out', sink())
  use(numbers.keyBy((n) => n), j.from('m', source<number>()).keyBy((n) => -n))
})).graph
const refusal = (use: (left: Side, right: Side) => unknown): StreamError => errorOf(() => built(use))

describe('a join is refused when it is built', () => {
  it('E150: with no keyed stream, or one of another job', () => {
    expect(refusal((l) => l.intervalJoin('j', 7 as never, { between: [0, 1] }, pair))).toMatchObject({
      code: 'E150', message: 'intervalJoin("j", …) got no keyed stream as its second argument.',
    })
    let foreign: Side | undefined
    built((l) => { foreign = l })
    for (const call of ['join', 'coGroup', 'temporalJoin'] as const) {
      const error = refusal((l) => (l[call] as (...how: unknown[]) => unknown).call(l, 'j', foreign, {}, () => []))
      expect(error).toMatchObject({ code: 'E150', message: `${call}("j", …) got a stream of another job.` })
    }
  })

  it('E151: an interval with nothing in it', () => {
    expect(refusal((l, r) => l.intervalJoin('j', r, { between: ['1h', '-5m'] }, pair))).toMatchObject({ code: 'E151' })
    const exclusive = { between: [3, 3], upper: 'exclusive' } as const
    expect(refusal((l, r) => l.intervalJoin('j', r, exclusive, pair)).message).toContain('from 3 ms to 2 ms')
    expect(built((l, r) => l.intervalJoin('j', r, { between: [3, 3] }, pair)).operators).toHaveLength(4)
  })

  it('E152: a type that there is not, or not of this join', () => {
    const type = 'outer' as never
    expect(refusal((l, r) => l.intervalJoin('j', r, { between: [0, 1], type }, pair)).code).toBe('E152')
    expect(refusal((l, r) => l.join('j', r, { window: tumbling(1), type }, pair)).code).toBe('E152')
    expect(refusal((l, r) => l.temporalJoin('j', r, { type: 'full' as never }, pair))).toMatchObject({
      code: 'E152', fix: ['use one of inner, left'],
    })
  })

  it.each<[string, (l: Side, r: Side) => unknown]>([
    ['an interval that is none', (l, r) => l.intervalJoin('j', r, { between: 5 as never }, pair)],
    ['options that are missing', (l, r) => l.intervalJoin('j', r, undefined as never, pair)],
    ['a bound that is none', (l, r) => l.intervalJoin('j', r, { between: [0, 1], lower: 'open' as never }, pair)],
    ['a function that is none', (l, r) => l.intervalJoin('j', r, { between: [0, 1] }, undefined as never)],
    ['no window to co-group in', (l, r) => l.coGroup('j', r, {} as never, () => [])],
    ['a window that never speaks', (l, r) => l.join('j', r, { window: globalWindow() }, pair)],
    ['a window that is none', (l, r) => l.join('j', r, { window: '1h' as never }, pair)],
  ])('E008: %s', (_what, use) => {
    expect(refusal(use).code).toBe('E008')
  })

  it('E008: a cache of no size, or a function that is none, in a lookup join', () => {
    const lookup = (options: object): StreamError => errorOf(() => buildGraph(job('lookup', (j) => {
      j.from('n', source<number>()).lookupJoin('j', options as never, pair).to('out', sink())
    })))
    const load = async (): Promise<number> => 1
    const key = (n: number): number => n
    expect(lookup({ key, load, cache: { size: 0, ttl: '1m' } }).code).toBe('E008')
    expect(lookup({ key }).code).toBe('E008')
    expect(lookup({ load }).code).toBe('E008')
    expect(lookup({ key, load, capacity: 0 }).code).toBe('E008')
    expect(lookup({ key, load, type: 'right' }).code).toBe('E152')
    expect(lookup({ key, load, cache: { size: 1, ttl: 0 } }).code).toBe('E003')
  })

  it('E003: durations that are none; E006: a name that is missing', () => {
    expect(refusal((l, r) => l.intervalJoin('j', r, { between: ['1 hour' as never, 1] }, pair)).code).toBe('E003')
    expect(refusal((l, r) => l.join('j', r, { ttl: 0 }, pair)).code).toBe('E003')
    expect(refusal((l, r) => l.intervalJoin(undefined as never, r, { between: [0, 1] }, pair)).code).toBe('E006')
  })
})

test('a join is one operator with two keyed inputs, and says what it does', () => {
  const { operators } = built((l, r) => {
    l.intervalJoin('i', r, { between: ['-5m', '1h'], lower: 'exclusive', type: 'left' }, pair)
    l.join('w', r, { window: tumbling('1h'), lateness: '5m' }, pair)
    l.join('k', r, { ttl: '1d' }, pair)
    l.temporalJoin('t', r, {}, pair)
  })
  const joins = operators.filter(({ spec }) => spec.kind.endsWith('join'))
  expect(joins.map(({ spec }) => words(spec))).toEqual([
    'inner interval join, 0 to 0', 'join of windows tumbling 1h, lateness 5m', 'inner join, ttl 1d', 'inner temporal join',
  ].with(0, 'left interval join, -299999ms to +1h'))
  for (const { inputs } of joins) {
    expect(inputs.map(({ input, ship }) => [input, ship.kind])).toEqual([[0, 'hash'], [1, 'hash']])
  }
})

const sorted = (lines: readonly string[]): string[] => lines.toSorted()

interface Order { readonly id: string; readonly at: number; readonly currency: string }
interface Rate { readonly currency: string; readonly at: number; readonly rate: number }

const shop = job('shop', (j) => {
  const orders = j.from('orders', collection<Order>([]), { eventTime: (o) => o.at, outOfOrder: '1s' })
  const rates = j.from('rates', collection<Rate>([]), { eventTime: (r) => r.at, outOfOrder: '1s' })
  const byOrder = orders.keyBy((o) => o.currency)
  const byRate = rates.keyBy((r) => r.currency)
  const priced = byOrder.temporalJoin('priced', byRate, { type: 'left' }, (o, r) => `${o.id} ${r?.rate}`)
  priced.to('priced-out', collect())
  priced.late.left.map(({ record }) => record.id).to('late-orders', collect())
  byOrder.intervalJoin('near', byRate, { between: [-2, 2] }, (o, r, { timestamp }) => `${o.id} ${r.rate} ${timestamp}`)
    .to('near-out', collect())
  const windowed = byOrder.join('same', byRate, { window: tumbling(10), type: 'full' },
    (o, r, { start }) => `${start.getTime()} ${o?.id} ${r?.rate}`)
  windowed.to('same-out', collect())
  windowed.late.right.map(({ record, lateByMs }) => `${record.rate} ${lateByMs}`).to('late-rates', collect())
  byOrder.coGroup('both', byRate, { window: tumbling(10) }, function* (lefts, rights, { key }) {
    yield `${key} ${lefts.length} ${rights.length}`
  }).to('both-out', collect())
  byOrder.join('self', byOrder, {}, (a, b) => `${a.id}${b.id}`).to('self-out', collect())
  // What a join puts out has event time: a window after it works as after a source.
  priced.keyBy(() => 0).window('per-10', tumbling(10)).aggregate({ n: count() }).map(({ n }) => n).to('n', collect())
})

test('a whole job with two sources: the watermark is that of the slower one, results survive crash and rescale', async () => {
  for (const parallelism of [1, 3]) {
    await using t = await harness(shop, { parallelism })
    await t.send('orders', [{ id: 'a', at: 5, currency: 'EUR' }, { id: 'b', at: 3, currency: 'USD' }])
    await t.send('rates', [{ currency: 'EUR', at: 4, rate: 2 }, { currency: 'EUR', at: 7, rate: 3 }])
    await t.watermark('orders', 20)
    expect(t.output('priced-out')).toEqual([])
    expect(sorted(t.output('near-out'))).toEqual(['a 2 5', 'a 3 7'])
    await t.checkpoint()
    await t.send('orders', [{ id: 'lost', at: 21, currency: 'EUR' }])
    await t.crash()
    await t.restore({ parallelism: 4 - parallelism })
    await t.watermark('rates', 20)
    expect(sorted(t.output('priced-out'))).toEqual(['a 2', 'b undefined'])
    expect(sorted(t.output('same-out'))).toEqual(['0 a 2', '0 a 3', '0 b undefined'])
    expect(sorted(t.output('both-out'))).toEqual(['EUR 1 2', 'USD 1 0'])
    expect(t.output('n')).toEqual([2])
    await t.send('orders', [{ id: 'c', at: 8, currency: 'EUR' }])
    await t.send('rates', [{ currency: 'USD', at: 9, rate: 1 }])
    expect(t.output('late-orders')).toEqual(['c'])
    expect(t.output('late-rates')).toEqual(['1 11'])
    await t.end()
    const euros = ['a', 'c', 'lost']
    const selfJoined = [...euros.flatMap((x) => euros.map((y) => x + y)), 'bb']
    expect(sorted(t.committed('self-out'))).toEqual(sorted(selfJoined))
  }
})
