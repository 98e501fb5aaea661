/** `tidemark check` in this process, against checkpoints of a job that was run before. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startJob, type Job } from '../../src/index.ts'
import { loadJob } from '../../src/host/load/load-job.ts'
import { command } from './command-for-test.ts'
import { fixture, Place } from './run-cli.ts'

describe('check', () => {
  let place: Place
  const file = fixture('shop.ts')
  const check = (version: number, ...more: string[]): ReturnType<typeof command> =>
    command('check', file, '--against', place.state, '-c', `version=${version}`, '-c', `out=${place.out}`, '-c', 'count=200', ...more)

  beforeAll(async () => {
    place = new Place()
    const job: Job = await loadJob({ file, exportName: 'default' })
    const config = { version: '1', out: place.out, count: '200', rate: '100000' }
    const handle = startJob(job, { stateDirectory: place.state, config, print: () => {} })
    expect(await handle.done).toMatchObject({ kind: 'finished' })
    await handle.done
  }, 30_000)
  afterAll(() => place.remove())

  interface Fate {
    readonly verdict: string
    readonly operator: string
    readonly states: readonly Record<string, unknown>[]
    readonly suggestion?: string
    readonly problem?: { readonly code: string }
  }
  const operators = (stdout: string): ReadonlyMap<string, Fate> =>
    new Map((JSON.parse(stdout) as { operators: Fate[] }).operators.map((fate) => [fate.operator, fate]))

  test('of the same version keeps everything, with exit code 0', async () => {
    const { exitCode, stdout } = await check(1, '--json')
    expect(exitCode, stdout).toBe(0)
    expect([...operators(stdout).values()].map(({ operator, verdict }) => `${operator} ${verdict}`)).toEqual([
      'sales kept', 'totals kept', 'out kept', 'seen kept', 'print-1 kept', 'scratch kept', 'print-2 kept',
    ])
  })

  test('of the next version tries every value, and refuses what would be dropped with exit code 4', async () => {
    const refused = await check(2, '--json')
    expect(refused.exitCode).toBe(4)
    const fates = operators(refused.stdout)
    expect(fates.get('totals')).toMatchObject({ verdict: 'migrated' })
    expect(fates.get('totals')?.states).toContainEqual(
      expect.objectContaining({ state: 'total', verdict: 'migrated', from: 1, to: 2, by: 'upgrade', entries: 7, tried: 7 }))
    expect(fates.get('scratch')).toMatchObject({ verdict: 'dropped', problem: { code: 'E031' } })
    const allowed = await check(2, '--allow-dropped', 'scratch')
    expect(allowed.exitCode, allowed.stdout + allowed.stderr).toBe(0)
    expect(allowed.stdout).toMatch(/migrated +total +value +version 1 → 2; 7 keys; 7 tried/)
    expect(allowed.stdout).toMatch(/dropped +scratch +rolling +as allowed/)
  })

  test('of a version with a renamed operator says what it was, and one that is new', async () => {
    const { exitCode, stdout } = await check(3, '--allow-dropped', 'scratch', '--json')
    expect(exitCode, stdout).toBe(0)
    expect(operators(stdout).get('visits')).toMatchObject({ was: 'seen', verdict: 'kept' })
    expect(operators(stdout).get('visits-out')).toMatchObject({ verdict: 'new' })
  })

  test('an upgrade that fails for a value is incompatible, and the value is named', async () => {
    const { exitCode, stdout, stderr } = await check(3, '--allow-dropped', 'scratch', '-c', 'upgrade=wrong')
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/incompatible +total/)
    expect(stderr).toMatch(/E168[^]*"s\d" in "total" of "totals"[^]*version 1\s+to 3[^]*the upgrade is wrong/)
  })

  test('a reference names another checkpoint, and a name that nothing bears is pointed out', async () => {
    const at = await command('check', file, '--state', place.state, '--against', 'latest', '-c', `out=${place.out}`, '-c', 'count=200',
      '--allow-dropped', 'scartch')
    expect(at.exitCode, at.stderr).toBe(0)
    expect(at.stderr).toContain('scartch: nothing of that name')
    const none = await command('check', file, '--against', `${place.state}#999`, '-c', `out=${place.out}`, '-c', 'count=200')
    expect(none.exitCode).toBe(5)
    const nowhere = await command('check', file, '--against', join(place.root, 'nowhere'), '-c', `out=${place.out}`)
    expect(nowhere.exitCode).toBe(5)
  })
})
