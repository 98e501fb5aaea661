/**
 * One run of one side of the flights comparison, in a process of its own.
 *
 *   node sides/flights.mjs (read|decoded) (engine|loop|map) DIRECTORY
 *
 * read: from the Parquet file. decoded: from rows that were read into an array before the clock
 * starts. engine: the job, with a checkpoint every second, state on disk. loop: the plain loop, which
 * writes the same lines. map: the plain loop without writing (what it has is written after the clock).
 */
import { join } from 'node:path'
import { collection, startJob } from 'tidemark'
import { flightsJob, flightsSource, Totals, withSource } from '../lib/flights.mjs'
import { digestOf } from '../lib/lines.mjs'
import { report, timed } from '../lib/measure.mjs'
import { readAll } from '../lib/reader.mjs'

const [input, side, directory] = process.argv.slice(2)
const out = join(directory, 'out')

async function rowsInMemory() {
  const rows = []
  await readAll(flightsSource(), (records) => { for (const record of records) rows.push(record) })
  return rows
}

async function engine(departures) {
  let checkpoints = 0
  const outcome = await startJob(departures, {
    stateDirectory: join(directory, 'state'),
    config: { out, checkpointEvery: '1s' },
    onEvent: ({ kind }) => { if (kind === 'checkpoint') checkpoints += 1 },
  }).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return { rows: outcome.counts.recordsIn, checkpoints }
}

function finish(totals) {
  if (side === 'loop') totals.write(out)
  return { rows: totals.rows }
}

async function prepare() {
  const decoded = input === 'decoded' ? await rowsInMemory() : undefined
  if (side === 'engine') {
    const own = await flightsJob()
    const departures = decoded === undefined ? own : withSource(own, collection(decoded))
    return () => engine(departures)
  }
  const totals = new Totals()
  const work = async () => {
    if (decoded === undefined) await readAll(flightsSource(), (records) => totals.addAll(records))
    else totals.addAll(decoded)
    return finish(totals)
  }
  return Object.assign(work, { totals })
}

const work = await prepare()
const { result, times } = await timed(work)
if (side === 'map') work.totals.write(out)
report({ ...result, times, digest: `${result.rows} rows, ${digestOf(out)}` })
process.exit(0)
