/**
 * One run of the measurement of latency, in a process of its own.
 *
 *   node latency/side.mjs DIRECTORY RATE INTERVAL WARM_UP_SECONDS SECONDS
 *
 * Records fall due RATE times a second, are counted by key, and every new count is written to files, exactly
 * once. Measured from the instant at which a record was due to the return of the commit of the file that holds
 * its result; those that were due during the warm-up do not count, all others do.
 */
import { join } from 'node:path'
import { files, job, startJob } from 'tidemark'
import { Histogram } from '../lib/histogram.mjs'
import { report } from '../lib/measure.mjs'
import { dueMs, nowMs, scheduled } from '../lib/scheduled.mjs'
import { median } from '../lib/stats.mjs'
import { Ledger } from './ledger.mjs'

const KEYS = 1000
/** The job is to be running when its first record falls due. */
const LEAD_MS = 1000

const [directory, ...numbers] = process.argv.slice(2)
const [rate, intervalMs, warmUpSeconds, seconds] = numbers.map(Number)
const plan = { startMs: nowMs() + LEAD_MS, rate }
const first = rate * warmUpSeconds
const count = first + rate * seconds

const histogram = new Histogram()
const checkpoints = []
let restarts = 0
let warm = 0
const ledger = new Ledger({
  now: nowMs,
  committed: (due, at) => {
    if (due < dueMs(plan, first)) warm += 1
    else histogram.add(at - due)
  },
})
const latency = job('latency', { checkpoint: { every: `${intervalMs}ms` } }, (j) => {
  j.from('events', scheduled({ ...plan, count, record: (n) => ({ n, key: n % KEYS }) }))
    .keyBy(({ key }) => key)
    .reduce('count', () => ({ n: 0, events: 0 }), ({ events }, { n }) => ({ n, events: events + 1 }))
    .map(({ key, value: { n, events } }) => ({ key, n, events }))
    .to('counts', ledger.watch(files({ path: join(directory, 'out') }), ({ n }) => dueMs(plan, n)))
})
const outcome = await startJob(latency, {
  stateDirectory: join(directory, 'state'),
  onEvent: (event) => {
    if (event.kind === 'checkpoint') checkpoints.push(event.tookMs)
    else if (event.kind === 'restarting') restarts += 1
  },
}).done
if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
if (warm !== first || histogram.count !== count - first) {
  throw new Error(`${warm} + ${histogram.count} results of ${first} + ${count - first} records were committed`)
}
report({ ...histogram.summary(), checkpoints: checkpoints.length, checkpointMs: median(checkpoints), restarts })
process.exit(0)
