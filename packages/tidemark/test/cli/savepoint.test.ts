/** Savepoints and stop from the command line, on real processes. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eachInItsPlace, fixture, jsonLines, type Place, runCli, RunningCli, type Ended } from './run-cli.ts'

describe('savepoint, stop and run --from', () => {
  let place: Place
  const running = eachInItsPlace((fresh) => {
    place = fresh
  })

  /** At the rate of those that are stopped or killed it takes half a minute: none is through before. */
  const COUNT = 15_000
  const at = (name: string): string => join(place.root, name)
  const args = (state: string, out: string, ...more: string[]): string[] =>
    ['run', fixture('endless.ts'), '--json', '--state', state, '-c', `out=${out}`, '-c', `count=${COUNT}`, ...more]
  async function started(env: Readonly<Record<string, string>> = {}, ...more: string[]): Promise<RunningCli> {
    const cli = new RunningCli(args(place.state, place.out, '-c', 'rate=500', ...more), env)
    running.push(cli)
    await cli.until('checkpoint', () => cli.stdout.includes('"kind":"checkpoint"') || cli.child.exitCode !== null)
    return cli
  }
  const onward = (state: string, out: string, ...more: string[]): Promise<Ended> =>
    runCli(args(state, out, '-c', 'rate=1000000', ...more))
  const last = (ended: Ended): Record<string, unknown> => jsonLines(ended.stdout).at(-1) ?? {}

  /** Windows under final names, of checkpoints up to `upTo`. */
  function windows(out: string, upTo = Number.POSITIVE_INFINITY): string[] {
    if (!existsSync(out)) return []
    return readdirSync(out)
      .filter((name) => !name.startsWith('.') && Number(name.split('-').at(-2)) <= upTo)
      .flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').filter((line) => line !== ''))
      .map((line) => {
        const { key, start, value } = JSON.parse(line) as { key: unknown; start: string; value: number }
        return `${Number(key)}@${Date.parse(start) / 1000}=${value}`
      })
      .toSorted()
  }
  const all = (): string[] =>
    Array.from({ length: (COUNT / 10) * 2 }, (_, i) => `${i % 2}@${Math.floor(i / 2)}=5`).toSorted()

  test('of a live job, moved, after kill -9, begun on threads at another parallelism: totals are exact', async () => {
    const cli = await started()
    const taken = await runCli(['savepoint', place.state, '--to', at('backup'), '--json'])
    expect(taken.exitCode, taken.stderr + taken.stdout).toBe(0)
    const { checkpoint } = last(taken)
    expect(last(taken)).toMatchObject({ kind: 'savepoint', path: at('backup'), live: true, committed: true })
    cli.child.kill('SIGKILL')
    await cli.ended

    renameSync(at('backup'), at('moved'))
    const verified = await runCli(['checkpoint', 'verify', at('moved')])
    expect(verified.stdout).toContain(`#${Number(checkpoint)} is whole`)
    const ended = await onward(at('next'), at('out2'), '--from', at('moved'), '-p', '4', '--workers', '2')
    expect(ended.exitCode, ended.stdout).toBe(0)
    expect(jsonLines(ended.stdout)[0]).toMatchObject({ kind: 'started', restoredFrom: { checkpoint } })
    expect([...windows(place.out, Number(checkpoint)), ...windows(at('out2'))].toSorted()).toEqual(all())

    // Repeated it does not begin again.
    const again = await onward(at('next'), at('out2'), '--from', at('moved'))
    expect(last(again)).toMatchObject({ kind: 'already-finished' })
    const other = await onward(place.state, place.out, '--from', at('moved'))
    expect(other.exitCode).toBe(4)
    expect(other.stdout).toContain('E118')
  })

  test('of an older checkpoint of a dead job, named by --at, a new line begins there', async () => {
    const cli = await started()
    await cli.until('third checkpoint', () => jsonLines(cli.stdout).filter(({ kind }) => kind === 'checkpoint').length > 2)
    cli.child.kill('SIGKILL')
    await cli.ended
    const [newest, before] = await Promise.all(['latest', 'latest-1'].map(async (ref) =>
      last(await runCli(['savepoint', place.state, '--at', ref, '--to', at(`of-${ref}`), '--json']))['checkpoint']))
    expect(Number(before)).toBeLessThan(Number(newest))
    const ended = await onward(at('next'), place.out, '--from', at('of-latest'))
    expect(ended.exitCode, ended.stdout).toBe(0)
    expect(jsonLines(ended.stdout)[0]).toMatchObject({ kind: 'started', restoredFrom: { checkpoint: newest } })
    expect(windows(place.out)).toEqual(all())
    // Its output is there already up to the newest one: what would come twice is refused.
    const older = await onward(at('older'), place.out, '--from', at('of-latest-1'))
    expect(older.stdout).toContain('E113')

    // Without a savepoint, once that output is out of the way.
    for (const name of readdirSync(place.out)) if (Number(name.split('-').at(-2)) > Number(before)) rmSync(join(place.out, name))
    const named = await onward(at('named'), place.out, '--from', `${place.state}#${Number(before)}`)
    expect(named.exitCode, named.stdout).toBe(0)
    expect(jsonLines(named.stdout)[0]).toMatchObject({ kind: 'started', restoredFrom: { checkpoint: before } })
    expect(windows(place.out)).toEqual(all())
  })

  test('stop ends the job with 0 and a plain run goes on; with --savepoint a new line goes on in the same output', async () => {
    const cli = await started()
    const stopped = await runCli(['stop', place.state, '--json'])
    expect(stopped.exitCode, stopped.stdout).toBe(0)
    expect(await cli.ended).toMatchObject({ exitCode: 0 })
    expect(jsonLines((await cli.ended).stdout).at(-1)).toMatchObject({ kind: 'stopped', checkpoint: last(stopped)['checkpoint'] })

    await started()
    const again = await runCli(['stop', place.state, '--savepoint', at('end')])
    expect(again).toMatchObject({ exitCode: 0, stdout: `${at('end')}\n` })
    expect((await runCli(['stop', place.state])).exitCode).toBe(5)

    const ended = await onward(at('next'), place.out, '--from', at('end'))
    expect(last(ended), ended.stdout).toMatchObject({ kind: 'finished' })
    expect(windows(place.out)).toEqual(all())
  })

  test('drained on several threads the job is finished for good, and says what that means', async () => {
    const cli = await started({}, '-p', '4', '--workers', '2')
    const stopped = await runCli(['stop', place.state, '--drain'])
    expect(stopped.exitCode, stopped.stderr).toBe(0)
    expect(jsonLines((await cli.ended).stdout).at(-1)).toMatchObject({ kind: 'finished', drained: true })
    const read = windows(place.out).reduce((sum, line) => sum + Number(line.split('=')[1]), 0)
    expect(read).toBeGreaterThan(0)
    const plain = await runCli(args(place.state, place.out).filter((arg) => arg !== '--json'))
    expect(plain.exitCode).toBe(0)
    expect(plain.stderr).toContain('was drained')
    expect(plain.stderr).toContain('taken before the drain')
    expect((await onward(at('next'), at('out2'), '--from', place.state)).exitCode).toBe(4)
  })

  test('killed between its checkpoint and the commit: the copy owes the commit, and it is made once', async () => {
    const cli = await started({ TIDEMARK_FAILPOINTS: 'commit.begin=kill9@3' })
    await cli.ended
    const copied = await runCli(['savepoint', place.state, '--to', at('copy'), '--json'])
    expect(last(copied), copied.stderr).toMatchObject({ live: false, committed: false })
    const elsewhere = await onward(at('other'), at('out2'), '--from', at('copy'))
    expect(elsewhere.exitCode).toBe(4)
    expect(elsewhere.stdout).toContain('E159')
    // The line it was taken from commits at its own next start; the new one finds that done.
    const old = await started()
    old.child.kill('SIGKILL')
    await old.ended
    const ended = await onward(at('next'), place.out, '--from', place.state)
    expect(last(ended), ended.stdout).toMatchObject({ kind: 'finished' })
    expect(windows(place.out)).toEqual(all())
  })

  test('--from and --fresh exclude each other, and a path that holds nothing is named', async () => {
    expect((await onward(at('next'), at('out2'), '--from', at('nothing'), '--fresh')).exitCode).toBe(2)
    const ended = await onward(at('next'), at('out2'), '--from', at('nothing'))
    expect(ended.exitCode).toBe(5)
    expect(ended.stdout).toContain('E154')
  })
})
