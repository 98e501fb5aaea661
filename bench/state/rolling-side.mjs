/**
 * One run of one side of the measurement of rolling aggregates, in a process of its own.
 *
 *   node state/rolling-side.mjs (numbers|objects) (number|string) KEYS RECORDS EVERY
 *
 * A count and a sum a key: one record for each of KEYS keys, WARM more with keys in random order, then RECORDS more, which are
 * measured; a checkpoint EVERY so often. objects: the same by reduce(), whose values are objects of the job's own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, generator, job, startJob, sum } from 'tidemark'
import { report } from '../lib/measure.mjs'

const [side, kind, keyCount, recordCount, every] = process.argv.slice(2)
const keys = Number(keyCount)
const records = Number(recordCount)
const WARM = 2_000_000

/** 2^22 keys anywhere, again and again in an order of their own. */
const picked = Int32Array.from({ length: 2 ** 22 }, (_, n) => Math.floor((Math.imul(n, 0x9e3779b1) >>> 0) / 2 ** 32 * keys))
const pick = (n) => n < keys ? n : picked[(n * 7919) & (picked.length - 1)]
const names = kind === 'string' ? Array.from({ length: keys }, (_, key) => `customer-${key}`) : undefined
const keyOf = names === undefined ? pick : (n) => names[pick(n)]

const SIDES = {
  numbers: (orders) => orders
    .aggregate('total', { n: count(), total: sum(({ amount }) => amount) })
    .filter(({ n }) => n < 0),
  objects: (orders) => orders
    .reduce('total', () => ({ n: 0, total: 0 }), ({ n, total }, { amount }) => ({ n: n + 1, total: total + amount }))
    .filter(({ value }) => value.n < 0),
}
const used = () => {
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const marks = {}
let end = () => {}
const ended = new Promise((resolve) => { end = resolve })
function record(n) {
  if (n === keys + WARM) {
    marks.cpu = process.cpuUsage()
    marks.began = performance.now()
  } else if (n === keys + WARM + records) {
    marks.cpu = process.cpuUsage(marks.cpu)
    marks.wallMs = performance.now() - marks.began
    end()
  }
  return { key: keyOf(n), amount: (n % 1000) / 8 }
}

const rolling = job('rolling', { checkpoint: { every, retain: 1 } }, (j) => {
  const orders = j.from('orders', generator({ record, count: Number.MAX_SAFE_INTEGER }), { eventTime: () => 0 })
  SIDES[side](orders.keyBy(({ key }) => key)).print('never')
})
const before = used()
const stateDirectory = mkdtempSync(join(tmpdir(), 'tidemark-rolling-'))
let checkpoints = 0
const running = startJob(rolling, {
  stateDirectory, onEvent: ({ kind: what }) => { if (what === 'checkpoint' && marks.began !== undefined && marks.wallMs === undefined) checkpoints += 1 },
})
await Promise.race([ended, running.done.then(({ error }) => { throw error ?? new Error('the job ended before its time') })])
const bytes = used() - before
running.stop()
await running.done
rmSync(stateDirectory, { recursive: true, force: true })
const { user, system } = marks.cpu
const cpuMs = (user + system) / 1000
report({ times: { wallMs: marks.wallMs, cpuMs }, nsARecord: Math.round(cpuMs * 1e6 / records), bytesAKey: Math.round(bytes / keys), checkpoints })
