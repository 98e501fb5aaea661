/**
 * One run of one side of the chain comparison, in a process of its own.
 *
 *   node sides/chain.mjs (engine|loop|batches) RECORDS
 *
 * loop: what one would write by hand; V8 inlines the functions and never makes most of the objects.
 */
import { generator, job, tumbling } from 'tidemark'
import { besideLoop } from '../lib/beside-loop.mjs'
import { isPlausible, keyOf, record, toFahrenheit, WINDOW_MS } from '../lib/chain.mjs'

const makeJob = (sink, records) => job('chain', (j) => {
  j.from('readings', generator({ record, count: records }), { eventTime: ({ at }) => at })
    .map(toFahrenheit)
    .filter(isPlausible)
    .keyBy(keyOf)
    .window('per-10s', tumbling('10s'))
    .count()
    .to('counts', sink)
})

/** Counts of the window that is open; records are in order of event time, so there is only one. */
class OpenWindow {
  results = []
  counts = new Map()
  start = 0

  add(reading) {
    const start = reading.at - (reading.at % WINDOW_MS)
    if (start !== this.start) {
      this.flush()
      this.start = start
    }
    const converted = toFahrenheit(reading)
    if (!isPlausible(converted)) return
    const key = keyOf(converted)
    const count = this.counts.get(key)
    this.counts.set(key, count === undefined ? 1 : count + 1)
  }

  flush() {
    for (const [key, value] of this.counts) this.results.push({ key, start: this.start, value })
    this.counts.clear()
  }

  end() {
    this.flush()
    return this.results
  }
}

await besideLoop({ job: makeJob, record, fold: () => new OpenWindow() })
