/**
 * npm run bench -- tables [--keys N] [--pairs N] [--json]
 *
 * What a table in shared memory would give keyed state: nanoseconds for "find the accumulator of a key, change it", keys in
 * random order. Sides, each in a process of its own, in turn:
 *   heap       the engine's own table, with accumulators of two numbers as objects; a new one each time, as functions of users make them
 *   in place   the same, the object is changed, as the engine's own aggregates do
 *   numbers    open addressing in shared memory, the two numbers in columns: the best case, for accumulators of numbers alone
 *   encoded    the same, with each accumulator as bytes in the engine's own encoding: any value, as state may hold
 * docs/adr/0010-large-state-stays-objects.md says what follows.
 */
import { fileURLToPath } from 'node:url'
import { interleave, runSide } from '../lib/pairs.mjs'
import { summary } from '../lib/stats.mjs'

const SIDE = fileURLToPath(new URL('table-side.mjs', import.meta.url))
const SIDES = ['heap', 'in place', 'numbers', 'encoded']
const KEYS = [100_000, 1_000_000, 8_000_000]
const ACCESSES = 8_000_000

export async function tablesBench({ keys, rounds = 3, note }) {
  const rows = []
  for (const count of keys === undefined ? KEYS : [keys]) {
    const results = await interleave({
      sides: SIDES, rounds,
      run: (side) => runSide(SIDE, [side, String(count), String(ACCESSES)], { flags: ['--expose-gc', '--max-old-space-size=8000'] }),
      onRound: (done, all) => note(`tables, ${count} keys: ${done === 0 ? 'warm-up done' : `round ${done} of ${all}`}`),
    })
    const of = (side, field) => summary(results.get(side).map((result) => result[field]))
    rows.push({
      keys: count,
      nsAnAccess: Object.fromEntries(SIDES.map((side) => [side, of(side, 'nsAnAccess')])),
      bytesAKey: Object.fromEntries(SIDES.map((side) => [side, of(side, 'bytesAKey').median])),
    })
  }
  return { accesses: ACCESSES, rounds, rows }
}

export function shownTables({ rows }) {
  return rows.map(({ keys, nsAnAccess, bytesAKey }) =>
    `${keys} keys: ${SIDES.map((side) => `${side} ${nsAnAccess[side].median} ns, ${bytesAKey[side]} bytes a key`).join('; ')}`).join('\n')
}
