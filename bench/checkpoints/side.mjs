/**
 * One run of one side of the measurement of checkpoints, in a process of its own.
 *
 *   node checkpoints/side.mjs KEYS HOT SECONDS (never|INTERVAL)
 *
 * A rolling count over KEYS keys, of which HOT change all the time, as fast as it goes on one thread, with a
 * checkpoint so often and its state on disk. Measured is the processor time of the whole process, the writing of
 * snapshots and the collection of garbage included, for the records of so many seconds after every key has
 * been seen and the compiler has had a while.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generator, job, startJob } from 'tidemark'
import { report } from '../lib/measure.mjs'

const STEP = 7919
const WARM_UP_MS = 1500
/** The clock is asked once for so many records. */
const LOOK_EVERY = 1024

const [keyCount, hotCount, seconds, every] = process.argv.slice(2)
const keys = Number(keyCount)
const hot = Number(hotCount)

/** What the process has done by now. */
class Marks {
  seen = 0
  checkpoints = 0
  #warmUntil
  #from
  done = new Promise((resolve) => { this.finish = resolve })

  onRecord() {
    this.seen += 1
    if (this.seen % LOOK_EVERY === 0 && this.seen >= keys) this.#look(performance.now())
  }

  #look(now) {
    if (this.#warmUntil === undefined) this.#warmUntil = now + WARM_UP_MS
    else if (this.#from === undefined && now >= this.#warmUntil) {
      this.#from = { now, cpu: process.cpuUsage(), seen: this.seen, checkpoints: this.checkpoints }
    } else if (this.#from !== undefined && now >= this.#from.now + Number(seconds) * 1000) {
      const { user, system } = process.cpuUsage(this.#from.cpu)
      const records = this.seen - this.#from.seen
      this.finish({
        records, checkpoints: this.checkpoints - this.#from.checkpoints,
        times: { cpuNs: ((user + system) * 1000) / records, wallNs: ((now - this.#from.now) * 1e6) / records },
      })
    }
  }
}

/** Each key once, and then the hot ones in an order that is none. */
const record = (n) => ({ key: n < keys ? n : (n * STEP) % hot, amount: n % 100 })
const marks = new Marks()
const directory = mkdtempSync(join(tmpdir(), 'tidemark-checkpoints-'))
const counts = job('counts', { checkpoint: { every: every === 'never' ? '1h' : every } }, (j) => {
  j.from('events', generator({ record, count: Number.MAX_SAFE_INTEGER }))
    .keyBy(({ key }) => key)
    .reduce('total', () => ({ events: 0, amount: 0 }), ({ events, amount }, { amount: more }) => {
      marks.onRecord()
      return { events: events + 1, amount: amount + more }
    })
    .filter(({ value }) => value.events < 0)
    .print('never')
})
try {
  const handle = startJob(counts, {
    stateDirectory: directory,
    onEvent: ({ kind }) => { if (kind === 'checkpoint') marks.checkpoints += 1 },
  })
  const ended = handle.done.then((outcome) => { throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`) })
  const measured = await Promise.race([marks.done, ended])
  handle.cancel()
  report({ ...measured, digest: `${hot} of ${keys} keys` })
} finally {
  rmSync(directory, { recursive: true, force: true })
}
process.exit(0)
