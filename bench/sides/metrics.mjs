/**
 * One run of one side of the metrics comparison, in a process of its own.
 *
 *   node sides/metrics.mjs (engine|quiet) RECORDS
 *
 * engine: a job of four subtasks whose metrics are asked for ten times a second, from a timer of its own process
 * and as the text that `tidemark top` is answered with. quiet: the same job, asked by nobody. The counters
 * themselves are on in both: they cannot be turned off.
 */
import { collect, generator, job, startJob, tumbling } from 'tidemark'
import { digestOf, isPlausible, keyOf, record, toFahrenheit } from '../lib/chain.mjs'
import { report, timed } from '../lib/measure.mjs'
import { median } from '../lib/stats.mjs'

const EVERY_MS = 100
const side = process.argv[2]
const records = Number(process.argv[3])

/** How long each sample took, µs. */
const samples = []

function sampled(handle) {
  const timer = setInterval(() => {
    const began = performance.now()
    JSON.stringify(handle.metrics())
    samples.push((performance.now() - began) * 1000)
  }, EVERY_MS)
  return () => clearInterval(timer)
}

async function run() {
  const sink = collect()
  const chain = job('metrics', (j) => {
    j.from('readings', generator({ record, count: records }), { eventTime: ({ at }) => at })
      .map(toFahrenheit)
      .filter(isPlausible)
      .keyBy(keyOf)
      .window('per-10s', tumbling('10s'))
      .count()
      .to('counts', sink)
  })
  const handle = startJob(chain, { parallelism: 2 })
  const stop = side === 'engine' ? sampled(handle) : () => {}
  const outcome = await handle.done
  stop()
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

const { result, times } = await timed(run)
// The median: a sample that had to wait for a core took no longer for that.
if (side === 'engine') times.sampleUs = median(samples)
report({ times, digest: digestOf(result), samples: samples.length })
process.exit(0)
