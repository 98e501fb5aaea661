/**
 * Failures on worker threads that take one part of a job: the other part reads every record once.
 *
 * Real processes of the built engine, since a worker is started from a file of it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { CLI, ROOT, runCommand } from '../../../../scripts/lib/workspace.mjs'
import { committedLines } from '../host/kit.ts'

const MINUTE_MS = 60_000
const JOB = join(ROOT, 'packages/tidemark/test/fixtures/regional-job.mjs')
const KEYS = 7

const directory = mkdtempSync(join(tmpdir(), 'tidemark-regions-'))
beforeAll(async () => {
  await build()
}, 3 * MINUTE_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Event {
  readonly kind: string
  readonly operators?: readonly string[]
  readonly error?: { readonly code: string }
}

async function run(name: string, config: Readonly<Record<string, string>>) {
  const home = join(directory, name)
  const out = join(home, 'out')
  const settings = {
    out, marker: `${home}-marker`, journal: `${home}-journal`, checkpointEvery: '20ms', restartAttempts: '9', ...config,
  }
  const { exitCode, output } = await runCommand(process.execPath, [
    CLI, 'run', JOB, '--state', join(home, 'state'), '--json', '--parallelism', '2', '--workers', '2',
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ], { quiet: true })
  const events = output.split('\n').filter((line) => line.startsWith('{')).map((line): Event => JSON.parse(line))
  expect(exitCode, output).toBe(0)
  const read = readFileSync(settings.journal, 'utf8').trim().split('\n').map(Number)
  return {
    restarts: events.filter(({ kind }) => kind === 'restarting'), read,
    left: committedLines(join(out, 'left')), right: committedLines(join(out, 'right')),
  }
}

/** Every `step`th running count of a key. */
const counts = (rows: number, step: number): string[] => Array.from({ length: KEYS }, (_, key) => key)
  .flatMap((key) => Array.from({ length: Math.ceil((rows - key) / KEYS) }, (_, i) => i + 1)
    .filter((records) => records % step === 0).map((records) => JSON.stringify({ key, records })))
  .sort()

const once = (rows: number): number[] => Array.from({ length: rows }, (_, n) => n)

test('a function that throws in one part restarts that part alone, on both threads: the other reads every record once', async () => {
  const { restarts, read, left, right } = await run('throws', { at: '100 300', leftRows: '60000', rightRows: '600' })
  expect(restarts.map(({ error }) => error?.code)).toEqual(['E061', 'E061'])
  for (const { operators } of restarts) {
    expect(operators).toEqual(expect.arrayContaining(['left', 'left-count', 'left-out']))
    expect(operators?.filter((name) => name.startsWith('right'))).toEqual([])
  }
  expect(read.toSorted((a, b) => a - b)).toEqual(once(600))
  expect(left).toEqual(counts(60_000, 100))
  expect(right).toEqual(counts(600, 1))
}, MINUTE_MS)

test('a thread that dies takes the part that runs, and not the one that has ended', async () => {
  const { restarts, read, left, right } = await run('dies', {
    death: 'exit', deaths: '1', at: 'ended', leftRows: '30000', leftRate: '5000', rightRows: '100', rightRate: '100000',
  })
  expect(restarts).toMatchObject([{ error: { code: 'E086' }, operators: expect.arrayContaining(['left', 'left-out']) }])
  expect(read.toSorted((a, b) => a - b)).toEqual(once(100))
  expect(left).toEqual(counts(30_000, 100))
  expect(right).toEqual(counts(100, 1))
}, MINUTE_MS)

test('a thread that dies while both parts run brings everybody back, and every total is exact', async () => {
  const { restarts, left, right } = await run('both', {
    death: 'exit', deaths: '2', at: '100 300', leftRows: '60000', rightRows: '600',
  })
  expect(restarts.map(({ error }) => error?.code)).toEqual(['E086', 'E086'])
  expect(left).toEqual(counts(60_000, 100))
  expect(right).toEqual(counts(600, 1))
}, MINUTE_MS)
