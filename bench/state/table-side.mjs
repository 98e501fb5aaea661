/**
 * One side of the comparison of tables, in a process of its own.
 *
 *   node state/table-side.mjs (heap|'in place'|numbers|encoded) KEYS ACCESSES
 */
import { ByteReader, ByteWriter } from '../../packages/tidemark/dist/base/bytes.js'
import { decodeValue, encodeValue } from '../../packages/tidemark/dist/record/value-codec.js'
import { KeyMap } from '../../packages/tidemark/dist/state/key-map.js'
import { report, timed } from '../lib/measure.mjs'

const [side, keyCount, accessCount] = process.argv.slice(2)
const keys = Number(keyCount)
const accesses = Number(accessCount)
/** Of an accumulator in bytes: two numbers and two names. */
const MOST_BYTES = 48

/** Picked beforehand, the same on all sides: 2^20 keys anywhere, again and again. */
const picked = Int32Array.from({ length: 2 ** 20 }, (_, n) => Math.floor((Math.imul(n, 0x9e3779b1) >>> 0) / 2 ** 32 * keys))
const pick = (n) => picked[n & (picked.length - 1)]

const SIDES = {
  heap() {
    const table = new KeyMap()
    for (let key = 0; key < keys; key++) table.set(key, { touched: 0, cell: { count: 1, sum: key } })
    return (key) => {
      const slot = table.get(key)
      const { count, sum } = slot.cell
      slot.cell = { count: count + 1, sum: sum + key }
      return slot.cell.sum
    }
  },
  'in place'() {
    const table = new KeyMap()
    for (let key = 0; key < keys; key++) table.set(key, { touched: 0, cell: { count: 1, sum: key } })
    return (key) => {
      const { cell } = table.get(key)
      cell.count += 1
      return cell.sum += key
    }
  },
  numbers() {
    const { placeOf, capacity } = openTable()
    const counts = new Float64Array(new SharedArrayBuffer(capacity * 8))
    const sums = new Float64Array(new SharedArrayBuffer(capacity * 8))
    for (let key = 0; key < keys; key++) {
      const at = placeOf(key)
      counts[at] = 1
      sums[at] = key
    }
    return (key) => {
      const at = placeOf(key)
      counts[at] += 1
      return sums[at] += key
    }
  },
  encoded() {
    const { placeOf, capacity } = openTable()
    const bytes = new Uint8Array(new SharedArrayBuffer(capacity * MOST_BYTES))
    const writer = new ByteWriter(64)
    const put = (at, value) => {
      writer.reset()
      encodeValue(writer, value)
      bytes.set(writer.peek(), at * MOST_BYTES)
    }
    for (let key = 0; key < keys; key++) put(placeOf(key), { count: 1, sum: key })
    return (key) => {
      const at = placeOf(key)
      const { count, sum } = decodeValue(new ByteReader(bytes.subarray(at * MOST_BYTES, (at + 1) * MOST_BYTES)))
      put(at, { count: count + 1, sum: sum + key })
      return sum + key
    }
  },
}

/** Linear probing, half full at most; a key that is not there gets its place. */
function openTable() {
  const capacity = 2 ** Math.ceil(Math.log2(keys * 2))
  const held = new Float64Array(new SharedArrayBuffer(capacity * 8)).fill(Number.NaN)
  const mask = capacity - 1
  const placeOf = (key) => {
    let at = Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) & mask
    while (held[at] !== key) {
      if (Number.isNaN(held[at])) held[at] = key
      else at = (at + 1) & mask
    }
    return at
  }
  return { placeOf, capacity }
}

const used = () => {
  globalThis.gc()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + Math.max(external, arrayBuffers)
}

const before = used()
const change = SIDES[side]()
const bytesAKey = Math.round((used() - before) / keys)
for (let n = 0; n < accesses / 4; n++) change(pick(n))
let check = 0
const { times } = await timed(() => {
  for (let n = 0; n < accesses; n++) check += change(pick(n))
})
report({ times, nsAnAccess: Number((times.cpuMs * 1e6 / accesses).toPrecision(3)), bytesAKey, digest: check })
