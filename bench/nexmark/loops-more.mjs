/**
 * The queries of queries-more.mjs as one would write them by hand for this input: see loops.mjs.
 */
import { channelOf, dayKey, minuteOf, priceClass } from './lines.mjs'

const WANTED_STATES = new Set(['OR', 'ID', 'CA'])
const WANTED_CATEGORY = 10
const SALES = 10
const TOP = 10
/** More than there are auctions. */
const AUCTIONS = 1e8

/** What q15 and q16 count. */
export class BidTotals {
  #bids = [0, 0, 0, 0]
  #bidders = [new Set(), new Set(), new Set(), new Set()]
  #auctions = [new Set(), new Set(), new Set(), new Set()]

  with({ auction, bidder, price }) {
    const bids = this.#bids
    const bidders = this.#bidders
    const auctions = this.#auctions
    const rank = priceClass(price)
    bids[0]++
    bids[rank]++
    bidders[0].add(bidder)
    bidders[rank].add(bidder)
    auctions[0].add(auction)
    auctions[rank].add(auction)
    return {
      bids: bids[0], bids1: bids[1], bids2: bids[2], bids3: bids[3],
      bidders: bidders[0].size, bidders1: bidders[1].size, bidders2: bidders[2].size, bidders3: bidders[3].size,
      auctions: auctions[0].size, auctions1: auctions[1].size, auctions2: auctions[2].size, auctions3: auctions[3].size,
    }
  }
}

function q3(count, next, out) {
  const persons = new Map()
  const waiting = new Map()
  const join = ({ name, city, state }, auction) => out({ name, city, state, auction })
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'person') {
      if (!WANTED_STATES.has(event.state)) continue
      persons.set(event.id, event)
      for (const auction of waiting.get(event.id) ?? []) join(event, auction)
      waiting.delete(event.id)
    } else if (event.kind === 'auction' && event.category === WANTED_CATEGORY) {
      const person = persons.get(event.seller)
      if (person !== undefined) join(person, event.id)
      else if (waiting.has(event.seller)) waiting.get(event.seller).push(event.id)
      else waiting.set(event.seller, [event.id])
    }
  }
}

/**
 * The auctions with their best bids so far. Records are in order of time, so a bid is before the end of an
 * auction if its time is, and one that comes before its auction counts if it was made in the same millisecond.
 */
class Sales {
  #sales = new Map()
  #early = new Map()

  get(id) {
    return this.#sales.get(id)
  }

  /** The sale with its best bid if there was one already. */
  open({ id, dateTime, expires, category, seller }) {
    const sale = { id, until: expires, category, seller, price: 0, before: 0, bidder: 0, at: 0 }
    this.#sales.set(id, sale)
    for (const bid of this.#early.get(id) ?? []) if (bid.dateTime >= dateTime) take(sale, bid)
    this.#early.delete(id)
    sale.before = 0
    return sale.price > 0 ? sale : undefined
  }

  /** The sale if this is its best bid. */
  bid(bid) {
    const { auction } = bid
    const sale = this.#sales.get(auction)
    if (sale !== undefined) return take(sale, bid) ? sale : undefined
    const early = this.#early.get(auction)
    if (early === undefined) this.#early.set(auction, [bid])
    else early.push(bid)
    return undefined
  }
}

function take(sale, { price, bidder, dateTime }) {
  if (dateTime > sale.until || price < sale.price) return false
  if (price === sale.price && (dateTime > sale.at || bidder >= sale.bidder)) return false
  sale.before = sale.price
  sale.price = price
  sale.bidder = bidder
  sale.at = dateTime
  return true
}

/** Calls `changed` with every sale that has a new best bid. */
function eachBest(count, next, changed) {
  const sales = new Sales()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'person') continue
    const sale = event.kind === 'bid' ? sales.bid(event) : sales.open(event)
    if (sale !== undefined) changed(sale)
  }
}

