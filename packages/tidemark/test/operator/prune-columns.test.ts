/** Columns over a keyed edge: the same results as with whole records, at any parallelism and after any failure. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import { explainText } from '../../src/graph/explain.ts'
import type { LogicalOperator } from '../../src/graph/logical-graph.ts'
import { avg, collect, collection, count, job, max, min, session, sum, tumbling, type Job, type KeyedStream } from '../../src/index.ts'
import { harness, type Harness } from '../../src/testing/harness.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'

interface Bead {
  readonly at: number
  readonly key: string
  readonly n: number
  /** Of raw, and of the names of columns: nothing in a record is mistaken for what the engine sends. */
  readonly raw: { readonly record: string }
  readonly total_sum: string
}

const nowhere = collection<Bead>([])
const numbers = {
  records: count(), total: sum((bead: Bead) => bead.n / 10), whole: sum((bead: Bead) => Math.round(bead.n), { integers: true }),
  mean: avg((bead: Bead) => bead.n), least: min((bead: Bead) => bead.n), 'most of all': max((bead: Bead) => bead.n),
}
const { 'most of all': _, ...named } = numbers

const JOBS = {
  rolling: job('beads', (j) => {
    j.from('beads', nowhere, { eventTime: (bead) => bead.at }).keyBy((bead) => bead.key).aggregate('totals', numbers).to('out', collect())
  }),
  'rolling in line': job('beads', (j) => {
    j.from('beads', nowhere, { eventTime: (bead) => bead.at }).keyBy((bead) => bead.key).aggregate('totals', named).to('out', collect())
  }),
  counted: job('beads', (j) => {
    j.from('beads', nowhere, { eventTime: (bead) => bead.at }).keyBy((bead) => bead.key).aggregate('totals', { n: count() }).to('out', collect())
  }),
  tumbling: job('beads', (j) => {
    j.from('beads', nowhere, { eventTime: (bead) => bead.at })
      .keyBy((bead) => bead.key).window('totals', tumbling('10ms')).aggregate(named).to('out', collect())
  }),
  sessions: job('beads', (j) => {
    j.from('beads', nowhere, { eventTime: (bead) => bead.at })
      .keyBy((bead) => bead.key).window('totals', session({ gap: '5ms' }), { lateness: '15ms' }).max((bead) => bead.n).to('out', collect())
  }),
} satisfies Record<string, Job>

type Step =
  | { readonly kind: 'send'; readonly beads: readonly Bead[] }
  | { readonly kind: 'watermark'; readonly forward: number }
  | { readonly kind: 'restart'; readonly parallelism: number; readonly other: boolean }

