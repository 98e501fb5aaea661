import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { attempt, epoch } from '../../src/base/ids.ts'
import type { Ports } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../src/base/time.ts'
import type { SourceOperatorSpec } from '../../src/graph/operator-spec.ts'
import type { AnySource, Batch } from '../../src/graph/source.ts'
import { AlignmentGroups } from '../../src/job/alignment-groups.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { Scheduler } from '../../src/host/simulator/scheduler.ts'
import type { OperatorContext } from '../../src/operator/operator.ts'
import { SourceOperator } from '../../src/operator/source-operator.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import type { RestoredOperator } from '../../src/state/snapshot.ts'

interface Row {
  readonly at: number
}

/** Splits named by their rows: a split 's' reads SPLITS[s] from a position. */
function spec(splits: Readonly<Record<string, readonly unknown[]>>, more: Partial<SourceOperatorSpec> = {},
  source: Partial<AnySource> = {}): SourceOperatorSpec {
  return {
    kind: 'source', outOfOrderMs: 0, onInvalid: 'fail', eventTime: (row: Row) => row.at, ...more,
    source: {
      kind: 'test', resource: 'test', rewind: 'can rewind', splitsInTimeOrder: true, assignment: 'pull',
      discoverEveryMs: 0,
      *discover() {
        return { splits: [], state: undefined, complete: true }
      },
      openSplit(split, position) {
        const rows = splits[split.id] ?? []
        let next = (position as number | undefined) ?? 0
        return {
          poll(max): Batch<unknown> | 'end' {
            if (next >= rows.length) return 'end'
            const from = next
            next = Math.min(rows.length, next + max)
            return { records: rows.slice(from, next), malformed: [], place: (i) => `${split.id}, row ${from + i}` }
          },
          position: () => next,
          close: () => {},
        }
      },
      ...source,
    },
  }
}

function harness(definition: SourceOperatorSpec, restored?: RestoredOperator) {
  const scheduler = new Scheduler(new Prng(1), 'uniform', 0)
  const ports: Ports = {
    clock: scheduler, timers: scheduler, executor: scheduler, random: new Prng(2),
    storage: new MemoryStorage(), log: () => {}, probe: () => {},
  }
  const log: string[] = []
  const context: OperatorContext = {
    job: 'test', operator: 'in', subtask: 0, parallelism: 1, maxParallelism: 128, keyGroups: { start: 0, end: 127 },
    jobId: 'j', epoch: epoch(1), attempt: attempt(0), ports, restored, freeze: true,
    metrics: { late: 0, invalid: 0, dropped: 0 },
    output: {
      collector: (tag) => (value, timestamp) => log.push(tag === 'main' ? `${timestamp}` : `${tag} ${JSON.stringify(value)}`),
      watermark: (watermark) => log.push(`wm ${watermark === MAX_TIMESTAMP ? 'MAX' : watermark}`),
      idle: (idle) => log.push(idle ? 'idle' : 'active'),
    },
    processingTime: {
      now: () => scheduler.wallMs(),
      at: (time, fire) => {
        const timer = scheduler.after(time - scheduler.wallMs(), fire)
        return () => timer.cancel()
      },
    },
    wake: () => {}, post: (mail) => mail(), fail: () => {}, print: () => {},
    *fence() {},
  }
  const source = new SourceOperator(definition, context)
  return { source, log, context, scheduler }
}

const rows = (...times: number[]): Row[] => times.map((at) => ({ at }))
const assign = (source: SourceOperator, ...ids: string[]): void =>
  source.addSplits(ids.map((id, i) => ({ split: { id }, order: i })))

function restoredFrom(source: SourceOperator, parallelism = 1, subtask = 0): RestoredOperator {
  const { bytes } = encodeSegment({ operator: 'in', subtask: 0, snapshot: source.snapshot() })
  return restoreOperator([decodeSegment(bytes)], { subtask, parallelism, keyGroups: { start: 0, end: 127 } })
}

