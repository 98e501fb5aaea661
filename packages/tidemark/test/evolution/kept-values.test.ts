/** Accumulators and records that windows, joins and patterns keep, from one version of a job to the next: whole jobs. */
import { describe, expect, test } from 'vitest'
import {
  aggregator, avg, buildGraph, collect, collection, count, countEvictor, evolve, job, max, session, sliding, state, sum, tumbling,
  type Job, type JobBuilder, type KeyedStream, type WindowAssigner, type WindowOptions,
} from '../../src/index.ts'
import { start, type Io } from '../../src/base/io.ts'
import { checkAgainst, type Check } from '../../src/checkpoint/evolution/check.ts'
import { compareStates, problemOf } from '../../src/checkpoint/evolution/compare.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import { diskOf } from '../../src/testing/disk-image.ts'
import { STATE } from '../../src/testing/engine-process.ts'
import { harness, type Harness } from '../../src/testing/harness.ts'
import type { HarnessCheckpoint } from '../../src/testing/harness-checkpoint.ts'

interface Sale { readonly who: string; readonly at: number; readonly amount: number }

const T0 = Date.UTC(2024, 0, 1)
const at = (seconds: number): number => T0 + seconds * 1000
const amount = (s: Sale): number => s.amount

/** One keyed stream of sales, and what is done with it. */
const shop = (build: (sales: KeyedStream<string, Sale, 'exactly-once'>, j: JobBuilder<'exactly-once'>) => { to(name: string, sink: ReturnType<typeof collect>): unknown }): Job =>
  job('shop', (j) => {
    const sales = j.from('sales', collection<Sale>([]), { eventTime: (s) => s.at, outOfOrder: '0s' }).keyBy((s) => s.who)
    build(sales as never, j as never).to('out', collect())
  })

/** Sales of ann at seconds, each of as much. */
const salesAt = (...seconds: readonly number[]): Sale[] => seconds.map((s) => ({ who: 'ann', at: at(s), amount: s }))

async function checkpointOf(version: Job, records: readonly object[], options: { readonly parallelism?: number } = {}): Promise<HarnessCheckpoint> {
  await using t = await harness(version, options)
  await t.send('sales', records)
  return await t.checkpoint()
}

/** The job from the checkpoint on, after a crash before its first own checkpoint, and the restore once more. */
async function goingOn(version: Job, from: HarnessCheckpoint, more: { readonly allowDropped?: readonly string[]; readonly parallelism?: number } = {}): Promise<Harness> {
  const t = await harness(version, more)
  await t.restoreFrom(from)
  await t.crash()
  await t.restore()
  return t
}

/** Results without their times. */
const results = (t: Harness): unknown[] =>
  t.output('out').map((row) => {
    const { start: _start, end: _end, key: _key, ...rest } = row as Record<string, unknown>
    return rest
  })

const refusal = (code: string, ...words: string[]): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join('[^]*'))) as string })

function check(version: Job, checkpoint: HarnessCheckpoint, allowDropped: readonly string[] = []): Check {
  const storage = diskOf(checkpoint.world.disk).mount()
  const io: Io<Check> = withCheckpoints(storage, [{ directory: STATE, ref: 'latest' }], (opened) =>
    checkAgainst(storage, opened as NonNullable<typeof opened>, buildGraph(version).graph, allowDropped))
  let outcome: { readonly ok: true; readonly value: Check } | { readonly ok: false; readonly error: unknown } | undefined
  start(io, (done) => { outcome = done })
  if (outcome === undefined) throw new Error('the simulated disk waits for nothing')
  if (!outcome.ok) throw outcome.error
  return outcome.value
}

/** Of the operator under test, without what says nothing. */
const verdicts = ({ operators }: Check, name = 'w'): unknown =>
  operators.find(({ operator }) => operator === name)?.states.filter(({ entries, kind }) => entries > 0 && kind !== 'operator-list' && kind !== 'timers')
    .map(({ state: of, verdict, tried, problem }) => [of, verdict, ...(tried === undefined ? [] : [tried]), ...(problem === undefined ? [] : [problem.code])])

