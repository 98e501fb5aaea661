/** F49, F51: another version of the job on the checkpoint of the one before. */
import { describe, expect, test } from 'vitest'
import { collect, collection, job, state, type Job, type JobBuilder } from '../../src/index.ts'
import { harness, type Harness } from '../../src/testing/harness.ts'
import type { HarnessCheckpoint } from '../../src/testing/harness-checkpoint.ts'

const numbers = collection<number>([])
const version = (build: (j: JobBuilder<'exactly-once'>) => void, maxParallelism = 128): Job =>
  job('counter', { maxParallelism }, build)

function counting(j: JobBuilder<'exactly-once'>, name = 'count', was?: string): void {
  const counted = j.from('numbers', numbers).keyBy((n) => n % 2).count(name)
  if (was !== undefined) counted.was(was)
  counted.to('out', collect())
}

const before = version((j) => counting(j))

async function checkpointOfBefore(parallelism = 1): Promise<HarnessCheckpoint> {
  await using t = await harness(before, { parallelism })
  await t.send('numbers', [1, 2, 3])
  return await t.checkpoint()
}

/** The new version on the old checkpoint; what it makes of two more numbers. */
async function goOn(after: Job, parallelism = 1): Promise<{ t: Harness; output: readonly unknown[] }> {
  const t = await harness(after, { parallelism })
  await t.restoreFrom(await checkpointOfBefore(parallelism))
  const seen = t.output('out').length
  await t.send('numbers', [5, 6])
  return { t, output: t.output('out').slice(seen) }
}

const WENT_ON = [{ key: 1, value: 3 }, { key: 0, value: 2 }]

describe('an operator with state', () => {
  test('that is gone is refused, named with those that there are, and the old job still goes on', async () => {
    const after = version((j) => void j.from('numbers', numbers).to('out', collect()))
    const t = await harness(after)
    const checkpoint = await checkpointOfBefore()
    await expect(t.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E031', message: expect.stringContaining('count') })
    const old = await harness(before)
    await old.restoreFrom(checkpoint)
    await old.send('numbers', [5, 6])
    expect(old.output('out').slice(-2)).toEqual(WENT_ON)
    await old.close()
  })

  test('under another name is refused, unless it says what it was called', async () => {
    const renamed = await harness(version((j) => counting(j, 'tally')))
    await expect(renamed.restoreFrom(await checkpointOfBefore())).rejects.toMatchObject({ code: 'E031' })
    const { t, output } = await goOn(version((j) => counting(j, 'tally', 'count')))
    expect(output).toEqual(WENT_ON)
    await t.close()
  })

  test('that is new starts empty beside the others, which keep what they have', async () => {
    const { t, output } = await goOn(version((j) => {
      counting(j)
      j.from('more', numbers).keyBy((n) => n).count('added').to('out-added', collect())
    }))
    expect(output).toEqual(WENT_ON)
    await t.send('more', [1])
    expect(t.output('out-added')).toEqual([{ key: 1, value: 1 }])
    await t.close()
  })

  test('whose state has another kind is refused before a record is processed', async () => {
    const kinds = [state.value<number>(), state.list<number>()].map((declared) => {
      const options = { state: { seen: declared } }
      return version((j) => void j.from('numbers', numbers).keyBy((n) => n % 2)
        .process<number, typeof options.state>('count', options, {
          *onRecord(n, { state: { seen } }) {
            if ('push' in seen) seen.push(n)
            else seen.set(n)
            yield n
          },
        })
        .to('out', collect()))
    }) as [Job, Job]
    const first = await harness(kinds[0])
    await first.send('numbers', [1, 2])
    const checkpoint = await first.checkpoint()
    await first.close()
    const second = await harness(kinds[1])
    await expect(second.restoreFrom(checkpoint)).rejects.toMatchObject({ code: 'E032' })
    expect(second.output('out')).toEqual([1, 2])
  })
})

describe('a source or a sink', () => {
  test('that is gone with its position or its output is refused', async () => {
    const t = await harness(version((j) => {
      j.from('others', numbers).keyBy((n) => n % 2).count('count').to('out', collect())
    }))
    await expect(t.restoreFrom(await checkpointOfBefore())).rejects.toMatchObject({ code: 'E031' })
  })

  test('that is new gets what comes from now on', async () => {
    const { t, output } = await goOn(version((j) => {
      const counted = j.from('numbers', numbers).keyBy((n) => n % 2).count('count')
      counted.to('out', collect())
      counted.to('second', collect())
    }))
    expect(output).toEqual(WENT_ON)
    expect(t.output('second')).toEqual(WENT_ON)
    await t.close()
  })
})

describe('chains', () => {
  for (const parallelism of [1, 3]) {
    test(`cut and joined anew keep all state, at parallelism ${parallelism}`, async () => {
      const { t, output } = await goOn(version((j) => {
        j.from('numbers', numbers).rebalance().map((n) => n).filter(() => true)
          .keyBy((n) => n % 2).count('count').rebalance().map((row) => row)
          .to('out', collect())
      }), parallelism)
      expect(output).toHaveLength(2)
      expect(output).toEqual(expect.arrayContaining(WENT_ON))
      await t.close()
    })
  }
})

test('another number of key groups is refused with both numbers', async () => {
  const t = await harness(version((j) => counting(j), 64))
  await expect(t.restoreFrom(await checkpointOfBefore())).rejects.toMatchObject({
    code: 'E034', message: expect.stringMatching(/128[^]*64|64[^]*128/),
  })
})
