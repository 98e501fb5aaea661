/**
 * Counts by key, and dies at given records, once at each: the job of the measurement of recovery.
 *
 * Record n is due at an instant fixed in advance. At each record k * apart, k from 1 to `deaths`, the thread
 * that reads it leaves, or with `how=process` the process is ended with SIGKILL. It notes when that was, and
 * when records came out of the keyed count that follow in the same split: they were certainly never read before,
 * so the earliest of them ends the recovery. On the way it notes when a thread has built the job anew, and when
 * it reads its first record.
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import { files, job } from 'tidemark'
import { nowMs, scheduled } from '../lib/scheduled.mjs'
import { KEYS, SPLITS } from './shape.mjs'

/** After each death, as many records of the split are noted: a keyed edge may change their order. */
const NOTED = 20

export const recovery = job('recovery', { checkpoint: { every: '100ms' } }, (j) => {
  const marks = j.config.string('marks', '')
  const apart = j.config.number('apart', 0)
  const deaths = j.config.number('deaths', 0)
  const whole = j.config.string('how', 'thread') === 'process'
  const count = j.config.number('count', 0)
  const source = scheduled({
    startMs: j.config.number('startMs', 0), rate: j.config.number('rate', 1), count, splits: SPLITS,
    record: (n) => ({ n, records: 1 }),
  })
  const mark = (what, n) => appendFileSync(marks, `${what} ${Math.floor(n / apart)} ${nowMs()}\n`)
  let reads = false
  const isDeath = (n) => n > 0 && n / apart <= deaths

  function die(n) {
    try {
      writeFileSync(`${marks}-${n}`, '', { flag: 'wx' })
    } catch (error) {
      if (error.code === 'EEXIST') return
      throw error
    }
    mark('death', n)
    if (whole) process.kill(process.pid, 'SIGKILL')
    else process.exit(7)
  }

  mark('built', 0)
  j.from('numbers', source)
    .map((record) => {
      if (!reads) mark('reads', record.n)
      reads = true
      if (record.n % apart === 0 && isDeath(record.n)) die(record.n)
      return record
    })
    .keyBy(({ n }) => n % KEYS)
    .reduce('count', () => ({ n: 0, records: 0 }), ({ records }, { n }) => ({ n, records: records + 1 }))
    .map(({ value }) => {
      const { n } = value
      const past = n % apart
      if (past > 0 && past <= NOTED * SPLITS && n % SPLITS === 0 && n > apart && isDeath(n - past)) mark('new', n)
      return value
    })
    // One line for each key if every record was counted once; more of them if any was counted twice.
    .filter(({ records }) => records >= count / KEYS)
    .to('counts', files({ path: j.config.string('out', '') }))
})