/** Each is run by another operator; all hold the sales of the first ten seconds when the checkpoint is taken. */
const WINDOWS: Readonly<Record<string, readonly [WindowAssigner, WindowOptions<Sale>, string]>> = {
  tumbling: [tumbling('1m'), {}, 'window'],
  'sliding, in panes': [sliding('1m', { every: '30s' }), {}, 'panes'],
  sessions: [session({ gap: '20s' }), {}, 'sessions/open'],
  'with a trigger': [tumbling('1m'), { early: '10s' }, 'window'],
  'of the clock': [tumbling('1m', { time: 'processing' }), {}, 'window'],
}

const whole = { integers: true }

describe.each(Object.entries(WINDOWS))('EA-2 named aggregates of windows: %s', (_, [windows, options, held]) => {
  const total = sum<Sale>(amount, whole)
  const kinds = { n: count(), total, most: max(amount) }
  const version = (...names: readonly (keyof typeof kinds)[]): Job => shop((sales) =>
    sales.window('w', windows, options).aggregate(Object.fromEntries(names.map((name) => [name, kinds[name]]))))
  const end = async (t: Harness): Promise<unknown> => {
    await t.send('sales', salesAt(9))
    await t.advance(120_000)
    await t.end()
    return results(t).at(0)
  }

  test('from version 1 to 3 those that stay are carried over, new ones begin empty, in any order', async () => {
    const one = await checkpointOf(version('n', 'total'), salesAt(1, 5))
    expect(verdicts(check(version('most', 'total', 'n'), one))).toContainEqual([held, 'migrated', expect.any(Number)])
    await using second = await goingOn(version('most', 'total', 'n'), one, { parallelism: 2 })
    await second.send('sales', salesAt(7))
    const two = await second.checkpoint()
    await using third = await goingOn(version('total', 'n', 'most'), two)
    expect(await end(third)).toEqual({ n: 4, total: 22, most: 9 })
    const same = check(version('total', 'n', 'most'), await checkpointOf(version('total', 'n', 'most'), salesAt(1)))
    expect([same.fits, verdicts(same)]).toMatchObject([true, expect.arrayContaining([[held, 'kept']])])
  })

  test('what is gone, or is another aggregate now, is refused unless it is named', async () => {
    const one = await checkpointOf(version('n', 'total'), salesAt(1, 5))
    const two = version('n')
    const found = check(two, one)
    expect([found.fits, verdicts(found)]).toMatchObject([false, expect.arrayContaining([[`${held}/total`, 'dropped', 'E137']])])
    const t = await harness(two)
    await expect(t.restoreFrom(one)).rejects.toEqual(refusal('E137', `${held}/total`))
    await using allowed = await goingOn(two, one, { allowDropped: ['w/total'] })
    expect(await end(allowed)).toEqual({ n: 3 })
  })

  test('an upgrade gets and gives what each of them holds, by name', async () => {
    const one = await checkpointOf(version('n', 'total'), salesAt(1, 5))
    const seen: unknown[] = []
    const two = shop((sales) => sales.window('w', windows, {
      ...options, version: 2,
      upgrade(from, parts: { n: number; total: number }, { key }) {
        seen.push([from, parts, key])
        return { mean: [parts.total, parts.n] }
      },
    }).aggregate({ most: max(amount), mean: avg(amount) }))
    expect(check(two, one).fits).toBe(true)
    await using t = await goingOn(two, one)
    expect(seen[0]).toEqual([1, expect.objectContaining({ n: expect.any(Number) }), 'ann'])
    expect(await end(t)).toEqual({ most: 9, mean: 5 })
    const back = await harness(version('n', 'total'))
    await using later = await goingOn(two, one)
    await expect(back.restoreFrom(await later.checkpoint())).rejects.toEqual(refusal('E138', 'version 2'))
  })
})

test('an upgrade of named aggregates that gives what cannot be is refused with the key', async () => {
  const of = (options: WindowOptions<Sale>): Job => shop((sales) => sales.window('w', session({ gap: '20s' }), options).aggregate({ mean: avg(amount) }))
  const one = await checkpointOf(of({}), salesAt(1))
  for (const [made, words] of [
    [{ mean: 3 }, 'holds 2 numbers'], [{ maen: [3, 1] }, 'no aggregate "maen"'], [[3, 1], 'by name'], [undefined, 'gave undefined'],
  ] as const) {
    const giving = of({ version: 2, upgrade: () => made })
    expect(verdicts(check(giving, one))).toEqual([['sessions/open', 'incompatible', 0, 'E168']])
    const t = await harness(giving)
    await expect(t.restoreFrom(one)).rejects.toEqual(refusal('E168', '"ann"', words))
  }
})

