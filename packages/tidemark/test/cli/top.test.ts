/** `tidemark top` beside real processes of the built engine: running, ended, killed, stopped, none. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { serveMetrics } from '../../src/host/metrics-socket.ts'
import { eachInItsPlace, fixture, jsonLines, type Place, runCli, RunningCli } from './run-cli.ts'

interface TopLine {
  readonly schema: string
  readonly job: string
  readonly pid: number
  readonly recordsIn: number
  readonly numRecordsInPerSecond: number
  readonly checkpoint: { readonly completed: number }
  readonly vertices: readonly {
    readonly name: string
    readonly subtasks: readonly {
      readonly busyTimeMsPerSecond: number
      readonly idleTimeMsPerSecond: number
      readonly backPressuredTimeMsPerSecond: number
      readonly numRecordsIn: number
    }[]
  }[]
}

const topLine = (text: string): TopLine => jsonLines(text)[0] as unknown as TopLine

describe('tidemark top', () => {
  let place: Place
  const running = eachInItsPlace((fresh) => {
    place = fresh
  })

  async function started(...flags: readonly string[]): Promise<RunningCli> {
    const job = new RunningCli([
      'run', fixture('endless.ts'), '--state', place.state, '-c', `out=${place.out}`, '--json', ...flags,
    ])
    running.push(job)
    await job.until('checkpoint', () => job.stdout.includes('"kind":"checkpoint"'))
    return job
  }

  test('shows a running job as text and as JSON, which say the same', async () => {
    const job = await started('--parallelism', '2')
    const [text, json] = await Promise.all([
      runCli(['top', place.state, '--interval', '300ms']), runCli(['top', place.state, '--json', '--once', '--interval', '300ms']),
    ])
    expect([text.exitCode, json.exitCode, text.stderr, json.stderr]).toEqual([0, 0, '', ''])
    expect(text.stdout).toMatch(/^endless · running .* process [0-9]+ · parallelism 2\n/)
    expect(text.stdout).toMatch(/^checkpoint #[0-9]+ .* ago · /m)
    expect(text.stdout).toMatch(/^numbers\[0\] +[█▒░]{10} +[0-9]+ %/m)
    expect(text.stdout).toMatch(/^per-second\[1\] +[█▒░]{10} +[0-9]+ %/m)
    expect(text.stdout).not.toContain(String.fromCharCode(27))
    const line = topLine(json.stdout)
    expect(line).toMatchObject({ schema: 'tidemark.top/1', job: 'endless', pid: job.child.pid })
    expect(line.checkpoint.completed).toBeGreaterThan(0)
    expect(line.vertices.map(({ name, subtasks }) => [name, subtasks.length])).toEqual([['numbers', 2], ['per-second', 2]])
    const [numbers, perSecond] = line.vertices
    const sum = (all: typeof numbers): number => all?.subtasks.reduce((total, one) => total + one.numRecordsIn, 0) ?? 0
    expect(sum(numbers)).toBe(line.recordsIn)
    expect(sum(perSecond)).toBeLessThanOrEqual(line.recordsIn)
    for (const one of perSecond?.subtasks ?? []) {
      const { busyTimeMsPerSecond: busy, idleTimeMsPerSecond: idle, backPressuredTimeMsPerSecond: waits } = one
      expect(busy + idle + waits).toBeCloseTo(1000, 3)
    }
  })

  test('TO-1, TO-3 gives a JSON line an interval until it is left, or until the job ends, and both are no error', async () => {
    const job = await started()
    const [left, stays] = [0, 1].map(() => new RunningCli(['top', place.state, '--json', '--interval', '50ms'])) as [RunningCli, RunningCli]
    running.push(left, stays)
    await left.until('three lines', () => left.stdout.split('\n').length > 3)
    left.child.kill('SIGINT')
    expect((await left.ended).exitCode).toBe(0)
    expect(new Set(jsonLines(left.stdout).map(({ job: name }) => name))).toEqual(new Set(['endless']))
    job.child.kill('SIGTERM')
    await job.ended
    const ended = await stays.ended
    expect(ended.exitCode).toBe(0)
    expect(ended.stderr).toContain('endless has ended: its last checkpoint is #')
  })

  test('E121 a job that was killed is told as dead, with its last checkpoint; one that is finished, as finished', async () => {
    const job = await started()
    job.child.kill('SIGKILL')
    await job.ended
    expect(readdirSync(place.state).some((name) => name.startsWith('metrics-'))).toBe(true)
    const dead = await runCli(['top', place.state])
    expect(dead).toMatchObject({ exitCode: 5, stdout: '' })
    expect(dead.stderr).toContain('E121')
    expect(dead.stderr).toMatch(/No process runs the job "endless" .* its last checkpoint is #[0-9]+/)
    const again = await runCli(['run', fixture('endless.ts'), '--state', place.state, '-c', `out=${place.out}`, '-c', 'count=2', '--fresh'])
    expect(again.exitCode).toBe(0)
    const finished = await runCli(['top', place.state, '--json'])
    expect(finished.exitCode).toBe(5)
    expect(jsonLines(finished.stdout)).toMatchObject([{ kind: 'failed', error: { code: 'E121', what: expect.stringContaining('it is finished') } }])
  })

  test('E120 a directory without a job, and none at all', async () => {
    const nowhere = await runCli(['top', place.state])
    expect([nowhere.exitCode, nowhere.stderr.slice(0, 4)]).toEqual([5, 'E099'])
    const empty = await runCli(['top', place.root])
    expect([empty.exitCode, empty.stderr.slice(0, 4), empty.stdout]).toEqual([5, 'E120', ''])
  })

  test('E135 a stopped process is told as one that does not answer, and answers when it goes on', async () => {
    const job = await started()
    job.child.kill('SIGSTOP')
    const stopped = await runCli(['top', place.state])
    expect(stopped).toMatchObject({ exitCode: 8, stdout: '' })
    expect(stopped.stderr).toContain(`Process ${job.child.pid} holds`)
    job.child.kill('SIGCONT')
    expect((await runCli(['top', place.state, '--interval', '50ms'])).exitCode).toBe(0)
  })

  test('E136 an answer of another version is told as such', async () => {
    if (!existsSync(place.state)) mkdirSync(place.state)
    const server = await serveMetrics(place.state, () => '{"schema":"tidemark.metrics/99"}')
    const other = await runCli(['top', place.state])
    await server.close()
    expect(other).toMatchObject({ exitCode: 8, stdout: '' })
    expect(other.stderr).toContain('tidemark.metrics/99 instead of tidemark.metrics/1')
  })

  test.each([['0ms'], ['soon'], ['-1s']])('an interval of %s is refused with what is needed', async (interval) => {
    const refused = await runCli(['top', place.state, `--interval=${interval}`])
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).toContain('a duration of at least 50ms is needed')
  })
})
