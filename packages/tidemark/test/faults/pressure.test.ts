/** F52, F53, F54: an outlet that is slower than the source, inputs of unequal speed, keys of unequal weight. */
import { describe, expect, test } from 'vitest'
import { collect, collection, generator, job, startJob, sum, tumbling, type SinkSpec } from '../../src/index.ts'
import { wait } from '../../src/base/io.ts'
import { harness } from '../../src/testing/harness.ts'

describe('a sink that is slower than its source', () => {
  test('holds the source back: what is under way is bounded, and checkpoints complete', async () => {
    const COUNT = 60_000
    const ROOM = 100
    let read = 0
    let written = 0
    let most = 0
    const committed: number[] = []
    /** Takes ROOM records, then none until its timer has fired. */
    const slow: SinkSpec<number, 'transactional'> = {
      kind: 'slow', resource: 'memory', commit: 'transactional',
      createWriter: (context) => {
        const { timers } = context.ports
        let held: number[] = []
        let room = ROOM
        return {
          get full() {
            return room <= 0
          },
          write(n) {
            most = Math.max(most, read - written)
            written += 1
            held.push(n)
            room -= 1
            if (room !== 0) return
            timers.after(1, () => {
              room = ROOM
              context.wake()
            })
          },
          *prepareCommit() {
            const cut = held
            held = []
            yield* wait<undefined>((done) => void timers.after(3, () => done({ ok: true, value: undefined })))
            return cut
          },
          close: () => {},
        }
      },
      createCommitter: () => ({
        *commit(numbers) {
          for (const n of numbers) committed.push(n as number)
        },
        *removeAbandoned() {},
      }),
    }
    let checkpoints = 0
    const failed: string[] = []
    const handle = startJob(job('slow-sink', { checkpoint: { every: '10ms' } }, (j) => {
      j.from('numbers', generator({ count: COUNT, record: (n) => n })).map((n) => {
        read += 1
        return n
      }).rebalance().to('slow', slow)
    }), {
      parallelism: 2,
      onEvent: (event) => {
        if (event.kind === 'checkpoint') checkpoints += 1
        if (event.kind === 'checkpoint-failed') failed.push(event.reason)
      },
    })
    const outcome = await handle.done
    if (outcome.kind === 'failed') throw outcome.error
    expect(committed).toHaveLength(COUNT)
    expect(new Set(committed).size).toBe(COUNT)
    expect(checkpoints).toBeGreaterThan(3)
    expect(failed).not.toContain('expired')
    // All of it would be 60,000; the channels between hold a few batches.
    expect(most).toBeLessThan(COUNT / 3)
  })
})

describe('two inputs of one operator', () => {
  const numbers = collection<{ at: number; n: number }>([])
  const joined = job('joined', (j) => {
    const time = { eventTime: (r: { at: number }) => r.at }
    j.from('fast', numbers, time).union(j.from('silent', numbers, time))
      .keyBy(() => 'all').window('windows', tumbling('1s')).aggregate({ n: sum((r) => r.n) })
      .to('out', collect())
  })

  test('one silent and one 1,000 times faster: checkpoints complete, event time waits, and no record is lost', async () => {
    await using t = await harness(joined, { parallelism: 2 })
    await t.send('silent', [{ at: 0, n: 1 }])
    for (let round = 0; round < 10; round++) {
      await t.send('fast', Array.from({ length: 100 }, (_, i) => ({ at: round * 1000 + i * 10, n: 1 })))
      await t.checkpoint()
    }
    expect(t.output('out')).toEqual([])
    await t.crash()
    await t.restore()
    await t.send('silent', [{ at: 9_000, n: 1 }])
    await t.end()
    expect(t.committed('out').map(({ n }) => n)).toEqual([101, ...Array.from({ length: 8 }, () => 100), 101])
  })
})

test('nine records of ten bear one key: every total is exact at any parallelism, across a rescale', async () => {
  const skewed = job('skewed', (j) => {
    j.from('numbers', collection<number>([])).keyBy((n) => (n % 10 === 0 ? n : 'hot')).count('count').to('out', collect())
  })
  await using t = await harness(skewed, { parallelism: 4 })
  const input = Array.from({ length: 2000 }, (_, n) => n)
  await t.send('numbers', input.slice(0, 900))
  await t.rescale(3)
  await t.send('numbers', input.slice(900))
  await t.end()
  const out = t.committed('out')
  expect(out).toHaveLength(2000)
  expect(out.filter(({ key }) => key === 'hot').map(({ value }) => value)).toEqual(Array.from({ length: 1800 }, (_, i) => i + 1))
  expect(out.filter(({ key, value }) => key !== 'hot' && value === 1)).toHaveLength(200)
})