describe('watermarks', () => {
  test('SO-1: a split that is assigned and not begun holds the watermark back', () => {
    const { source, log } = harness(spec({ a: rows(1, 5), b: rows(6, 9) }))
    assign(source, 'a', 'b')
    source.poll(10)
    expect(log).toEqual(['1', '5'])
    expect(source.watermark).toBe(MIN_TIMESTAMP)
    source.poll(10) // the end of a: now b alone counts, and it has not begun
    expect(log).toEqual(['1', '5'])
    source.poll(10)
    expect(log).toEqual(['1', '5', '6', '9', 'wm 8'])
  })

  test('splits are read in the order of discovery, however they were handed over', () => {
    const { source, log } = harness(spec({ a: rows(1), b: rows(2), c: rows(3) }))
    source.addSplits([{ split: { id: 'c' }, order: 2 }])
    source.addSplits([{ split: { id: 'a' }, order: 0 }, { split: { id: 'b' }, order: 1 }])
    source.noMoreSplits()
    while (source.poll(10) !== 'end');
    expect(log.filter((line) => !line.startsWith('wm'))).toEqual(['1', '2', '3'])
    expect(log.at(-1)).toBe('wm MAX')
  })

  test('splits in no time order give no watermark before the end', () => {
    const { source, log } = harness(spec({ a: rows(9), b: rows(1) }, {}, { splitsInTimeOrder: false }))
    assign(source, 'a', 'b')
    source.noMoreSplits()
    while (source.poll(10) !== 'end');
    expect(log).toEqual(['9', '1', 'wm MAX'])
  })

  test('the bound of disorder is subtracted', () => {
    const { source, log } = harness(spec({ a: rows(100, 90) }, { outOfOrderMs: 30 }))
    assign(source, 'a')
    source.poll(10)
    expect(log.at(-1)).toBe('wm 69')
  })

  test('a silent split becomes idle and holds nothing back; its next record makes it active', () => {
    const silent: { rows: Row[] } = { rows: [] }
    const source = {
      assignment: 'spread' as const,
      openSplit: (split: { id: string }) => ({
        poll: () =>
          split.id === 'b' && silent.rows.length > 0
            ? { records: silent.rows.splice(0), malformed: [], place: () => '' }
            : ('pending' as const),
        position: () => 0,
        close: () => {},
      }),
    }
    const { source: subject, log, scheduler } = harness(spec({}, { idleAfterMs: 100 }, source))
    subject.open()
    assign(subject, 'b')
    subject.poll(1)
    for (let i = 0; i < 12; i++) scheduler.step([])
    expect(log).toEqual(['idle'])
    silent.rows.push({ at: 7 })
    subject.poll(1)
    expect(log).toEqual(['idle', '7', 'active', 'wm 6'])
  })
})

describe('snapshots', () => {
  test('SO-2: restoring at any moment goes on with the next record, never one twice', () => {
    for (let polls = 0; polls <= 6; polls++) {
      const definition = spec({ a: rows(1, 2, 3), b: rows(4, 5) })
      const first = harness(definition)
      assign(first.source, 'a', 'b')
      for (let i = 0; i < polls; i++) first.source.poll(1)
      const second = harness(definition, restoredFrom(first.source))
      second.source.noMoreSplits()
      second.source.open()
      while (second.source.poll(2) !== 'end');
      const records = [...first.log, ...second.log].filter((line) => !line.startsWith('wm'))
      expect(records).toEqual(['1', '2', '3', '4', '5'])
      expect(second.source.emitted).toBe(5)
    }
  })

  test('two subtasks share the splits of one, and each holds back for its own', () => {
    const definition = spec({ a: rows(1, 2), b: rows(3, 4), c: rows(5, 6) })
    const first = harness(definition)
    assign(first.source, 'a', 'b', 'c')
    first.source.poll(1)
    const parts = [0, 1].map((subtask) => harness(definition, restoredFrom(first.source, 2, subtask)))
    for (const { source } of parts) {
      source.noMoreSplits()
      while (source.poll(10) !== 'end');
    }
    const records = parts.map(({ log }) => log.filter((line) => !line.startsWith('wm')))
    expect(records).toEqual([['2', '5', '6'], ['3', '4']])
  })
})

