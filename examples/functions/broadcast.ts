/**
 * Limits that change while payments flow: every subtask knows all limits, by broadcast state.
 *
 *   npx tidemark run examples/functions/broadcast.ts -c out=out/broadcast
 *
 * alerts/ gets the payments above the limit of their currency that was in force at their time. A payment
 * waits in keyed state until the watermark, which is that of both streams, has come to its time: so no limit
 * of an earlier time is missing, and every run finds the same.
 *
 * Settings: out (directory of the results).
 */
import { files, generator, job, state } from 'tidemark'

const SECOND_MS = 1000
const BEGIN = Date.UTC(2024, 0, 1)
const CURRENCIES = ['EUR', 'USD', 'JPY'] as const
const PAYMENTS = 600

const payment = (n: number) => ({
  account: `account-${n % 20}`, currency: CURRENCIES[n % 3] as string, amount: (n * 7919) % 1000,
  at: BEGIN + n * SECOND_MS,
})
/** A new limit for one currency every ten seconds. */
const limit = (n: number) => ({
  currency: CURRENCIES[n % 3] as string, most: 900 - (n * 13) % 100, at: BEGIN + n * 10 * SECOND_MS,
})
type Payment = ReturnType<typeof payment>

interface Limit {
  readonly since: number
  readonly most: number
}

export default job('limits', (j) => {
  const changes = generator({ count: PAYMENTS / 10, record: limit })
  const limits = j.from('limits', changes, { eventTime: (l) => l.at })
    .broadcast({ limits: state.map<string, readonly Limit[]>() })

  j.from('payments', generator({ count: PAYMENTS, record: payment }), { eventTime: (p) => p.at })
    .keyBy((p) => p.account)
    .connect(limits)
    .process('check', { state: { waiting: state.list<Payment>() } }, {
      onBroadcast(l, { broadcast }) {
        const known = broadcast.limits.get(l.currency) ?? []
        broadcast.limits.set(l.currency, [...known, { since: l.at, most: l.most }])
      },
      onRecord(p, ctx) {
        ctx.state.waiting.push(p)
        ctx.timer.at(p.at)
      },
      *onTimer(time, { state: { waiting }, broadcast }) {
        const due = waiting.get().filter((p) => p.at <= time.getTime())
        waiting.set(waiting.get().filter((p) => p.at > time.getTime()))
        for (const p of due) {
          const inForce = broadcast.limits.get(p.currency)?.findLast((each) => each.since <= p.at)
          if (inForce !== undefined && p.amount > inForce.most) yield { ...p, limit: inForce.most }
        }
      },
    })
    .to('alerts', files({ path: `${j.config.string('out', 'out/broadcast')}/alerts` }))
})
