/**
 * One run of one side of the comparison of sessions, in a process of its own.
 *
 *   node sides/sessions.mjs (engine|loop|batches) RECORDS
 *
 * Counts of the sessions of 2,000 keys, half of which speak in every other second: a session has about 100
 * records, and a gap of half a second ends it. loop: what one would write by hand, knowing that records come in
 * order of time: one open session for each key.
 */
import { generator, job, session } from 'tidemark'
import { besideLoop } from '../lib/beside-loop.mjs'
import { KEYS, record as reading } from '../lib/chain.mjs'

const GAP_MS = 500
const TURN_MS = 1000
/** Twice as many keys: the ones of the even and of the odd seconds. */
const NIGHT_KEYS = KEYS.map((key) => `night-${key}`)

function record(n) {
  const { at, celsius, sensor } = reading(n)
  return { at, sensor: Math.floor(at / TURN_MS) % 2 === 0 ? sensor : NIGHT_KEYS[celsius % KEYS.length], celsius }
}
const keyOf = ({ sensor }) => sensor

const makeJob = (sink, count) => job('sessions', (j) => {
  j.from('readings', generator({ record, count }), { eventTime: ({ at }) => at })
    .keyBy(keyOf)
    .window('per-session', session({ gap: `${GAP_MS}ms` }))
    .count()
    .to('counts', sink)
})

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

await besideLoop({ job: makeJob, record, fold: () => new Sessions() })
