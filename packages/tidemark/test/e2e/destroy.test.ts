/**
 * A small campaign of destruction: one scenario of each kind that needs nothing but Node.
 *
 * The large one is `npm run destroy`. Both run the built engine, so this builds it first if need be.
 */
import { beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { destroy } from '../../../../scripts/destroy/campaign.mjs'

const MINUTE_MS = 60_000

beforeAll(async () => {
  await build()
}, 3 * MINUTE_MS)

const KINDS = [
  ['a holder that was stopped, succeeded and woken is fenced and adds nothing', 'rivals.zombie'],
  ['of three processes that start on one directory one runs and the others are refused', 'rivals.race'],
  ['after SIGTERM all that was counted is committed and the next run goes on from there', 'signal.term'],
  ['a damaged manifest refuses the start by name, and put back it goes on', 'damage.manifest'],
  ['staged output that a completed checkpoint counts on is never committed damaged', 'damage.staged-output'],
  ['the lost record of a term refuses the start, also if a term came before', 'damage.epoch-start-of-second'],
  ['a job that has ended does not begin again when its last manifest is gone', 'damage.manifest-of-finished'],
] as const

test.each(KINDS)('%s', async (_law, fault) => {
  const report = await destroy({ steps: [], only: [fault], rows: 12_000, lastsMs: 2000, seed: 3 })
  expect(report.faults.flatMap(({ violations }) => violations.map(({ problem }) => problem))).toEqual([])
  expect(report).toMatchObject({ ok: true, lost: 0, duplicated: 0, wrong: 0, scenarios: 1 })
}, 2 * MINUTE_MS)
