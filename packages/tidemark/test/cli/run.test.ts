import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { eachInItsPlace, fixture, jsonLines, type Place, runCli, RunningCli } from './run-cli.ts'

describe('tidemark run', () => {
  let place: Place
  const running = eachInItsPlace((fresh) => {
    place = fresh
  })

  const args = (...more: string[]): string[] =>
    ['run', fixture('endless.ts'), '--state', place.state, '-c', `out=${place.out}`, ...more]
  const start = (...more: string[]): RunningCli => {
    const cli = new RunningCli(args(...more))
    running.push(cli)
    return cli
  }
  const kinds = (text: string): unknown[] => jsonLines(text).map(({ kind }) => kind)
  const checkpointed = (cli: RunningCli) => () => cli.stdout.includes('"kind":"checkpoint"')
  /** Each second of event time has five numbers of each colour. */
  const fullWindows = (seconds: number): unknown[] =>
    Array.from({ length: seconds * 2 }, (_, i) => ({ key: i % 2, start: Math.floor(i / 2) * 1000, value: 5 }))
  const windows = (): unknown[] => place.lines()
    .map(({ key, start: from, value }) => ({ key: Number(key), start: Date.parse(String(from)), value }))
    .sort((a, b) => a.start - b.start || a.key - b.key)

  test('a run to the end says what is promised and what was done, on stderr only', async () => {
    const ended = await runCli(args('-c', 'count=100', '-c', 'rate=100000'))
    expect(ended).toMatchObject({ exitCode: 0, stdout: '' })
    expect(ended.stderr).toMatch(/tidemark 0\.1\.0 {2}endless {2}ready in/)
    expect(ended.stderr).toContain('exactly-once: numbers ✓ can rewind · counts ✓ transactional')
    expect(ended.stderr).toContain('endless is finished: 100 records in')
    expect(ended.stderr).not.toContain('\u001b[')
    expect(windows()).toEqual(fullWindows(10))
    expect(place.pid()).toBeUndefined()
  })

  test('run again after the end it says so, exits with 0 and writes nothing', async () => {
    await runCli(args('-c', 'count=100', '-c', 'rate=100000'))
    const before = place.lines()
    const ended = await runCli(args('-c', 'count=100', '-c', 'rate=100000', '--json'))
    expect(ended.exitCode).toBe(0)
    expect(jsonLines(ended.stdout).at(-1)).toMatchObject({ kind: 'already-finished' })
    expect(place.lines()).toEqual(before)
  })

  test('RC-2 with --json stdout is one object a line and the last one is the outcome', async () => {
    const ended = await runCli(args('-c', 'count=300', '-c', 'rate=1000', '--json'))
    expect(ended.exitCode).toBe(0)
    const all = kinds(ended.stdout)
    expect(all[0]).toBe('started')
    expect(all).toContain('checkpoint')
    expect(all.at(-1)).toBe('finished')
    expect(ended.stderr).toBe('')
  })

  test('RC-1 the pid file names the process that runs the engine', async () => {
    const cli = start('--json')
    await cli.until('pid file', () => existsSync(place.pidFile))
    expect(place.pid()).toBe(cli.child.pid)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('the first %s stops with a final checkpoint, and the next run goes on', async (signal) => {
    const cli = start('--json', '-c', 'count=4000')
    await cli.until('checkpoint', checkpointed(cli))
    cli.child.kill(signal)
    const ended = await cli.ended
    expect(ended).toMatchObject({ exitCode: 0, signal: null })
    const outcome = jsonLines(ended.stdout).at(-1)
    expect(outcome).toMatchObject({ kind: 'stopped' })
    expect(place.pid()).toBeUndefined()

    const next = await runCli(args('--json', '-c', 'count=4000', '-c', 'rate=1000000'))
    expect(jsonLines(next.stdout)[0]).toMatchObject({ kind: 'started', restoredFrom: { checkpoint: outcome?.['checkpoint'] } })
    expect(windows()).toEqual(fullWindows(400))
  })

  test('after SIGKILL the same command goes on and no total is changed', async () => {
    const cli = start('-c', 'count=20000', '-c', 'rate=1000', '--json')
    await cli.until('checkpoint', checkpointed(cli))
    cli.child.kill('SIGKILL')
    await cli.ended
    expect(place.pid()).toBe(cli.child.pid)
    const ended = await runCli(args('-c', 'count=20000', '-c', 'rate=1000000', '--json'))
    expect(ended.exitCode).toBe(0)
    expect(jsonLines(ended.stdout)[0]).toHaveProperty('restoredFrom')
    expect(windows()).toEqual(fullWindows(2000))
  })

  test('the pid file of a living holder is left alone by a second process, which is refused with exit code 8', async () => {
    const cli = start('--json')
    await cli.until('checkpoint', checkpointed(cli))
    const second = await runCli(args())
    expect(second.exitCode).toBe(8)
    expect(second.stderr).toContain('E051')
    expect(second.stderr).toContain(String(cli.child.pid))
    expect(place.pid()).toBe(cli.child.pid)
  })

  test('a job that fails for good ends with exit code 3, the message of the user and the line of the job file', async () => {
    const ended = await runCli(args('-c', 'throwAt=50', '-c', 'restartAttempts=1', '-c', 'rate=10000'))
    expect(ended.exitCode).toBe(3)
    expect(ended.stderr).toContain('number 50 is not liked')
    expect(ended.stderr).toContain('endless.ts:14')
    expect(ended.stderr).toContain('restart 1 at once')
    expect(place.pid()).toBeUndefined()
  })

  test('another output on the same state directory is refused with both values and exit code 4', async () => {
    await runCli(args('-c', 'count=100', '-c', 'rate=100000'))
    const ended = await runCli(['run', fixture('endless.ts'), '--state', place.state, '-c', 'count=100', '-c', `out=${place.root}/other`])
    expect(ended.exitCode).toBe(4)
    expect(ended.stderr).toContain('E035')
    expect(ended.stderr).toContain(place.out)
    expect(ended.stderr).toContain(`${place.root}/other`)
  })

  test('a reader of stdout that goes away does not stop the job', async () => {
    const cli = new RunningCli(['run', fixture('plain.mjs'), '--state', place.state])
    running.push(cli)
    await cli.until('first line', () => cli.stdout !== '')
    cli.child.stdout?.destroy()
    const ended = await cli.ended
    expect(ended).toMatchObject({ exitCode: 0, signal: null })
    expect(ended.stderr).toContain('plain is finished')
  })

  test('a second SIGINT ends at once with exit code 130, while the final checkpoint still waits', async () => {
    const cli = new RunningCli(['run', fixture('stuck.ts'), '--state', place.state])
    running.push(cli)
    await cli.until('first line', () => cli.stdout !== '')
    cli.child.kill('SIGINT')
    await cli.until('message', () => cli.stderr.includes('Stopping with a final checkpoint'))
    // Two signals of one key press are one; only a later one is the second.
    await new Promise((resolve) => setTimeout(resolve, 250))
    cli.child.kill('SIGINT')
    const ended = await cli.ended
    expect(ended.exitCode).toBe(130)
    expect(ended.stderr).toContain('Stopped at once')
    expect(place.pid()).toBeUndefined()
  })
})
