/**
 * One run of one side of the pattern comparison, in a process of its own.
 *
 *   node sides/cep.mjs (engine|loop|batches) RECORDS
 *
 * A hot reading, directly followed by a warm one, followed by a cold one less than a second after the
 * first: every match, for each of 1,000 sensors. engine: the job, state in memory. loop: the state machine
 * one would write by hand for this pattern alone, with a list of the hot-and-warm pairs of each sensor; it
 * relies on records being in order of event time and keeps nothing that could be restored. batches: the
 * same over arrays of records from the generator source, so with its records made as for the engine.
 */
import { collect, generator, job, startJob } from 'tidemark'
import { digestOf, isCold, isHot, isWarm, keyOf, record, WITHIN_MS } from '../lib/cep.mjs'
import { report, timed } from '../lib/measure.mjs'

const side = process.argv[2]
const records = Number(process.argv[3])

async function engine() {
  const sink = collect()
  const watch = job('watch', (j) => {
    j.from('readings', generator({ record, count: records }), { eventTime: ({ at }) => at })
      .keyBy(keyOf)
      .match('cooling', (p) => p
        .begin('hot', isHot).next('warm', isWarm).followedBy('cold', isCold).within(WITHIN_MS))
      .map(({ key, records: { hot, warm, cold } }) => ({ key, hot: hot[0].at, warm: warm[0].at, cold: cold[0].at }))
      .to('matches', sink)
  })
  const outcome = await startJob(watch).done
  if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
  return sink.committed
}

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
      while (pairs.length > 0 && at - pairs[0].hot >= WITHIN_MS) pairs.shift()
      if (pairs.length > 0 && isCold(reading)) {
        for (const { hot, warm } of pairs) this.matches.push({ key, hot, warm, cold: at })
        pairs.length = 0
      }
    }
    if (last !== undefined && isWarm(reading) && at - last < WITHIN_MS) pairs.push({ hot: last, warm: at })
    sensor.last = isHot(reading) ? at : undefined
  }
}

function loop() {
  const machine = new Machine()
  for (let n = 0; n < records; n++) machine.add(record(n))
  return machine.matches
}

function batches() {
  const machine = new Machine()
  const ports = { clock: { monotonicMs: () => performance.now() } }
  const source = generator({ record, count: records })
  const reader = source.openSplit({ id: 'all', index: 0 }, undefined, { ports })
  for (let batch = reader.poll(500); batch !== 'end'; batch = reader.poll(500)) {
    for (const reading of batch.records) machine.add(reading)
  }
  return machine.matches
}

const work = { engine, loop, batches }[side]
const { result, times } = await timed(work)
report({ times, digest: digestOf(result) })
process.exit(0)
