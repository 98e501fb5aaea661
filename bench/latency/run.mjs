/**
 * npm run bench -- latency [--quick] [--json]
 *
 * From the instant at which a record was due to its result in a committed file, at fixed rates, with exactly-once
 * checkpoints ten times a second; and what the disk takes for an fsync meanwhile. Called by bench/run.mjs.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runSide } from '../lib/pairs.mjs'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const RATES = [5_000, 50_000]
const INTERVAL_MS = 100
/** How long: of a run beside the engine, of the disk alone, of the part that does not count. */
const LONG = { seconds: 30, aloneSeconds: 5, warmUpSeconds: 5 }
const QUICK = { seconds: 3, aloneSeconds: 1, warmUpSeconds: 2 }
const FSYNCS = 6
const ALLOWANCE_MS = 20

export async function latency({ quick, note }) {
  const { seconds, aloneSeconds, warmUpSeconds } = quick ? QUICK : LONG
  const root = mkdtempSync(join(tmpdir(), 'tidemark-latency-'))
  try {
    note('latency: the disk alone')
    const fsyncAlone = await runSide(path('fsync.mjs'), [root, String(aloneSeconds)])
    const rows = []
    for (const rate of RATES) {
      note(`latency: ${rate} records a second`)
      const directory = join(root, String(rate))
      mkdirSync(directory)
      const [measured, fsync] = await Promise.all([
        runSide(path('side.mjs'), [directory, ...[rate, INTERVAL_MS, warmUpSeconds, seconds].map(String)]),
        runSide(path('fsync.mjs'), [directory, String(warmUpSeconds + seconds)]),
      ])
      rows.push({ rate, ...measured, fsync, ...targetOf(measured, fsync) })
      rmSync(directory, { recursive: true, force: true })
    }
    return { intervalMs: INTERVAL_MS, fsyncAlone, rows }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

function targetOf({ p99 }, fsync) {
  const target = Math.round((INTERVAL_MS + FSYNCS * fsync.p99 + ALLOWANCE_MS) * 10) / 10
  return { target, formula: `${INTERVAL_MS} + ${FSYNCS} x ${fsync.p99} + ${ALLOWANCE_MS}`, verdict: p99 <= target ? 'met' : 'missed' }
}

export function shownLatency({ fsyncAlone, rows }) {
  return [
    `  fsync, the disk alone: p50 ${fsyncAlone.p50}  p99 ${fsyncAlone.p99}  max ${fsyncAlone.max} ms`,
    ...rows.map(({ rate, p50, p99, p999, max, fsync, target, formula, verdict }) =>
      `  ${String(rate).padStart(6)} records/s: p50 ${p50}  p99 ${p99}  p99.9 ${p999}  max ${max} ms  ` +
      `limit ${formula} = ${target}: ${verdict}  (fsync meanwhile: p50 ${fsync.p50}, p99 ${fsync.p99})`),
  ].join('\n')
}
