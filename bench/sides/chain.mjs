/**
 * One run of one side of the chain comparison, in a process of its own.
 *
 *   node sides/chain.mjs (engine|loop|batches) RECORDS
 *
 * engine: the job, state in memory. loop: what one would write by hand; V8 inlines the functions and
 * never makes most of the objects. batches: the same loop over arrays of records from the generator
 * source, so with its records made as for the engine: it shows which part is the source's.
 */
import { collect, generator, job, startJob, tumbling } from 'tidemark'
import { digestOf, isPlausible, keyOf, record, toFahrenheit, WINDOW_MS } from '../lib/chain.mjs'
import { report, timed } from '../lib/measure.mjs'

const side = process.argv[2]
const records = Number(process.argv[3])

async function engine() {
  const sink = collect()
  const chain = job('chain', (j) => {
    j.from('readings', generator({ record, count: records }), { eventTime: ({ at }) => at })
      .map(toFahrenheit)
      .filter(isPlausible)
      .keyBy(keyOf)
      .window('per-10s', tumbling('10s'))
      .count()
      .to('counts', sink)
  })
  const outcome = await startJob(chain).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

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
}

function loop() {
  const open = new OpenWindow()
  for (let n = 0; n < records; n++) open.add(record(n))
  open.flush()
  return open.results
}

function batches() {
  const open = new OpenWindow()
  const ports = { clock: { monotonicMs: () => performance.now() } }
  const source = generator({ record, count: records })
  const reader = source.openSplit({ id: 'all', index: 0 }, undefined, { ports })
  for (let batch = reader.poll(500); batch !== 'end'; batch = reader.poll(500)) {
    for (const reading of batch.records) open.add(reading)
  }
  open.flush()
  return open.results
}

const work = { engine, loop, batches }[side]
const { result, times } = await timed(work)
report({ times, digest: digestOf(result) })
process.exit(0)
