/** What jobs and loops share without the engine: keys, classes of prices, and results as lines of text. */

const DAY_MS = 86_400_000
/** More than there are auctions. */
const AUCTIONS = 1e8

/** Day and auction as one number. */
export const dayKey = (dateTime, auction = 0) => Math.floor(dateTime / DAY_MS) * AUCTIONS + auction

/** The three classes of q15 and q17: below 10,000 cents, below 1,000,000, and from there on. */
export const priceClass = (price) => (price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3)

const HOT_CHANNELS = ['Apple', 'Baidu', 'Facebook', 'Google']
const CHANNELS = Array.from({ length: 10_000 }, (_, i) => `channel-${i}`)

/** Bids of this generator have no channel; as in the one for Flink, half of them get one of four. */
export function channelOf({ auction, bidder }) {
  const kind = (auction * 31 + bidder) % 8
  return kind < HOT_CHANNELS.length ? HOT_CHANNELS[kind] : CHANNELS[(auction * 7919 + bidder) % CHANNELS.length]
}

/** Of the day, in UTC. */
export const minuteOf = (dateTime) => Math.floor((dateTime % DAY_MS) / 60_000)

/** Of the results of jobs and loops, by query. Fractions are cut to what all engines must agree about. */
export const LINES = {
  q0: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${price},${dateTime}`,
  q1: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${Math.round(price * 1000)},${dateTime}`,
  q2: ({ auction, price }) => `${auction},${price}`,
  q3: ({ name, city, state, auction }) => `${name},${city},${state},${auction}`,
  q4: ({ key, sum, auctions }) => `${key},${sum},${auctions},${Math.floor(sum / auctions)}`,
  q5: ({ auction, bids, end }) => `${auction},${bids},${end}`,
  q6: ({ seller, sales, avg }) => `${seller},${sales},${avg}`,
  q7: ({ auction, bidder, price, dateTime }) => `${auction},${bidder},${price},${dateTime}`,
  q8: ({ id, name, start }) => `${id},${name},${start}`,
  q9: ({ id, price, bidder, at }) => `${id},${price},${bidder},${at}`,
  q11: ({ key, value, start, end }) => `${key},${value},${+start},${+end}`,
  q12: ({ key, value }) => `${key},${value}`,
  q15: (r) => totalsLine(r),
  q16: (r) => `${r.key},${r.minute},${totalsLine(r.totals)}`,
  q17: (r) => `${r.key},${r.bids},${r.bids1},${r.bids2},${r.bids3},${r.min},${r.max},${Math.floor(r.avg)},${r.sum}`,
  q18: ({ bidder, auction, dateTime, price }) => `${bidder},${auction},${dateTime},${price}`,
  q19: ({ auction, rank, price }) => `${auction},${rank},${price}`,
  q20: ({ auction, bidder, price, dateTime, itemName, seller }) =>
    `${auction},${bidder},${price},${dateTime},${itemName},${seller}`,
}

const totalsLine = (r) =>
  `${r.bids},${r.bids1},${r.bids2},${r.bids3},${r.bidders},${r.bidders1},${r.bidders2},${r.bidders3},` +
  `${r.auctions},${r.auctions1},${r.auctions2},${r.auctions3}`

/**
 * Of the lines of a changelog how many fields name the row. The last line of a row is its final value; all
 * lines of it come from one subtask, so that their order is that of the file.
 */
const KEY_FIELDS = { q4: 1, q6: 1, q9: 1, q15: 0, q16: 1, q17: 1, q18: 2, q19: 2 }
/** Timers of equal time fire in an order that engines choose: only final values can be compared. */
const ALWAYS_FINALS = new Set(['q6'])

/** How many results there are depends on the clock, or on the order in which records of two parts meet. */
export const countIsOpen = (query, parts) => query === 'q12' || (parts > 1 && KEY_FIELDS[query] !== undefined)

/**
 * Lines as they are compared: sorted. Of q12 only the totals per bidder. `finals`: of a changelog only the last
 * result of each key, for runs in which the order of records of different parts is open.
 */
export function comparable(query, lines, { finals = false } = {}) {
  if (query === 'q12') return totalsPerBidder(lines)
  const fields = finals || ALWAYS_FINALS.has(query) ? KEY_FIELDS[query] : undefined
  if (fields === undefined) return [...lines].sort()
  const last = new Map()
  for (const line of lines) last.set(line.split(',', fields).join(), line)
  return [...last.values()].sort()
}

function totalsPerBidder(lines) {
  const totals = new Map()
  for (const line of lines) {
    const [bidder, bids] = line.split(',')
    totals.set(bidder, (totals.get(bidder) ?? 0) + Number(bids))
  }
  return [...totals].map(([bidder, bids]) => `${bidder},${bids}`).sort()
}
