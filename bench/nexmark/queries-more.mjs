/**
 * The queries with joins, auctions that close, rankings and last values, as jobs with the public API alone.
 *
 * q3 joins without windows. In q4, q6, q9 and q20 an auction meets its bids by its id; a bid may come before its
 * auction, and in the first three it counts if it was made while the auction was open. All but q3 and q20 are
 * changelogs.
 *
 * Source: the SQL texts of the Nexmark suite for Flink; q6, which Flink cannot run, as Tucker et al. describe it.
 */
import { state, sum } from 'tidemark'
import { bids, offers } from './bids.mjs'
import { channelOf, dayKey, minuteOf } from './lines.mjs'
import { NOTHING_YET, withBid } from './totals.mjs'

const WANTED_STATES = new Set(['OR', 'ID', 'CA'])
const WANTED_CATEGORY = 10
const SALES = 10
const TOP = 10
/** More than there are auctions. */
const AUCTIONS = 1e8

const onSale = ({ of, from, until }) => ({ of, from, until, price: 0, bidder: 0, at: 0 })

/** The sale with this bid, if it is better: the dearest wins, of equal ones the earliest. */
function withOffer(sale, { price, bidder, from }) {
  if (from < sale.from || from > sale.until || price < sale.price) return sale
  if (price === sale.price && (from > sale.at || (from === sale.at && bidder >= sale.bidder))) return sale
  return { of: sale.of, from: sale.from, until: sale.until, price, bidder, at: from }
}

const WINNING = { state: { sale: state.value(), early: state.list() } }

/** Keeps the best bid of an auction; `changed` makes results of every new one, `opened` is told of the auction. */
const bestBid = (changed, opened) => (offer, context) => {
  const { sale, early } = context.state
  const was = sale.get()
  if (was === undefined && !offer.opens) {
    early.push(offer)
    return undefined
  }
  let now = was ?? onSale(offer)
  if (offer.opens) {
    for (const bid of early) now = withOffer(now, bid)
    early.clear()
    opened?.(offer, context)
  } else {
    now = withOffer(now, offer)
    if (now === was) return undefined
  }
  sale.set(now)
  return now.price === 0 ? undefined : changed(offer.id, now, was?.price ?? 0)
}

const winning = (events, of) => offers(events, of).process('winning', WINNING, {
  onRecord: bestBid((id, { of: counted, price, bidder, at }, before) => [{ id, of: counted, price, before, bidder, at }]),
})

const withAuction = ({ auction, bidder, price, dateTime }, { itemName, seller }) =>
  ({ auction, bidder, price, dateTime, itemName, seller })

/** In order of the end of the auctions. */
const later = (a, b) => a.until - b.until || a.id - b.id

export const MORE_STREAMS = {
  q3: (events) => events
    .filter((event) => event.kind === 'auction' && event.category === WANTED_CATEGORY)
    .map(({ id, seller }) => ({ id, seller }))
    .keyBy(({ seller }) => seller)
    .join(
      'sellers',
      events
        .filter((event) => event.kind === 'person' && WANTED_STATES.has(event.state))
        .map(({ id, name, city, state: from }) => ({ id, name, city, state: from }))
        .keyBy(({ id }) => id),
      {},
      (auction, { name, city, state: from }) => ({ name, city, state: from, auction: auction.id }),
    ),
  q4: (events) => winning(events, ({ category }) => category)
    .filter(({ price, before }) => price > before)
    .keyBy(({ of }) => of)
    .aggregate('average-price', {
      sum: sum(({ price, before }) => price - before, { integers: true }),
      auctions: sum(({ before }) => (before === 0 ? 1 : 0), { integers: true }),
    }),
  q6: (events) => offers(events, ({ seller }) => seller)
    .process('closing', WINNING, {
      onRecord: bestBid(() => undefined, ({ until }, { timer }) => timer.at(until)),
      onTimer(_at, { key, state: { sale } }) {
        const { of, until, price } = sale.get()
        return price === 0 ? undefined : [{ id: key, seller: of, until, price }]
      },
    })
    .keyBy(({ seller }) => seller)
    .process('last-sales', { state: { last: state.value() } }, {
      onRecord(sold, { key, state: { last } }) {
        const was = last.get() ?? { count: 0, sales: [] }
        const sales = [...was.sales, sold].sort(later).slice(-SALES)
        last.set({ count: was.count + 1, sales })
        const total = sales.reduce((sum, { price }) => sum + price, 0)
        return [{ seller: key, sales: was.count + 1, avg: Math.floor(total / sales.length) }]
      },
    }),
  q9: (events) => winning(events, ({ category }) => category),
  q16: (events) => bids(events)
    .keyBy((bid) => `${channelOf(bid)} ${dayKey(bid.dateTime)}`)
    .process('per-channel-and-day', {
      state: { totals: state.value(), bidders: state.map(), auctions: state.map() },
    }, {
      onRecord(bid, context) {
        const { totals } = context.state
        const { minute, totals: was } = totals.get() ?? { minute: 0, totals: NOTHING_YET }
        const now = withBid(was, bid, context.state)
        const last = Math.max(minute, minuteOf(bid.dateTime))
        totals.set({ minute: last, totals: now })
        return [{ key: context.key, minute: last, totals: now }]
      },
    }),
  q18: (events) => bids(events)
    .keyBy(({ bidder, auction }) => bidder * AUCTIONS + auction)
    .process('last-bid', { state: { last: state.value() } }, {
      onRecord(bid, { state: { last } }) {
        const was = last.get()
        // Of equal time the dearer one, so that one thread and two agree.
        const stays = was !== undefined &&
          (was.dateTime > bid.dateTime || (was.dateTime === bid.dateTime && was.price >= bid.price))
        if (stays) return undefined
        last.set(bid)
        return [bid]
      },
    }),
  q19: (events) => bids(events)
    .map(({ auction, bidder, price, dateTime }) => ({ auction, bidder, price, dateTime }))
    .keyBy(({ auction }) => auction)
    .topN('dearest', TOP, { by: ({ price }) => price })
    .filter(({ op }) => op === 'insert' || op === 'update-after')
    .map(({ row: { key, rank, row } }) => ({ auction: key, rank, price: row.price })),
  q20: (events) => events
    .filter(({ kind }) => kind !== 'person')
    .map((event) => (event.kind === 'auction'
      ? { auction: event.id, opens: true, wanted: event.category === WANTED_CATEGORY,
        itemName: event.itemName, seller: event.seller, bidder: 0, price: 0, dateTime: 0 }
      : { auction: event.auction, opens: false, wanted: false,
        itemName: '', seller: 0, bidder: event.bidder, price: event.price, dateTime: event.dateTime }))
    .keyBy(({ auction }) => auction)
    .process('bids-with-auctions', { state: { auction: state.value(), early: state.list() } }, {
      onRecord(offer, { state: { auction, early } }) {
        if (offer.opens) {
          auction.set(offer)
          const waiting = early.get()
          early.clear()
          return offer.wanted ? waiting.map((bid) => withAuction(bid, offer)) : undefined
        }
        const known = auction.get()
        if (known === undefined) early.push(offer)
        return known?.wanted === true ? [withAuction(offer, known)] : undefined
      },
    }),
}
