/** `tidemark replay` in this process, over checkpoints of jobs that were run before. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { savepointPorts } from '../../src/cli/savepoint.ts'
import { nodeStorage } from '../../src/host/node-storage.ts'
import { replay } from '../../src/host/replay.ts'
import { startJob } from '../../src/index.ts'
import { loadJob } from '../../src/host/load/load-job.ts'
import { command, type CommandEnded } from './command-for-test.ts'
import { fixture, Place, RunningCli } from './run-cli.ts'

const KEYS = 50
const ROWS = 24_000
/** The job takes its time until it has so many checkpoints. */
const ENOUGH = 5
const SLOW = 'TIDEMARK_TEST_SLOW'
/** 2000 seconds in minutes, five keys in each. */
const SHORT_WINDOWS = 34 * 5

interface Report {
  readonly verdict: string
  readonly from: { readonly checkpoint: number }
  readonly to: { readonly checkpoint: number }
  readonly parallelism: number
  readonly sources: readonly { readonly operator: string; readonly records: number }[]
  readonly differences: readonly {
    readonly operator: string
    readonly state: string
    readonly changed: number
    readonly otherKeys?: number
    readonly entries: readonly { readonly key: string }[]
  }[]
  readonly key?: {
    readonly entered: number
    readonly records: readonly { readonly operator: string; readonly record: { readonly key: string; readonly n: number } }[]
    readonly states: readonly {
      readonly operator: string
      readonly state: string
      readonly from: readonly { readonly value: unknown }[]
      readonly reached: readonly { readonly value: unknown }[]
      readonly to: readonly { readonly value: unknown }[]
    }[]
  }
}

/** A finished run of the fixture, with the checkpoints it took. */
class Recorded {
  readonly place = new Place()
  readonly input = join(this.place.root, 'in')
  checkpoints: readonly number[] = []

  async run(parallelism: number): Promise<void> {
    mkdirSync(this.input)
    for (let part = 0; part < 2; part++) {
      const rows = Array.from({ length: ROWS / 2 }, (_, i) => {
        const n = part * (ROWS / 2) + i
        return JSON.stringify({ n, key: `k${n % KEYS}`, at: n * 40 })
      })
      writeFileSync(join(this.input, `part-${part}.jsonl`), `${rows.join('\n')}\n`)
    }
    const job = await loadJob({ file: fixture('replayed.ts'), exportName: 'default' })
    const config = { in: this.input, out: this.place.out }
    process.env[SLOW] = 'yes'
    const handle = startJob(job, {
      stateDirectory: this.place.state, config, parallelism,
      onEvent: (event) => {
        if (event.kind === 'checkpoint' && event.id >= ENOUGH) delete process.env[SLOW]
      },
    })
    expect(await handle.done).toMatchObject({ kind: 'finished' })
    this.checkpoints = checkpointsIn(this.place.state)
    expect(this.checkpoints.length).toBeGreaterThan(ENOUGH)
  }

  replay(...more: string[]): Promise<CommandEnded> {
    return command('replay', fixture('replayed.ts'), '--state', this.place.state,
      '-c', `in=${this.input}`, '-c', `out=${this.place.out}`, ...more)
  }

  /** The checkpoint at this place of the list; negative: from its end. */
  at(index: number): string {
    return String(this.checkpoints.at(index))
  }
}

const report = ({ stdout }: CommandEnded): Report => JSON.parse(stdout) as Report

const checkpointsIn = (state: string): number[] => readdirSync(join(state, 'checkpoints'))
  .flatMap((name) => (name.endsWith('.manifest') ? [Number.parseInt(name, 10)] : [])).toSorted((a, b) => a - b)

/** Of committed files. */
function linesBelow(directory: string): number {
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith('.')) : []
  return names.reduce((sum, name) => sum + readFileSync(join(directory, name), 'utf8').split('\n').length - 1, 0)
}

/** Names, contents and times of change of everything below. */
function everything(root: string): unknown[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => {
    const path = join(entry.parentPath, entry.name)
    return [path, statSync(path).mtimeMs, readFileSync(path).toString('base64')] as const
  }).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

