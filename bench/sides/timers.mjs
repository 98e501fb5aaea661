/**
 * One run of one side of the measurement of timers, in a process of its own.
 *
 *   node sides/timers.mjs (engine|alone|nothing) TIMERS
 *
 * engine: as many keys as timers, one timer each, all due at the same event time; one more record brings them
 * about. Its state is on disk, and a checkpoint is taken every 20 ms. While timers fire, a loop of immediates
 * notes for how long the event loop of the process did not turn, and how long of that the thread ran (on a busy
 * machine it may have been ready without a core); traces of the checkpoints tell how long a
 * barrier waited from the trigger to the cut. alone: the same without checkpoints while timers fire, since the cut
 * of so many timers is a long turn of its own. nothing: the same loop of immediates in an idle process for half
 * a second, which is what this machine does to anybody.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { collect, generator, job, startJob, state } from 'tidemark'
import { mainThread, report, timed } from '../lib/measure.mjs'

const DUE_MS = 1_000
const IDLE_MS = 500

const side = process.argv[2]
const timers = Number(process.argv[3])

/** Notes every turn of the event loop; the longest that overlaps [from, to] is what blocked it. */
class Turns {
  #ends = []
  #running = true

  constructor() {
    const turn = () => {
      this.#ends.push({ at: performance.now(), ran: mainThread()?.ranMs })
      if (this.#running) setImmediate(turn)
    }
    turn()
  }

  stop() {
    this.#running = false
  }

  longest(from, to) {
    let loopBlockedMs = 0
    let loopRanMs = 0
    for (let i = 1; i < this.#ends.length; i++) {
      const [began, ended] = [this.#ends[i - 1], this.#ends[i]]
      if (ended.at < from || began.at > to) continue
      loopBlockedMs = Math.max(loopBlockedMs, ended.at - began.at)
      loopRanMs = Math.max(loopRanMs, ended.ran - began.ran)
    }
    return { loopBlockedMs, loopRanMs: Number.isNaN(loopRanMs) ? loopBlockedMs : loopRanMs }
  }
}

/** From trigger to cut, the longest of all subtasks of all checkpoints triggered within [from, to] (wall ms). */
function longestWait(directory, from, to) {
  let most = 0
  for (const id of readdirSync(directory)) {
    if (!/^\d+$/.test(id)) continue
    const events = readFileSync(join(directory, id, 'trace.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line))
    const trigger = events.find(({ event }) => event === 'cp.trigger')
    if (trigger === undefined || trigger.t < from || trigger.t > to) continue
    for (const { event, metrics } of events) {
      if (event === 'ack') most = Math.max(most, metrics.startDelayMs + metrics.alignmentMs)
    }
  }
  return most
}

async function engine(checkpoint) {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-timers-'))
  const fired = { count: 0, first: 0, last: 0 }
  const sink = collect()
  const record = (n) => ({ key: n, at: n < timers ? 0 : DUE_MS + 1 })
  const alarms = job('alarms', { checkpoint }, (j) => {
    j.from('records', generator({ record, count: timers + 1 }), { eventTime: ({ at }) => at })
      .keyBy(({ key }) => key)
      .process('alarm', { state: { seen: state.value() } }, {
        onRecord({ key }, { state: { seen }, timer }) {
          if (key === timers) return
          seen.set(key)
          timer.at(DUE_MS)
        },
        onTimer(_at, { state: { seen } }) {
          if (fired.count++ === 0) fired.first = performance.now()
          fired.last = performance.now()
          seen.clear()
          return undefined
        },
      })
      .to('alarms', sink)
  })
  const turns = new Turns()
  try {
    const outcome = await startJob(alarms, { stateDirectory: directory }).done
    turns.stop()
    if (outcome.kind !== 'finished') throw outcome.error ?? new Error(`the job ended as ${outcome.kind}`)
    const { timeOrigin } = performance
    return {
      fired: fired.count,
      ...turns.longest(fired.first, fired.last),
      checkpointMs: longestWait(join(directory, 'checkpoints'), timeOrigin + fired.first - 20, timeOrigin + fired.last),
      firedMs: fired.last - fired.first,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function nothing() {
  const turns = new Turns()
  const from = performance.now()
  await pause(IDLE_MS)
  turns.stop()
  return { fired: timers, ...turns.longest(from, performance.now()) }
}

const work = {
  engine: () => engine({ every: '20ms', retain: 10_000 }),
  alone: () => engine({ every: '1h' }),
  nothing,
}[side]
const { result: { fired, ...marks }, times } = await timed(work)
report({ times: { ...times, ...marks }, digest: `${fired} timers` })
process.exit(0)
