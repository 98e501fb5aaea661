/**
 * Jobs that are held up: one whose sink takes a hundredth of what its source could give, and one without input.
 */
import { generator, job } from 'tidemark'
import { nowMs, scheduled } from '../lib/scheduled.mjs'

/** Records a second and sink; the source gives a hundred times as many and more. */
const RATE = 5_000
const SLICE_MS = 10
const TEXT = 'what lies in a queue takes room'
const FAR_MS = 86_400_000

/** Takes its share of each slice of time; a batch beyond it is paid for by the next slices. Keeps only a count. */
const slow = {
  kind: 'slow', resource: 'nowhere', commit: 'idempotent',
  createWriter({ ports: { timers }, wake }) {
    const share = (RATE * SLICE_MS) / 1000
    let room = share
    let written = 0
    let waits = false
    const refill = () => {
      room += share
      waits = room <= 0
      if (waits) timers.after(SLICE_MS, refill)
      else wake()
    }
    return {
      get full() {
        return room <= 0
      },
      write() {
        written += 1
        room -= 1
        if (room > 0 || waits) return
        waits = true
        timers.after(SLICE_MS, refill)
      },
      *prepareCommit() {
        const cut = written
        written = 0
        return [{ cut }]
      },
      close() {},
    }
  },
  createCommitter: () => ({ *commit() {}, *removeAbandoned() {} }),
}

export const pressed = job('pressed', { checkpoint: { every: '1s' } }, (j) => {
  j.from('numbers', generator({ record: (n) => ({ n, text: `${TEXT} ${n}` }), splits: 2 }))
    .keyBy(({ n }) => n % 1000)
    .reduce('count', () => ({ n: 0, text: '' }), (_before, { n, text }) => ({ n, text }))
    .to('slow', slow)
})

export const idle = job('idle', { checkpoint: { every: '1h' } }, (j) => {
  const source = scheduled({ startMs: nowMs() + FAR_MS, rate: 1, count: 1, splits: 2, record: (n) => ({ n }) })
  j.from('numbers', source).keyBy(({ n }) => n).reduce('count', () => 0, (before) => before + 1).to('slow', slow)
})