describe('replay', () => {
  const alone = new Recorded()
  const twofold = new Recorded()
  beforeAll(async () => {
    await alone.run(1)
    await twofold.run(2)
  }, 60_000)
  afterAll(() => {
    alone.place.remove()
    twofold.place.remove()
  })

  test('of a job that depends on its records alone comes to the same state, and touches nothing', async () => {
    const before = everything(alone.place.root)
    const ended = await alone.replay('--from', alone.at(0), '--to', alone.at(-3), '--json')
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    expect(report(ended)).toMatchObject({ schema: 'tidemark.replay/1', verdict: 'equal', differences: [], parallelism: 1 })
    expect(report(ended).sources[0]?.records).toBeGreaterThan(0)
    expect(everything(alone.place.root)).toEqual(before)
  })

  test('without --from begins one checkpoint earlier, and says in words what it found', async () => {
    const ended = await alone.replay('--to', alone.at(2))
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    expect(ended.stderr).toContain(`#${alone.at(1)} → #${alone.at(2)}`)
    expect(ended.stdout).toMatch(/rows {2}[\d ]+ records?/)
    expect(ended.stdout).toContain(`✓ the state is that of checkpoint #${alone.at(2)}`)
  })

  test('up to the end of the input fires the windows that fired there', async () => {
    const ended = await alone.replay('--from', alone.at(1), '--to', 'latest', '--json')
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    expect(report(ended)).toMatchObject({ verdict: 'equal', to: { checkpoint: alone.checkpoints.at(-1) } })
  })

  test('with --inspect reads nothing until a debugger comes, at an address of this machine alone, and Ctrl-C ends it', async () => {
    const { place, input } = alone
    const cli = new RunningCli(['replay', fixture('replayed.ts'), '--state', place.state, '-c', `in=${input}`, '-c', `out=${place.out}`,
      '--from', alone.at(0), '--to', alone.at(2), '--inspect'])
    await cli.until('debugger address', () => /ws:\/\/127\.0\.0\.1:\d+\//.test(cli.stderr))
    expect(cli.stderr).toContain('Nothing has been read yet')
    expect(cli.stdout).not.toContain('the state is')
    expect(cli.child.exitCode).toBe(null)
    cli.child.kill('SIGINT')
    expect(await cli.ended).toMatchObject({ signal: 'SIGINT' })
  })

  test('of an operator that depends on chance differs, with exit code 7 and the name of the state', async () => {
    const ended = await alone.replay('--from', alone.at(1), '--to', alone.at(3), '-c', 'wild=yes')
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(7)
    expect(ended.stdout).toMatch(/sums \/ sum {2}value {2}\d+ with another value/)
    expect(ended.stdout).toMatch(new RegExp(`k\\d+ {2}replay [\\d.]+, #${alone.at(3)} \\d+`))
    expect(ended.stdout).not.toContain('per-minute /')
    expect(ended.stdout).toContain(`✗ the state is not that of checkpoint #${alone.at(3)}`)
  })

  test('runs at the parallelism of the first checkpoint', async () => {
    const ended = await twofold.replay('--from', twofold.at(1), '--to', twofold.at(-3), '--json')
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    expect(report(ended)).toMatchObject({ verdict: 'equal', parallelism: 2 })
  })

  test.each([['one subtask', alone], ['two', twofold]])('with --key shows every record of the key, at %s, and what it held', async (_, recorded) => {
    const ended = await recorded.replay('--from', recorded.at(1), '--to', recorded.at(-3), '--key', 'k7', '--limit', 'all', '--json')
    expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
    const { key, sources } = report(ended)
    const rows = key?.records.filter(({ operator }) => operator === 'sums').map(({ record }) => record) ?? []
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.every((row) => row.key === 'k7')).toBe(true)
    expect(Math.abs(rows.length - (sources[0]?.records ?? 0) / KEYS)).toBeLessThan(2)
    // Each of them enters the window as well.
    expect(key?.entered).toBe(2 * rows.length)
    const sum = key?.states.find(({ operator, state }) => operator === 'sums' && state === 'sum')
    const [from, reached] = [sum?.from[0]?.value as number, sum?.reached[0]?.value as number]
    expect(reached - from).toBe(rows.reduce((total, { n }) => total + n, 0))
    expect(sum?.to).toEqual(sum?.reached)
  })

  test('with --key counts what differs of other keys, and prints records up to the limit', async () => {
    const options = ['--from', alone.at(1), '--to', alone.at(4), '--key', 'k7', '-c', 'wild=yes']
    const ended = await alone.replay(...options, '--limit', '2', '--json')
    expect(ended.exitCode).toBe(7)
    const [sums] = report(ended).differences
    expect(sums?.entries.map(({ key }) => key)).toEqual(['k7'])
    expect(sums?.otherKeys).toBe((sums?.changed ?? 0) - 1)
    expect(report(ended).key?.records.length).toBe(2)
    const words = await alone.replay(...options, '--limit', '2')
    expect(words.stdout.match(/^→ sums {2}.* {2}\{"n":\d+,"key":"k7"/gm)?.length).toBeGreaterThan(0)
    expect(words.stdout).toMatch(/… [\d ]+ more, see --limit/)
    expect(words.stdout).toMatch(/key k7: [\d ]+ records entered keyed operators/)
  })

  test('leaves its own state directory where --keep says, and refuses one that holds something', async () => {
    const keep = join(alone.place.root, 'kept')
    const ended = await alone.replay('--from', alone.at(0), '--to', alone.at(1), '--keep', keep)
    expect(ended.exitCode, ended.stderr).toBe(0)
    expect(readdirSync(keep)).toContain('checkpoints')
    const again = await alone.replay('--from', alone.at(0), '--to', alone.at(1), '--keep', keep)
    expect(again.exitCode).toBe(2)
    expect(again.stderr).toContain('E176')
  })

  test('lets a source end that had ended, with its last windows, while another goes on', async () => {
    const place = new Place()
    try {
      const job = await loadJob({ file: fixture('replayed.ts'), exportName: 'two' })
      process.env[SLOW] = 'yes'
      const handle = startJob(job, { stateDirectory: place.state, config: { out: place.out, rate: '400' } })
      // The last window comes out only when the short source has given its last watermark.
      const written = (): number => linesBelow(join(place.out, 'short'))
      for (const deadline = Date.now() + 20_000; written() < SHORT_WINDOWS && Date.now() < deadline;) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      delete process.env[SLOW]
      handle.stop()
      expect(await handle.done).toMatchObject({ kind: 'stopped' })
      const [first] = checkpointsIn(place.state)
      const ended = await command('replay', `${fixture('replayed.ts')}#two`, '--state', place.state, '-c', `out=${place.out}`,
        '--from', String(first), '--to', 'latest', '--json')
      expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
      const [short, long] = report(ended).sources
      expect(short?.records).toBeGreaterThan(0)
      expect(long?.records).toBeGreaterThan(0)
      // Values with a TTL are equal, and were written at another time.
      expect(report(ended).verdict).toBe('equal but for the clock')
      expect(report(ended).differences).toEqual([
        expect.objectContaining({ operator: 'last', state: 'last', changed: 5, onlyWritten: 5, byClock: true }),
      ])
    } finally {
      delete process.env[SLOW]
      place.remove()
    }
  })

  test('begins with the records that were on their way, and does not end at a checkpoint that holds some', async () => {
    const place = new Place()
    try {
      const job = await loadJob({ file: fixture('replayed.ts'), exportName: 'pressed' })
      process.env[SLOW] = 'yes'
      const handle = startJob(job, {
        stateDirectory: place.state, config: { out: place.out }, parallelism: 2,
        onEvent: (event) => {
          if (event.kind !== 'checkpoint' || event.id < 3) return
          delete process.env[SLOW]
          handle.stop()
        },
      })
      expect(await handle.done).toMatchObject({ kind: 'stopped' })
      const replay = (...more: string[]): Promise<CommandEnded> =>
        command('replay', `${fixture('replayed.ts')}#pressed`, '--state', place.state, '-c', `out=${place.out}`, ...more)
      const [, second, third] = checkpointsIn(place.state).map(String)
      const refused = await replay('--from', second as string, '--to', third as string)
      expect(refused.exitCode).toBe(4)
      expect(refused.stderr).toMatch(/E173[^]*unaligned[^]*as --to: .*#\d+/)
      const ended = await replay('--from', second as string, '--to', 'latest', '--key', '7', '--json')
      expect(ended.exitCode, ended.stdout + ended.stderr).toBe(0)
      expect(ended.stdout).toContain('were on their way')
    } finally {
      delete process.env[SLOW]
      place.remove()
    }
  })

  test('that is ended on the way says so, and leaves nothing behind', async () => {
    const job = await loadJob({ file: fixture('replayed.ts'), exportName: 'default' })
    const config = { in: alone.input, out: alone.place.out }
    const before = everything(alone.place.root)
    const stopping = new AbortController()
    process.env[SLOW] = 'yes'
    try {
      const outcome = await replay(nodeStorage(), {
        graph: buildGraph(job, { config }).graph, config, directory: alone.place.state, from: alone.at(0), to: 'latest',
        key: 'k7', limit: 1, ports: savepointPorts(), log: () => {}, signal: stopping.signal,
        entering: () => stopping.abort(),
      })
      expect(outcome).toEqual({ kind: 'cancelled' })
    } finally {
      delete process.env[SLOW]
    }
    expect(everything(alone.place.root)).toEqual(before)
  })

  test('refuses a source that cannot be read again', async () => {
    const ended = await command('replay', `${fixture('replayed.ts')}#live`, '--state', alone.place.state, '--to', alone.at(2),
      '-c', `in=${alone.input}`, '-c', `out=${alone.place.out}`)
    expect(ended.exitCode).toBe(4)
    expect(ended.stderr).toContain('E172')
  })

  test('refuses references that are not there, and two in the wrong order', async () => {
    expect((await alone.replay('--to', '99999')).exitCode).toBe(5)
    expect((await alone.replay('--from', '@never', '--to', 'latest')).exitCode).toBe(5)
    const backwards = await alone.replay('--from', alone.at(3), '--to', alone.at(1))
    expect(backwards.exitCode).toBe(4)
    expect(backwards.stderr).toContain('E173')
    expect((await alone.replay('--to', alone.at(0))).exitCode).toBe(4)
  })
})
