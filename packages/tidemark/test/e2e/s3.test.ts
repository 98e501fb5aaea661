/**
 * Whole jobs with their state in object storage: killed, fenced, disturbed, looked at. Real processes of the built
 * engine, and a real S3 server.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { epoch } from '../../src/base/ids.ts'
import type { Storage } from '../../src/base/ports.ts'
import { claimEpoch, newestEpoch } from '../../src/checkpoint/epochs.ts'
import { S3Storage } from '../../src/host/s3/s3-storage.ts'
import { build } from '../../../../scripts/build.mjs'
import { fixture, jsonLines, Place, RunningCli, type Ended } from '../cli/run-cli.ts'
import { FAULTS, startProxy } from '../host/s3/fault-proxy.ts'
import { BUCKET, CREDENTIALS, installServer, settingsOf, startServer, type S3Server } from '../host/s3/s3-server.ts'
import { run as perform } from '../host/storage.suite.ts'

const MINUTE_MS = 60_000
const COUNT = 6_000
const SLOW = 300
const FAST = 20_000
const KEYS = 5_000
const installed = installServer()

/** What the job writes, by a plain loop. */
function expected(): string[] {
  const sums = new Map<number, number>()
  const lines = Array.from({ length: COUNT }, (_, n) => {
    const total = (sums.get(n % KEYS) ?? 0) + n
    sums.set(n % KEYS, total)
    return `${n % KEYS} ${total}`
  })
  return lines.sort()
}

const linesOf = (place: Place): string[] => place.lines().map(({ key, total }) => `${String(key)} ${String(total)}`).sort()

/** Paths of all files below a directory. */
async function everything(storage: Storage, directory: string): Promise<string[]> {
  const names = (await perform(storage.list(directory))) ?? []
  const found = await Promise.all(names.map(async (name) => {
    const at = `${directory}/${name}`
    return (await perform(storage.stat(at)))?.isDirectory === true ? everything(storage, at) : [at]
  }))
  return found.flat()
}

