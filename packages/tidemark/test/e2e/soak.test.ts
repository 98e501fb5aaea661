/**
 * A small soak: real processes, SIGKILL at random moments and at every named step, every line compared.
 *
 * The large one is `npm run soak`. Both run the built engine, so this builds it first if need be.
 */
import { beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { soak } from '../../../../scripts/lib/soak.mjs'
import { STEPS } from '../../src/host/failpoints.ts'

const MINUTE_MS = 60_000
const KILLS = 15

beforeAll(async () => {
  await build()
}, 3 * MINUTE_MS)

test(`after ${KILLS} kill -9 at random moments no line is lost, doubled or wrong`, async () => {
  const report = await soak({ kills: KILLS, steps: [], times: 0, rows: 60_000, lastsMs: 8000, seed: 11 })
  expect(report.problems).toEqual([])
  expect(report).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 })
  expect(report.kills).toBeGreaterThanOrEqual(KILLS)
  expect(report.rounds).toBeGreaterThan(0)
}, 8 * MINUTE_MS)

test('killed at every named step once: each is reached, and no line is lost, doubled or wrong', async () => {
  const report = await soak({ kills: 0, steps: STEPS, times: 1, failpointRows: 8000, seed: 12 })
  expect(report.problems).toEqual([])
  expect(report).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 })
  expect(Object.keys(report.failpoints).toSorted()).toEqual(STEPS.toSorted())
}, 8 * MINUTE_MS)
