/**
 * Nexmark events as Apache Beam makes them: event number n is a pure function of n.
 *
 * One stream of persons, auctions and bids in the proportion 1 : 3 : 46, in order of time, 10,000 events a
 * second of event time. The check values are in packages/tidemark/test/bench/nexmark.test.ts. The field
 * `extra`, which only pads records to an average size, is left out, here and in the jobs for Flink alike.
 *
 * Source: Tucker et al., "NEXMark: a benchmark for queries over data streams"; Beam's Nexmark generator.
 */
import { JavaRandom } from './random.mjs'

const FIRST_NAMES = ['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter', 'Walter']
const LAST_NAMES = ['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris']
const CITIES = [
  'Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland', 'Bend', 'Redmond', 'Seattle', 'Kent', 'Cheyenne',
]
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']

const ROUND = 50
const PERSONS = 1
const AUCTIONS = 3
const FIRST_ID = 1000
const FIRST_CATEGORY = 10
const CATEGORIES = 5
const HOT_BATCH = 100
const ACTIVE_PERSONS = 1000
const OPEN_AUCTIONS = 100
const LEAD = 10
const DELAY_US = 100
export const BASE_TIME = Date.UTC(2015, 6, 15)

/** Milliseconds since 1970 of event number n. */
export const timeOf = (n) => BASE_TIME + Math.floor((n * DELAY_US) / 1000)

const lastPerson = (n) => Math.floor(n / ROUND)

function lastAuction(n) {
  const round = Math.floor(n / ROUND)
  const within = n % ROUND
  if (within < PERSONS) return AUCTIONS * (round - 1) + AUCTIONS - 1
  return AUCTIONS * round + Math.min(within - PERSONS, AUCTIONS - 1)
}

/** Makes events; owns a random generator, which every event seeds with its number. */
export class NexmarkGenerator {
  #random = new JavaRandom()

  /** `kind` is 'person', 'auction' or 'bid'; times are milliseconds, prices cents. */
  event(n) {
    this.#random.seed(n)
    const within = n % ROUND
    if (within < PERSONS) return this.#person(n)
    return within < PERSONS + AUCTIONS ? this.#auction(n) : this.#bid(n)
  }

  #person(n) {
    const name = `${this.#one(FIRST_NAMES)} ${this.#one(LAST_NAMES)}`
    const email = `${this.#text(7)}@${this.#text(5)}.com`
    const creditCard = Array.from({ length: 4 }, () => String(this.#random.int(10_000)).padStart(4, '0')).join(' ')
    const city = this.#one(CITIES)
    const state = this.#one(STATES)
    return { kind: 'person', id: lastPerson(n) + FIRST_ID, name, email, creditCard, city, state, dateTime: timeOf(n) }
  }

  #auction(n) {
    const random = this.#random
    const dateTime = timeOf(n)
    const hot = random.int(4) > 0
    const seller = FIRST_ID + (hot ? Math.floor(lastPerson(n) / HOT_BATCH) * HOT_BATCH : this.#somePerson(n))
    const category = FIRST_CATEGORY + random.int(CATEGORIES)
    const initialBid = this.#price()
    const horizonMs = timeOf(n + Math.floor((OPEN_AUCTIONS * ROUND) / AUCTIONS)) - dateTime
    const expires = dateTime + 1 + random.int(Math.max(2 * horizonMs, 1))
    const itemName = this.#text(20)
    const description = this.#text(100)
    const reserve = initialBid + this.#price()
    return {
      kind: 'auction', id: lastAuction(n) + FIRST_ID, itemName, description, initialBid, reserve, dateTime, expires,
      seller, category,
    }
  }

  #bid(n) {
    const random = this.#random
    const hotAuction = random.int(2) > 0
    const auction = hotAuction ? Math.floor(lastAuction(n) / HOT_BATCH) * HOT_BATCH : this.#someAuction(n)
    const hotBidder = random.int(4) > 0
    const bidder = hotBidder ? Math.floor(lastPerson(n) / HOT_BATCH) * HOT_BATCH + 1 : this.#somePerson(n)
    return { kind: 'bid', auction: auction + FIRST_ID, bidder: bidder + FIRST_ID, price: this.#price(), dateTime: timeOf(n) }
  }

  /** Up to LEAD ahead of what exists: joins must wait. */
  #somePerson(n) {
    const persons = lastPerson(n) + 1
    const active = Math.min(persons, ACTIVE_PERSONS)
    return persons - active + this.#random.int(active + LEAD)
  }

  #someAuction(n) {
    const last = lastAuction(n)
    const first = Math.max(last - OPEN_AUCTIONS, 0)
    return first + this.#random.int(last - first + 1 + LEAD)
  }

  #price() {
    return Math.round(10 ** (this.#random.double() * 6) * 100)
  }

  #one(list) {
    return list[this.#random.int(list.length)]
  }

  /** 3 to `most` - 1 letters and spaces, trimmed. */
  #text(most) {
    let text = ''
    for (let left = 3 + this.#random.int(most - 3); left > 0; left--) {
      text += this.#random.int(13) === 0 ? ' ' : String.fromCharCode(97 + this.#random.int(26))
    }
    return text.trim()
  }
}