describe.skipIf('missing' in installed)('state in object storage', () => {
  let server: S3Server
  let place: Place
  let machine: string
  const home = mkdtempSync(join(tmpdir(), 'tidemark-s3-'))
  const running: RunningCli[] = []
  let runs = 0
  let state: string

  beforeAll(async () => {
    await build()
    server = await startServer(installed)
  }, 3 * MINUTE_MS)
  afterAll(async () => {
    await server.stop()
    rmSync(home, { recursive: true, force: true })
  })
  beforeEach(() => {
    place = new Place()
    state = `s3://${BUCKET}/jobs/${++runs}`
    machine = newMachine()
  })
  afterEach(async () => {
    for (const cli of running.splice(0)) {
      cli.child.kill('SIGKILL')
      await cli.ended
    }
    place.remove()
  })

  /** Where locks and sockets of one machine are. */
  function newMachine(): string {
    const directory = join(home, String(Math.random()).slice(2, 8))
    mkdirSync(directory)
    return directory
  }
  const newStorage = (): Storage => new S3Storage(settingsOf(server.endpoint))
  function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCli {
    const made = new RunningCli(args, { ...server.env, TMPDIR: machine, ...env })
    running.push(made)
    return made
  }
  /** `rate` is how long it lasts: what is killed or asked must not have ended before, on however slow a machine. */
  const runJob = (
    rate: number, flags: readonly string[] = [], env: Readonly<Record<string, string>> = {},
  ): RunningCli => cli([
    'run', fixture('sums.ts'), '--state', state, '--json', '-c', `out=${place.out}`, '-c', `rate=${rate}`,
    '-c', `count=${COUNT}`, ...flags,
  ], env)
  const eventsOf = ({ stdout }: { readonly stdout: string }, kind: string): number =>
    stdout.split(`"kind":"${kind}"`).length - 1
  const good = async (args: readonly string[]): Promise<Ended> => {
    const ended = await cli(args).ended
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    return ended
  }

  test('killed again and again a job on two threads writes exactly what a plain loop would, and no secret anywhere', async () => {
    const flags = ['--parallelism', '2', '--workers', '2']
    // Restored from its local copies first, then from storage: no copy is what it was any more.
    const copies = join(machine, 'copies')
    const env = { TIDEMARK_LOCAL_COPIES: copies }
    let said = ''
    for (let kill = 0; kill < 2; kill++) {
      const run = runJob(SLOW, flags, env)
      await run.until('checkpoint', () => eventsOf(run, 'checkpoint') > 1 + kill)
      run.child.kill('SIGKILL')
      const ended = await run.ended
      said += ended.stdout + ended.stderr
      expect(ended.signal).toBe('SIGKILL')
      expect(ended.stderr).not.toContain('local copy')
    }
    const all = readdirSync(copies, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(all.length).toBeGreaterThan(1)
    for (const { parentPath, name } of all) writeFileSync(join(parentPath, name), 'x', { flag: 'r+' })
    // A command means the objects themselves.
    const verified = await cli(['checkpoint', 'verify', state], env).ended
    expect([verified.exitCode, verified.stderr]).toEqual([0, ''])
    const last = await runJob(FAST, flags, env).ended
    expect(last.stderr).toMatch(/the local copy of s3:.* is not used/)
    said += last.stdout + last.stderr
    expect(last.exitCode, last.stderr).toBe(0)
    expect(said).toContain('restoredFrom')
    expect(linesOf(place)).toEqual(expected())
    const storage = newStorage()
    for (const path of await everything(storage, state)) {
      said += Buffer.from(await perform(storage.readWhole(path))).toString('latin1')
    }
    expect(said).not.toContain(CREDENTIALS.secretAccessKey)
  }, 2 * MINUTE_MS)

  test('of two processes of one machine the second is refused; from another machine it fences the first', async () => {
    const first = runJob(SLOW)
    await first.until('checkpoint', () => eventsOf(first, 'checkpoint') > 1)
    const refused = await runJob(FAST).ended
    expect(refused.exitCode).not.toBe(0)
    expect(jsonLines(refused.stdout).at(-1)).toMatchObject({ kind: 'failed', error: { code: 'E051' } })

    machine = newMachine()
    const second = await runJob(FAST).ended
    expect(second.exitCode, second.stderr).toBe(0)
    const fenced = await first.ended
    expect(jsonLines(fenced.stdout).at(-1)).toMatchObject({ kind: 'failed', error: { code: 'E046' } })
    expect(linesOf(place)).toEqual(expected())
  }, 2 * MINUTE_MS)

  test('through a network that fails one request in five, and a kill, every total is exact', async () => {
    const proxy = await startProxy(server.endpoint, 0)
    const faults = FAULTS.filter((fault) => fault !== 'slow')
    let n = 0
    proxy.plan = () => (n++ % 5 === 0 ? faults[(n / 5 | 0) % faults.length] : undefined)
    try {
      const env = { AWS_ENDPOINT_URL_S3: proxy.endpoint }
      const killed = runJob(SLOW, [], env)
      await killed.until('checkpoint', () => eventsOf(killed, 'checkpoint') > 0)
      killed.child.kill('SIGKILL')
      await killed.ended
      const last = await runJob(2_000, [], env).ended
      expect(last.exitCode, last.stderr).toBe(0)
      expect(linesOf(place)).toEqual(expected())
      for (const fault of faults) expect(proxy.done.get(fault) ?? 0, fault).toBeGreaterThan(0)
    } finally {
      await proxy.stop()
    }
  }, 2 * MINUTE_MS)

  test('the commands take the URL, live and dead, write savepoints there, and EZ-2 remove nothing of a writer elsewhere', async () => {
    const run = runJob(SLOW)
    await run.until('checkpoint', () => eventsOf(run, 'checkpoint') > 2)
    const live = `s3://${BUCKET}/savepoints/live-${runs}`
    const taken = await good(['savepoint', state, '--to', live, '--json'])
    expect(JSON.parse(taken.stdout)).toMatchObject({ path: live, live: true })
    await good(['rescale', state, '--to', '2', '--live'])
    await good(['stop', state])
    expect((await run.ended).exitCode).toBe(0)

    const [list, verified, got] = await Promise.all([
      good(['checkpoint', 'list', state, '--json']),
      good(['checkpoint', 'verify', state, 'latest', '--json']),
      good(['state', 'get', state, 'sums', 'sum', '7']),
    ])
    const newest = (JSON.parse(list.stdout) as { checkpoints: { id: number }[] }).checkpoints.at(-1)?.id
    expect(newest).toBeGreaterThan(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, id: newest })
    expect(got.stdout.trim()).toBe('7')
    await Promise.all([
      good(['checkpoint', 'show', `${state}#${newest}`]),
      good(['checkpoint', 'diff', live, 'latest', `${state}#latest`]),
      good(['checkpoint', 'verify', live, '--json']),
      good(['checkpoint', 'gc', state, '--dry-run']),
    ])
    await good(['checkpoint', 'label', state, 'latest', 'kept'])
    await good(['checkpoint', 'prune', state, '--keep', '1'])
    const edit = ['--operator', 'sums', '--state', 'sum', '--key', '7', '--set', '42']
    await good(['state', 'edit', live, ...edit, '--to', `${live}-edited`])
    expect((await good(['state', 'get', `${live}-edited`, 'sums', 'sum', '7'])).stdout.trim()).toBe('42')

    // EZ-2: from now on the last writer is one that may live on another machine.
    const storage = newStorage()
    const mine = (await perform(newestEpoch(storage, state))) ?? 0
    const record = { epoch: epoch(mine + 1), engine: 'x', pid: 1, host: 'elsewhere', claimedAtMs: 0 }
    expect(await perform(claimEpoch(storage, state, record, 1))).toBe('claimed')
    const before = await everything(storage, state)
    const [refused, dry] = await Promise.all([
      cli(['checkpoint', 'prune', state, '--keep', '1']).ended,
      good(['checkpoint', 'prune', state, '--keep', '1', '--dry-run', '--json']),
    ])
    expect(refused.exitCode).not.toBe(0)
    expect(refused.stderr).toMatch(/E179[^]*process 1 on elsewhere/)
    expect(JSON.parse(dry.stdout)).toMatchObject({ running: true, dryRun: true })
    expect(await everything(storage, state)).toEqual(before)
  }, 2 * MINUTE_MS)

  test('a savepoint is claimed from object storage by a disk and back, goes then, and every total is exact', async () => {
    const inStore = `s3://${BUCKET}/savepoints/claimed-${runs}`
    const onDisk = join(place.root, 'savepoint')
    const home = state
    const begun = async (from: string): Promise<RunningCli> => {
      const run = runJob(SLOW, from === '' ? [] : ['--from', from, '--claim'])
      await run.until('checkpoint', () => eventsOf(run, 'checkpoint') > 1)
      return run
    }
    const first = await begun('')
    await good(['stop', state, '--savepoint', inStore])
    expect((await first.ended).exitCode).toBe(0)
    state = place.state
    const second = await begun(inStore)
    // Removed after the first checkpoint of its own, beside what the job does.
    await expect.poll(() => everything(newStorage(), inStore), { timeout: MINUTE_MS / 3 }).toEqual([])
    await good(['stop', state, '--savepoint', onDisk])
    expect((await second.ended).exitCode).toBe(0)
    state = `${home}-again`
    const last = await runJob(FAST, ['--from', onDisk, '--claim']).ended
    expect(last.exitCode, last.stderr).toBe(0)
    expect(existsSync(onDisk)).toBe(false)
    expect(linesOf(place)).toEqual(expected())
  }, 2 * MINUTE_MS)
})
