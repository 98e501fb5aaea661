/** Aggregation ahead of a shuffle: the same results as without it, at any parallelism and after any failure. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import {
  collect, collection, count, job, max, min, sliding, sum, tumbling, type Job,
} from '../../src/index.ts'
import type { LogicalOperator } from '../../src/graph/logical-graph.ts'
import { harness, type Harness } from '../../src/testing/harness.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'

interface Bead {
  readonly at: number
  readonly key: string
  readonly n: number
}

const nowhere = collection<Bead>([])
const WINDOWS = {
  tumbling: tumbling('10ms'), offset: tumbling('10ms', { offset: '3ms' }), sliding: sliding('20ms', { every: '5ms' }),
}

const beads = (window: keyof typeof WINDOWS, lateness: number): Job => job('beads', (j) => {
  const totals = j.from('beads', nowhere, { eventTime: (bead) => bead.at })
    .keyBy((bead) => bead.key)
    .window('totals', WINDOWS[window], { lateness: `${lateness}ms` })
    .aggregate({ n: count(), sum: sum((bead) => bead.n, { integers: true }), least: min((b) => b.n), most: max((b) => b.n) })
  totals.to('out', collect())
  totals.late.to('late', collect())
})

type Step =
  | { readonly kind: 'send'; readonly beads: readonly Bead[] }
  | { readonly kind: 'watermark'; readonly forward: number }
  | { readonly kind: 'restart'; readonly parallelism: number }

const bead = fc.record({
  at: fc.integer({ min: -40, max: 30 }), key: fc.constantFrom('a', 'b', 'c', '__proto__'), n: fc.integer({ min: -5, max: 5 }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), beads: fc.array(bead, { minLength: 1, maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watermark' as const), forward: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), parallelism: fc.integer({ min: 1, max: 3 }) }),
  },
)

/** Everything committed, in an order of its own: that between keys is open. */
async function outcome(of: Job, steps: readonly Step[], parallelism: number, ahead: 'on' | 'off') {
  await using t: Harness = await harness(of, { parallelism, config: { aggregateAhead: ahead } })
  let now = 0
  for (const each of steps) {
    if (each.kind === 'send') {
      await t.send('beads', each.beads.map((one) => ({ ...one, at: one.at + now })))
    } else if (each.kind === 'watermark') {
      now += each.forward
      await t.watermark('beads', now)
    } else {
      await t.checkpoint()
      await t.crash()
      await t.restore({ parallelism: each.parallelism })
    }
  }
  await t.end()
  const sorted = (sink: string): string[] => t.committed(sink).map((row) => JSON.stringify(row)).sort()
  return { out: sorted('out'), late: sorted('late') }
}

describe('windows that are added up ahead of the shuffle', () => {
  test.each(Object.keys(WINDOWS) as (keyof typeof WINDOWS)[])(
    'PA-1, PO-1 to PO-3: (%s) give the results and the late records of those that are not, rescaled at any point', async (window) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 3, maxLength: 14 }), fc.integer({ min: 1, max: 3 }), fc.constantFrom(0, 15),
          async (steps, parallelism, lateness) => {
            const of = beads(window, lateness)
            const off = await outcome(of, steps, parallelism, 'off')
            expect(await outcome(of, steps, parallelism, 'on')).toEqual(off)
          },
        ),
        { numRuns: 15 },
      )
    },
  )

  const ahead = (): OperatorHarness => {
    const { logical } = toJobGraph(buildGraph(beads('tumbling', 0)).graph, { parallelism: 2 })
    const [operator] = logical.operators.filter(({ spec }) => spec.kind === 'pre-aggregate')
    return new OperatorHarness(operator as LogicalOperator)
  }
  const sendAll = (harness: OperatorHarness, howMany: number, keys: number): void => {
    for (let n = 0; n < howMany; n++) harness.send({ at: n % 20, key: `k${n % keys}`, n }, n % 20)
  }

  test('PO-1, PO-2: send one part a key and window, before the watermark that closes it or a barrier', () => {
    const harness = ahead()
    sendAll(harness, 100, 2)
    expect(harness.take()).toEqual([])
    harness.watermark(9)
    expect(harness.take().map(({ kind }) => kind)).toEqual(['record', 'record', 'watermark'])
    harness.snapshot()
    expect(harness.take().map((part) => part.kind === 'record' && part.timestamp)).toEqual([10, 10])
    harness.snapshot()
    expect(harness.take()).toEqual([])
  })

  test('PO-3: a record of a closed window leaves at once, as it came', () => {
    const harness = ahead()
    harness.watermark(9)
    harness.take()
    const record = { at: 9, key: 'a', n: 1 }
    harness.send(record, 9)
    expect(harness.take()).toEqual([{ kind: 'record', tag: 'main', value: { key: 'a', raw: { record } }, timestamp: 9 }])
  })

  test('PO-4: where keys hardly repeat what is held is bounded, and records soon leave as they come', () => {
    const harness = ahead()
    let held = 0
    for (let n = 0; n < 50_000; n++) {
      harness.send({ at: 0, key: `k${n}`, n }, 0)
      held = Math.max(held, n + 1 - harness.outputs.length)
    }
    expect(held).toBeLessThanOrEqual(16_384)
    expect(held).toBeGreaterThan(1000)
    expect(harness.outputs.length).toBe(50_000)
  })
})

describe('which windows are added up ahead', () => {
  const kinds = (of: Job, parallelism: number): string[] =>
    toJobGraph(buildGraph(of).graph, { parallelism }).logical.operators.map(({ spec }) => spec.kind)

  test('those behind a shuffle, and only those', () => {
    expect(kinds(beads('tumbling', 0), 2)).toContain('pre-aggregate')
    expect(kinds(beads('tumbling', 0), 1)).not.toContain('pre-aggregate')
    const { graph } = buildGraph(beads('tumbling', 0))
    expect(toJobGraph({ ...graph, aggregateAhead: false }, { parallelism: 2 }).logical.operators).toHaveLength(graph.operators.length)
  })

  test('PA-1, PA-2: not float sums, not panes that windows cut, not where a source may be idle', () => {
    const one = (window: typeof WINDOWS.tumbling, options: { integers: boolean; idle: boolean }): Job => job('one', (j) => {
      j.from('beads', nowhere, { eventTime: (b) => b.at, ...(options.idle ? { idleAfter: '1s' } : {}) })
        .keyBy((b) => b.key)
        .window('totals', window)
        .aggregate({ sum: sum((b) => b.n, { integers: options.integers }) })
        .to('out', collect())
    })
    expect(kinds(one(WINDOWS.tumbling, { integers: true, idle: false }), 2)).toContain('pre-aggregate')
    expect(kinds(one(WINDOWS.tumbling, { integers: false, idle: false }), 2)).not.toContain('pre-aggregate')
    expect(kinds(one(WINDOWS.tumbling, { integers: true, idle: true }), 2)).not.toContain('pre-aggregate')
    expect(kinds(one(sliding('20ms', { every: '15ms' }) as typeof WINDOWS.tumbling, { integers: true, idle: false }), 2)).not.toContain('pre-aggregate')
  })
})