describe('what does not fit', () => {
  const schema = z.object({ at: z.number() })
  const mixed = { a: [{ at: 1 }, { at: 'x' }, { at: 3 }] }

  test("'fail' names source, place and reason", () => {
    const { source } = harness(spec(mixed, { schema }))
    assign(source, 'a')
    expect(() => source.poll(10)).toThrow(/does not fit the schema at at/)
    try {
      source.poll(10)
    } catch (error) {
      expect(error).toMatchObject({ code: 'E011', place: { operator: 'in', position: 'a, row 1' } })
    }
  })

  test("'drop' counts, 'side' sends it to its own output, and the others go on", () => {
    const dropped = harness(spec(mixed, { schema, onInvalid: 'drop' }))
    assign(dropped.source, 'a')
    dropped.source.poll(10)
    expect(dropped.log).toEqual(['1', '3', 'wm 2'])
    expect(dropped.context.metrics.invalid).toBe(1)
    const side = harness(spec(mixed, { schema, onInvalid: 'side' }))
    assign(side.source, 'a')
    side.source.poll(10)
    expect(side.log.filter((line) => line.startsWith('invalid'))).toHaveLength(1)
    expect(side.log.find((line) => line.startsWith('invalid'))).toContain('a, row 1')
  })

  test('an event time that is none names the record', () => {
    const { source } = harness(spec({ a: [{ at: Number.NaN }] }))
    assign(source, 'a')
    try {
      source.poll(10)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'E013', place: { position: 'a, row 0' } })
    }
  })
})

/** Splits side by side that never wait. */
const spread = { assignment: 'spread' as const }
const watermarksOf = (log: readonly string[]): string[] => log.filter((line) => line.startsWith('wm'))

describe('the job\'s own watermarks', () => {
  /** A record that says so closes the time before it. */
  const marked = {
    create: () => ({ seen: 0, closed: undefined as number | undefined }),
    onEvent: (state: { seen: number; closed: number | undefined }, time: number, row: { end?: boolean }) =>
      ({ seen: state.seen + 1, closed: row.end === true ? time : state.closed }),
    watermark: (state: { seen: number; closed: number | undefined }) => state.closed,
  }
  const data = { a: [{ at: 5 }, { at: 9, end: true }, { at: 12 }, { at: 11, end: true }, { at: 30, end: true }] }

  test('they are what the generator says of each split, and never go back', () => {
    const { source, log } = harness(spec(data, { watermarks: marked }))
    assign(source, 'a')
    source.noMoreSplits()
    while (source.poll(1) !== 'end');
    expect(watermarksOf(log)).toEqual(['wm 9', 'wm 11', 'wm 30', 'wm MAX'])
  })

  test('SO-5: the state of the generator is restored with the position, at any moment', () => {
    const counting = { ...marked, watermark: ({ seen }: { seen: number }) => seen }
    for (let polls = 0; polls <= 5; polls++) {
      const first = harness(spec(data, { watermarks: counting }))
      assign(first.source, 'a')
      for (let i = 0; i < polls; i++) first.source.poll(1)
      const second = harness(spec(data, { watermarks: counting }), restoredFrom(first.source))
      second.source.noMoreSplits()
      while (second.source.poll(1) !== 'end');
      expect(watermarksOf([...first.log, ...second.log])).toEqual([1, 2, 3, 4, 5].map((n) => `wm ${n}`).concat('wm MAX'))
    }
  })

  test('what is no time is refused', () => {
    const { source } = harness(spec(data, { watermarks: { ...marked, watermark: () => Number.NaN } }))
    assign(source, 'a')
    expect(() => source.poll(1)).toThrow(expect.objectContaining({ code: 'E142' }))
  })
})

