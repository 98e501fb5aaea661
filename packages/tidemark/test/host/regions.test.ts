/** Two pipelines in one job that nothing joins: what happens to one is not seen in the other. */
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { files, generator, job, type Job } from '../../src/index.ts'
import { startJob, type JobEvent, type JobHandle } from '../../src/host/run.ts'
import { committedLines, stagedFiles, temporaryDirectory } from './kit.ts'

const N = 30_000
const KEYS = 7
type Side = 'left' | 'right'

interface Options {
  readonly out: string
  readonly every?: '5ms' | '1h'
  readonly attempts?: number
  readonly delay?: '1ms' | '1h'
  /** Called for every record before it is counted, e.g. to throw. */
  readonly tap?: (side: Side, n: number) => void
  /** Records of a side. */
  readonly count?: number
}

function twoPipelines({ out, every = '5ms', attempts = 9, delay = '1ms', tap = () => {}, count = N }: Options): Job {
  return job('two', { checkpoint: { every }, restart: { kind: 'fixed-delay', delay, attempts } }, (j) => {
    for (const side of ['left', 'right'] as const) {
      j.from(side, generator({ count, splits: 3, record: (n) => n }))
        .map((n) => {
          tap(side, n)
          return n
        })
        .keyBy((n) => n % KEYS)
        .reduce(`${side}-count`, () => 0, (total) => total + 1)
        .filter(({ value }) => value % 100 === 0)
        .map(({ key, value }) => ({ side, key, value }))
        .to(`${side}-out`, files({ path: join(out, side) }))
    }
  })
}

const expected = (side: Side): string[] => Array.from({ length: KEYS }, (_, key) => Math.floor((N - key + KEYS - 1) / KEYS))
  .flatMap((n, key) => Array.from({ length: Math.floor(n / 100) }, (_, i) => JSON.stringify({ side, key, value: 100 * (i + 1) })))
  .sort()

const restartsIn = (events: readonly JobEvent[]) => events.filter((event) => event.kind === 'restarting')

for (const parallelism of [1, 3]) {
  test(`JA-4: a function that throws on one side is not seen on the other, which reads every record once, at parallelism ${parallelism}`, async () => {
    const directory = temporaryDirectory()
    const out = join(directory, 'out')
    const seen = { left: 0, right: 0 }
    const throwAt = [500, 4_000, 15_000]
    const events: JobEvent[] = []
    const handle = startJob(twoPipelines({
      out,
      tap: (side) => {
        seen[side] += 1
        if (side !== 'left' || seen.left < (throwAt[0] ?? Infinity)) return
        throwAt.shift()
        throw new Error('sneeze')
      },
    }), { parallelism, stateDirectory: join(directory, 'state'), onEvent: (event) => void events.push(event) })
    const outcome = await handle.done
    if (outcome.kind === 'failed') throw outcome.error
    expect(outcome.kind).toBe('finished')
    expect(restartsIn(events)).toMatchObject(Array.from({ length: 3 }, () => ({
      operators: expect.arrayContaining(['left', 'left-count', 'left-out']), error: { code: 'E061' },
    })))
    for (const { operators } of restartsIn(events)) expect(operators?.some((name) => name.startsWith('right'))).toBe(false)
    expect(seen.right).toBe(N)
    expect(seen.left).toBeGreaterThan(N)
    for (const side of ['left', 'right'] as const) {
      expect(committedLines(join(out, side))).toEqual(expected(side))
      expect(stagedFiles(join(out, side))).toEqual([])
    }
    expect(handle.status()).toMatchObject({ restarts: 3, recordsIn: 2 * N })
    expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(1)
  })
}