const bead: fc.Arbitrary<Bead> = fc.record({
  at: fc.integer({ min: -40, max: 30 }), key: fc.constantFrom('a', 'b', 'c', '__proto__'), n: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  raw: fc.constant({ record: 'wide' }), total_sum: fc.constant('wide'),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), beads: fc.array(bead, { minLength: 1, maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('watermark' as const), forward: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart' as const), parallelism: fc.integer({ min: 1, max: 3 }), other: fc.boolean() }),
  },
)

/** Everything committed, of each key in its order. */
async function outcome(of: Job, steps: readonly Step[], parallelism: number, prune: 'on' | 'off') {
  await using t: Harness = await harness(of, { parallelism, config: { pruneColumns: prune } })
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
  const rows = t.committed('out') as readonly { readonly key: string }[]
  return rows.map((row) => JSON.stringify(row)).sort()
}

describe('edges that columns cross', () => {
  test.each(Object.keys(JOBS) as (keyof typeof JOBS)[])(
    'CP-1, CP-3, PY-1: (%s) give what whole records give, to the last bit, rescaled at any point', async (kind) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 3, maxLength: 12 }), fc.integer({ min: 2, max: 3 }),
          async (steps, parallelism) => {
            const whole = await outcome(JOBS[kind], steps, parallelism, 'off')
            expect(await outcome(JOBS[kind], steps, parallelism, 'on')).toEqual(whole)
          },
        ),
        { numRuns: 8 },
      )
    },
  )

  const reader = (of: Job): LogicalOperator => {
    const { logical } = toJobGraph({ ...buildGraph(of).graph, aggregateAhead: false }, { parallelism: 2 })
    return logical.operators.find(({ spec }) => spec.kind === 'prune-columns') as LogicalOperator
  }
  const sent = (of: Job, record: unknown): unknown => {
    const one = new OperatorHarness(reader(of))
    one.send(record, 7)
    return one.take()
  }
  const record = { at: 7, key: 'a', n: 2.5, raw: { record: 'wide' }, total_sum: 'wide' }

  test('PY-1: send the key and what is read, under the timestamp of the record', () => {
    const value = { key: 'a', total_sum: 0.25, whole_sum: 3, mean_sum_count: 2.5, least_min: 2.5 }
    expect(sent(JOBS['rolling in line'], record)).toEqual([{ kind: 'record', tag: 'main', value, timestamp: 7 }])
    expect(sent(JOBS.counted, record)).toEqual([{ kind: 'record', tag: 'main', value: { key: 'a' }, timestamp: 7 }])
  })

  test.each([{ ...record, n: 'no number' }, { ...record, n: undefined }, { ...record, n: 2n }])(
    'CP-2: send the record where an aggregate reads no number of it (%#)', (odd) => {
      expect(sent(JOBS.sessions, odd)).toEqual([{ kind: 'record', tag: 'main', value: { key: 'a', raw: { record: odd } }, timestamp: 7 }])
    })

  test('CP-2: send the record where reading it throws', () => {
    const picky = job('beads', (j) => {
      j.from('beads', nowhere, { eventTime: (one) => one.at }).keyBy((one) => one.key)
        .aggregate('totals', { first: max((one) => (one.raw as unknown as { deep: { n: number } }).deep.n) }).to('out', collect())
    })
    expect(sent(picky, record)).toEqual([{ kind: 'record', tag: 'main', value: { key: 'a', raw: { record } }, timestamp: 7 }])
  })
})

describe('which edges columns cross', () => {
  const kinds = (of: Job, parallelism = 2): string[] =>
    toJobGraph(buildGraph(of).graph, { parallelism }).logical.operators.map(({ spec }) => spec.kind)
  const beads = (build: (keyed: KeyedStream<string, Bead, 'exactly-once'>) => void): Job => job('beads', (j) => {
    build(j.from('beads', nowhere, { eventTime: (one) => one.at }).keyBy((one) => one.key))
  })

  test('those between subtasks, named in the graph with what is read', () => {
    for (const of of Object.values(JOBS)) {
      expect(kinds(of)).toContain('prune-columns')
      expect(kinds(of, 1)).not.toContain('prune-columns')
      expect(toJobGraph({ ...buildGraph(of).graph, pruneColumns: false }, { parallelism: 2 }).logical.operators.map(({ spec }) => spec.kind)).not.toContain('prune-columns')
    }
    expect(explainText(toJobGraph(buildGraph(JOBS.sessions).graph, { parallelism: 2 })))
      .toContain('of each record the key and value_max, all that totals reads')
  })

  test('CP-1: not where a function or somebody behind the operator is given the record', () => {
    const whole: Job[] = [
      beads((keyed) => keyed.reduce('totals', () => 0, (n) => n + 1).to('out', collect())),
      beads((keyed) => keyed.dedupe('each').to('out', collect())),
      beads((keyed) => keyed.window('totals', session({ gap: (one: Bead) => (one.n > 0 ? '1s' : '2s') })).max((one) => one.n).to('out', collect())),
      beads((keyed) => {
        const windows = keyed.window('totals', tumbling('10ms')).aggregate({ total: sum((one) => one.n) })
        windows.to('out', collect())
        windows.late.to('late', collect())
      }),
    ]
    for (const of of whole) expect(kinds(of)).not.toContain('prune-columns')
  })
})
