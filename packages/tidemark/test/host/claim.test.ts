/** A job takes the savepoint that it begins from over, in the host that runs jobs in this process. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startJob, type JobHandle, type RunOptions } from '../../src/host/run.ts'
import { generator, job, type Job } from '../../src/index.ts'
import { temporaryDirectory } from './kit.ts'

const COUNT = 300
const running: JobHandle[] = []
afterEach(async () => {
  for (const handle of running.splice(0)) {
    handle.cancel()
    await handle.done
  }
})

/** Sums numbers; `every`: between two checkpoints. */
const summing = (every: `${number}ms`, rate: number): Job =>
  job('summing', { checkpoint: { every } }, (j) => {
    j.from('numbers', generator<{ n: number }>({ count: COUNT, rate, record: (n) => ({ n }) }))
      .keyBy(({ n }) => n % 3)
      .reduce('sum', () => 0, (sum, { n }) => sum + n)
      .print()
  })

function begin(every: `${number}ms`, rate: number, options: RunOptions): JobHandle {
  const handle = startJob(summing(every, rate), { print: () => {}, ...options })
  running.push(handle)
  return handle
}
async function until(happened: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!happened()) {
    if (Date.now() > deadline) throw new Error('it did not happen')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

test('ON-2 claimed, the savepoint is there until the first checkpoint of the new job, and then gone; others are refused', async () => {
  const root = temporaryDirectory()
  const at = (name: string): string => join(root, name)
  const path = at('savepoint')
  const first = begin('20ms', 500, { stateDirectory: at('first') })
  await until(() => first.status().lastCheckpoint !== undefined)
  expect((await first.stopWith({ savepoint: path })).kind).toBe('stopped')

  // No checkpoint of its own within this test.
  const silent = begin('3600000ms', 1, { stateDirectory: at('next'), from: path, claim: true })
  await until(() => silent.status().phase === 'running')
  expect(readdirSync(path)).toContain('savepoint.json')
  silent.cancel()
  await silent.done
  expect(await begin('20ms', 500, { stateDirectory: at('other'), from: path }).done)
    .toMatchObject({ kind: 'failed', error: { code: 'E186' } })

  const second = begin('20ms', 1_000_000, { stateDirectory: at('next'), from: path, claim: true })
  expect(await second.done).toMatchObject({ kind: 'finished', counts: { recordsIn: COUNT } })
  expect(existsSync(path)).toBe(false)
  expect(await begin('20ms', 500, { stateDirectory: at('next'), from: path, claim: true }).done).toMatchObject({ kind: 'already-finished' })
})
