/**
 * Keyed state on the local disk: killed on the way, on threads, and from one backend to the other, all totals are exact.
 *
 * Real processes of the built engine, with the real LMDB.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { CLI, ROOT, runCommand } from '../../../../scripts/lib/workspace.mjs'
import { committedLines } from '../host/kit.ts'

const MINUTE_MS = 60_000
const JOB = join(ROOT, 'packages/tidemark/test/fixtures/paged-job.mjs')
const ROWS = 60_000
const KEYS = 3_000

const directory = mkdtempSync(join(tmpdir(), 'tidemark-large-'))
beforeAll(async () => {
  await build()
}, 3 * MINUTE_MS)
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Event {
  readonly kind: string
  readonly restoredFrom?: { readonly checkpoint: number }
}

interface Life {
  readonly backend: 'heap' | 'lmdb'
  readonly parallelism?: number
  readonly workers?: number
  readonly failpoints?: string
}

async function live(home: string, { backend, parallelism = 1, workers = 1, failpoints = '' }: Life) {
  // One that is to die has a quarter of a minute for the checkpoints before that, on however slow a machine.
  const rate = failpoints.includes('kill9') ? 4_000 : 40_000
  const settings = { out: join(home, 'out'), rows: ROWS, keys: KEYS, rate, checkpointEvery: '50ms', stateBackend: backend }
  const { exitCode, output } = await runCommand(process.execPath, [
    CLI, 'run', JOB, '--state', join(home, 'state'), '--json', '--parallelism', String(parallelism), '--workers', String(workers),
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ], { quiet: true, env: { TIDEMARK_FAILPOINTS: failpoints } })
  const events = output.split('\n').filter((line) => line.startsWith('{')).map((line): Event => JSON.parse(line))
  const started = events.find(({ kind }) => kind === 'started')
  return {
    exitCode, output, restored: started?.restoredFrom?.checkpoint ?? 0, restarts: events.filter(({ kind }) => kind === 'restarting').length,
  }
}

/** By a plain loop; see the job. */
function expected(): { readonly parts: string[]; readonly running: string[] } {
  const seen = new Map<string, number>()
  const nth = (id: string): number => {
    seen.set(id, (seen.get(id) ?? 0) + 1)
    return seen.get(id) as number
  }
  const [parts, running]: [string[], string[]] = [[], []]
  for (let n = 0; n < ROWS; n++) {
    const [key, part] = [`key ${(n * 7919) % KEYS}`, n % 3]
    const [all, inPart] = [nth(key), nth(`${key}/${part}`)]
    if (all % 10 === 0) parts.push(JSON.stringify({ key, all }))
    if (inPart % 5 === 0) parts.push(JSON.stringify({ key, part, inPart }))
    if (all % 10 === 0) running.push(JSON.stringify({ key, records: all }))
  }
  return { parts: parts.sort(), running: running.sort() }
}

/** Files of stores that are there. */
const stores = (home: string): string[] => (existsSync(join(home, 'state', 'paged')) ? readdirSync(join(home, 'state', 'paged'), { recursive: true }) : [])
  .map(String).filter((name) => name.endsWith('.mdb'))

test('killed twice, a thread lost, and moved from the heap to the disk and back: every line is there once', async () => {
  const home = join(directory, 'moved')
  const lives: Life[] = [
    { backend: 'heap', failpoints: 'cp.manifest.linked=kill9@3' },
    { backend: 'lmdb', parallelism: 2, workers: 2, failpoints: 'commit.begin=kill9@4' },
    { backend: 'lmdb', parallelism: 3, workers: 2, failpoints: 'task.aligned=exit@2x1' },
  ]
  const seen = []
  for (const life of lives.slice(0, 2)) {
    const { exitCode, restored, output } = await live(home, life)
    expect(exitCode, output).not.toBe(0)
    seen.push(restored)
  }
  // What was killed had its state there; the next start removes it.
  expect(stores(home).length).toBeGreaterThan(0)
  const third = await live(home, lives[2] as Life)
  expect(third.exitCode, third.output).toBe(0)
  expect(third.restarts).toBeGreaterThan(0)
  expect(seen[0]).toBe(0)
  expect(seen[1]).toBeGreaterThanOrEqual(2)
  expect(third.restored).toBeGreaterThan(seen[1] as number)
  expect(stores(home)).toEqual([])
  expect({ parts: committedLines(join(home, 'out', 'parts')), running: committedLines(join(home, 'out', 'running')) }).toEqual(expected())
}, 2 * MINUTE_MS)

test('a job that died on the disk ends on the heap, and the other way round', async () => {
  for (const [first, second] of [['lmdb', 'heap'], ['heap', 'lmdb']] as const) {
    const home = join(directory, `${first}-${second}`)
    const died = await live(home, { backend: first, failpoints: 'cp.manifest.dirsynced=kill9@3' })
    expect(died.exitCode, died.output).not.toBe(0)
    const ended = await live(home, { backend: second })
    expect(ended.exitCode, ended.output).toBe(0)
    expect(ended.restored).toBeGreaterThanOrEqual(2)
    expect({ parts: committedLines(join(home, 'out', 'parts')), running: committedLines(join(home, 'out', 'running')) }).toEqual(expected())
  }
}, 2 * MINUTE_MS)
