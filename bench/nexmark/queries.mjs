/**
 * The queries as jobs, with the public API alone.
 *
 * `stream` adds the query to a job (`lines`: its results will be compared); `line` makes the text of a result by which engines are compared. Prices
 * are cents. q15 and q17 are changelogs: one result for every bid, as the SQL text gives on Flink.
 *
 * Source: Tucker et al., "NEXMark"; the SQL texts of the Nexmark suite for Flink.
 */
import { aggregator, avg, count, max, min, session, sliding, state, sum, trigger, tumbling } from 'tidemark'
import { bids } from './bids.mjs'
import { dayKey, LINES, priceClass } from './lines.mjs'
import { MORE_STREAMS } from './queries-more.mjs'
import { NOTHING_YET, withBid } from './totals.mjs'

/** All values with the largest `by`, in order of arrival. */
const highest = (by) => aggregator({
  create: () => ({ best: -1, all: [] }),
  add(top, value) {
    const height = by(value)
    if (height < top.best) return top
    if (height > top.best) {
      top.best = height
      top.all = []
    }
    top.all.push(value)
    return top
  },
  merge: (a, b) => (a.best > b.best ? a : a.best < b.best ? b : { best: a.best, all: [...a.all, ...b.all] }),
  result: ({ all }) => all,
})

/** Persons and sellers meet under the person's id. */
const personWithAuction = aggregator({
  create: () => ({ name: '', opened: false }),
  add(seen, { name, opened }) {
    if (opened) seen.opened = true
    else seen.name = name
    return seen
  },
  merge: (a, b) => ({ name: a.name === '' ? b.name : a.name, opened: a.opened || b.opened }),
  result: ({ name, opened }) => (opened ? name : ''),
})

const classCount = (rank) => sum(({ price }) => (priceClass(price) === rank ? 1 : 0), { integers: true })

const LAST_TIME = 8.64e15

/**
 * Windows of processing time that also speak at the end of the input; without it what is open then gives no
 * result, and totals could not be compared. Only where results are written, as in the jobs for Flink.
 */
const clockOrEnd = trigger('clock-or-end', {
  onElement(_bid, { end, timer }) {
    timer.atProcessingTime(end.getTime() - 1)
    timer.at(LAST_TIME)
    return 'continue'
  },
  onProcessingTime: () => 'fire-and-purge',
  onEventTime: () => 'fire-and-purge',
  clear({ end, timer }) {
    timer.cancelProcessingTime(end.getTime() - 1)
    timer.cancel(LAST_TIME)
  },
})

const STREAMS = {
  q0: bids,
  q1: (events) => bids(events)
    .map(({ auction, bidder, price, dateTime }) => ({ auction, bidder, price: price * 0.908, dateTime })),
  q2: (events) => bids(events)
    .filter(({ auction }) => auction % 123 === 0)
    .map(({ auction, price }) => ({ auction, price })),
  q5: (events) => bids(events)
    .keyBy(({ auction }) => auction)
    .window('bids-per-auction', sliding('10s', { every: '2s' }))
    .count()
    .windowAll('hottest', tumbling('2s'))
    .aggregate({ top: highest(({ value }) => value) })
    .flatMap(({ end, top }) => top.map(({ key, value }) => ({ auction: key, bids: value, end: end.getTime() }))),
  q7: (events) => bids(events)
    .windowAll('highest-bid', tumbling('10s'))
    .aggregate({ top: highest(({ price }) => price) })
    .flatMap(({ top }) => top),
  q8: (events) => events
    .filter(({ kind }) => kind !== 'bid')
    .map((event) => (event.kind === 'person'
      ? { id: event.id, name: event.name, opened: false }
      : { id: event.seller, name: '', opened: true }))
    .keyBy(({ id }) => id)
    .window('new-sellers', tumbling('10s'))
    .aggregate({ name: personWithAuction })
    .filter(({ name }) => name !== '')
    .map(({ key, name, start }) => ({ id: key, name, start: start.getTime() })),
  q11: (events) => bids(events)
    .keyBy(({ bidder }) => bidder)
    .window('bids-per-session', session({ gap: '10s' }))
    .count(),
  q12: (events, { lines }) => bids(events)
    .keyBy(({ bidder }) => bidder)
    .window('bids-per-bidder', tumbling('10s', { time: 'processing' }), lines ? { trigger: clockOrEnd } : {})
    .count(),
  q15: (events) => bids(events)
    .keyBy(({ dateTime }) => dayKey(dateTime))
    .process('per-day', {
      state: { totals: state.value(), bidders: state.map(), auctions: state.map() },
    }, {
      onRecord(bid, context) {
        const { totals } = context.state
        const now = withBid(totals.get() ?? NOTHING_YET, bid, context.state)
        totals.set(now)
        return [now]
      },
    }),
  q17: (events) => bids(events)
    .keyBy(({ auction, dateTime }) => dayKey(dateTime, auction))
    .aggregate('per-auction-and-day', {
      bids: count(),
      bids1: classCount(1),
      bids2: classCount(2),
      bids3: classCount(3),
      min: min(({ price }) => price),
      max: max(({ price }) => price),
      avg: avg(({ price }) => price),
      sum: sum(({ price }) => price, { integers: true }),
    }),
}

export const QUERIES = Object.fromEntries(
  Object.entries({ ...STREAMS, ...MORE_STREAMS }).map(([name, stream]) => [name, { stream, line: LINES[name] }]),
)
