/** A job of version 1 carried to version 3 by savepoints, killed on the way: real processes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eachInItsPlace, fixture, jsonLines, type Place, runCli, RunningCli, type Ended } from '../cli/run-cli.ts'

/** At the rate of the runs that are killed this takes 40 s: none of them is through before its turn, however slow the machine. */
const COUNT = 40_000
const JOB = fixture('shop.ts')
let place: Place
const running = eachInItsPlace((fresh) => {
  place = fresh
})

const at = (name: string): string => join(place.root, name)
const settings = (version: number): string[] =>
  ['-c', `version=${version}`, '-c', `out=${at(`out${version}`)}`, '-c', `count=${COUNT}`]
const args = (version: number, ...more: string[]): string[] =>
  ['run', JOB, '--json', '--state', at(`state${version}`), ...settings(version), ...more]
const run = (version: number, ...more: string[]): Promise<Ended> => runCli(args(version, ...more))
const check = (version: number, against: string, ...more: string[]): Promise<Ended> =>
  runCli(['check', JOB, '--against', against, '--json', ...settings(version), ...more])

function started(version: number, ...more: string[]): RunningCli {
  const cli = new RunningCli(args(version, ...more))
  running.push(cli)
  return cli
}

/** It has written something that no checkpoint covers. */
const staged = (version: number): boolean => {
  const out = at(`out${version}`)
  return existsSync(out) && readdirSync(out).some((name) => name.startsWith('.'))
}

async function killed(cli: RunningCli): Promise<void> {
  cli.child.kill('SIGKILL')
  expect(await cli.ended).toMatchObject({ signal: 'SIGKILL' })
}

/** Rows under final names, of checkpoints up to `upTo`. */
function rows(directory: string, upTo = Number.POSITIVE_INFINITY): string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.') && Number(name.split('-').at(-2)) <= upTo)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').filter((line) => line !== ''))
}

/** What one pass over all sales gives, whatever its versions kept in between. */
function expected(): string[] {
  const totals = new Map<string, { n: number; sum: number }>()
  return Array.from({ length: COUNT }, (_, i) => {
    const shop = `s${i % 7}`
    const { n, sum } = totals.get(shop) ?? { n: 0, sum: 0 }
    const total = { n: n + 1, sum: sum + (i % 100) }
    totals.set(shop, total)
    return JSON.stringify({ shop, ...total })
  }).toSorted()
}

test('version 1 to 3 by savepoints, killed before and after each first checkpoint, on threads, too: totals are exact', async () => {
  const first = started(1, '-c', 'rate=1000')
  await first.until('checkpoint', () => first.stdout.includes('"kind":"checkpoint"'))
  const taken = await runCli(['savepoint', at('state1'), '--to', at('sp1'), '--json'])
  expect(taken.exitCode, taken.stdout + taken.stderr).toBe(0)
  const savepoint = Number(jsonLines(taken.stdout).at(-1)?.['checkpoint'])
  await killed(first)

  // The check and the start say the same, and a start that is refused spoils nothing.
  expect((await check(2, at('sp1'))).exitCode).toBe(4)
  const refused = await run(2, '--from', at('sp1'))
  expect(refused.exitCode).toBe(4)
  expect(jsonLines(refused.stdout).at(-1)).toMatchObject({ kind: 'failed', error: { code: 'E031' } })
  const named = ['--allow-dropped', 'scratch']
  expect((await check(2, at('sp1'), ...named)).exitCode).toBe(0)

  const early = started(2, '--from', at('sp1'), ...named, '-c', 'rate=1000', '-c', 'checkpointEvery=10m')
  await early.until('staged output', () => staged(2))
  await killed(early)
  const late = started(2, '--from', at('sp1'), ...named, '-c', 'rate=1000')
  await late.until('checkpoint', () => late.stdout.includes('"kind":"checkpoint"'))
  await killed(late)
  // Nothing is left to be named: the checkpoint of version 2 does not hold it any more.
  const again = started(2, '-c', 'rate=1000')
  await again.until('checkpoint', () => again.stdout.includes('"kind":"checkpoint"'))
  const stopped = await runCli(['stop', at('state2'), '--savepoint', at('sp2')])
  expect(stopped.exitCode, stopped.stdout + stopped.stderr).toBe(0)
  await again.ended

  // An upgrade that fails leaves the state to the version that wrote it.
  const wrong = await run(3, '--from', at('sp2'), '-c', 'upgrade=wrong', '-p', '2', '--workers', '2')
  expect(wrong.exitCode).toBe(4)
  expect(jsonLines(wrong.stdout).at(-1)).toMatchObject({ kind: 'failed', error: { code: 'E168' } })
  expect((await check(2, at('state3'))).exitCode).toBe(0)

  const earlyThird = started(3, '--from', at('sp2'), '-c', 'rate=1000', '-c', 'checkpointEvery=10m', '-p', '3')
  await earlyThird.until('staged output', () => staged(3))
  await killed(earlyThird)
  const lateThird = started(3, '--from', at('sp2'), '-c', 'rate=1000', '-p', '3', '--workers', '2')
  await lateThird.until('checkpoint', () => lateThird.stdout.includes('"kind":"checkpoint"'))
  await killed(lateThird)
  const ended = await run(3, '--from', at('sp2'), '-c', 'rate=1000000', '-p', '2')
  expect(ended.exitCode, ended.stdout).toBe(0)

  expect([...rows(at('out1'), savepoint), ...rows(at('out2')), ...rows(at('out3'))].toSorted()).toEqual(expected())
  // The renamed counter went on where the one of version 2 was.
  const visits = rows(at('out3-visits')).map((line) => JSON.parse(line) as { shop: string; visits: number })
  const last = new Map<string, number>()
  for (const { shop, visits: n } of visits) last.set(shop, Math.max(n, last.get(shop) ?? 0))
  expect([...last.values()].reduce((a, b) => a + b, 0)).toBe(COUNT)
  // Back to version 2 there is no way but a savepoint of it.
  const back = await check(2, at('state3'))
  expect(back.exitCode).toBe(4)
  expect(back.stdout).toContain('E138')
}, 120_000)
