import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attempt, checkpointId, epoch } from '../../src/base/ids.ts'
import { Prng } from '../../src/base/prng.ts'
import { collect, collection } from '../../src/connector/collection.ts'
import { generator } from '../../src/connector/generator.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { discovery, readAll, run, testPorts } from './drive.ts'

const storage = new MemoryStorage()

test('a collection gives each item once, in order, whatever the splits and reopenings', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer(), { maxLength: 50 }), fc.integer({ min: 1, max: 60 }), fc.integer(),
    async (items, splits, seed) => {
      const random = new Prng(seed)
      const result = await readAll(collection(items, { splits }), storage,
        { max: () => 1 + random.below(5), reopen: () => random.chance(1, 2) })
      expect(result.records).toEqual(items)
    },
  ))
})

test('collect() counts a committable once, and does not show what is not committed', async () => {
  const sink = collect<number>()
  const context = {
    storage, ports: testPorts(storage), log: () => {}, operator: 'out', subtask: 0, jobId: 'j', epoch: epoch(1), attempt: attempt(0),
    wake: () => {}, fail: () => {},
  }
  const writer = sink.createWriter(context)
  const committer = sink.createCommitter(context)
  writer.write(1, 0)
  const io = writer.prepareCommit(checkpointId(1))
  writer.write(2, 0)
  const first = structuredClone(await run(io))
  expect(sink.committed).toEqual([])
  await run(committer.commit(first))
  await run(sink.createCommitter(context).commit(structuredClone(first)))
  expect(sink.committed).toEqual([1])
  await run(committer.commit(await run(writer.prepareCommit(checkpointId(2)))))
  expect(sink.committed).toEqual([1, 2])
  expect(await run(writer.prepareCommit(checkpointId(3)))).toEqual([])
})

const record = (n: number, random: { below(bound: number): number }): string => `${n}:${random.below(1000)}`

test('record n of a generator is the same whatever the splits, batches and reopenings', async () => {
  const plain = (await readAll(generator({ count: 100, seed: 5, record }), storage)).records
  expect(plain).toHaveLength(100)
  expect(new Set(plain.map((text) => text.split(':')[1])).size).toBeGreaterThan(80)
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 7 }), fc.integer(), async (splits, seed) => {
    const random = new Prng(seed)
    const result = await readAll(generator({ count: 100, seed: 5, splits, record }), storage,
      { max: () => 1 + random.below(20), reopen: () => random.chance(1, 2) })
    const inOrder = result.records.sort((a, b) => parseInt(a, 10) - parseInt(b, 10))
    expect(inOrder).toEqual(plain)
  }), { numRuns: 30 })
  expect((await readAll(generator({ count: 100, seed: 6, record }), storage)).records).not.toEqual(plain)
})

test('a rate is kept against monotonic time, and a slow consumer catches up', async () => {
  const source = generator({ rate: 1000, record: (n) => n })
  const { splits } = await run(source.discover(discovery(storage)))
  let nowMs = 5_000
  const timers: { atMs: number; fire: () => void }[] = []
  let woken = 0
  const ports = {
    ...testPorts(storage),
    clock: { wallMs: () => 0, monotonicMs: () => nowMs },
    timers: {
      after(delayMs: number, fire: () => void) {
        timers.push({ atMs: nowMs + delayMs, fire })
        return { cancel() {} }
      },
    },
  }
  const reader = source.openSplit(splits[0] as never, 40, {
    storage, ports, log: () => {}, fail: () => {}, wake: () => { woken += 1 },
  })
  expect(reader.poll(100)).toBe('pending')
  expect(timers.map(({ atMs }) => atMs)).toEqual([5_001])
  nowMs = 5_001
  timers[0]?.fire()
  expect(woken).toBe(1)
  expect(reader.poll(100)).toMatchObject({ records: [40] })
  nowMs = 5_050
  expect(reader.poll(100)).toMatchObject({ records: Array.from({ length: 49 }, (_, i) => 41 + i) })
  expect(reader.poll(100)).toBe('pending')
  expect(reader.position()).toBe(90)
})

test('impossible options are refused with their name', () => {
  expect(() => generator({ rate: 0, record })).toThrow('rate is 0')
  expect(() => generator({ count: 1.5, record })).toThrow('count is 1.5')
  expect(() => collection([], { splits: 0 })).toThrow('splits is 0')
})
