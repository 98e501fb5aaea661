/**
 * npm run bench -- scaling [--pairs N] [--quick] [--json]
 *
 * How many times as fast a job is on two threads as on one. Called by bench/run.mjs.
 */
import { fileURLToPath } from 'node:url'
import { interleave, ratio, runSide, series } from '../lib/pairs.mjs'

const SIDE = fileURLToPath(new URL('side.mjs', import.meta.url))
/** What each job must at least reach; multiples of its 1,000 keys and 8 windows. */
const KINDS = {
  work: { records: 1_200_000, atLeast: 1.6 },
  window: { records: 8_000_000, atLeast: 0.9 },
  rolling: { records: 4_000_000, atLeast: 0.9 },
}
const QUICK_SHARE = 0.1
const ROUNDS = 7
const QUICK_ROUNDS = 1
/** With fewer rounds the quartiles say nothing. */
const LEAST_ROUNDS = 5

export async function scaling({ rounds: wanted, quick, note }) {
  const rounds = wanted ?? (quick ? QUICK_ROUNDS : ROUNDS)
  const rows = []
  for (const [kind, { records: full, atLeast }] of Object.entries(KINDS)) {
    const records = quick ? full * QUICK_SHARE : full
    const results = await interleave({
      sides: ['1', '2'], rounds, run: (threads) => runSide(SIDE, [threads, kind, String(records)]),
      onRound: (done, all) => note(`scaling, ${kind}: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
    })
    const speedUp = ratio(results, '1', '2', 'wallMs')
    rows.push({
      kind, records, atLeast, verdict: verdictOf(speedUp, atLeast), speedUp,
      nsPerRecordOnOne: Math.round((series(results, '1', 'wallMs').median * 1e6) / records),
      ...(kind === 'work' ? { workUs: series(results, '1', 'workUs').median } : {}),
    })
  }
  return { rounds, rows }
}

function verdictOf({ p25, p75, n }, atLeast) {
  if (n < LEAST_ROUNDS) return 'too few rounds'
  if (p25 >= atLeast) return 'met'
  return p75 < atLeast ? 'missed' : 'unclear'
}

export function shownScaling({ rows }) {
  return rows.map(({ kind, atLeast, verdict, speedUp: { median, p25, p75 }, nsPerRecordOnOne, workUs }) =>
    `  ${kind.padEnd(8)} two threads ${median.toFixed(2)} [${p25.toFixed(2)} to ${p75.toFixed(2)}] times one  ` +
    `(${nsPerRecordOnOne} ns a record on one${workUs === undefined ? '' : `, of which the function ${workUs.toFixed(1)} µs`})` +
    `  at least ${atLeast}: ${verdict}`).join('\n')
}
