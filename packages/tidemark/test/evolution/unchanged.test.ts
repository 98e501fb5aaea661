/** A job whose functions keep what they kept is never refused its own state: what differs has to be said to be different. */
import { describe, expect, test } from 'vitest'
import {
  aggregator, buildGraph, collect, collection, count, countEvictor, job, session, sliding, state, sum, tumbling,
  type Job, type NamedStream, type WindowAssigner, type WindowedStream,
} from '../../src/index.ts'
import { start, type Io } from '../../src/base/io.ts'
import { checkAgainst, type Check } from '../../src/checkpoint/evolution/check.ts'
import { withCheckpoints } from '../../src/checkpoint/inspection/open.ts'
import { restorableOf } from '../../src/checkpoint/savepoint.ts'
import { takeSavepoint } from '../../src/checkpoint/write-savepoint.ts'
import { Prng } from '../../src/base/prng.ts'
import { diskOf } from '../../src/testing/disk-image.ts'
import { STATE } from '../../src/testing/engine-process.ts'
import { harness } from '../../src/testing/harness.ts'
import type { HarnessCheckpoint } from '../../src/testing/harness-checkpoint.ts'

interface Sale { readonly who: string; readonly at: number; readonly amount: number }

const at = (seconds: number): number => Date.UTC(2024, 0, 1) + seconds * 1000
const sale = (second: number, who = 'ann'): Sale => ({ who, at: at(second), amount: second })

type Windowed = WindowedStream<string, Sale, 'exactly-once'>
/** Each call makes its functions anew, as each process that runs the job does. */
type Compute = (windowed: Windowed) => NamedStream<unknown, 'exactly-once'>

/** The present job; `more`: with operators before and behind the window, and another branch. */
const shop = (windows: WindowAssigner, compute: Compute, more = false): Job => job('shop', (j) => {
  const read = j.from('sales', collection<Sale>([]), { eventTime: (s) => s.at, outOfOrder: '0s' })
  const sales = more ? read.filter(() => true).map((s) => ({ ...s })) : read
  const results = compute(sales.keyBy((s) => s.who).window('w', windows))
  if (more) read.keyBy((s) => s.who).count('sold').to('totals', collect())
  const rows = more ? results.map((row) => row) : results
  rows.to('out', collect())
})

const mine = () => aggregator<Sale, { most: number }, number>({
  create: () => ({ most: 0 }), add: (a, s) => ({ most: Math.max(a.most, s.amount) }),
  merge: (a, b) => ({ most: Math.max(a.most, b.most) }), result: ({ most }) => most,
})

const COMPUTES: Readonly<Record<string, readonly [Compute, object]>> = {
  'named aggregates': [(w) => w.aggregate({ n: count(), total: sum((s: Sale) => s.amount, { integers: true }) }), { n: 3, total: 9 }],
  'named ones with one of the job\'s own': [(w) => w.aggregate({ n: count(), most: mine() }), { n: 3, most: 5 }],
  'a count': [(w) => w.count(), { value: 3 }],
  'a reduce': [(w) => w.reduce(() => 0, (a, s) => a + s.amount, (a, b) => a + b), { value: 9 }],
}

const WINDOWS: Readonly<Record<string, WindowAssigner>> = {
  tumbling: tumbling('1m'), sliding: sliding('1m', { every: '30s' }), sessions: session({ gap: '20s' }),
}

function run<T>(io: Io<T>): T {
  let outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown } | undefined
  start(io, (done) => { outcome = done })
  if (outcome === undefined) throw new Error('the simulated disk waits for nothing')
  if (!outcome.ok) throw outcome.error
  return outcome.value
}

/** What a start from a savepoint of the checkpoint would find. */
function checkSavepoint(version: Job, checkpoint: HarnessCheckpoint): Check {
  const storage = diskOf(checkpoint.world.disk).mount()
  const ports = { storage, clock: { wallMs: () => 0, monotonicMs: () => 0 }, random: new Prng(1) }
  return run((function* () {
    yield* takeSavepoint(ports, yield* restorableOf(storage, STATE), '/savepoint', '0.1.0')
    return yield* withCheckpoints(storage, [{ directory: '/savepoint', ref: 'latest' }], (opened) =>
      checkAgainst(storage, opened as NonNullable<typeof opened>, buildGraph(version).graph, []))
  })())
}

describe.each(Object.entries(WINDOWS))('EA-3 a window without a version: %s', (_, windows) => {
  test.each(Object.entries(COMPUTES))('%s goes on from its own checkpoint at any parallelism, from a savepoint, beside other operators', async (__, [compute, total]) => {
    for (const parallelism of [1, 2]) {
      await using before = await harness(shop(windows, compute), { parallelism })
      await before.send('sales', [sale(1), sale(3), sale(2, 'ben')])
      const checkpoint = await before.checkpoint()
      const version = shop(windows, compute, parallelism === 2)
      const checked = checkSavepoint(version, checkpoint)
      expect(checked.operators.find(({ operator }) => operator === 'w')).toMatchObject({ verdict: 'kept' })
      expect(checked.fits).toBe(true)
      await using t = await harness(version, { parallelism: 3 - parallelism })
      await t.restoreFrom(checkpoint)
      await t.send('sales', [sale(5)])
      await t.rescale(parallelism)
      await t.end()
      const rows = t.output('out').map(({ start: _start, end: _end, ...row }: Record<string, unknown>) => row)
      expect(rows).toContainEqual({ key: 'ann', ...total })
    }
  })
})

test('EA-1 states of a window function may be called like those of the engine that it has not', async () => {
  const version = job('shop', (j) => {
    j.from('sales', collection<Sale>([]), { eventTime: (s) => s.at, outOfOrder: '0s' }).keyBy((s) => s.who)
      .window('w', tumbling('10s'), { version: 2, upgrade: (__, record) => record, evictor: countEvictor(9) })
      .process(function* (records, { state: { panes } }) {
        yield panes.update((n) => (n ?? 0) + records.length)
      }, { state: { panes: state.value<number>() } })
      .to('out', collect())
  })
  await using t = await harness(version)
  await t.send('sales', [sale(1), sale(2)])
  await t.watermark('sales', at(10))
  await t.rescale(2)
  await t.send('sales', [sale(11)])
  await t.end()
  expect(t.output('out')).toEqual([2, 3])
})
