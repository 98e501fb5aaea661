/** Windows, watermarks and alignment under crashes, lost writes and changed parallelism. */
import { expect, test } from 'vitest'
import { collect, collection, count, countWindow, job, max, session, sliding, sum, tumbling } from '../../src/index.ts'
import { explore } from '../../src/testing/explore.ts'

interface Sale {
  readonly at: number
  readonly shop: string
  readonly euros: number
}
const nothing = collection<Sale>([])
const HOUR = 3_600_000
const sales = (n: number, stepMs: number): readonly Sale[] => Array.from({ length: n }, (_, i) => ({
  at: Date.UTC(2024, 2, 30) + i * stepMs - (i % 3) * stepMs, shop: `shop ${(i * 7) % 5}`, euros: (i * 31) % 17,
}))

test('panes, calendar days, sessions with a gap per record and late records survive every failure', async () => {
  const windows = job('windows', (j) => {
    const keyed = j.from('sales', nothing, { eventTime: (sale) => sale.at, outOfOrder: HOUR }).keyBy((sale) => sale.shop)
    const paned = keyed.window('paned', sliding('10h', { every: '3h' }), { lateness: '2h' })
      .aggregate({ n: count(), most: max((sale) => sale.euros), euros: sum((sale) => sale.euros, { integers: true }) })
    paned.to('panes', collect())
    paned.late.to('late', collect())
    keyed.window('days', tumbling('1d', { zone: 'Europe/Berlin' })).count().to('per-day', collect())
    keyed.window('sessions', session({ gap: (sale) => sale.euros * 600_000 })).count().to('runs', collect())
  })
  const report = await explore(windows, { input: { sales: sales(70, HOUR) }, seeds: 12 })
  expect(report.crashes).toBeGreaterThan(3)
  expect(report.ambient).toEqual([])
})

test('aligned sources with watermarks of their own come to their end after every failure, with the same results', async () => {
  const aligned = job('aligned', (j) => {
    const options = {
      eventTime: (sale: Sale) => sale.at, align: { group: 'g', maxDrift: '2h' },
      watermarks: {
        create: () => 0,
        onEvent: (seen: number, time: number) => Math.max(seen, time),
        watermark: (seen: number) => seen - 3 * HOUR,
      },
    } as const
    j.from('slow', nothing, options).union(j.from('fast', nothing, options))
      .keyBy((sale) => sale.shop).window('w', sliding('6h', { every: '1h' })).count().to('out', collect())
  })
  await explore(aligned, { input: { slow: sales(60, HOUR / 2), fast: sales(30, 2 * HOUR) }, seeds: 12 })
})

test('count windows of one key each give the same results, whatever fails', async () => {
  const counted = job('counted', (j) => {
    const keyed = j.from('sales', nothing, { eventTime: (sale) => sale.at }).keyBy((sale) => sale.shop)
    keyed.window('five', countWindow(5)).sum((sale) => sale.euros).to('fives', collect())
    keyed.window('last', countWindow(4, { every: 3 })).count().to('lasts', collect())
  })
  await explore(counted, { input: { sales: sales(60, HOUR) }, seeds: 10, parallelism: [1] })
})
