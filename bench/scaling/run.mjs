/**
 * npm run bench -- scaling [--pairs N] [--quick] [--json]
 *
 * How many times as fast a job is on two threads as on one, beside what two plain processes gain that make the same
 * calls; and what a job of wide records gains by sending columns only. Called by bench/run.mjs.
 */
import { fileURLToPath } from 'node:url'
import { interleave, ratio, runSide, series } from '../lib/pairs.mjs'

const BOUND = fileURLToPath(new URL('bound.mjs', import.meta.url))
const SIDE = fileURLToPath(new URL('side.mjs', import.meta.url))
/** What each job must at least reach; multiples of its 1,000 keys and 8 windows. */
const KINDS = {
  work: { records: 1_200_000, atLeast: 1.6, bound: 'work' },
  window: { records: 8_000_000, atLeast: 0.9, bound: 'trivial' },
  rolling: { records: 4_000_000, atLeast: 0.9, bound: 'trivial' },
}
const WIDE_RECORDS = 1_200_000
const QUICK_SHARE = 0.1
const ROUNDS = 7
const QUICK_ROUNDS = 1
/** With fewer rounds the quartiles say nothing. */
const LEAST_ROUNDS = 5

export async function scaling({ rounds: wanted, quick, note }) {
  const rounds = wanted ?? (quick ? QUICK_ROUNDS : ROUNDS)
  const rows = []
  for (const [kind, { records: full, atLeast, bound }] of Object.entries(KINDS)) {
    const records = quick ? full * QUICK_SHARE : full
    const results = await interleave({
      sides: ['1', '2', 'plain 1', 'plain 2'], rounds,
      run: (side) => (side.startsWith('plain')
        ? runSide(BOUND, [bound, String(records), side.slice('plain '.length)])
        : runSide(SIDE, [side, kind, String(records)])),
      // What plain processes do has no output.
      comparable: (side) => !side.startsWith('plain'),
      onRound: (done, all) => note(`scaling, ${kind}: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
    })
    const speedUp = ratio(results, '1', '2', 'wallMs')
    rows.push({
      kind, records, atLeast, verdict: verdictOf(speedUp, atLeast), speedUp,
      bound: ratio(results, 'plain 1', 'plain 2', 'wallMs'),
      nsPerRecordOnOne: Math.round((series(results, '1', 'wallMs').median * 1e6) / records),
      ...(kind === 'work' ? { workUs: series(results, '1', 'workUs').median } : {}),
    })
  }
  return { rounds, rows, wide: await wide(rounds, quick, note) }
}

/** Two threads, a sum for each of many keys of records with long texts: columns beside whole records. */
async function wide(rounds, quick, note) {
  const records = WIDE_RECORDS * (quick ? QUICK_SHARE : 1)
  const results = await interleave({
    sides: ['columns', 'whole'], rounds,
    run: (side) => runSide(SIDE, ['2', 'wide', String(records), side === 'whole' ? 'off' : 'on']),
    onRound: (done, all) => note(`scaling, wide: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
  })
  const bytes = (side) => series(results, side, 'ringBytes').median / records
  return {
    records, speedUp: ratio(results, 'whole', 'columns', 'wallMs'), cpu: ratio(results, 'whole', 'columns', 'cpuMs'),
    bytesARecord: { columns: bytes('columns'), whole: bytes('whole') },
  }
}

function verdictOf({ p25, p75, n }, atLeast) {
  if (n < LEAST_ROUNDS) return 'too few rounds'
  if (p25 >= atLeast) return 'met'
  return p75 < atLeast ? 'missed' : 'unclear'
}

export function shownScaling({ rows, wide: { speedUp: gain, cpu, bytesARecord } }) {
  const lines = rows.map(({ kind, atLeast, verdict, speedUp: { median, p25, p75 }, bound, nsPerRecordOnOne, workUs }) =>
    `  ${kind.padEnd(8)} two threads ${median.toFixed(2)} [${p25.toFixed(2)} to ${p75.toFixed(2)}] times one  ` +
    `(${nsPerRecordOnOne} ns a record on one${workUs === undefined ? '' : `, of which the function ${workUs.toFixed(1)} µs`})` +
    `  at least ${atLeast}: ${verdict}; two plain processes ${bound.median.toFixed(2)}`)
  const { columns, whole } = bytesARecord
  return [...lines, `  wide     columns ${gain.median.toFixed(2)} [${gain.p25.toFixed(2)} to ${gain.p75.toFixed(2)}] times as fast as whole records, ` +
    `1/${cpu.median.toFixed(2)} of the processor time, ${columns.toFixed(1)} instead of ${whole.toFixed(1)} bytes a record`].join('\n')
}