describe('an accumulator of the job\'s own', () => {
  type Held = { readonly sum: number; readonly n: number }
  const merge = (a: number, b: number): number => a + b
  const reducing = (options: WindowOptions<Sale>): Job => shop((sales) =>
    sales.window('w', tumbling('1m'), options).reduce(() => 0, (a, s) => a + s.amount, merge))
  const richer = (options: WindowOptions<Sale>): Job => shop((sales) =>
    sales.window('w', tumbling('1m'), options).reduce((): Held => ({ sum: 0, n: 0 }), (a, s) => ({ sum: a.sum + s.amount, n: a.n + 1 })))

  test('is upgraded step by step from version 1 to 3, refused without an upgrade and by older code', async () => {
    const one = await checkpointOf(reducing({}), salesAt(1, 5))
    const without = await harness(richer({ version: 2 }))
    await expect(without.restoreFrom(one)).rejects.toEqual(refusal('E139', '"window" of "w"', 'version 2'))
    await using second = await goingOn(richer({ version: 2, upgrade: (__, total: number) => ({ sum: total, n: 0 }) }), one)
    await second.send('sales', salesAt(6))
    const two = await second.checkpoint()
    const third = richer({ upgrade: evolve({ 2: [(total: number) => ({ sum: total, n: 0 })], 3: [evolve.add('n', 0), (held: Held) => ({ ...held, n: held.n + 100 })] }) })
    for (const [from, expected] of [[one, { sum: 6, n: 100 }], [two, { sum: 12, n: 101 }]] as const) {
      await using t = await goingOn(third, from)
      await t.end()
      expect(results(t)).toEqual([{ value: expected }])
    }
    const old = await harness(reducing({}))
    await expect(old.restoreFrom(two)).rejects.toEqual(refusal('E138'))
  })

  test('E193: is no named aggregate, nor the reverse, unless an upgrade makes one of the other', async () => {
    const named = (options: WindowOptions<Sale>): Job => shop((sales) => sales.window('w', tumbling('1m'), options).aggregate({ n: count(), total: sum(amount) }))
    const [ofNames, own] = [await checkpointOf(named({}), salesAt(1, 5)), await checkpointOf(reducing({}), salesAt(1, 5))]
    for (const [to, from] of [[reducing({}), ofNames], [named({}), own]] as const) {
      expect(verdicts(check(to, from))).toEqual([['window', 'incompatible', 'E193']])
      const t = await harness(to)
      await expect(t.restoreFrom(from)).rejects.toEqual(refusal('E193', 'n \\(count\\), total \\(sum\\)'))
    }
    await using a = await goingOn(reducing({ version: 2, upgrade: (__, { total }: { total: number }) => total }), ofNames)
    await using b = await goingOn(named({ version: 2, upgrade: (__, total: number) => ({ total }) }), own)
    for (const [t, expected] of [[a, { value: 15 }], [b, { n: 1, total: 15 }]] as const) {
      await t.send('sales', salesAt(9))
      await t.end()
      expect(results(t)).toEqual([expected])
    }
  })

  test('E193: holds for running aggregates and those of changelogs, too', async () => {
    const rolling = (named: boolean): Job => shop((sales) =>
      (named ? sales.aggregate('w', { n: count() }) : sales.reduce('w', () => ({ n: 0 }), ({ n }) => ({ n: n + 1 }))))
    const groups = (named: boolean): Job => shop((_, j) => {
      const table = j.from('more', collection<Sale>([])).latestBy('rows', (s) => s.who).groupBy(() => 'all')
      const grouped = named ? table.aggregate('w', { n: count() }) : table.aggregate('w', { n: count(), most: max((s) => s.amount) })
      return grouped as never
    })
    await using before = await harness(groups(true))
    await before.send('more', salesAt(1, 2))
    for (const [to, from] of [
      [rolling(false), await checkpointOf(rolling(true), salesAt(1))], [rolling(true), await checkpointOf(rolling(false), salesAt(1))],
      [groups(false), await before.checkpoint()],
    ] as const) {
      const t = await harness(to)
      await expect(t.restoreFrom(from)).rejects.toEqual(refusal('E193'))
    }
    await using same = await harness(groups(true))
    await same.restoreFrom(await before.checkpoint())
  })

  test('named running aggregates are upgraded by name', async () => {
    const one = shop((sales) => sales.aggregate('w', { n: count(), total: sum(amount) }))
    const two = shop((sales) => sales.aggregate('w', { mean: avg(amount), names: aggregator<Sale, string[], number>({
      create: () => [], add: (all, s) => [...all, s.who], result: (all) => all.length,
    }) }, { version: 2, upgrade: (__, { n, total }: any) => ({ mean: [total, n], names: ['before'] }) }))
    await using t = await goingOn(two, await checkpointOf(one, salesAt(1, 5)))
    await t.send('sales', salesAt(9))
    expect(t.output('out').at(-1)).toEqual({ key: 'ann', mean: 5, names: 2 })
  })
})

