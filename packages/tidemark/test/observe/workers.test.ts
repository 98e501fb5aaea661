/**
 * The numbers of a job on threads: real processes of the built engine, since a thread is started from a file of it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { runCommand } from '../../../../scripts/lib/workspace.mjs'
import { ByteWriter } from '../../src/base/bytes.ts'
import { encodeValue } from '../../src/record/value-codec.ts'
import type { JobSample, SubtaskSample } from '../../src/observe/job-sample.ts'

const MEASURE = fileURLToPath(new URL('fixtures/measure.mjs', import.meta.url))
const RECORDS = 30_000
const MINUTE_MS = 60_000

const ending = new ByteWriter()
encodeValue(ending, { kind: 'end-of-partition' })
const END_BYTES = ending.length

const directory = mkdtempSync(join(tmpdir(), 'tidemark-metrics-'))
beforeAll(() => build(), 3 * MINUTE_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const sum = (subtasks: readonly SubtaskSample[], measure: (one: SubtaskSample) => number | undefined): number =>
  subtasks.reduce((total, one) => total + (measure(one) ?? 0), 0)

test.each([1, 2])('the counters are those of what flowed, exactly, on %i threads', async (workers) => {
  const home = join(directory, String(workers))
  const out = join(home, 'out')
  const { exitCode, output } = await runCommand(
    process.execPath, [MEASURE, join(home, 'state'), out, String(RECORDS), '2', String(workers)], { quiet: true })
  expect(exitCode).toBe(0)
  const { outcome, metrics } = JSON.parse(output) as { outcome: string; metrics: JobSample }
  expect(outcome).toBe('finished')
  const written = readdirSync(out).filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(out, name), 'utf8').trim().split('\n')).length
  const [numbers = [], totals = []] = metrics.vertices.map(({ subtasks }) => subtasks)
  expect(metrics.vertices.map(({ name }) => name)).toEqual(['numbers', 'totals'])
  expect(metrics.workers).toBe(workers)
  expect([sum(numbers, (one) => one.recordsIn), sum(numbers, (one) => one.recordsOut)]).toEqual([RECORDS, RECORDS])
  expect([sum(totals, (one) => one.recordsIn), sum(totals, (one) => one.recordsOut)]).toEqual([RECORDS, written])
  expect([metrics.recordsIn, metrics.recordsOut]).toEqual([RECORDS, written])
  const sent = sum(numbers, (one) => one.bytesOut)
  // A consumer leaves when its last checkpoint is complete, maybe before it has read that its two channels ended.
  expect([0, END_BYTES, 2 * END_BYTES]).toContain(sent - sum(totals, (one) => one.bytesIn))
  // Half of the keys live in the other thread, each record with a number and a time of eight bytes.
  if (workers === 1) expect(sent).toBe(0)
  else expect(sent).toBeGreaterThan(RECORDS)
  for (const { elapsedMs, busyMs, idleMs, backPressuredMs, ended, waitsFor } of [...numbers, ...totals]) {
    expect(busyMs + idleMs + backPressuredMs).toBeCloseTo(elapsedMs, 6)
    expect([ended, waitsFor]).toEqual([true, undefined])
    expect(elapsedMs).toBeLessThanOrEqual(metrics.uptimeMs)
  }
  expect(metrics.checkpoint).toMatchObject({ last: { phases: { syncMs: expect.any(Number) } } })
  expect(metrics.checkpoint.completed).toBeGreaterThan(0)
}, MINUTE_MS)
