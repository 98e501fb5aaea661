/**
 * One run of one side of the comparison of windows, in a process of its own.
 *
 *   node sides/windows.mjs (engine|hour) RECORDS
 *
 * engine: an hour by the minute, so that a record belongs to sixty windows. hour: the same hour, tumbling.
 * Both count the records of 1000 keys, a million of them an hour. Sixty times the results are made and
 * counted in; what goes to the sink are those of windows that begin on the hour, which both sides have.
 */
import { collect, generator, job, sliding, startJob, tumbling } from 'tidemark'
import { digestOf, keyOf, record } from '../lib/chain.mjs'
import { report, timed } from '../lib/measure.mjs'

const HOUR_MS = 3_600_000
const RECORDS_AN_HOUR = 1_000_000

const side = process.argv[2]
const count = Number(process.argv[3])

const windows = { engine: () => sliding('1h', { every: '1m' }), hour: () => tumbling('1h') }[side]

async function work() {
  const sink = collect()
  const at = (n) => Math.floor((n * HOUR_MS) / RECORDS_AN_HOUR)
  const readings = generator({ record: (n) => ({ ...record(n), at: at(n) }), count })
  const counts = job('windows', (j) => {
    j.from('readings', readings, { eventTime: ({ at }) => at })
      .keyBy(keyOf)
      .window('per-hour', windows())
      .count()
      .filter(({ start }) => start.getTime() % HOUR_MS === 0)
      .to('counts', sink)
  })
  const outcome = await startJob(counts).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

const { result, times } = await timed(work)
report({ times, digest: digestOf(result) })
process.exit(0)
