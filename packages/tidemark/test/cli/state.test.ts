import { createRequire } from 'node:module'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { command, type CommandEnded } from './command-for-test.ts'
import { fixture, Place, runCli, RunningCli } from './run-cli.ts'

function sqliteIsHere(): boolean {
  try {
    createRequire(import.meta.url)('node:sqlite')
    return true
  } catch {
    return false
  }
}

const json = (ended: CommandEnded): Record<string, never> & Record<string, unknown> => JSON.parse(ended.stdout)
interface Line {
  readonly id: number
  readonly labels?: readonly string[]
}

describe('looking inside state', () => {
  let place: Place
  let job: RunningCli | undefined
  const ids = async (): Promise<readonly Line[]> =>
    json(await command('checkpoint', 'list', place.state, '--json'))['checkpoints'] as unknown as Line[]
  const checkpointed = (count: number) => () => (job?.stdout.split('"kind":"checkpoint"').length ?? 0) > count
  const ok = (ended: CommandEnded): CommandEnded => {
    expect(ended).toMatchObject({ exitCode: 0 })
    return ended
  }

  beforeAll(async () => {
    await build()
    place = new Place()
    const args = ['run', fixture('totals.ts'), '--state', place.state, '-c', `out=${place.out}`, '--json']
    job = new RunningCli([...args, '--parallelism', '2'])
    await job.until('checkpoints', checkpointed(2))
  }, 150_000)

  afterAll(async () => {
    job?.child.kill('SIGKILL')
    await job?.ended
    place.remove()
  })

  test('of a live job: states, keys, labels that keep a checkpoint, what has changed; then the same when it is dead', async () => {
    const list = json(ok(await command('state', 'list', place.state, '--json')))
    expect(list).toMatchObject({ schema: 'tidemark.state.list/1', job: 'totals', operators: expect.arrayContaining([
      expect.objectContaining({ operator: 'per-day', subtasks: 2, states: expect.arrayContaining([
        expect.objectContaining({ name: 'window', kind: 'window', keyed: true }),
      ]) }),
    ]) })
    expect(ok(await command('state', 'list', place.state)).stdout).toMatch(/ {2}window {2,}window {2,}.* accumulators of \w+ \(\w+\)/)
    expect(ok(await command('checkpoint', 'label', place.state, 'latest', 'keep')).stderr).toContain('@keep is checkpoint #')
    const [label] = json(ok(await command('checkpoint', 'labels', place.state, '--json')))['labels'] as unknown as
      { checkpoint: number }[]
    const checkpoint = label?.checkpoint ?? 0

    await expect.poll(async () => (await ids())[1]?.id, { timeout: 20_000 }).toBeGreaterThan(checkpoint + 1)
    expect((await ids())[0]).toMatchObject({ id: checkpoint, labels: ['keep'] })
    const changed = await command('checkpoint', 'diff', place.state, '@keep', 'latest', '--exit-code')
    expect(changed).toMatchObject({ exitCode: 7, stderr: '' })
    expect(changed.stdout).toMatch(/positions\n {2}numbers \/ splits {2}1 changed\n {4}~ .* position \S+ → \S+/)
    expect(changed.stdout).toMatch(/keyed state\n {2}per-day \/ window/)
    const live = ok(await command('state', 'export', place.state, '--at', '@keep')).stdout

    job?.child.kill('SIGKILL')
    await job?.ended
    expect(ok(await command('state', 'export', place.state, '--at', '@keep')).stdout).toBe(live)
    expect(ok(await command('checkpoint', 'diff', place.state, 'latest', 'latest', '--exit-code')).stdout).toBe('')
    const entries = live.split('\n').filter((line) => line.includes('"state":"window","key"'))
      .map((line) => JSON.parse(line) as { key: number; namespace: [number, number]; value: unknown })
    expect(entries.map(({ key }) => key)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const { key, namespace: [start, end], value } of entries) {
      const got = json(ok(await command('state', 'get', place.state, 'per-day', 'window', String(key), '--at', '@keep', '--json')))
      expect(got['entries']).toContainEqual({ key: String(key), window: { start, end }, value })
    }
    ok(await command('checkpoint', 'unlabel', place.state, 'keep'))
    expect((await ids())[0]?.labels).toBeUndefined()
  }, 60_000)

  test('a process of its own says the same', async () => {
    const args = ['state', 'query', place.state, 'per-day', 'window', '--limit', 'all']
    expect(await runCli(args)).toMatchObject(ok(await command(...args)))
  })

  test('DIR REF, DIR#REF and REF --state DIR name the same checkpoint', async () => {
    const show = async (...args: string[]) => json(ok(await command('checkpoint', 'show', ...args, '--json')))['id']
    const id = (await ids()).at(-1)?.id
    expect([
      await show(place.state), await show(place.state, 'latest'), await show(`${place.state}#latest`),
      await show('latest', '--state', place.state), await show(place.state, String(id)),
    ]).toEqual(Array.from({ length: 5 }, () => id))
  })

  test('filters, and a count of what fits', async () => {
    const query = ['state', 'query', place.state, 'per-day', 'window']
    const count = Number(ok(await command(...query, '--count')).stdout)
    const ofOne = Number(ok(await command(...query, '--count', '--key', '1')).stdout)
    const all = json(ok(await command(...query, '--limit', 'all', '--json')))['entries'] as unknown as { key: string }[]
    expect(all.length).toBe(count)
    expect(all.filter(({ key }) => key === '1').length).toBe(ofOne)
    expect([count, ofOne]).toEqual([10, 1])
    expect(ok(await command(...query, '--from', '2', '--to', '5', '--count')).stdout).toBe('3\n')
    expect(ok(await command(...query, '--prefix', 'x')).stderr).toContain('Nothing fits')
    expect(ok(await command('state', 'query', place.state, 'numbers', 'splits')).stdout).toContain('"position"')
  })

  test('an export is there whole or not at all', async () => {
    const file = join(place.root, 'state.jsonl')
    const args = ['state', 'export', place.state, '--operator', 'per-day']
    ok(await command(...args, '--to', file))
    expect(readFileSync(file, 'utf8')).toBe(ok(await command(...args)).stdout)
    const other = join(place.root, 'other.jsonl')
    expect(await command('state', 'export', place.state, '--operator', 'per-minute', '--to', other)).toMatchObject({ exitCode: 5 })
    expect(existsSync(other)).toBe(false)
    expect(readdirSync(place.root).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test.each([
    [['state', 'get', 'DIR', 'per-dya', 'window', '1'], 5, 'E145', 'Did you mean "per-day"?'],
    [['state', 'get', 'DIR', 'per-day', 'windwo', '1'], 5, 'E145', 'Did you mean "window"?'],
    [['state', 'get', 'DIR', 'per-day', 'window', '"1"'], 5, 'E146', 'Did you mean 1?'],
    [['state', 'get', 'DIR', 'per-day', 'window', '"1'], 2, 'E147', 'no JSON string'],
    [['state', 'get', 'DIR', 'per-day', 'window', '1', '--at', '9999'], 5, 'E047', '9999'],
    [['state', 'get', 'DIR#latest', 'per-day', 'window', '1', '--at', 'latest'], 2, 'E095', 'Two checkpoints'],
    [['state', 'get', 'DIR', 'numbers', 'splits', '1'], 2, 'E149', 'belongs to subtasks'],
    [['state', 'query', 'DIR', 'per-day'], 2, 'E095', '<state> is missing'],
    [['state', 'query', 'DIR', 'per-day', 'window', '--from', '1', '--to', 'x'], 2, 'E149', 'is a number'],
    [['state', 'query', 'DIR', 'per-day', 'window', '--limit', 'many'], 2, 'E095', 'a whole number, or all'],
    [['state', 'export', 'DIR', '--state', 'window'], 2, 'E149', 'without its operator'],
    [['state', 'list', '/no/such/dir'], 5, 'E099', '/no/such/dir'],
    [['state', 'gett', 'DIR'], 2, 'E095', 'Did you mean "get"?'],
    [['checkpoint', 'diff', 'DIR', 'latest', '@nobody'], 5, 'E144', 'nobody'],
    [['checkpoint', 'label', 'DIR', 'latest', 'No'], 2, 'E147', 'label'],
    [['checkpoint', 'show', 'latest'], 2, 'E095', 'state directory is missing'],
  ])('%j ends with exit code %i and %s', async (args, exitCode, code, text) => {
    const ended = await command(...args.map((arg) => arg.replace('DIR', place.state)))
    expect(ended).toMatchObject({ exitCode, stdout: '' })
    expect(ended.stderr).toContain(code)
    expect(ended.stderr).toContain(text)
  })

  test.each([
    'state list', 'state get', 'state query', 'state export', 'checkpoint diff', 'checkpoint label', 'checkpoint labels',
    'checkpoint unlabel',
  ])('CL-1 the help of %s has an example', async (name) => {
    const { stdout } = ok(await command(...name.split(' '), '--help'))
    expect(stdout).toMatch(new RegExp(`Examples?\\n  tidemark ${name} \\.tidemark`))
  })

  const SQL = ['--sql', 'select key, count(*) as windows, sum(value) as total from "window" group by key order by key']

  test.runIf(sqliteIsHere())('SQL over the states of an operator', async () => {
    const query = ['state', 'query', place.state, 'per-day']
    const all = json(ok(await command(...query, 'window', '--limit', 'all', '--json')))['entries'] as unknown as
      { key: string; value: unknown }[]
    const keys = [...new Set(all.map(({ key }) => Number(key)))].toSorted((a, b) => a - b)
    const rows = json(ok(await command(...query, ...SQL, '--json')))['rows'] as unknown as { key: number; windows: number }[]
    expect(rows.map(({ key, windows }) => [key, windows]))
      .toEqual(keys.map((key) => [key, all.filter((entry) => entry.key === String(key)).length]))
    expect(await command(...query, '--sql', 'select nothing')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('E149') })
  })

  test.runIf(!sqliteIsHere())('where Node.js has no SQLite, --sql says what is missing and what works', async () => {
    const ended = await command('state', 'query', place.state, 'per-day', ...SQL)
    expect(ended).toMatchObject({ exitCode: 8, stdout: '', stderr: expect.stringContaining('E148') })
    expect(ended.stderr).toContain('--prefix')
  })

  test('a damaged state file is reported with its place, by get, export and diff alike', async () => {
    const id = (await ids()).at(-1)?.id
    const directory = join(place.state, 'checkpoints', String(id))
    const name = readdirSync(directory).find((file) => file.endsWith('.state')) as string
    const file = join(directory, name)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.map((byte) => byte ^ 1))
    for (const args of [
      ['state', 'get', place.state, 'per-day', 'window', '1'], ['state', 'export', place.state, '--to', join(place.root, 'x')],
      ['checkpoint', 'diff', place.state, 'latest', 'latest'],
    ]) {
      expect(await command(...args)).toMatchObject({ exitCode: 4, stdout: '', stderr: expect.stringContaining(name) })
    }
    expect(existsSync(join(place.root, 'x'))).toBe(false)
    writeFileSync(file, bytes)
  })
})
