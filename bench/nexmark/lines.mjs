/** What jobs and loops share without the engine: keys, classes of prices, and results as lines of text. */

const DAY_MS = 86_400_000
/** More than there are auctions. */
const AUCTIONS = 1e8

/** Day and auction as one number. */
export const dayKey = (dateTime, auction = 0) => Math.floor(dateTime / DAY_MS) * AUCTIONS + auction

/** The three classes of q15 and q17: below 10,000 cents, below 1,000,000, and from there on. */
export const priceClass = (price) => (price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3)

/** Of the results of jobs and loops, by query. Fractions are cut to what all engines must agree about. */
export const LINES = {
  q0: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${price},${dateTime}`,
  q1: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${Math.round(price * 1000)},${dateTime}`,
  q2: ({ auction, price }) => `${auction},${price}`,
  q5: ({ auction, bids, end }) => `${auction},${bids},${end}`,
  q7: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${price},${dateTime}`,
  q8: ({ id, name, start }) => `${id},${name},${start}`,
  q11: ({ key, value, start, end }) => `${key},${value},${+start},${+end}`,
  q12: ({ key, value }) => `${key},${value}`,
  q15: (r) => `${r.bids},${r.bids1},${r.bids2},${r.bids3},${r.bidders},${r.bidders1},${r.bidders2},${r.bidders3},` +
    `${r.auctions},${r.auctions1},${r.auctions2},${r.auctions3}`,
  q17: (r) => `${r.key},${r.bids},${r.bids1},${r.bids2},${r.bids3},${r.min},${r.max},${Math.floor(r.avg)},${r.sum}`,
}

/** The text after the comma number `n` of a changelog line counts the bids so far. */
const COUNT_FIELD = { q15: 0, q17: 1 }

/**
 * Lines as they are compared: sorted. Of q12 only the totals per bidder. `finals`: of a changelog only the last
 * result of each key, for runs in which the order of records of different parts is open.
 */
export function comparable(query, lines, { finals = false } = {}) {
  if (query === 'q12') return totalsPerBidder(lines)
  const field = finals ? COUNT_FIELD[query] : undefined
  if (field === undefined) return [...lines].sort()
  const last = new Map()
  for (const line of lines) {
    const fields = line.split(',')
    const key = fields.slice(0, field).join()
    const count = Number(fields[field])
    if (count > (last.get(key)?.count ?? 0)) last.set(key, { count, line })
  }
  return [...last.values()].map(({ line }) => line).sort()
}

function totalsPerBidder(lines) {
  const totals = new Map()
  for (const line of lines) {
    const [bidder, bids] = line.split(',')
    totals.set(bidder, (totals.get(bidder) ?? 0) + Number(bids))
  }
  return [...totals].map(([bidder, bids]) => `${bidder},${bids}`).sort()
}