test('JA-4: a side that has ended stays so when the other fails', async () => {
  const directory = temporaryDirectory()
  const out = join(directory, 'out')
  let right = 0
  let ended = false
  let failures = 2
  const two = job('two', { checkpoint: { every: '5ms' }, restart: { kind: 'fixed-delay', delay: '1ms', attempts: 9 } }, (j) => {
    j.from('right', generator({ count: 100, record: (n) => n }))
      .map((n) => {
        right += 1
        return { n }
      })
      .to('right-out', files({ path: join(out, 'right') }))
    j.from('left', generator({ splits: 2, record: (n) => n }))
      .filter((n) => {
        if (ended && failures > 0) {
          ended = false
          failures -= 1
          throw new Error('sneeze')
        }
        return n % 1000 === 0
      })
      .to('left-out', files({ path: join(out, 'left') }))
  })
  const restarts: (readonly string[] | undefined)[] = []
  const handle = startJob(two, {
    parallelism: 2, stateDirectory: join(directory, 'state'),
    onEvent: (event) => {
      if (event.kind === 'restarting') restarts.push(event.operators)
      if (event.kind !== 'checkpoint') return
      ended = rightHasEnded(handle)
      if (failures === 0) handle.stop()
    },
  })
  expect(await handle.done).toMatchObject({ kind: 'stopped' })
  const left = [expect.arrayContaining(['left', 'left-out']), expect.arrayContaining(['left', 'left-out'])]
  expect(restarts).toEqual(left)
  expect(restarts.flat().filter((name) => name?.startsWith('right'))).toEqual([])
  expect(right).toBe(100)
  expect(committedLines(join(out, 'right'))).toHaveLength(100)
  const lines = committedLines(join(out, 'left'))
  expect(new Set(lines).size).toBe(lines.length)
})

const rightHasEnded = (handle: JobHandle): boolean => {
  const right = handle.metrics().vertices.filter(({ operators }) => operators.includes('right'))
  return right.length > 0 && right.every(({ subtasks }) => subtasks.every((one) => one.ended))
}

test('JS-2: failures of both sides count against one budget', async () => {
  const directory = temporaryDirectory()
  const failures: Side[] = ['left', 'right', 'left', 'right']
  /** It has failed, and has read nothing since. */
  let down: Side | undefined
  const events: JobEvent[] = []
  const handle = startJob(twoPipelines({
    out: join(directory, 'out'), every: '1h', attempts: 3, count: 1e9,
    tap: (side) => {
      if (down === side) down = undefined
      if (failures[0] !== side || down !== undefined) return
      down = failures.shift()
      throw new Error(`sneeze on the ${side}`)
    },
  }), { stateDirectory: join(directory, 'state'), onEvent: (event) => void events.push(event) })
  const outcome = await handle.done
  expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'E061' } })
  expect(restartsIn(events).map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  expect(restartsIn(events).map(({ operators }) => operators?.[0])).toEqual(['left', 'right', 'left'])
})

test('while a side waits to be started again the status says so, a savepoint is refused, and a stop ends the wait', async () => {
  const directory = temporaryDirectory()
  const out = join(directory, 'out')
  let fail = true
  const handle = startJob(twoPipelines({
    out, delay: '1h', count: 1e9,
    tap: (side, n) => {
      if (side !== 'left' || n < 1_000 || !fail) return
      fail = false
      throw new Error('sneeze')
    },
  }), { stateDirectory: join(directory, 'state') })
  await vi.waitFor(() => expect(handle.status().restarting).toContain('left-count'), { timeout: 20_000, interval: 5 })
  expect(handle.metrics().restarting).toContain('left')
  const before = handle.status().recordsIn
  await vi.waitFor(() => expect(handle.status().recordsIn).toBeGreaterThan(before), { timeout: 20_000, interval: 5 })
  expect(await handle.savepoint(join(directory, 'savepoint'))).toMatchObject({ kind: 'failed', error: { code: 'E116' } })
  expect(await handle.stopWith({})).toMatchObject({ kind: 'stopped' })
  expect(await handle.done).toMatchObject({ kind: 'stopped' })
  for (const side of ['left', 'right'] as const) {
    expect(stagedFiles(join(out, side))).toEqual([])
    const lines = committedLines(join(out, side))
    expect(new Set(lines).size).toBe(lines.length)
  }
})