describe('EA-4 what a window keeps', () => {
  const by = (kind: 'aggregate' | 'evictor' | 'process', windows: WindowAssigner = tumbling('1m')): Job => shop((sales) => {
    const windowed = sales.window('w', windows, kind === 'evictor' ? { evictor: countEvictor(5) } : {})
    return (kind === 'process' ? windowed.process((records) => [{ n: records.length }]) : windowed.aggregate({ n: count() })) as never
  })

  test('are records or accumulators: the one is never read as the other', async () => {
    for (const windows of [tumbling('1m'), sliding('1m', { every: '30s' }), session({ gap: '20s' })]) {
      const of = {
        aggregate: await checkpointOf(by('aggregate', windows), salesAt(1)), evictor: await checkpointOf(by('evictor', windows), salesAt(1)),
      }
      for (const [to, from] of [['process', 'aggregate'], ['evictor', 'aggregate'], ['aggregate', 'evictor']] as const) {
        const t = await harness(by(to, windows))
        await expect(t.restoreFrom(of[from])).rejects.toEqual(refusal('E194', from === 'evictor' ? 'records[^]*accumulators' : 'accumulators[^]*records'))
        expect(check(by(to, windows), of[from]).fits).toBe(false)
      }
      await using same = await goingOn(by('process', windows), of.evictor)
      await same.send('sales', salesAt(9))
      await same.end()
      expect(results(same)[0]).toEqual({ n: 2 })
    }
  })

  test('may change where it keeps nothing', async () => {
    await using before = await harness(by('aggregate'))
    await before.send('sales', salesAt(1))
    await before.watermark('sales', at(60))
    await using t = await goingOn(by('process'), await before.checkpoint())
    await t.send('sales', salesAt(70))
    await t.end()
    expect(results(t).at(-1)).toEqual({ n: 1 })
  })

  test('is refused when parts of results are in flight that were added up by the version before', () => {
    const shape = { 'x-keeps': 'accumulators', 'x-aggregates': [{ name: 'n', what: 'count', cells: 1 }] }
    const stored = (items: number, jsonSchema: object) => [
      { name: 'w', kind: 'window', keyed: [{ name: 'window', kind: 'window' as const, version: 1, entries: 0, jsonSchema }], lists: [{ name: 'x', items, inFlight: true as const }] },
    ]
    const { graph } = buildGraph(shop((sales) => sales.window('w', tumbling('1m')).aggregate({ n: count(), most: max(amount) })))
    const { graph: same } = buildGraph(by('aggregate'))
    const code = (of: ReturnType<typeof stored>, to = graph): unknown =>
      problemOf(compareStates(of, to, { checkpoint: 1, allowDropped: [], committed: true }))?.code
    expect([code(stored(1, shape)), code(stored(0, shape)), code(stored(1, shape), same)]).toEqual(['E194', undefined, undefined])
  })
})

interface Sale2 { readonly who: string; readonly at: number; readonly euros: bigint }
const toEuros = evolve({ 2: [evolve.rename('amount', 'euros'), evolve.widen('euros', 'bigint')] })

