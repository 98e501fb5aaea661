/**
 * npm run bench -- checkpoints [--pairs N] [--quick] [--json]
 *
 * What checkpoints cost: processor nanoseconds a record with checkpoints every second, ten and twenty times a
 * second, against none, in turn. Called by bench/run.mjs.
 */
import { fileURLToPath } from 'node:url'
import { interleave, runSide, series } from '../lib/pairs.mjs'
import { median } from '../lib/stats.mjs'
import { costWithin } from '../lib/verdicts.mjs'

const SIDE = fileURLToPath(new URL('side.mjs', import.meta.url))
const KEYS = 100_000
/** How many of the keys the records fall on: all of them, or a hundredth, as where most keys rest. */
const HOT = [KEYS, KEYS / 100]
const NEVER = 'never'
/** What each may cost, percent; undefined: measured without a target. */
const TARGETS = { '1s': 2, '100ms': 5, '50ms': undefined }
const LONG = { rounds: 20, seconds: 6 }
const QUICK = { rounds: 3, seconds: 2 }

export async function checkpoints({ rounds: wanted, quick, note }) {
  const { rounds: usual, seconds } = quick ? QUICK : LONG
  const rounds = wanted ?? usual
  const workloads = []
  for (const hot of HOT) {
    const results = await interleave({
      sides: [NEVER, ...Object.keys(TARGETS)], rounds,
      run: (every) => runSide(SIDE, [String(KEYS), String(hot), String(seconds), every]),
      onRound: (done, all) => note(
        `checkpoints, ${hot} keys change: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
    })
    workloads.push({ hot, nsPerRecordWithout: series(results, NEVER, 'cpuNs').median, rows: rowsOf(results) })
  }
  return { keys: KEYS, seconds, rounds, workloads }
}

/** Pairs of one round: a run with checkpoints and the one without. */
function rowsOf(results) {
  const without = results.get(NEVER)
  return Object.entries(TARGETS).map(([every, target]) => {
    const runs = results.get(every)
    const percents = runs.map(({ times }, i) => 100 * (times.cpuNs / without[i].times.cpuNs - 1))
    return {
      every, ...costWithin(percents, target), nsPerRecord: series(results, every, 'cpuNs').median,
      checkpoints: median(runs.map(({ checkpoints: taken }) => taken)),
    }
  })
}

export function shownCheckpoints({ keys, workloads }) {
  return workloads.flatMap(({ hot, nsPerRecordWithout, rows }) => [
    `  ${keys} keys of which ${hot} change, without checkpoints: ${nsPerRecordWithout} ns of processor time a record`,
    ...rows.map(lineOf),
  ]).join('\n')
}

function lineOf({ every, target, verdict, median: cost, interval95, n, nsPerRecord, checkpoints: taken }) {
  const interval = interval95 === null ? 'too few pairs for an interval' : interval95.map((bound) => bound.toFixed(1)).join(' to ')
  const goal = target === undefined ? '' : `  target ${target} %: ${verdict}`
  return `  every ${every.padEnd(6)} ${cost.toFixed(1)} % [${interval}]  ${nsPerRecord} ns, ${taken} checkpoints, ${n} pairs${goal}`
}
