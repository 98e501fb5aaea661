/**
 * A shop: orders with the price that was valid when they came, with the payment that came for them within an
 * hour or did not, and with the customer, who is looked up elsewhere.
 *
 *   npx tidemark run examples/joins/job.ts -c out=out/joins
 *
 * priced/ gets each order with its price, paid/ each order with its payment or without one, greetings/ each
 * order with the name of its customer.
 *
 * Settings: out (directory of the results).
 */
import { files, generator, job } from 'tidemark'

const MINUTE_MS = 60_000
const BEGIN = Date.UTC(2024, 0, 1)
const ORDERS = 600
const ARTICLES = 5
/** Every fourth order is paid too late. */
const LATE_EVERY = 4

interface Order {
  readonly id: number
  readonly article: number
  readonly customer: number
  readonly at: number
}

interface Price {
  readonly article: number
  readonly cents: number
  readonly at: number
}

interface Payment {
  readonly order: number
  readonly at: number
}

/** One order a minute. */
const order = (n: number): Order => ({
  id: n, article: n % ARTICLES, customer: n % 7, at: BEGIN + n * MINUTE_MS,
})
/** Prices of all articles, new ones every hour. */
const price = (n: number): Price => ({
  article: n % ARTICLES, cents: 100 + Math.floor(n / ARTICLES),
  at: BEGIN + Math.floor(n / ARTICLES) * 60 * MINUTE_MS,
})
/** Twenty minutes after the order, or ninety. */
const payment = (n: number): Payment => ({
  order: n, at: BEGIN + (n + (n % LATE_EVERY === 0 ? 90 : 20)) * MINUTE_MS,
})

const NAMES = ['Ada', 'Grace', 'Barbara', 'Radia', 'Frances', 'Jean']

/** Stands for a database. It does not know customer 6. */
const customerName = async (customer: number): Promise<string | undefined> => NAMES[customer]

export default job('shop', (j) => {
  const out = j.config.string('out', 'out/joins')
  const orders = j.from('orders', generator({ count: ORDERS, record: order }), { eventTime: (o) => o.at })
  const prices = j.from('prices', generator({ count: ARTICLES * 10, record: price }), {
    eventTime: (p) => p.at,
  })
  const payments = j.from('payments', generator({ count: ORDERS, record: payment }), {
    eventTime: (p) => p.at, outOfOrder: '2h',
  })

  orders.keyBy((o) => o.article)
    .temporalJoin('priced', prices.keyBy((p) => p.article), {}, (o, p) => ({ order: o.id, cents: p.cents }))
    .to('priced-files', files({ path: `${out}/priced` }))

  const paid = orders.keyBy((o) => o.id)
    .intervalJoin('paid', payments.keyBy((p) => p.order), { between: [0, '1h'], type: 'left' }, (o, p) =>
      ({ order: o.id, paidAt: p === undefined ? null : p.at }))
  paid.to('paid-files', files({ path: `${out}/paid` }))
  paid.late.right.to('late-payments', files({ path: `${out}/late-payments` }))

  orders
    .lookupJoin('greeted', {
      key: (o) => o.customer, load: customerName, cache: { size: 100, ttl: '10m' }, type: 'left',
    }, (o, name) => ({ order: o.id, greeting: `Dear ${name ?? 'customer'}` }))
    .to('greetings', files({ path: `${out}/greetings` }))
})
