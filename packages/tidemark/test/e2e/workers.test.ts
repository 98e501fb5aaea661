/**
 * Worker threads: the same totals on any number of them, and after the death of any of them.
 *
 * Real processes of the built engine, since a worker is started from a file of it.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { CLI, ROOT, runCommand } from '../../../../scripts/lib/workspace.mjs'

const MINUTE_MS = 60_000
const KEYS = 7
// Less than 4 MB: the file is one split, so running totals have one order at any parallelism.
const ROWS = 140_000
const JOB = join(ROOT, 'packages/tidemark/test/fixtures/deadly-job.mjs')

const directory = mkdtempSync(join(tmpdir(), 'tidemark-workers-'))
const input = join(directory, 'numbers.jsonl')
let runs = 0

beforeAll(async () => {
  const lines = Array.from({ length: ROWS }, (_, n) => JSON.stringify({ key: `k${n % KEYS}`, n }))
  writeFileSync(input, `${lines.join('\n')}\n`)
  await build()
}, 3 * MINUTE_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Every hundredth running total of a key, by a plain loop. */
function expected(): string[] {
  const totals = new Map<string, { records: number; total: number }>()
  const lines: string[] = []
  for (let n = 0; n < ROWS; n++) {
    const key = `k${n % KEYS}`
    const { records, total } = totals.get(key) ?? { records: 0, total: 0 }
    const next = { records: records + 1, total: total + n }
    totals.set(key, next)
    if (next.records % 100 === 0) lines.push(JSON.stringify({ key, ...next }))
  }
  return lines.sort()
}

interface Event {
  readonly kind: string
  readonly error?: { readonly code: string; readonly what: string; readonly fix: readonly string[] }
}

async function run(flags: readonly string[], config: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) {
  const home = join(directory, String(++runs))
  const out = join(home, 'out')
  const settings = { input, out, marker: join(home, 'marker'), checkpointEvery: '20ms', ...config }
  const { exitCode, output } = await runCommand(process.execPath, [
    CLI, 'run', JOB, '--state', join(home, 'state'), '--json', ...flags,
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ], { quiet: true, env })
  const events = output.split('\n').filter((line) => line.startsWith('{')).map((line): Event => JSON.parse(line))
  const lines = exitCode !== 0 ? [] : readdirSync(out).filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(join(out, name), 'utf8').trim().split('\n')).sort()
  return { exitCode, events, lines }
}

test.each([[1, 1], [2, 2], [3, 2], [4, 4], [5, 3]])(
  'at parallelism %i on %i threads the output is that of a plain loop', async (parallelism, workers) => {
    const { exitCode, events, lines } = await run(
      ['--parallelism', String(parallelism), '--workers', String(workers)], {})
    expect(events.filter(({ kind }) => kind === 'restarting' || kind === 'failed')).toEqual([])
    expect(exitCode).toBe(0)
    expect(lines).toEqual(expected())
  }, MINUTE_MS)

const THREADS = ['--parallelism', '2', '--workers', '2']

test.each([
  ['throws null', 'throw-null', /threw null/],
  ['throws undefined', 'throw-undefined', /threw undefined/],
  ['throws what cannot be copied', 'throw-function', /./],
  ['throws where nobody catches', 'throw-error', /nobody in particular/],
  ['leaves', 'exit', /left with code 7/],
  ['runs out of memory', 'heap', /memory/],
  ['never returns', 'loop', /not answered/],
])('a worker thread that %s is replaced in the same process, and every total is exact', async (_what, death, reason) => {
  const { exitCode, events, lines } = await run(
    THREADS, { death, at: '40000', ...(death === 'loop' ? { heartbeatTimeout: '4s' } : {}) },
    death === 'heap' ? { NODE_OPTIONS: '--max-old-space-size=64' } : {})
  const restarts = events.filter(({ kind }) => kind === 'restarting')
  expect(restarts).toMatchObject([{ error: { code: 'E086', what: expect.stringMatching(reason) } }])
  expect(events.filter(({ kind }) => kind === 'started').length).toBe(1)
  expect(exitCode).toBe(0)
  expect(lines).toEqual(expected())
}, MINUTE_MS)

test('WP-3: in a job that has run for a while, the thread that replaces a dead one had loaded the job file before', async () => {
  const journal = join(directory, 'journal')
  const { exitCode, events, lines } = await run(
    THREADS, { death: 'exit', at: '40000', slowUs: '125', loads: '3', heartbeatTimeout: '60s' }, { DEADLY_JOURNAL: journal })
  expect(events.filter(({ kind }) => kind === 'restarting').length).toBe(1)
  expect(exitCode).toBe(0)
  expect(lines).toEqual(expected())
  expect(readFileSync(journal, 'utf8').split('\n').slice(0, 5)).toEqual(['loaded', 'loaded', 'loaded', 'died', 'again'])
}, MINUTE_MS)

// Only so many successors: one that has two commits to repeat would die at its second for ever.
test.each(['task.ack.sent@3x4', 'commit.begin@2x4', 'commit.k.after@2x4'])(
  'a worker thread that ends at the step %s, as do its first successors, changes no total', async (step) => {
    const { exitCode, events, lines } = await run(
      THREADS, { checkpointEvery: '50ms', restartAttempts: '30' }, { TIDEMARK_FAILPOINTS: step.replace('@', '=exit@') })
    const restarts = events.filter(({ kind }) => kind === 'restarting')
    expect(restarts.length).toBeGreaterThan(0)
    for (const { error } of restarts) expect(error?.code).toBe('E086')
    expect(exitCode).toBe(0)
    expect(lines).toEqual(expected())
  }, MINUTE_MS)

test('a job file that builds another graph in a thread is refused, with what differs', async () => {
  const { exitCode, events } = await run(THREADS, { graph: 'thread' })
  expect(events.at(-1)).toMatchObject({ kind: 'failed', error: { code: 'E087', what: expect.stringContaining('in-thread') } })
  expect(exitCode).not.toBe(0)
}, MINUTE_MS)
