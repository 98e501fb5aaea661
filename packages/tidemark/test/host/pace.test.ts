import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { collect, collection, job } from '../../src/index.ts'
import { startJob, type JobHandle } from '../../src/host/run.ts'
import { Pace } from '../../src/task/pace.ts'

test('the pace rises while steps are short, falls to what fits, and never below one record', () => {
  const pace = new Pace(500)
  const seen: number[] = []
  for (let i = 0; i < 8; i++) {
    seen.push(pace.records)
    pace.took(pace.records, 0.1)
  }
  expect(seen).toEqual([8, 16, 32, 64, 128, 256, 500, 500])
  pace.took(500, 400)
  expect(pace.records).toBe(5)
  pace.took(5, 1000)
  expect(pace.records).toBe(1)
})

test('a user function of 20 ms a record does not keep the event loop for a whole batch', async () => {
  const out = collect<number>()
  const slow = job('slow', { checkpoint: { every: '50ms' } }, (j) => {
    j.from('numbers', collection(Array.from({ length: 2_000 }, (_, i) => i)))
      .map((n) => {
        const until = performance.now() + 20
        while (performance.now() < until);
        return n
      })
      .to('out', out)
  })
  let ticks = 0
  const timer = setInterval(() => {
    ticks += 1
  }, 5)
  const handles: JobHandle[] = []
  const began = performance.now()
  const handle = startJob(slow)
  handles.push(handle)
  setTimeout(() => handles[0]?.stop(), 1_000)
  const outcome = await handle.done
  clearInterval(timer)
  expect(outcome.kind).toBe('stopped')
  // 2,000 records would take 40 s; the stop came through long before, and so did the timer.
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(ticks).toBeGreaterThan(10)
})
