/**
 * The same calls in a plain process: what the machine gives for a second thread, whatever runs on it.
 *
 *   node scaling/bound.mjs KIND RECORDS PROCESSES
 *
 * Divides the records over so many processes that share nothing, and measures from when all of them are ready to the
 * end of the last. Two processors that are hyperthreads of one core give little more than one.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { report } from '../lib/measure.mjs'
import { nowMs } from '../lib/scheduled.mjs'
import { work } from './work.mjs'

const KEYS = 1000
const LOOPS = {
  work(records) {
    let sum = 0
    for (let n = 0; n < records; n++) sum += work(n)
    return sum
  },
  /** Makes a record, and counts it under its key. */
  trivial(records) {
    const counts = new Map()
    for (let n = 0; n < records; n++) {
      const record = { n, at: n, value: n }
      const key = record.n % KEYS
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts.size
  },
}

const [kind, records, processes] = process.argv.slice(2)
const loop = LOOPS[kind]

if (process.send !== undefined) {
  loop(records / 10)
  process.on('message', () => {
    if (Number.isNaN(loop(Number(records)))) throw new Error('a sum of numbers is a number')
    process.exit(0)
  })
  process.send('ready')
} else {
  const share = String(Math.ceil(records / processes))
  const file = fileURLToPath(import.meta.url)
  const children = Array.from({ length: Number(processes) }, () => fork(file, [kind, share]))
  await Promise.all(children.map((child) => new Promise((ready) => child.once('message', ready))))
  const began = nowMs()
  const ended = children.map((child) => new Promise((end) => child.once('exit', end)))
  for (const child of children) child.send('go')
  const codes = await Promise.all(ended)
  if (codes.some((code) => code !== 0)) throw new Error(`processes ended with ${codes.join(', ')}`)
  report({ times: { wallMs: nowMs() - began }, digest: `${kind} ${records}` })
}
