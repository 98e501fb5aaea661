/** A running job changes its parallelism, from the command line, on real processes and threads; also killed in the middle. */
import { describe, expect, test } from 'vitest'
import { eachInItsPlace, fixture, jsonLines, type Place, runCli, RunningCli } from '../cli/run-cli.ts'

const MINUTE_MS = 60_000
/** At 200 a second fifteen seconds: longer than all that is asked of the job while it runs, on however slow a machine. */
const COUNT = 3_000
/** Records of one colour in one second of event time. */
const FULL = 5

describe('tidemark rescale --live', () => {
  let place: Place
  const running = eachInItsPlace((fresh) => {
    place = fresh
  })

  const args = (rate: number, ...more: string[]): string[] =>
    ['run', fixture('endless.ts'), '--json', '--state', place.state, '-c', `out=${place.out}`, '-c', `count=${COUNT}`,
      '-c', `rate=${rate}`, ...more]
  async function started(env: Readonly<Record<string, string>>, ...more: string[]): Promise<RunningCli> {
    const cli = new RunningCli(args(200, ...more), env)
    running.push(cli)
    await cli.until('checkpoint', () => cli.stdout.includes('"kind":"checkpoint"') || cli.child.exitCode !== null)
    return cli
  }
  const rescale = (to: number) => runCli(['rescale', place.state, '--to', String(to), '--live', '--json'])

  function expectExactTotals(): void {
    const windows = place.lines().map(({ key, start, value }) => ({ window: `${Number(key)}@${String(start)}`, value }))
    expect(windows.filter(({ value }) => value !== FULL)).toEqual([])
    expect(new Set(windows.map(({ window }) => window)).size).toBe(windows.length)
    expect(windows.length).toBe(COUNT / FULL)
  }

  test('from 1 to 3 to 2 threads while it runs: the totals are those of an undisturbed run, and nothing was restarted', async () => {
    const cli = await started({}, '-p', '1', '--workers', '3')
    const up = await rescale(3)
    expect(up.exitCode, up.stdout + up.stderr).toBe(0)
    expect(JSON.parse(up.stdout)).toMatchObject({ schema: 'tidemark.rescaled/1', from: 1, to: 3, workers: 3 })
    const seen = await runCli(['top', place.state, '--once', '--json'])
    expect(jsonLines(seen.stdout)[0], seen.stderr).toMatchObject({ parallelism: 3, workers: 3, restarts: 0 })
    const down = await runCli(['rescale', place.state, '--to', '2', '--live'])
    expect(down).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/parallelism 3 → 2 on 2 threads, from checkpoint #\d+ on/) })
    const { exitCode, stdout } = await cli.ended
    expect(exitCode, stdout).toBe(0)
    const kinds = jsonLines(stdout).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'rescaled').length).toBe(2)
    expect(kinds).not.toContain('restarting')
    expect(kinds.at(-1)).toBe('finished')
    expectExactTotals()
    expect((await rescale(4)).exitCode).toBe(5)
  }, MINUTE_MS)

  // The last checkpoint is complete; the next attempt has claimed its term; its subtasks are being told to run.
  test.each(['stop.final=kill9', 'restore.read=kill9', 'run.resume=kill9@2'])(
    'killed at %s in the middle of it, the same command goes on at its own parallelism with exact totals', async (failpoint) => {
      const cli = await started({ TIDEMARK_FAILPOINTS: failpoint }, '-p', '2', '--workers', '2')
      const asked = await rescale(3)
      expect(asked.exitCode, asked.stdout).toBe(8)
      expect((await cli.ended).signal).toBe('SIGKILL')
      const again = await runCli(args(1_000_000, '-p', '2', '--workers', '2'))
      expect(again.exitCode, again.stdout).toBe(0)
      expect(jsonLines(again.stdout).at(-1)).toMatchObject({ kind: 'finished' })
      expectExactTotals()
    }, MINUTE_MS)
})
