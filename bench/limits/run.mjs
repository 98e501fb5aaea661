/**
 * npm run bench -- memory|idle [--seconds N] [--quick] [--json]
 *
 * memory: whether the process grows while its sink is a hundred times too slow. idle: what a job costs that has
 * nothing to do. Called by bench/run.mjs.
 */
import { fileURLToPath } from 'node:url'
import { runSide } from '../lib/pairs.mjs'
import { median, quantile } from '../lib/stats.mjs'

const SIDE = fileURLToPath(new URL('side.mjs', import.meta.url))
const MEMORY_SECONDS = 600
const IDLE_SECONDS = 60
const QUICK_SECONDS = 10
/** The last quarter of the time may take so much more than the first; the collector's own waves are smaller. */
const GROWTH_TARGET = 1.1
const IDLE_TARGET_PERCENT = 1

/** Without the flag that lets a side call the collector: it keeps memory that it would give back. */
const run = (name, seconds) => runSide(SIDE, [name, String(seconds)], { flags: [] })

export async function memory({ seconds, quick, note }) {
  const length = seconds ?? (quick ? QUICK_SECONDS : MEMORY_SECONDS)
  note(`memory: a sink that is too slow, ${length} s`)
  const { rssMb, recordsIn, recordsOut, restarts, checkpoints } = await run('pressed', length)
  const quarter = Math.max(1, Math.floor(rssMb.length / 4))
  const [first, last] = [rssMb.slice(0, quarter), rssMb.slice(-quarter)].map(median)
  const growth = Number((last / first).toPrecision(3))
  return {
    seconds: length, target: GROWTH_TARGET, verdict: growth <= GROWTH_TARGET ? 'met' : 'missed', growth,
    rssMb: { first, last, least: quantile(rssMb, 0), most: quantile(rssMb, 1) }, recordsIn, recordsOut, restarts, checkpoints,
  }
}

export async function idle({ seconds, quick, note }) {
  const length = seconds ?? (quick ? QUICK_SECONDS : IDLE_SECONDS)
  note(`idle: a job without input on two threads, ${length} s`)
  const { cores } = await run('idle', length)
  const percentOfACore = Number((cores * 100).toPrecision(3))
  return {
    seconds: length, target: IDLE_TARGET_PERCENT, verdict: percentOfACore <= IDLE_TARGET_PERCENT ? 'met' : 'missed', percentOfACore,
  }
}

export const shownMemory = ({ seconds, target, verdict, growth, rssMb, recordsIn, recordsOut }) =>
  `  ${seconds} s, ${recordsIn} records read, ${recordsOut} written: ${rssMb.first} MB in the first quarter, ${rssMb.last} in the ` +
  `last (${rssMb.least} to ${rssMb.most}): ${growth} times as much  target ${target}: ${verdict}`

export const shownIdle = ({ seconds, target, verdict, percentOfACore }) =>
  `  ${seconds} s without input: ${percentOfACore} % of a core  target ${target} %: ${verdict}`
