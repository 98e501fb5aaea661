/** Running totals of bids for the jobs (q15, q16): distinct bidders and auctions are kept as bits, one entry an id. */
import { priceClass } from './lines.mjs'

export const NOTHING_YET = Object.freeze({
  bids: 0, bids1: 0, bids2: 0, bids3: 0, bidders: 0, bidders1: 0, bidders2: 0, bidders3: 0,
  auctions: 0, auctions1: 0, auctions2: 0, auctions3: 0,
})

/** Notes that `id` was seen in a class of prices; gives the bits that are new: 1 at all, 2, 4, 8 by class. */
function firstTime(seen, id, rank) {
  const had = seen.get(id) ?? 0
  const has = had | 1 | (1 << rank)
  if (has !== had) seen.set(id, has)
  return has ^ had
}

const bit = (bits, at) => (bits >> at) & 1

/** The totals with one more bid; `bidders` and `auctions` are map states of the same key. */
export function withBid(was, { auction, bidder, price }, { bidders, auctions }) {
  const rank = priceClass(price)
  const b = firstTime(bidders, bidder, rank)
  const a = firstTime(auctions, auction, rank)
  return {
    bids: was.bids + 1,
    bids1: was.bids1 + (rank === 1 ? 1 : 0),
    bids2: was.bids2 + (rank === 2 ? 1 : 0),
    bids3: was.bids3 + (rank === 3 ? 1 : 0),
    bidders: was.bidders + bit(b, 0),
    bidders1: was.bidders1 + bit(b, 1),
    bidders2: was.bidders2 + bit(b, 2),
    bidders3: was.bidders3 + bit(b, 3),
    auctions: was.auctions + bit(a, 0),
    auctions1: was.auctions1 + bit(a, 1),
    auctions2: was.auctions2 + bit(a, 2),
    auctions3: was.auctions3 + bit(a, 3),
  }
}
