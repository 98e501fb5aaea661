/** Another version of a job on the checkpoint of the one before, whole jobs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  aggregator, avg, buildGraph, collect, collection, count, evolve, generator, job, max, startJob, state, sum,
  type Job, type Keyed, type StateDeclaration, type ValueState,
} from '../../src/index.ts'
import { compareStates, problemOf } from '../../src/checkpoint/evolution/compare.ts'
import { harness } from '../../src/testing/harness.ts'
import type { HarnessCheckpoint } from '../../src/testing/harness-checkpoint.ts'

interface Sale { readonly who: string; readonly amount: number }
const sales = collection<Sale>([])

interface V1 { readonly n: number; readonly sum: number }
interface V3 { readonly count: number; readonly sum: bigint; readonly currency: string }

const first = job('shop', (j) => {
  j.from('sales', sales).keyBy((s) => s.who).process('totals', { state: { total: state.value<V1>() } }, {
    *onRecord({ who, amount }, { state: { total } }) {
      const { n, sum } = total.update((t = { n: 0, sum: 0 }) => ({ n: t.n + 1, sum: t.sum + amount }))
      yield `${who} ${n} ${sum}`
    },
  }).to('out', collect())
})

function third(total: StateDeclaration<ValueState<V3>>): Job {
  return job('shop', (j) => {
    j.from('sales', sales).keyBy((s) => s.who).process('totals', { state: { total } }, {
      *onRecord({ who, amount }, { state: { total: held } }) {
        const none = { count: 0, sum: 0n, currency: 'EUR' }
        const { count, sum, currency } = held.update((t = none) => ({ ...t, count: t.count + 1, sum: t.sum + BigInt(amount) }))
        yield `${who} ${count} ${sum} ${currency}`
      },
    }).to('out', collect())
  })
}

const toThird = evolve({ 2: [evolve.add('currency', 'EUR')], 3: [evolve.rename('n', 'count'), evolve.widen('sum', 'bigint')] })

async function checkpointOf(version: Job, records: readonly Sale[], parallelism: number): Promise<HarnessCheckpoint> {
  await using t = await harness(version, { parallelism })
  await t.send('sales', records)
  return await t.checkpoint()
}

const sale = fc.record({ who: fc.constantFrom('ann', 'ben', 'cleo', 'dora', 'émile'), amount: fc.integer({ min: 0, max: 99 }) })

test('migrating and going on is as going on with values upgraded by hand, from parallelism 1 to 3 and back', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(sale, { maxLength: 12 }), fc.array(sale, { minLength: 1, maxLength: 12 }), fc.constantFrom([1, 3], [3, 1]),
    async (before, after, [from = 1, to = 1]) => {
      await using migrated = await harness(third(state.value<V3>({ upgrade: toThird })), { parallelism: to })
      await migrated.restoreFrom(await checkpointOf(first, before, from))
      const shown = migrated.output('out').length
      await migrated.send('sales', after)
      // By hand: the third version has seen everything itself.
      await using byHand = await harness(third(state.value<V3>({ version: 3 })), { parallelism: to })
      await byHand.send('sales', before)
      const known = byHand.output('out').length
      await byHand.send('sales', after)
      const perKey = (all: readonly unknown[]): unknown => all.map(String).toSorted((a, b) => a.localeCompare(b))
      expect(perKey(migrated.output('out').slice(shown))).toEqual(perKey(byHand.output('out').slice(known)))
    },
  ), { numRuns: 12 })
})

test('what was migrated is of the new version in the next checkpoint, from which the job goes on without an upgrade', async () => {
  await using t = await harness(third(state.value<V3>({ upgrade: toThird })))
  await t.restoreFrom(await checkpointOf(first, [{ who: 'ann', amount: 5 }, { who: 'ben', amount: 1 }], 1))
  await t.send('sales', [{ who: 'ann', amount: 2 }])
  const checkpoint = await t.checkpoint()
  await using later = await harness(third(state.value<V3>({ version: 3 })))
  await later.restoreFrom(checkpoint)
  await later.send('sales', [{ who: 'ben', amount: 3 }])
  expect(later.output('out').at(-1)).toBe('ben 2 4 EUR')
})

describe('EV-5 a value that cannot be upgraded', () => {
  const broken = third(state.value<V3>({
    version: 3,
    upgrade(_, { n, sum }: V1, { key }) {
      if (key === 'ben') throw new Error('ben is not liked')
      return { count: n, sum: BigInt(sum), currency: 'EUR' }
    },
  }))

  test('ends the start by name, without a restart, and the old job goes on from the same checkpoint', async () => {
    const checkpoint = await checkpointOf(first, [{ who: 'ann', amount: 5 }, { who: 'ben', amount: 1 }], 1)
    const t = await harness(broken)
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({
      code: 'E168', retryable: false, message: expect.stringMatching(/"ben"[^]*"total" of "totals"[^]*ben is not liked/),
    })
    await using old = await harness(first)
    await old.restoreFrom(checkpoint)
    await old.send('sales', [{ who: 'ben', amount: 1 }])
    expect(old.output('out').at(-1)).toBe('ben 2 2')
  })
})

describe('EC-2 nothing is dropped without being named:', () => {
  const gone = job('shop', (j) => {
    j.from('sales', sales).keyBy((s) => s.who).process('totals', { state: { other: state.value<number>() } }, {
      *onRecord({ who }, { state: { other } }) {
        yield `${who} ${other.update((n = 0) => n + 1)}`
      },
    }).to('out', collect())
  })
  const elsewhere = job('shop', (j) => {
    j.from('sales', sales).keyBy((s) => s.who).count('counts').to('out', collect())
  })

  test('a state that is not declared any more is refused, and let go of as operator/state', async () => {
    const checkpoint = await checkpointOf(first, [{ who: 'ann', amount: 5 }], 1)
    const t = await harness(gone)
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({
      code: 'E137', message: expect.stringMatching(/"total" of "totals"/), fix: [expect.stringContaining("was: 'total'"), expect.stringContaining('totals/total')],
    })
    await using allowed = await harness(gone, { allowDropped: ['totals/total'] })
    await allowed.restoreFrom(checkpoint)
    await allowed.send('sales', [{ who: 'ann', amount: 5 }])
    expect(allowed.output('out').at(-1)).toBe('ann 1')
  })

  test('an operator is refused, with the one it has probably become, and let go of by its name', async () => {
    const checkpoint = await checkpointOf(first, [{ who: 'ann', amount: 5 }], 1)
    const t = await harness(elsewhere)
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E031' })
    await using allowed = await harness(elsewhere, { allowDropped: ['totals'] })
    await allowed.restoreFrom(checkpoint)
    await allowed.send('sales', [{ who: 'ann', amount: 5 }])
    expect(allowed.output('out').at(-1)).toEqual({ key: 'ann', value: 1 })
  })

  test('an operator of another kind under the same name is refused', async () => {
    const checkpoint = await checkpointOf(first, [{ who: 'ann', amount: 5 }], 1)
    const t = await harness(job('shop', (j) => {
      j.from('sales', sales).keyBy((s) => s.who).count('totals').to('out', collect())
    }))
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E169', message: expect.stringMatching(/process[^]*rolling/) })
  })

  test('of two operators that became one, the second is refused', async () => {
    const two = job('shop', (j) => {
      const keyed = j.from('sales', sales).keyBy((s) => s.who)
      keyed.count('a').to('out', collect())
      keyed.count('b').to('more', collect())
    })
    const checkpoint = await checkpointOf(two, [{ who: 'ann', amount: 5 }], 1)
    const t = await harness(job('shop', (j) => {
      const counted = j.from('sales', sales).keyBy((s) => s.who).count('b').was('a')
      counted.to('out', collect())
      counted.to('more', collect())
    }))
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E137', message: expect.stringMatching(/"a" and of "b"/) })
  })
})

describe('EC-2 a sink that is gone', () => {
  const sinks = (...names: readonly string[]): Job => job('shop', (j) => {
    const counted = j.from('sales', sales).keyBy((s) => s.who).count('counts')
    for (const name of names) counted.to(name, collect())
  })

  test('is let go of only if what its checkpoint promises was committed, also if it was named', async () => {
    const checkpoint = await checkpointOf(sinks('out', 'more'), [{ who: 'ann', amount: 5 }], 1)
    for (const allowDropped of [[], ['more']]) {
      const t = await harness(sinks('out'), { allowDropped })
      await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E171', message: expect.stringContaining('"more"') })
    }
    const stored = [{ name: 'more', kind: 'sink', keyed: [], lists: [{ name: 'pending', items: 3 }] }]
    const { graph } = buildGraph(sinks('out'))
    const code = (committed: boolean, allowDropped: readonly string[]): string | undefined =>
      problemOf(compareStates(stored, graph, { checkpoint: 1, allowDropped, committed }))?.code
    expect([code(false, ['more']), code(true, []), code(true, ['more'])]).toEqual(['E171', 'E031', undefined])
  })
})

test('a renamed source goes on at its position, and hands out no split a second time', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'tidemark-renamed-'))
  const sinks: { readonly committed: readonly { readonly value: number }[] }[] = []
  const version = (source: string, rate: number, n = 400): Job => job('shop', { checkpoint: { every: '20ms' } }, (j) => {
    const numbers = j.from(source, generator({ count: n, rate, record: (i) => i }))
    if (source !== 'numbers') numbers.was('numbers')
    const out = collect<Keyed<number, number>>()
    sinks.push(out)
    numbers.keyBy(() => 0).count('counts').to('out', out)
  })
  try {
    const first = startJob(version('numbers', 1000), {
      stateDirectory, onEvent: ({ kind }) => {
        if (kind === 'checkpoint') first.cancel()
      },
    })
    expect(await first.done).toMatchObject({ kind: 'cancelled' })
    // What its positions mean is asked under the old name.
    const other = startJob(version('records', 1000, 500), { stateDirectory })
    expect(await other.done).toMatchObject({ kind: 'failed', error: { code: 'E035' } })
    sinks.length = 0
    const second = startJob(version('records', 1_000_000), { stateDirectory })
    expect(await second.done).toMatchObject({ kind: 'finished' })
    expect(sinks.flatMap(({ committed }) => committed).at(-1)?.value).toBe(400)
  } finally {
    rmSync(stateDirectory, { recursive: true, force: true })
  }
})

test('accumulators of a running reduce are upgraded as values of state are', async () => {
  const reducing = (version: 1 | 2): Job => job('shop', (j) => {
    const keyed = j.from('sales', sales).keyBy((s) => s.who)
    if (version === 1) {
      keyed.reduce('sums', () => 0, (sum, { amount }) => sum + amount).to('out', collect())
      return
    }
    keyed.reduce('sums', () => ({ sum: 0, max: 0 }), ({ sum, max }, { amount }) =>
      ({ sum: sum + amount, max: Math.max(max, amount) }), { version: 2, upgrade: (_, sum: number) => ({ sum, max: 0 }) })
      .to('out', collect())
  })
  await using t = await harness(reducing(2), { parallelism: 3 })
  await t.restoreFrom(await checkpointOf(reducing(1), [{ who: 'ann', amount: 5 }, { who: 'ben', amount: 1 }], 1))
  await t.send('sales', [{ who: 'ann', amount: 2 }])
  expect(t.output('out').at(-1)).toEqual({ key: 'ann', value: { sum: 7, max: 2 } })
  const checkpoint = await t.checkpoint()
  const back = await harness(reducing(1))
  await expect(back.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E138' })
})

describe('named aggregates', () => {
  const amount = (s: Sale): number => s.amount
  const names = aggregator<Sale, Set<string>, number>({
    create: () => new Set<string>(), add: (seen, s) => seen.add(s.who), result: (seen) => seen.size,
  })
  const parts = { n: count(), total: sum(amount), mean: avg(amount), most: max(amount), names }
  const version = (aggregates: Readonly<Partial<typeof parts>>): Job => job('shop', (j) => {
    j.from('sales', sales).keyBy(() => 'all').aggregate('sums', aggregates as typeof parts).to('out', collect())
  })
  const before: readonly Sale[] = [{ who: 'ann', amount: 5 }, { who: 'ben', amount: 1 }]
  const { n, total, mean, most } = parts
  const goingOn = async (from: Job, to: Job, allowDropped: readonly string[] = []): Promise<unknown> => {
    await using t = await harness(to, { allowDropped })
    await t.restoreFrom(await checkpointOf(from, before, 1))
    await t.send('sales', [{ who: 'cleo', amount: 3 }])
    return t.output('out').at(-1)
  }

  test('that both versions have are carried over by name, whatever their order, and new ones begin empty', async () => {
    expect(await goingOn(version({ n, mean }), version({ total, mean, n }))).toEqual({ key: 'all', n: 3, mean: 3, total: 3 })
    expect(await goingOn(version({ n }), version({ names, most, n }))).toEqual({ key: 'all', n: 3, most: 3, names: 1 })
    expect(await goingOn(version({ names, n }), version({ n, names, total }))).toEqual({ key: 'all', n: 3, names: 3, total: 3 })
  })

  test('that are gone, or have become something else, are refused unless they are named', async () => {
    await expect(goingOn(version({ n, total }), version({ n }))).rejects.toMatchObject({
      code: 'E137', message: expect.stringMatching(/rolling\/total/),
    })
    expect(await goingOn(version({ n, total }), version({ n }), ['sums/total'])).toEqual({ key: 'all', n: 3 })
    const other = version({ total: max(amount) as never, n })
    await expect(goingOn(version({ n, total }), other)).rejects.toMatchObject({ code: 'E137' })
    expect(await goingOn(version({ n, total }), other, ['sums/total'])).toEqual({ key: 'all', n: 3, total: 3 })
  })

  test('of aggregating state are told apart in the same way', async () => {
    const holding = (aggregate: typeof n): Job => job('shop', (j) => {
      j.from('sales', sales).keyBy((s) => s.who).process('held', { state: { acc: state.aggregating(aggregate) } }, {
        *onRecord(sale, { state: { acc } }) {
          acc.add(sale)
          yield acc.get()
        },
      }).to('out', collect())
    })
    await expect(goingOn(holding(n), holding(max(amount) as never))).rejects.toMatchObject({ code: 'E137' })
    expect(await goingOn(holding(n), holding(n))).toBe(1)
  })
})
