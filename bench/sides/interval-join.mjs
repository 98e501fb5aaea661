/**
 * One run of one side of the comparison of interval joins, in a process of its own.
 *
 *   node sides/interval-join.mjs (engine|loop) RECORDS
 *
 * Two sources of RECORDS records each, 1000 keys, pairs up to 20 ms apart: about two for each left record.
 * Every pair is made; one in 64 goes to the sink. loop: what one would write
 * by hand, knowing that both sides come in order of time and in step: two queues for each key.
 */
import { generator, job } from 'tidemark'
import { besideLoop } from '../lib/beside-loop.mjs'
import { keyOf, record } from '../lib/chain.mjs'

const APART_MS = 20
/** Right record n has another key than left record n. */
const SHIFT = 7_919

const right = (n) => ({ ...record(n + SHIFT), at: record(n).at })
const pair = (l, r) => ({ key: l.sensor, start: l.at, value: l.celsius * 1024 + r.celsius })
const isKept = ({ value }) => value % 64 === 0

const makeJob = (sink, count) => job('interval-join', (j) => {
  const lefts = j.from('lefts', generator({ record, count }), { eventTime: ({ at }) => at })
  const rights = j.from('rights', generator({ record: right, count }), { eventTime: ({ at }) => at })
  lefts.keyBy(keyOf)
    .intervalJoin('near', rights.keyBy(keyOf), { between: [0, APART_MS] }, pair)
    .filter(isKept)
    .to('pairs', sink)
})

/** Records of one side and key, oldest first; those that are too old leave at the front. */
class Queue {
  rows = []
  head = 0

  push(row) {
    this.rows.push(row)
  }

  dropBefore(at) {
    const { rows } = this
    while (this.head < rows.length && rows[this.head].at < at) this.head += 1
    if (2 * this.head < rows.length) return
    rows.splice(0, this.head)
    this.head = 0
  }
}

function loop(count) {
  const results = []
  const keys = new Map()
  const queuesOf = (key) => {
    let queues = keys.get(key)
    if (queues === undefined) {
      queues = { lefts: new Queue(), rights: new Queue() }
      keys.set(key, queues)
    }
    return queues
  }
  const put = (l, r) => {
    const made = pair(l, r)
    if (isKept(made)) results.push(made)
  }
  for (let n = 0; n < count; n++) {
    const l = record(n)
    const ofLeft = queuesOf(keyOf(l))
    ofLeft.rights.dropBefore(l.at)
    for (let i = ofLeft.rights.head; i < ofLeft.rights.rows.length; i++) put(l, ofLeft.rights.rows[i])
    ofLeft.lefts.push(l)
    const r = right(n)
    const ofRight = queuesOf(keyOf(r))
    ofRight.lefts.dropBefore(r.at - APART_MS)
    for (let i = ofRight.lefts.head; i < ofRight.lefts.rows.length; i++) put(ofRight.lefts.rows[i], r)
    ofRight.rights.push(r)
  }
  return results
}

await besideLoop({ job: makeJob, loop })
