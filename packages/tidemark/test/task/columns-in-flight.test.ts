/** What barriers overtook on a pruned edge is found again by a job that prunes, that does not, or that reads other columns. */
import { describe, expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { Pruned } from '../../src/graph/column-pruning.ts'
import type { JobGraph, JobVertex } from '../../src/graph/job-graph.ts'
import type { RollingSpec } from '../../src/graph/operator-spec.ts'
import { accepting, replayPlans } from '../../src/host/replay-plans.ts'
import { collect, collection, count, job, max, sum, tumbling, type Aggregate, type Job } from '../../src/index.ts'
import type { RestoredOperator } from '../../src/state/snapshot.ts'
import { IN_FLIGHT, storeInFlight, type ChannelOrigin, type InFlightItem } from '../../src/task/in-flight.ts'

interface Bead { readonly key: string; readonly n: number; readonly raw: string }

const records: readonly Bead[] = [{ key: 'a', n: 1, raw: 'a record' }, { key: 'b', n: 20, raw: 'a record' }, { key: 'a', n: 300, raw: 'a record' }]
/** As PY-1 has it; the second one could not be read. */
const columns: readonly Pruned[] = [
  { key: 'a', total_sum: 1 }, { key: 'b', raw: { record: records[1] } }, { key: 'a', total_sum: 300 },
]
const TOTAL = { total: sum((bead: Bead) => bead.n) }

const rolling = (aggregates: Readonly<Record<string, Aggregate<Bead, number>>>): Job => job('beads', (j) => {
  j.from('beads', collection<Bead>([])).keyBy(({ key }) => key).aggregate('totals', aggregates).to('out', collect())
})
const graphOf = (of: Job, parallelism: number, pruneColumns = true): JobGraph =>
  toJobGraph({ ...buildGraph(of).graph, pruneColumns }, { parallelism })

const vertexOf = (graph: JobGraph): JobVertex =>
  graph.vertices.find(({ operators }) => operators.some(({ name }) => name === 'totals')) as JobVertex

/** Everything that was in flight to the operator, as its subtasks at this parallelism are given it. */
function replayed(graph: JobGraph, values: readonly unknown[], from: string) {
  const items: InFlightItem[] = [{ kind: 'data', values, timestamps: values.map(() => 0) }]
  const origin: ChannelOrigin = { from, output: 'main', input: 0 }
  const stored = storeInFlight('totals', [{ age: 0, channels: [{ origin, items }] }], { subtask: 0, parallelism: 2 })
  const restored = { list: (name: string) => (name === IN_FLIGHT ? stored.items : []) } as unknown as RestoredOperator
  const vertex = vertexOf(graph)
  const totals = new Map<unknown, number>()
  const origins = new Set<string>()
  const left: unknown[] = []
  for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
    const plans = replayPlans(graph, vertex, subtask, ({ name }) => (name === 'totals' ? restored : undefined))
    const spec = accepting(vertex, plans).operators.find(({ name }) => name === 'totals')?.spec as RollingSpec
    for (const { origin: { from: now }, items: given } of plans.flatMap(({ stages }) => stages).flatMap(({ channels }) => channels)) {
      origins.add(now)
      for (const item of given) {
        for (const value of item.kind === 'data' ? item.values : []) {
          left.push(value)
          const accumulator = spec.aggregate.add(spec.aggregate.create(), value) as readonly number[]
          const key = spec.keyOf(value)
          totals.set(key, (totals.get(key) ?? 0) + (accumulator[0] as number))
        }
      }
    }
  }
  return { totals: Object.fromEntries(totals), origins: [...origins], left }
}

describe('what was in flight on a pruned edge', () => {
  const expected = { a: 301, b: 20 }

  test.each([2, 3])('CP-4: is added up where the job prunes, at parallelism %i', (parallelism) => {
    expect(replayed(graphOf(rolling(TOTAL), 2), columns, 'totals.columns').totals.a).toBe(301)
    const { totals, origins } = replayed(graphOf(rolling(TOTAL), parallelism), columns, 'totals.columns')
    if (parallelism === 3) expect(totals).toEqual(expected)
    expect(origins).toEqual(['totals.columns'])
  })

  test.each([[1, true], [3, false]])('is added up where the job no longer prunes, and is the same in the next checkpoint (%i)', (parallelism, on) => {
    const graph = graphOf(rolling(TOTAL), parallelism, on)
    const first = replayed(graph, columns, 'totals.columns')
    expect(first.totals).toEqual(expected)
    expect(first.origins).toEqual(['totals.columns'])
    expect(replayed(graphOf(rolling(TOTAL), 1), first.left, 'totals.columns').totals).toEqual(expected)
    expect(replayed(graphOf(rolling(TOTAL), 3), first.left, 'totals.columns').totals).toEqual(expected)
  })

  test('records from before the job pruned are added up, and told by what they are now in the next checkpoint', () => {
    const first = replayed(graphOf(rolling(TOTAL), 3), records, 'beads')
    expect(first.totals).toEqual(expected)
    expect(first.origins).toEqual(['totals.columns'])
    expect(replayed(graphOf(rolling(TOTAL), 1), first.left, 'totals.columns').totals).toEqual(expected)
  })

  test('what came from the second stream of a union is added up where there is one stream now', () => {
    const first = replayed(graphOf(rolling(TOTAL), 3), columns, 'totals.columns-2')
    expect(first.totals).toEqual(expected)
    expect(first.origins).toEqual(['totals.columns'])
  })

  test.each([1, 2])('CP-4: is refused (E211) where the job reads a column that was not sent, at parallelism %i', (parallelism) => {
    const more = rolling({ ...TOTAL, most: max((bead) => bead.n) })
    const refused = expect.objectContaining({ code: 'E211', details: { operator: 'totals', found: ['total_sum'], missing: ['most_max'] } })
    expect(() => replayed(graphOf(more, parallelism), columns, 'totals.columns')).toThrow(refused)
    expect(replayed(graphOf(rolling({ n: count() }), 2), columns, 'totals.columns').totals.a).toBe(2)
  })

  test('is refused (E211) where the job reads records now: a function, or somebody behind the late output', () => {
    const opaque = job('beads', (j) => {
      j.from('beads', collection<Bead>([])).keyBy(({ key }) => key).reduce('totals', () => 0, (n) => n + 1).to('out', collect())
    })
    const late = job('beads', (j) => {
      const totals = j.from('beads', collection<Bead>([]), { eventTime: () => 0 }).keyBy(({ key }) => key)
        .window('totals', tumbling('1s')).aggregate(TOTAL)
      totals.to('out', collect())
      totals.late.to('late', collect())
    })
    for (const of of [opaque, late]) {
      expect(() => replayed(graphOf(of, 1), columns, 'totals.columns')).toThrow(expect.objectContaining({ code: 'E211' }))
    }
  })
})
