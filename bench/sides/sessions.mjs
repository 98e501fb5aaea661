/**
 * One run of one side of the comparison of sessions, in a process of its own.
 *
 *   node sides/sessions.mjs (engine|loop|batches) RECORDS
 *
 * Counts of the sessions of 2,000 keys, half of which speak in every other second: a session has about 100
 * records, and a gap of half a second ends it. engine: the job, state in memory. loop: what one would write by
 * hand, knowing that records come in order of time: one open session for each key. batches: the same over
 * arrays of records from the generator source, so with its records made as for the engine.
 */
import { collect, generator, job, session, startJob } from 'tidemark'
import { digestOf, KEYS, record as reading } from '../lib/chain.mjs'
import { forEachBatch } from '../lib/generated.mjs'
import { report, timed } from '../lib/measure.mjs'

const GAP_MS = 500
const TURN_MS = 1000
/** Twice as many keys: the ones of the even and of the odd seconds. */
const NIGHT_KEYS = KEYS.map((key) => `night-${key}`)

const side = process.argv[2]
const count = Number(process.argv[3])

function record(n) {
  const { at, celsius, sensor } = reading(n)
  return { at, sensor: Math.floor(at / TURN_MS) % 2 === 0 ? sensor : NIGHT_KEYS[celsius % KEYS.length], celsius }
}
const keyOf = ({ sensor }) => sensor

async function engine() {
  const sink = collect()
  const counts = job('sessions', (j) => {
    j.from('readings', generator({ record, count }), { eventTime: ({ at }) => at })
      .keyBy(keyOf)
      .window('per-session', session({ gap: `${GAP_MS}ms` }))
      .count()
      .to('counts', sink)
  })
  const outcome = await startJob(counts).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

class Sessions {
  results = []
  open = new Map()

  add(record) {
    const { at } = record
    const key = keyOf(record)
    const session = this.open.get(key)
    if (session !== undefined && at <= session.end) {
      session.value += 1
      session.end = at + GAP_MS
      return
    }
    if (session !== undefined) this.results.push(session)
    this.open.set(key, { key, start: at, end: at + GAP_MS, value: 1 })
  }

  end() {
    for (const session of this.open.values()) this.results.push(session)
    return this.results
  }
}

function loop() {
  const sessions = new Sessions()
  for (let n = 0; n < count; n++) sessions.add(record(n))
  return sessions.end()
}

function batches() {
  const sessions = new Sessions()
  forEachBatch(generator({ record, count }), (records) => {
    for (const each of records) sessions.add(each)
  })
  return sessions.end()
}

const work = { engine, loop, batches }[side]
const { result, times } = await timed(work)
report({ times, digest: digestOf(result) })
process.exit(0)