function q4(count, next, out) {
  const categories = new Map()
  eachBest(count, next, ({ category, price, before }) => {
    if (price === before) return
    let total = categories.get(category)
    if (total === undefined) categories.set(category, (total = { sum: 0, auctions: 0 }))
    total.sum += price - before
    if (before === 0) total.auctions++
    out({ key: category, sum: total.sum, auctions: total.auctions })
  })
}

/** Auctions end in order of time; all that end in one millisecond are in one list. */
function q6(count, next, out) {
  const sales = new Sales()
  const ending = new Map()
  const sellers = new Map()
  const close = (id) => {
    const { seller, price, until } = sales.get(id)
    if (price === 0) return
    let last = sellers.get(seller)
    if (last === undefined) sellers.set(seller, (last = { sales: 0, last: [] }))
    last.sales++
    last.last.push({ id, price, until })
    last.last.sort((a, b) => a.until - b.until || a.id - b.id)
    if (last.last.length > SALES) last.last.shift()
    let total = 0
    for (const sold of last.last) total += sold.price
    out({ seller, sales: last.sales, avg: Math.floor(total / last.last.length) })
  }
  let now
  for (let n = 0; n < count; n++) {
    const event = next(n)
    for (now ??= event.dateTime; now < event.dateTime; now++) {
      const over = ending.get(now)
      if (over === undefined) continue
      for (const id of over) close(id)
      ending.delete(now)
    }
    if (event.kind === 'bid') {
      sales.bid(event)
    } else if (event.kind === 'auction') {
      sales.open(event)
      const list = ending.get(event.expires)
      if (list === undefined) ending.set(event.expires, [event.id])
      else list.push(event.id)
    }
  }
  for (const [, ids] of [...ending].sort(([a], [b]) => a - b)) for (const id of ids) close(id)
}

function q9(count, next, out) {
  eachBest(count, next, ({ id, price, bidder, at }) => out({ id, price, bidder, at }))
}

function q16(count, next, out) {
  const channels = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const key = `${channelOf(event)} ${dayKey(event.dateTime)}`
    let totals = channels.get(key)
    if (totals === undefined) channels.set(key, (totals = new BidTotals()))
    // In order of time, so that the last minute is that of the last bid.
    out({ key, minute: minuteOf(event.dateTime), totals: totals.with(event) })
  }
}

function q18(count, next, out) {
  const last = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const key = event.bidder * AUCTIONS + event.auction
    const was = last.get(key)
    if (was !== undefined && was.dateTime === event.dateTime && was.price >= event.price) continue
    last.set(key, event)
    out(event)
  }
}

function q19(count, next, out) {
  const auctions = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const { auction, price } = event
    let top = auctions.get(auction)
    if (top === undefined) auctions.set(auction, (top = []))
    let at = top.length
    while (at > 0 && top[at - 1].price < price) at--
    if (at === TOP) continue
    top.splice(at, 0, event)
    if (top.length > TOP) top.pop()
    for (; at < top.length; at++) out({ auction, rank: at + 1, price: top[at].price })
  }
}

function q20(count, next, out) {
  const auctions = new Map()
  const early = new Map()
  const join = ({ auction, bidder, price, dateTime }, { itemName, seller }) =>
    out({ auction, bidder, price, dateTime, itemName, seller })
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'auction') {
      const wanted = event.category === WANTED_CATEGORY ? event : undefined
      auctions.set(event.id, wanted)
      if (wanted !== undefined) for (const bid of early.get(event.id) ?? []) join(bid, wanted)
      early.delete(event.id)
    } else if (event.kind === 'bid') {
      const { auction } = event
      const wanted = auctions.get(auction)
      if (wanted !== undefined) join(event, wanted)
      else if (!auctions.has(auction)) {
        if (early.has(auction)) early.get(auction).push(event)
        else early.set(auction, [event])
      }
    }
  }
}

export const MORE_LOOPS = { q3, q4, q6, q9, q16, q18, q19, q20 }
