/**
 * One run of one side of the pattern comparison, in a process of its own.
 *
 *   node sides/cep.mjs (engine|loop|batches) RECORDS
 *
 * A hot reading, directly followed by a warm one, followed by a cold one less than a second after the first: every match,
 * for each of 1,000 sensors. loop: the state machine one would write by hand for this pattern alone, with a list of the
 * hot-and-warm pairs of each sensor, which are records, since these are what a match gives; it relies on records being in
 * order of event time and keeps nothing that could be restored.
 */
import { generator, job } from 'tidemark'
import { besideLoop } from '../lib/beside-loop.mjs'
import { digestOf, isCold, isHot, isWarm, keyOf, record, WITHIN_MS } from '../lib/cep.mjs'

const toRow = (key, hot, warm, cold) => ({ key, hot: hot.at, warm: warm.at, cold: cold.at })

const makeJob = (sink, records) => job('watch', (j) => {
  j.from('readings', generator({ record, count: records }), { eventTime: ({ at }) => at })
    .keyBy(keyOf)
    .match('cooling', (p) => p
      .begin('hot', isHot).next('warm', isWarm).followedBy('cold', isCold).within(WITHIN_MS))
    .map(({ key, records: { hot, warm, cold } }) => toRow(key, hot[0], warm[0], cold[0]))
    .to('matches', sink)
})

class Machine {
  matches = []
  sensors = new Map()

  add(reading) {
    const key = keyOf(reading)
    let sensor = this.sensors.get(key)
    if (sensor === undefined) {
      sensor = { last: undefined, pairs: [] }
      this.sensors.set(key, sensor)
    }
    const { last, pairs } = sensor
    const { at } = reading
    if (pairs.length > 0) {
      while (pairs.length > 0 && at - pairs[0].hot.at >= WITHIN_MS) pairs.shift()
      if (pairs.length > 0 && isCold(reading)) {
        for (const { hot, warm } of pairs) this.matches.push(toRow(key, hot, warm, reading))
        pairs.length = 0
      }
    }
    if (last !== undefined && isWarm(reading) && at - last.at < WITHIN_MS) pairs.push({ hot: last, warm: reading })
    sensor.last = isHot(reading) ? reading : undefined
  }

  end() {
    return this.matches
  }
}

await besideLoop({ job: makeJob, record, fold: () => new Machine(), digest: digestOf })
