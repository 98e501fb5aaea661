/**
 * Orders and payments, two streams that meet by order number: connect() and one function for each.
 *
 *   npx tidemark run examples/functions/connect.ts -c out=out/connect
 *
 * shipped/ gets each order with its payment, in whichever order the two came; unpaid/ those that got none
 * within ten minutes.
 *
 * Settings: out (directory of the results).
 */
import { files, generator, job, sideOutput, state } from 'tidemark'

const MINUTE_MS = 60_000
const BEGIN = Date.UTC(2024, 0, 1)
const ORDERS = 100
/** Every fifth order is never paid. */
const UNPAID_EVERY = 5

const order = (n: number) => ({ id: n, cents: 500 + (n * 37) % 1000, at: BEGIN + n * MINUTE_MS })
type Order = ReturnType<typeof order>
const payment = (n: number) => ({ order: n, at: BEGIN + n * MINUTE_MS + ((n * 7) % 5) * MINUTE_MS })

export default job('orders-and-payments', (j) => {
  const orders = j.from('orders', generator({ count: ORDERS, record: order }), { eventTime: (o) => o.at })
  const payments = j.from('payments', generator({ count: ORDERS, record: payment }), {
    eventTime: (p) => p.at, outOfOrder: '5m',
  }).filter((p) => p.order % UNPAID_EVERY !== 0)

  const shipped = orders.keyBy((o) => o.id).connect(payments.keyBy((p) => p.order)).process('ship', {
    state: { order: state.value<Order>(), paidAt: state.value<number>() },
    side: { unpaid: sideOutput<Order>() },
  }, {
    *onLeft(o, { state: { order, paidAt }, timer }) {
      const at = paidAt.get()
      if (at !== undefined) yield { id: o.id, cents: o.cents, paidAt: at }
      else order.set(o)
      timer.at(o.at + 10 * MINUTE_MS)
    },
    *onRight(p, { state: { order, paidAt } }) {
      paidAt.set(p.at)
      const waiting = order.get()
      if (waiting !== undefined) yield { id: waiting.id, cents: waiting.cents, paidAt: p.at }
      order.clear()
    },
    onTimer(_time, { state: { order, paidAt }, side }) {
      const waiting = order.get()
      if (waiting !== undefined) side.unpaid(waiting)
      order.clear()
      paidAt.clear()
    },
  })
  const out = j.config.string('out', 'out/connect')
  shipped.to('shipped', files({ path: `${out}/shipped` }))
  shipped.side.unpaid.to('unpaid', files({ path: `${out}/unpaid` }))
})