test('event times of the connector are used where the job says nothing of them', () => {
  const batches: Batch<unknown>[] = [{ records: ['x', 'y'], malformed: [], eventTimes: [7, 9], place: () => '' }]
  const openSplit = () => ({ poll: () => batches.shift() ?? ('end' as const), position: () => 0, close: () => {} })
  const { eventTime: _own, ...silent } = spec({}, {}, { openSplit })
  const { source, log } = harness(silent)
  assign(source, 'a')
  source.poll(10)
  expect(log).toEqual(['7', '9', 'wm 8'])
})

describe('alignment', () => {
  const alignment = { group: 'g', maxDriftMs: 10 }
  const every = (step: number, n = 40): Row[] => rows(...Array.from({ length: n }, (_, i) => i * step))

  test('SO-4: of the splits of one source none is read while it is too far ahead, and none is idle for that', () => {
    const { source, log, scheduler } = harness(spec({ a: every(10), b: every(1) }, { alignment, idleAfterMs: 50 }, spread))
    source.open()
    assign(source, 'a', 'b')
    let largest = 0
    let smallest = 0
    for (let i = 0; i < 60; i++) {
      const before = log.length
      source.poll(1)
      scheduler.step([])
      const emitted = log.slice(before).filter((line) => /^\d+$/.test(line)).map(Number)
      for (const time of emitted) largest = Math.max(largest, time)
      smallest = Math.max(smallest, source.watermark)
      // The split ahead was at most the drift ahead before its last record, which is 10 later.
      expect(largest - smallest).toBeLessThanOrEqual(10 + 10 + 1 + 10)
    }
    expect(log).not.toContain('idle')
    source.noMoreSplits()
    while (source.poll(1) !== 'end');
    expect(log.filter((line) => /^\d+$/.test(line))).toHaveLength(80)
  })

  test('between sources: the one behind is never held, the one ahead goes on when it is told', () => {
    const groups = new AlignmentGroups()
    const fast = harness(spec({ a: every(10) }, { alignment }))
    const slow = harness(spec({ b: every(1) }, { alignment }))
    const sources = [fast.source, slow.source]
    assign(fast.source, 'a')
    assign(slow.source, 'b')
    for (const source of sources) source.noMoreSplits()
    const ended = new Set<number>()
    let largestGap = 0
    for (let turn = 0; ended.size < 2; turn++) {
      expect(turn).toBeLessThan(1000)
      const index = turn % 2
      if (ended.has(index)) continue
      if (sources[index]!.poll(1) === 'end') ended.add(index)
      const report = sources[index]!.takeAlignmentReport()
      if (report === undefined) continue
      const { smallest, members } = groups.report('g', { subtask: { vertex: index, subtask: 0 }, operator: 'in' }, report.watermark)
      for (const { subtask } of members) sources[subtask.vertex]!.onGroupWatermark(smallest)
      if (turn > 4 && !ended.has(1)) largestGap = Math.max(largestGap, fast.source.watermark - slow.source.watermark)
    }
    expect(largestGap).toBeGreaterThan(0)
    expect(largestGap).toBeLessThanOrEqual(10 + 10 + 10 / 4)
    expect([fast, slow].map(({ log }) => log.filter((line) => /^\d+$/.test(line)).length)).toEqual([40, 40])
  })
})

test('the holder is the split that is furthest behind', () => {
  const { source } = harness(spec({ a: rows(5, 6), b: rows(2, 9) }, {}, spread))
  expect(source.holder()).toEqual({ watermark: MIN_TIMESTAMP, heldBy: undefined, idle: false })
  assign(source, 'a', 'b')
  source.poll(1)
  expect(source.holder()).toMatchObject({ heldBy: 'b' })
  source.poll(1)
  expect(source.holder()).toEqual({ watermark: 1, heldBy: 'b', idle: false })
  source.poll(1)
  source.poll(1)
  expect(source.holder()).toEqual({ watermark: 5, heldBy: 'a', idle: false })
})
