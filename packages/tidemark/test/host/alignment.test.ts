import { expect, test } from 'vitest'
import { collect, generator, job } from '../../src/index.ts'
import { startJob } from '../../src/host/run.ts'

interface Tick {
  readonly from: 'fast' | 'slow'
  readonly at: number
}
const SPAN_MS = 40_000
const ticks = (from: Tick['from'], stepMs: number) =>
  generator({ count: SPAN_MS / stepMs, record: (n): Tick => ({ from, at: n * stepMs }) })

/** How many records of the slow source there were when the last of the fast one came. */
async function slowBeforeLastFast(align: { group: string; maxDrift: '100ms' } | undefined, parallelism: number) {
  const seen = { fast: 0, slow: 0 }
  let slow = 0
  const out = collect<Tick['from']>()
  const both = job('both', { checkpoint: { every: '20ms' } }, (j) => {
    const options = { eventTime: (tick: Tick) => tick.at, ...(align === undefined ? {} : { align }) }
    j.from('fast', ticks('fast', 10), options)
      .union(j.from('slow', ticks('slow', 1), options))
      .map(({ from }) => {
        seen[from] += 1
        if (from === 'fast') slow = seen.slow
        return from
      })
      .to('out', out)
  })
  const outcome = await startJob(both, { parallelism }).done
  if (outcome.kind === 'failed') throw outcome.error
  expect(out.committed.filter((from) => from === 'fast')).toHaveLength(SPAN_MS / 10)
  expect(out.committed.filter((from) => from === 'slow')).toHaveLength(SPAN_MS)
  return slow / SPAN_MS
}

for (const parallelism of [1, 3]) {
  test(`sources of a group are read in step, and all to their end, at parallelism ${parallelism}`, async () => {
    expect(await slowBeforeLastFast({ group: 'g', maxDrift: '100ms' }, parallelism)).toBeGreaterThan(0.6)
  })
}

test('a source without alignment runs ahead', async () => {
  expect(await slowBeforeLastFast(undefined, 1)).toBeLessThan(0.5)
})
