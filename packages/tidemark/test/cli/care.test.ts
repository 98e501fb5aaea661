/** gc, prune, rescale, edit and import from the command line, on what real jobs wrote. */
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from '../../../../scripts/build.mjs'
import { command, type CommandEnded } from './command-for-test.ts'
import { fixture, jsonLines, Place, runCli, RunningCli } from './run-cli.ts'

const COUNT = 40_000
const json = (ended: CommandEnded): Record<string, never> & Record<string, unknown> => JSON.parse(ended.stdout)
const ok = (ended: CommandEnded): CommandEnded => {
  expect(ended).toMatchObject({ exitCode: 0 })
  return ended
}

describe('looking after checkpoints and state', () => {
  let place: Place
  let job: RunningCli
  const at = (name: string): string => join(place.root, name)
  const args = (state: string, out: string, ...more: string[]): string[] =>
    ['run', fixture('sums.ts'), '--json', '--state', state, '-c', `out=${out}`, '-c', `count=${COUNT}`, ...more]
  const listed = async (directory: string): Promise<number[]> =>
    (json(ok(await command('checkpoint', 'list', directory, '--json')))['checkpoints'] as unknown as { id: number }[]).map(({ id }) => id)

  /** The last total of each key. */
  function totals(out: string): Record<string, number> {
    const lines = readdirSync(out).filter((name) => !name.startsWith('.'))
      .flatMap((name) => jsonLines(readFileSync(join(out, name), 'utf8'))) as { key: number; total: number }[]
    const highest: Record<string, number> = {}
    for (const { key, total } of lines) highest[key] = Math.max(highest[key] ?? 0, total)
    return highest
  }
  interface Entry { readonly checkpoint?: number; readonly name: string }
  /** The files of earlier checkpoints that one goes on top of. */
  async function below(directory: string, id: number): Promise<readonly Required<Entry>[]> {
    const shown = json(ok(await command('checkpoint', 'show', directory, String(id), '--json')))
    return (shown['files'] as unknown as readonly Entry[]).filter((file): file is Required<Entry> => file.checkpoint !== undefined)
  }
  const onward = async (name: string, ...more: string[]): Promise<Record<string, number>> => {
    const ended = await runCli(args(at(`state-${name}`), at(`out-${name}`), '-c', 'rate=1000000', '--from', at(name), ...more))
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    return totals(at(`out-${name}`))
  }

  beforeAll(async () => {
    await build()
    place = new Place()
    job = new RunningCli(args(place.state, place.out, '-c', 'rate=2000', '-c', 'retain=4', '-p', '2'))
    await job.until('checkpoints', () => job.stdout.split('"kind":"checkpoint"').length > 6)
  }, 150_000)
  afterAll(async () => {
    job.child.kill('SIGKILL')
    await job.ended
    place.remove()
  })

  test('while the job runs nothing is removed, and a plan can be made', async () => {
    const refused = await command('checkpoint', 'prune', place.state, '--keep', '1')
    expect(refused).toMatchObject({ exitCode: 8, stdout: '' })
    expect(refused.stderr).toMatch(/E179[^]*process \d+[^]*--dry-run[^]*tidemark stop/)
    expect(json(ok(await command('checkpoint', 'gc', place.state, '--dry-run', '--json')))).toMatchObject({ running: true, dryRun: true })

    expect((await runCli(['savepoint', place.state, '--to', at('v1')])).exitCode).toBe(0)
    job.child.kill('SIGKILL')
    await job.ended
  })

  test('a damaged base of increments: verify names the checkpoint and says which others are lost and which are whole', async () => {
    const retained = await listed(place.state)
    const chains = await Promise.all(retained.map(async (id) => ({ id, files: await below(place.state, id) })))
    const chain = chains.find(({ files }) => files.length > 0)
    const [base] = chain?.files ?? []
    if (chain === undefined || base === undefined) throw new Error('no checkpoint goes on top of another one')
    const path = join(place.state, 'checkpoints', String(base.checkpoint), base.name)
    const whole = readFileSync(path)
    writeFileSync(path, whole.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))
    const result = await command('checkpoint', 'verify', place.state, String(chain.id), '--json')
    expect(result.exitCode).toBe(4)
    const rests = (files: readonly Required<Entry>[]): boolean =>
      files.some(({ checkpoint, name }) => checkpoint === base.checkpoint && name === base.name)
    const others = chains.filter(({ id }) => id !== chain.id)
    expect(json(result)['others']).toEqual(others.map(({ id, files }) => ({ id, ok: id !== base.checkpoint && !rests(files) })))
    const text = await command('checkpoint', 'verify', place.state, String(chain.id))
    expect(text.stdout).toMatch(new RegExp(`#${chain.id} is damaged: \\d+ problem`))
    for (const { id, ok: fine } of json(result)['others'] as unknown as { id: number; ok: boolean }[]) {
      expect(text.stdout).toMatch(new RegExp(`${fine ? 'whole' : 'lost, too'}:.*#${id}\\b`))
    }
    writeFileSync(path, whole)
  })

  test('of a dead job gc and prune do what the plan says', async () => {
    writeFileSync(join(place.state, '.tmp-e0-link-from-1'), 'x')
    mkdirSync(join(place.state, 'checkpoints', '9999'))
    writeFileSync(join(place.state, 'checkpoints', '9999', 'e1-0.state'), 'torn')
    const gc = ok(await command('checkpoint', 'gc', place.state, '--dry-run'))
    expect(gc.stdout).toMatch(/checkpoints\/9999\/e1-0\.state +4 B {2}unreferenced\n/)
    expect(gc.stdout).toMatch(/\.tmp-e0-link-from-1 +1 B {2}leftover/)
    expect(gc.stderr).toMatch(/Kept: #\d+[^]*Would remove/)
    expect(existsSync(join(place.state, '.tmp-e0-link-from-1'))).toBe(true)
    const before = await listed(place.state)
    ok(await command('checkpoint', 'gc', place.state))
    expect(existsSync(join(place.state, 'checkpoints', '9999'))).toBe(false)
    expect(await listed(place.state)).toEqual(before)

    const plan = json(ok(await command('checkpoint', 'prune', place.state, '--keep', '2', '--dry-run', '--json')))
    const done = json(ok(await command('checkpoint', 'prune', place.state, '--keep', '2', '--json')))
    expect(done).toEqual({ ...plan, dryRun: false })
    expect(await listed(place.state)).toEqual(before.slice(-2))
    expect((await command('checkpoint', 'prune', place.state)).exitCode).toBe(2)
    expect(await command('checkpoint', 'gc', at('v1'))).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('E177') })
    // What is left is restored.
    const resumed = await runCli(args(place.state, place.out, '-c', 'rate=1000000', '-c', 'retain=4', '-p', '2'))
    expect(resumed.exitCode, resumed.stdout).toBe(0)
    expect(jsonLines(resumed.stdout)[0]).toMatchObject({ kind: 'started', restoredFrom: { checkpoint: before.at(-1) } })
  })

  test('one key edited in a savepoint: a job begun from it differs in the totals of that key by exactly that', async () => {
    const before = Number(ok(await command('state', 'get', at('v1'), 'sums', 'sum', '7')).stdout)
    expect(before).toBeGreaterThan(0)
    const edit = ['state', 'edit', at('v1'), '--operator', 'sums', '--state', 'sum']
    const edited = await command(...edit, '--key', '7', '--set', String(before + 5_000), '--to', at('v2'))
    expect(ok(edited).stderr).toContain(`sums / sum of 7: ${before} → ${before + 5_000}`)
    expect(edited.stdout.trim()).toBe(at('v2'))
    expect(Number((await command('state', 'get', at('v1'), 'sums', 'sum', '7')).stdout)).toBe(before)
    const diff = await command('checkpoint', 'diff', at('v1'), 'latest', `${at('v2')}#latest`)
    expect(ok(diff).stdout).toContain(`${before} → ${before + 5_000}`)

    const plain = await onward('v1')
    expect(await onward('v2', '-p', '3')).toEqual({ ...plain, 7: (plain[7] as number) + 5_000 })
    const wrong = await runCli(args(at('state-v1'), at('out-v1'), '--from', at('v2')))
    expect(wrong).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('E118') })

    // Half of one is none; what is there is never overwritten.
    truncateSync(join(at('v2'), 'savepoint.json'), 10)
    expect((await runCli(args(at('state-x'), at('out-x'), '--from', at('v2')))).exitCode).toBe(4)
    expect((await command(...edit, '--key', '7', '--delete', '--to', at('v2'))).stderr).toContain('E117')
    expect((await command(...edit, '--key', '7', '--to', at('v3'))).exitCode).toBe(2)
    expect((await command(...edit, '--key', '7', '--set', '{"$x":1}', '--to', at('v3'))).stderr).toContain('$x is no tag')
    expect(existsSync(at('v3'))).toBe(false)
  })

  test('a state exported, changed in one line and imported: the same job, with that difference', async () => {
    ok(await command('state', 'export', at('v1'), '--operator', 'sums', '--state', 'sum', '--to', at('sum.jsonl')))
    const bring = ['state', 'import', at('v1'), '--operator', 'sums', '--state', 'sum', '--from']
    ok(await command(...bring, at('sum.jsonl'), '--to', at('same')))
    expect(await command('checkpoint', 'diff', at('v1'), 'latest', `${at('same')}#latest`, '--exit-code')).toMatchObject({ exitCode: 0, stdout: '' })
    const lines = readFileSync(at('sum.jsonl'), 'utf8').split('\n')
    writeFileSync(at('less.jsonl'), lines.filter((line) => !line.includes('"key":3,')).join('\n'))
    const less = json(ok(await command(...bring, at('less.jsonl'), '--to', at('less'), '--json')))
    expect(less).toMatchObject({ before: lines.length - 3, entries: lines.length - 4 })
    const held = Number((await command('state', 'get', at('v1'), 'sums', 'sum', '3')).stdout)
    const plain = totals(at('out-v1'))
    expect(await onward('less')).toEqual({ ...plain, 3: (plain[3] as number) - held })
    expect((await command(...bring, at('none.jsonl'), '--to', at('none'))).exitCode).toBe(5)
  })

  test('rescale says what would move, and nothing beyond the number of key groups', async () => {
    const said = json(ok(await command('rescale', at('v1'), '--to', '5', '--json')))
    const sums = (said['operators'] as unknown as { operator: string; entries: { moved: number; stayed: number } }[])
      .find(({ operator }) => operator === 'sums')
    expect(said).toMatchObject({ schema: 'tidemark.rescale/1', from: 2, to: 5, maxParallelism: 128 })
    expect(sums).toMatchObject({ from: 2, to: 5 })
    const count = json(ok(await command('state', 'query', at('v1'), 'sums', 'sum', '--count', '--json')))
    expect((sums?.entries.moved ?? 0) + (sums?.entries.stayed ?? 0)).toBe(count['entries'])
    const text = ok(await command('rescale', at('v1'), '--to', '5')).stdout
    expect(text).toMatch(/sums {2}2 → 5\n {2}key groups +\d+ {2}move +\d+ {2}stay\n/)
    expect(text).toMatch(/largest: subtask \d, [\d\u202f]+ entries, [\d.]+ kB, \d\.\d\d× the mean/)
    expect(text).toMatch(/Reading it back takes about .* a second, as measured just now/)
    expect(await command('rescale', at('v1'), '--to', '129')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('at most --to 128') })
  })
})
