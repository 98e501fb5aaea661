/** What the benchmarks of latency, recovery and checkpoints measure with: no wait may be hidden, no noise be a verdict. */
import fc from 'fast-check'
import type { SinkContext, SinkSpec } from 'tidemark'
import { expect, test } from 'vitest'
import { Histogram } from '../../../../bench/lib/histogram.mjs'
import { dueMs, scheduled, type ScheduledBatch } from '../../../../bench/lib/scheduled.mjs'
import { costWithin, mostWithin } from '../../../../bench/lib/verdicts.mjs'
import { Ledger } from '../../../../bench/latency/ledger.mjs'
import type { Io } from '../../src/base/io.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { run, testPorts } from '../connector/drive.ts'

const PLAN = { startMs: 1000, rate: 2000 }

/** Reads a schedule with a clock of the test: every `steps` is a wait and the most to take after it. */
function read(count: number, splits: number, steps: readonly (readonly [waitMs: number, most: number])[]) {
  let nowMs = 0
  const source = scheduled({ ...PLAN, count, splits, record: (n) => n, now: () => nowMs })
  const storage = new MemoryStorage()
  const ports = { ...testPorts(storage), timers: { after: () => ({ cancel() {} }) } }
  const context = { storage, ports, log: () => {}, wake: () => {}, fail: () => {} }
  const positions: unknown[] = Array.from({ length: splits }, () => undefined)
  const given: { n: number; atMs: number }[] = []
  for (const [waitMs, most] of steps) {
    nowMs += waitMs
    for (let index = 0; index < splits; index++) {
      // Opened anew each time, as after a failure.
      const reader = source.openSplit({ id: '', index }, positions[index], context)
      const batch: ScheduledBatch<number> = reader.poll(most)
      if (typeof batch === 'object') given.push(...batch.records.map((n) => ({ n, atMs: nowMs })))
      positions[index] = reader.position()
      reader.close()
    }
  }
  return given
}

test('a schedule gives each record once and none before it is due, however slowly it is read', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 1, max: 500 })), { maxLength: 30 })
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 3000 }), (some, splits, count) => {
    const given = read(count, splits, some)
    for (const { n, atMs } of given) expect(dueMs(PLAN, n)).toBeLessThanOrEqual(atMs)
    for (let split = 0; split < splits; split++) {
      const mine = given.map(({ n }) => n).filter((n) => n % splits === split)
      expect(mine).toEqual(mine.map((_, i) => split + i * splits))
    }
    expect(given.every(({ n }) => n < count)).toBe(true)
  }))
})

test('what fell due while nobody read is there at once, and is as late as it is', () => {
  const given = read(4000, 1, [[1000, 10_000], [500, 10_000], [0, 10_000]])
  // The first record at once, then all of half a second.
  expect(given.length).toBe(1001)
  expect(given.slice(1).every(({ atMs }) => atMs === 1500)).toBe(true)
  const late = given.map(({ n, atMs }) => atMs - dueMs(PLAN, n))
  expect(Math.max(...late)).toBeCloseTo(499.5)
})

test('quantiles of a histogram are those of its durations, rounded up to a tenth of a millisecond', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1 }), (tenths) => {
    const histogram = new Histogram()
    for (const each of tenths) histogram.add(each / 10 + 0.05)
    const sorted = tenths.toSorted((a, b) => a - b)
    for (const q of [0.5, 0.99, 1]) {
      const exact = sorted[Math.ceil(sorted.length * q) - 1] as number
      expect(histogram.quantile(q)).toBeCloseTo((exact + 1) / 10)
    }
    expect(histogram.count).toBe(tenths.length)
  }))
})

test('a duration below zero is a defect of the measurement', () => {
  expect(() => new Histogram().add(-0.1)).toThrow('cannot be')
})

/** Stages what was written as one committable, and commits nothing anywhere. */
const staging: SinkSpec<number, 'transactional'> = {
  kind: 'staging', resource: 'nowhere', commit: 'transactional',
  createWriter() {
    let written = 0
    return {
      write: () => { written += 1 },
      full: false,
      *prepareCommit(checkpoint): Io<readonly unknown[]> {
        const staged = written
        written = 0
        return staged === 0 ? [] : [{ checkpoint, staged }]
      },
      close: () => {},
    }
  },
  createCommitter: () => ({ *commit() {}, *removeAbandoned() {} }),
}

test('a ledger counts each record when the commit of its cut has returned, also of a cut that waited for the next', async () => {
  let nowMs = 0
  const seen: { due: number; late: number }[] = []
  const ledger = new Ledger({ now: () => nowMs, committed: (due, at) => seen.push({ due, late: at - due }) })
  const sink = ledger.watch(staging, (value) => value)
  const context = {} as SinkContext
  const [writer, committer] = [sink.createWriter(context), sink.createCommitter(context)]
  const cut = (checkpoint: number) => run(writer.prepareCommit(checkpoint as never))
  for (const due of [0, 10, 20]) writer.write(due, 0)
  const first = await cut(1)
  writer.write(90, 0)
  // Checkpoint 1 failed: its output is committed with that of the next.
  const second = await cut(2)
  writer.write(130, 0)
  expect(await cut(3)).not.toEqual([])
  expect(ledger.open).toBe(5)
  nowMs = 200
  await run(committer.commit([...first, ...second]))
  expect(seen).toEqual([{ due: 0, late: 200 }, { due: 10, late: 190 }, { due: 20, late: 180 }, { due: 90, late: 110 }])
  // Repeated after a failure, it tells nothing new.
  nowMs = 300
  await run(committer.commit(first))
  expect(seen.length).toBe(4)
  expect(ledger.open).toBe(1)
})

test('a cost is met or missed only if its whole interval is, and nothing if the interval is wider than the target', () => {
  const around = (middle: number, width: number): number[] => Array.from({ length: 21 }, (_, i) => middle + ((i - 10) * width) / 20)
  expect(costWithin(around(0.5, 1), 2)).toMatchObject({ verdict: 'met', median: 0.5, n: 21 })
  expect(costWithin(around(8, 1), 2).verdict).toBe('missed')
  expect(costWithin(around(2, 2), 2).verdict).toBe('unclear')
  expect(costWithin(around(0, 20), 2).verdict).toBe('not resolved')
  expect(costWithin([1, 1, 1], 2)).toMatchObject({ verdict: 'not resolved', interval95: null })
  expect(costWithin(around(1, 1), undefined)).not.toHaveProperty('verdict')
})

test('recoveries meet a target if nine in ten do', () => {
  const of = (slow: number): number[] => [...Array.from({ length: 20 - slow }, () => 100), ...Array.from({ length: slow }, () => 900)]
  expect(mostWithin(of(1), 300)).toMatchObject({ verdict: 'met', median: 100, max: 900 })
  expect(mostWithin(of(5), 300).verdict).toBe('unclear')
  expect(mostWithin(of(15), 300).verdict).toBe('missed')
})