describe('records that an operator keeps', () => {
  /** The same streams in both versions; only the type of what comes differs. */
  const version = (n: 1 | 2, build: (left: KeyedStream<string, any, 'exactly-once'>, right: KeyedStream<string, any, 'exactly-once'>, amountOf: (s: any) => unknown, options: object) => unknown, upgrade: object = toEuros): Job =>
    job('shop', (j) => {
      const of = (name: string) => j.from(name, collection<any>([]), { eventTime: (s: Sale) => s.at, outOfOrder: '0s' }).keyBy((s) => s.who as string)
      const amountOf = (s: Sale & Sale2 | undefined): unknown => (n === 1 ? s?.amount : s?.euros)
      const made = build(of('sales') as never, of('refunds') as never, amountOf, n === 1 ? {} : { upgrade }) as { to(name: string, sink: ReturnType<typeof collect>): unknown }
      made.to('out', collect())
    })

  const JOINS: Readonly<Record<string, Parameters<typeof version>[1]>> = {
    'interval join': (l, r, a, options) => l.intervalJoin('w', r, { between: ['-1m', '1m'], ...options }, (x, y) => [a(x), a(y)]),
    'window join': (l, r, a, options) => l.join('w', r, { window: tumbling('1m'), ...options } as never, ((x: Sale, y: Sale) => [a(x), a(y)]) as never),
    'co-group': (l, r, a, options) => l.coGroup('w', r, { window: session({ gap: '30s' }), ...options }, (xs, ys) => xs.flatMap((x) => ys.map((y) => [a(x), a(y)])) as never),
    'keyed join': (l, r, a, options) => l.join('w', r, { ...options } as never, ((x: Sale, y: Sale) => [a(x), a(y)]) as never),
    'keyed join with a ttl': (l, r, a, options) => l.join('w', r, { ttl: { after: '1h', time: 'event' }, ...options } as never, ((x: Sale, y: Sale) => [a(x), a(y)]) as never),
  }

  test.each(Object.entries(JOINS))('%s: both sides are upgraded, and the upgrade is told which it is', async (_, build) => {
    await using before = await harness(version(1, build))
    await before.send('sales', salesAt(1))
    await before.send('refunds', salesAt(2))
    const one = await before.checkpoint()
    const sides: unknown[] = []
    const two = version(2, (l, r, a) => build(l, r, a, {
      version: 2,
      upgrade(from: number, value: unknown, about: { readonly side?: string }): unknown {
        sides.push(about.side)
        return toEuros(from, value)
      },
    }))
    const found = check(two, one)
    expect([found.fits, found.operators.find(({ operator }) => operator === 'w')?.verdict]).toEqual([true, 'migrated'])
    await using t = await goingOn(two, one, { parallelism: 2 })
    expect(new Set(sides)).toEqual(new Set(['left', 'right']))
    const shown = t.output('out').length
    await t.send('sales', [{ who: 'ann', at: at(3), euros: 3n }])
    await t.end()
    expect(new Set(t.output('out').slice(shown).map(String))).toEqual(new Set(
      build === JOINS['window join'] || build === JOINS['co-group'] ? ['1,2', '3,2'] : ['3,2']))
    expect(t.output('out').slice(shown).flat().every((each) => typeof each === 'bigint')).toBe(true)
    const later = await harness(version(1, build))
    await using once = await goingOn(two, one)
    await expect(later.restoreFrom(await once.checkpoint())).rejects.toEqual(refusal('E138'))
  })

  test('a temporal join: versions and records that wait for them', async () => {
    const build: Parameters<typeof version>[1] = (l, r, a, options) => l.temporalJoin('w', r, { ...options }, (x, y) => [a(x), a(y)])
    await using before = await harness(version(1, build))
    await before.send('refunds', salesAt(1))
    await before.send('sales', salesAt(2))
    await using t = await goingOn(version(2, build), await before.checkpoint())
    await t.end()
    expect(t.output('out')).toEqual([[2n, 1n]])
  })

  test('a window function: version 1 to 3, in windows and in sessions', async () => {
    for (const windows of [tumbling('1m'), session({ gap: '20s' }), sliding('1m', { every: '30s' })]) {
      const of = (n: 1 | 2 | 3): Job => shop((sales) => sales.window('w', windows, n === 1 ? {} : {
        upgrade: evolve(n === 2 ? { 2: [evolve.rename('amount', 'euros')] } : { 2: [evolve.rename('amount', 'euros')], 3: [evolve.add('currency', 'EUR')] }),
      }).process((records) => [records.map((each: any) => `${each.amount ?? each.euros}${each.currency ?? ''}`)]) as never)
      const one = await checkpointOf(of(1), salesAt(1, 5))
      expect(verdicts(check(of(3), one))).toContainEqual(['window', 'migrated', expect.any(Number)])
      await using second = await goingOn(of(2), one)
      await second.send('sales', [{ who: 'ann', at: at(6), euros: 6 }])
      await using third = await goingOn(of(3), await second.checkpoint())
      await third.send('sales', [{ who: 'ann', at: at(7), euros: 7, currency: 'USD' }])
      await third.end()
      expect(third.output('out')[0]).toEqual(['1EUR', '5EUR', '6EUR', '7USD'])
    }
  })

  test('a pattern: records in partial matches, and those that wait for the watermark', async () => {
    const of = (n: 1 | 2): Job => version(n, (l, _, a, options) =>
      l.match('w', (p) => p.begin('low', (s) => Number(a(s)) < 5).followedBy('high', (s) => Number(a(s)) >= 5).within('1m'), options as never))
    await using before = await harness(of(1))
    await before.send('sales', salesAt(1))
    await before.watermark('sales', at(2))
    await before.watermark('refunds', at(2))
    await before.send('sales', salesAt(8))
    const one = await before.checkpoint()
    expect(verdicts(check(of(2), one))).toEqual([['waiting', 'migrated', 1], ['matches', 'migrated', 1]])
    await using t = await goingOn(of(2), one)
    await t.end()
    expect(t.output('out')).toEqual([{
      key: 'ann', records: { low: [{ who: 'ann', at: at(1), euros: 1n }], high: [{ who: 'ann', at: at(8), euros: 8n }] },
    }])
  })

  test('are plain data: without a version a field that may be lacking just comes, and old records stay as they are', async () => {
    const of = (fields: (s: Sale & { readonly note?: string }) => unknown): Job =>
      shop((sales) => sales.window('w', tumbling('1m')).process((records) => records.map((each) => fields(each))) as never)
    const one = await checkpointOf(of((s) => s.amount), salesAt(1))
    const two = of((s) => [s.amount, s.note ?? 'none'])
    expect(verdicts(check(two, one))).toEqual([['window', 'kept']])
    await using t = await goingOn(two, one)
    await t.send('sales', [{ who: 'ann', at: at(2), amount: 2, note: 'new' }])
    await t.end()
    expect(t.output('out')).toEqual([[1, 'none'], [2, 'new']])
  })

  test('an upgrade that fails names the key and the state, and nothing has begun', async () => {
    const one = await checkpointOf(version(1, (JOINS['interval join']) as never), salesAt(1))
    const failing = version(2, JOINS['interval join'] as never, evolve({ 2: [() => { throw new Error('no rate') }] }))
    const t = await harness(failing)
    await expect(t.restoreFrom(one)).rejects.toEqual(refusal('E168', '"ann" in "left" of "w"', 'no rate'))
    expect(verdicts(check(failing, one))).toEqual([['left', 'incompatible', 0, 'E168']])
  })
})

test('state.aggregating: an upgrade is asked by name; an aggregate that stands alone is called value', async () => {
  const holding = (n: 1 | 2): Job => shop((sales) => sales.process('w', {
    state: { acc: n === 1 ? state.aggregating(sum(amount)) : state.aggregating(avg(amount), { version: 2, upgrade: (_, { value }: any) => ({ value: [value, 2] }) }) },
  }, {
    *onRecord(sale, ctx) {
      ctx.state.acc.add(sale)
      yield ctx.state.acc.get()
    },
  }))
  await using t = await goingOn(holding(2), await checkpointOf(holding(1), salesAt(1, 5)))
  await t.send('sales', salesAt(9))
  expect(t.output('out').at(-1)).toBe(5)
})
