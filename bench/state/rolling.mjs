/**
 * npm run bench -- rolling [--keys N] [--pairs N] [--json]
 *
 * What rows of numbers give a whole job: a rolling count and sum a key, checkpoints on, as numbers and as objects (by
 * reduce()), in turn. docs/adr/0010-large-state-stays-objects.md says what follows. Called by bench/run.mjs.
 */
import { fileURLToPath } from 'node:url'
import { interleave, ratio, runSide } from '../lib/pairs.mjs'
import { summary } from '../lib/stats.mjs'

const SIDE = fileURLToPath(new URL('rolling-side.mjs', import.meta.url))
const SIDES = ['objects', 'numbers']
const KINDS = ['number', 'string']
const KEYS = [1_000, 100_000, 1_000_000]
const RECORDS = 6_000_000
const EVERY = '1s'

export async function rollingBench({ keys, rounds = 3, note }) {
  const rows = []
  for (const kind of KINDS) {
    for (const count of keys === undefined ? KEYS : [keys]) {
      const results = await interleave({
        sides: SIDES, rounds,
        run: (side) => runSide(SIDE, [side, kind, String(count), String(RECORDS), EVERY]),
        onRound: (done, all) => note(`rolling, ${count} ${kind} keys: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
      })
      const of = (field) => Object.fromEntries(SIDES.map((side) => [side, summary(results.get(side).map((result) => result[field]))]))
      rows.push({ kind, keys: count, nsARecord: of('nsARecord'), bytesAKey: of('bytesAKey'), checkpoints: of('checkpoints'), cpu: ratio(results, 'objects', 'numbers', 'cpuMs') })
    }
  }
  return { records: RECORDS, every: EVERY, rounds, rows }
}

export function shownRolling({ rows }) {
  return rows.map(({ kind, keys, nsARecord, bytesAKey, cpu }) =>
    `${keys} ${kind} keys: ${SIDES.map((side) => `${side} ${nsARecord[side].median} ns a record, ${bytesAKey[side].median} bytes a key`).join('; ')}; ` +
    `objects take ${cpu.median.toFixed(2)} times the processor time`).join('\n')
}
