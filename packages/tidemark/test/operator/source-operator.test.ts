import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { epoch } from '../../src/base/ids.ts'
import type { Ports } from '../../src/base/ports.ts'
import { Prng } from '../../src/base/prng.ts'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from '../../src/base/time.ts'
import type { SourceOperatorSpec } from '../../src/graph/operator-spec.ts'
import type { AnySource, Batch } from '../../src/graph/source.ts'
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
    jobId: 'j', epoch: epoch(1), ports, restored, freeze: true,
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
    wake: () => {}, fail: () => {}, print: () => {},
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
