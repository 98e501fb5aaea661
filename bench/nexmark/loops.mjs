/**
 * The queries as one would write them by hand for this input: one thread, in order of time, no engine.
 *
 * A loop takes `next(n)`, which gives event n, and hands results to `out`. It may rely on the order of time;
 * it keeps no position, takes no checkpoint and cannot be stopped and resumed.
 */
import { dayKey, priceClass } from './lines.mjs'
import { BidTotals, MORE_LOOPS } from './loops-more.mjs'

const TEN_SECONDS = 10_000
const SLIDE = 2_000

function q0(count, next, out) {
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'bid') out(event)
  }
}

function q1(count, next, out) {
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const { auction, bidder, price, dateTime } = event
    out({ auction, bidder, price: price * 0.908, dateTime })
  }
}

function q2(count, next, out) {
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'bid' && event.auction % 123 === 0) out({ auction: event.auction, price: event.price })
  }
}

/** Counts per slide; a window is the sum of five of them, kept by adding one and taking one away. */
function q5(count, next, out) {
  const inWindow = new Map()
  const slides = []
  let slide
  let end
  const close = () => {
    for (const [auction, bids] of slide) inWindow.set(auction, (inWindow.get(auction) ?? 0) + bids)
    slides.push(slide)
    let most = 0
    for (const bids of inWindow.values()) if (bids > most) most = bids
    for (const [auction, bids] of inWindow) if (bids === most) out({ auction, bids, end })
    if (slides.length === TEN_SECONDS / SLIDE) {
      for (const [auction, bids] of slides.shift()) {
        const left = inWindow.get(auction) - bids
        if (left === 0) inWindow.delete(auction)
        else inWindow.set(auction, left)
      }
    }
    slide = new Map()
    end += SLIDE
  }
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const { auction, dateTime } = event
    if (slide === undefined) {
      slide = new Map()
      end = dateTime - (dateTime % SLIDE) + SLIDE
    }
    while (dateTime >= end) close()
    slide.set(auction, (slide.get(auction) ?? 0) + 1)
  }
  if (slide === undefined) return
  for (let i = 0; i < TEN_SECONDS / SLIDE; i++) close()
}

function q7(count, next, out) {
  let end = 0
  let best = -1
  let all = []
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    if (event.dateTime >= end) {
      for (const bid of all) out(bid)
      best = -1
      end = event.dateTime - (event.dateTime % TEN_SECONDS) + TEN_SECONDS
    }
    if (event.price < best) continue
    if (event.price > best) {
      best = event.price
      all = []
    }
    all.push(event)
  }
  for (const bid of all) out(bid)
}

function q8(count, next, out) {
  const persons = new Map()
  const sellers = new Set()
  let start = 0
  const close = () => {
    for (const [id, name] of persons) if (sellers.has(id)) out({ id, name, start })
    persons.clear()
    sellers.clear()
  }
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind === 'bid') continue
    if (event.dateTime >= start + TEN_SECONDS) {
      close()
      start = event.dateTime - (event.dateTime % TEN_SECONDS)
    }
    if (event.kind === 'person') persons.set(event.id, event.name)
    else sellers.add(event.seller)
  }
  close()
}

function q11(count, next, out) {
  const sessions = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const { bidder, dateTime } = event
    const session = sessions.get(bidder)
    if (session !== undefined && dateTime <= session.end) {
      session.value++
      session.end = dateTime + TEN_SECONDS
    } else {
      if (session !== undefined) out(session)
      sessions.set(bidder, { key: bidder, value: 1, start: dateTime, end: dateTime + TEN_SECONDS })
    }
  }
  for (const session of sessions.values()) out(session)
}

function q12(count, next, out) {
  const LOOK_EVERY = 1024
  const counts = new Map()
  const close = () => {
    for (const [key, value] of counts) out({ key, value })
    counts.clear()
  }
  let end = Date.now() + TEN_SECONDS
  for (let n = 0; n < count; n++) {
    if (n % LOOK_EVERY === 0 && Date.now() >= end) {
      close()
      end += TEN_SECONDS
    }
    const event = next(n)
    if (event.kind === 'bid') counts.set(event.bidder, (counts.get(event.bidder) ?? 0) + 1)
  }
  close()
}

function q15(count, next, out) {
  const days = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const key = dayKey(event.dateTime)
    let day = days.get(key)
    if (day === undefined) days.set(key, (day = new BidTotals()))
    out(day.with(event))
  }
}

function q17(count, next, out) {
  const totals = new Map()
  for (let n = 0; n < count; n++) {
    const event = next(n)
    if (event.kind !== 'bid') continue
    const { price } = event
    const key = dayKey(event.dateTime, event.auction)
    let total = totals.get(key)
    if (total === undefined) {
      total = { bids: [0, 0, 0, 0], min: Infinity, max: 0, sum: 0 }
      totals.set(key, total)
    }
    const { bids } = total
    bids[0]++
    bids[priceClass(price)]++
    if (price < total.min) total.min = price
    if (price > total.max) total.max = price
    total.sum += price
    out({
      key, bids: bids[0], bids1: bids[1], bids2: bids[2], bids3: bids[3],
      min: total.min, max: total.max, avg: total.sum / bids[0], sum: total.sum,
    })
  }
}

export const LOOPS = { q0, q1, q2, q5, q7, q8, q11, q12, q15, q17, ...MORE_LOOPS }
