/**
 * One run of one side of the exchange comparison, in a process of its own: batches of records to bytes,
 * through memory that another thread could read, and back to records.
 *
 *   node sides/exchange.mjs (engine|json|v8) (small|bid) RECORDS
 *
 * engine: both ends of a ring in one thread, so that the work of both is in one figure and no waiting is.
 * json, v8: what Node has for it; their bytes are not even copied, as a transfer would do it.
 */
import { deserialize, serialize } from 'node:v8'
import { report, timed } from '../lib/measure.mjs'

const side = process.argv[2]
const kind = process.argv[3]
const records = Number(process.argv[4])

/** Few enough to stay in the processor's cache, as records that were just made do. */
const BATCHES = 4
const RING_BYTES = 256 * 1024
/** By its path: the ring is no part of what users import. */
const RING = '../../packages/tidemark/dist/channel/ring.js'
const SIZES = { small: 500, bid: 200 }

let state = 42
function below(bound) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return (state >>> 4) % bound
}

/** One flat string, as a parser would make it, and not a chain of pieces. */
function letters(length) {
  return Buffer.from(Array.from({ length }, () => 97 + below(26))).latin1Slice()
}

const MAKE = {
  small: () => ({ k: below(10_000), v: below(1_000_000) / 64 }),
  bid: (n) => ({
    auction: below(1000),
    bidder: below(10_000),
    price: below(100_000_000),
    channel: letters(8),
    url: Buffer.from(`https://www.nexmark.com/${letters(5)}/${letters(5)}/item.htm?query=1`).latin1Slice(),
    dateTime: 1_700_000_000_000 + n,
    extra: letters(70),
    id: n,
  }),
}

const batches = Array.from({ length: BATCHES }, (_, b) => {
  const values = Array.from({ length: SIZES[kind] }, (_value, i) => MAKE[kind](b * SIZES[kind] + i))
  return { kind: 'data', values, timestamps: values.map((_value, i) => 1_700_000_000_000 + i) }
})

async function engine() {
  const { RingReceiver, ringMemory, RingSender } = await import(RING)
  const memory = ringMemory(RING_BYTES)
  const sender = new RingSender({ memory, sender: 'bench[0]', published: () => {} })
  const receiver = new RingReceiver({ memory, sender: 'bench[0]', freed: () => {} })
  return (batch) => {
    sender.push(batch)
    return receiver.pull()
  }
}

const SIDES = {
  engine,
  json: () => (batch) => JSON.parse(JSON.stringify(batch)),
  v8: () => (batch) => deserialize(serialize(batch)),
}

const cross = await SIDES[side]()
const { result, times } = await timed(() => {
  let sum = 0
  for (let done = 0; done < records;) {
    const { values, timestamps } = cross(batches[(done / SIZES[kind]) % BATCHES])
    for (let i = 0; i < values.length; i++) {
      const record = values[i]
      sum += timestamps[i] % 1000
      sum += kind === 'small' ? record.k + record.v : record.price + record.extra.length
    }
    done += values.length
  }
  return sum
})
report({ times, digest: String(result) })
