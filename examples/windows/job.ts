/**
 * Orders of shops in Berlin, by the day as its clocks show it, over the night on which they are put forward.
 *
 *   npx tidemark run examples/windows/job.ts -c out=out/windows
 *
 * days/ gets one line per shop and day: 96 orders a day, and 92 on 31 March 2024, which has 23 hours.
 * so-far/ gets the same at the end of each day, and early results before it: with -c rate=40 one can watch
 * them come. Each is the whole count so far, so the last line of a shop and day is the one that counts.
 *
 * Settings: out (directory of the results), rate (orders a second; 0 for no limit).
 */
import { count, files, generator, job, sum, tumbling } from 'tidemark'

const SHOPS = ['Mitte', 'Wedding'] as const
const DAYS = 4
/** Midnight of 29 March 2024 in Berlin, which is an hour ahead of UTC until the 31st. */
const BEGIN = Date.UTC(2024, 2, 28, 23)
const QUARTER_MS = 15 * 60_000
/** All quarters of an hour of four days, of which one has 23 hours. */
const ORDERS = SHOPS.length * (DAYS * 96 - 4)

interface Order {
  readonly shop: string
  readonly at: number
  readonly cents: number
}

const order = (n: number): Order => ({
  shop: SHOPS[n % SHOPS.length] as string,
  at: BEGIN + Math.floor(n / SHOPS.length) * QUARTER_MS,
  cents: 100 + (n % 7),
})

export default job('shops', (j) => {
  const out = j.config.string('out', 'out/windows')
  const rate = j.config.number('rate', 0)
  const limit = rate > 0 ? { rate } : {}
  const day = tumbling('1d', { zone: 'Europe/Berlin' })

  const orders = j
    .from('orders', generator({ count: ORDERS, record: order, ...limit }), { eventTime: (o) => o.at })
    .keyBy((o) => o.shop)

  orders
    .window('per-day', day)
    .aggregate({ orders: count(), cents: sum((o) => o.cents, { integers: true }) })
    .map(({ key, start, end, orders: n, cents }) => ({ shop: key, start, end, orders: n, cents }))
    .to('days', files({ path: `${out}/days` }))

  orders
    .window('today', day, { early: '1s' })
    .count()
    .map(({ key, start, value }) => ({ shop: key, start, orders: value }))
    .to('so-far', files({ path: `${out}/so-far` }))
})
