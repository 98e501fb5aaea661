/**
 * Jobs that differ in what a record costs and in what must cross between threads.
 *
 * work: a function that takes some microseconds, and a count in windows. window: the same without the work.
 * rolling: a new count for each record, so that every one of them crosses. wide: a new sum for each of records that
 * hold texts as well. Each thread notes its first record.
 */
import { appendFileSync } from 'node:fs'
import { count, files, generator, job, sum, tumbling } from 'tidemark'
import { nowMs } from '../lib/scheduled.mjs'
import { work } from './work.mjs'

const KEYS = 1000
const CITY = 'a place with a name'
const ABOUT = 'what somebody has to say about it, at some length'
const WINDOWS = 8
/** A record a millisecond of event time, so that windows are a part of the input. */
const windowOf = (records) => `${Math.ceil(records / WINDOWS)}ms`

const JOBS = {
  work: (keyed, records, sink) => counted(keyed, records, sink),
  window: (keyed, records, sink) => counted(keyed, records, sink),
  rolling: (keyed, records, sink) => keyed
    .reduce('count', () => ({ key: 0, records: 0 }), ({ records: before }, { n }) => ({ key: n % KEYS, records: before + 1 }))
    .map(({ value }) => value)
    .filter((value) => value.records >= records / KEYS)
    .to('counts', sink),
  wide: (keyed, records, sink) => keyed.aggregate('per-key', { records: count(), sum: sum(({ value }) => value) })
    .filter((row) => row.records >= records / KEYS)
    .to('sums', sink),
}

function counted(keyed, records, sink) {
  keyed.window('counts', tumbling(windowOf(records))).aggregate({ records: count() })
    .map(({ key, start, records: there }) => ({ key, at: start.getTime(), records: there }))
    .to('lines', sink)
}

export const scaling = job('scaling', { checkpoint: { every: '1s' } }, (j) => {
  const kind = j.config.string('kind', 'window')
  const marks = j.config.string('marks', '')
  const records = j.config.number('records', 0)
  const sink = files({ path: j.config.string('out', '') })
  const change = kind === 'work' ? work : (n) => n
  let began = false
  const keyed = j
    .from('numbers', generator({ record: (n) => ({ n, at: n, value: n }), count: records, splits: 2 }), { eventTime: ({ at }) => at })
    .map(({ n, at, value }) => {
      if (!began) appendFileSync(marks, `${nowMs()}\n`)
      began = true
      return kind === 'wide' ? { n, at, value, city: CITY, about: ABOUT, ok: true } : { n, at, value: change(value) }
    })
    // Never true, and what makes the work needed.
    .filter(({ value }) => value !== -1)
    .keyBy(({ n }) => n % KEYS)
  JOBS[kind](keyed, records, sink)
})
