/**
 * One life of a job whose keyed state is larger than its memory, in a process of its own.
 *
 *   node state/large-side.mjs (fill|again) DIRECTORY KEYS UPDATES CACHE
 *
 * fill: a rolling aggregate gets one record for each of KEYS keys, then UPDATES more whose keys lie anywhere; a checkpoint
 * a minute; then it is stopped with a last one. again: the job is started again, gets 1,000 records, and each must find
 * what was there before. Reports times, bytes and the memory of the process.
 */
import { createHash } from 'node:crypto'
import { generator, job, startJob } from 'tidemark'
import { report } from '../lib/measure.mjs'

const [mode, directory, keyCount, updateCount, cache] = process.argv.slice(2)
const keys = Number(keyCount)
const updates = Number(updateCount)
const PROBES = 1000
/** About the bytes of an entry: texts of users are seldom as alike as a counter. */
const TEXT_BYTES = 160
const marks = { began: performance.now() }
let seen = 0
let wrong = 0
let atRecord = () => {}

const textOf = (key) => createHash('md5').update(String(key)).digest('hex').repeat(TEXT_BYTES / 32)
const anywhere = (n) => Number((BigInt(n) * 0x9e3779b97f4a7c15n & 0xffffffffffffffffn) % BigInt(keys))

const large = job('larger-than-memory', {
  checkpoint: { every: '60s', retain: 1, timeout: '1h' }, state: { backend: 'lmdb', cache },
}, (j) => {
  j.from('orders', generator({ record: (n) => ({ key: n < keys ? n : anywhere(n) }), count: Number.MAX_SAFE_INTEGER }), { eventTime: () => 0 })
    .keyBy(({ key }) => key)
    .reduce('total', () => ({ orders: 0, text: '' }), ({ orders, text }, { key }) => {
      atRecord(orders, text, key)
      return { orders: orders + 1, text: text === '' ? textOf(key) : text }
    })
    .filter(({ value }) => value.orders < 0)
    .print('never')
})

let rss = 0
setInterval(() => { rss = Math.max(rss, process.memoryUsage.rss()) }, 200).unref()
const checkpoints = []
const handle = startJob(large, {
  stateDirectory: directory,
  onEvent: (event) => { if (event.kind === 'checkpoint') checkpoints.push({ tookMs: event.tookMs, bytes: event.bytes }) },
})
const reached = new Promise((resolve) => {
  atRecord = (orders, text, key) => {
    seen += 1
    if (seen === 1) marks.first = performance.now()
    if (mode === 'again') {
      if (orders === 0 || text !== textOf(key)) wrong += 1
      if (seen === PROBES) resolve()
    } else if (seen === keys) marks.filled = performance.now()
    else if (seen === keys + updates) resolve()
  }
})
const failed = handle.done.then((outcome) => { if (outcome.kind === 'failed') throw outcome.error })
await Promise.race([reached, failed])
marks.end = performance.now()
const before = checkpoints.length
handle.stop()
await handle.done
const seconds = (from, to) => Number(((to - from) / 1000).toPrecision(3))
report({
  ...(mode === 'again'
    ? { restoreSeconds: seconds(marks.began, marks.first), probes: PROBES, wrong }
    : {
        fillRecordsPerSecond: Math.round(keys / seconds(marks.first, marks.filled)),
        updatesPerSecond: Math.round(updates / seconds(marks.filled, marks.end)),
        checkpoints: before, lastCheckpoint: checkpoints.at(-1), stopSeconds: seconds(marks.end, performance.now()),
      }),
  mostRssMb: Math.round(rss / 2 ** 20),
})
