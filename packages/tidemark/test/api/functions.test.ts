import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { avg, collect, collection, count, job, min, state, sum, type Change } from '../../src/index.ts'
import { buildGraph } from '../../src/api/build.ts'
import type { KeyedStream, Stream } from '../../src/api/streams.ts'
import type { LogicalOperator } from '../../src/graph/logical-graph.ts'
import { encodeSegment } from '../../src/state/snapshot-format.ts'
import { KeyedSnapshotBuilder } from '../../src/state/keyed-snapshot.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { verifyInAllModes, type OperatorScript, type ScriptOutputs, type ScriptStep } from '../../src/testing/operator-script.ts'
import { sink, source } from './fakes.ts'

type Out = Stream<any, 'exactly-once'>

/** The operator of that name, as the API makes it. */
function built<T>(name: string, use: (stream: Stream<T, 'exactly-once'>) => Out): LogicalOperator {
  const { graph } = buildGraph(job('functions', (j) => {
    use(j.from('in', source<T>(), { eventTime: () => 0 })).to('out', sink())
  }))
  const found = graph.operators.find((operator) => operator.name === name)
  if (found === undefined) throw new Error(`no operator "${name}"`)
  return found
}

/** Few key groups: each is looked at in every restore. */
const play = (script: OperatorScript): ScriptOutputs => verifyInAllModes({ ...script, maxParallelism: 8 })

const send = (value: unknown, timestamp = 0): ScriptStep => ({ kind: 'send', value, timestamp })
const outputsOf = (outputs: ScriptOutputs): unknown[][] =>
  outputs.map((step) => step.flatMap((each) => (each.kind === 'record' ? [each.value] : [])))
const property = (arbitrary: fc.Arbitrary<unknown[]>, holds: (values: any) => void, numRuns = 25): void =>
  fc.assert(fc.property(arbitrary, holds), { numRuns })

/** The table that a changelog amounts to; fails where a change does not fit what is there. */
class Table {
  readonly rows = new Map<unknown, unknown>()
  readonly #idOf: (row: any) => unknown

  constructor(idOf: (row: any) => unknown) {
    this.#idOf = idOf
  }

  apply({ op, row }: Change<unknown>): void {
    const id = this.#idOf(row)
    if (op === 'insert') expect(this.rows.has(id)).toBe(false)
    if (op === 'update-before' || op === 'delete') expect(this.rows.get(id)).toEqual(row)
    if (op === 'delete') this.rows.delete(id)
    else if (op !== 'update-before') this.rows.set(id, row)
  }
}

interface Row {
  readonly id: string
  readonly group: string
  readonly n: number
}

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'), group: fc.constantFrom('x', 'y'), n: fc.integer({ min: 0, max: 4 }),
})

/** A consistent changelog of a table whose rows are put in, replaced and removed at random. */
const changelog: fc.Arbitrary<Change<Row>[]> =
  fc.array(fc.tuple(rowArbitrary, fc.boolean()), { maxLength: 30 }).map((steps) => {
    const table = new Map<string, Row>()
    return steps.flatMap(([row, remove]): Change<Row>[] => {
      const before = table.get(row.id)
      if (remove) {
        table.delete(row.id)
        return before === undefined ? [] : [{ op: 'delete', row: before }]
      }
      table.set(row.id, row)
      if (before === undefined) return [{ op: 'insert', row }]
      return [{ op: 'update-before', row: before }, { op: 'update-after', row }]
    })
  })

/** Rows that are there after each change. */
function tables(changes: readonly Change<Row>[]): Row[][] {
  let rows: Row[] = []
  return changes.map(({ op, row }) => {
    rows = op === 'insert' || op === 'update-after' ? [...rows, row] : rows.filter((each) => each.id !== row.id)
    return rows
  })
}

describe('dedupe', () => {
  const operator = (ttl?: number): LogicalOperator => built<Row>('first', (s) =>
    s.keyBy((r) => r.group).dedupe('first', { by: (r) => r.id, ...(ttl === undefined ? {} : { ttl }) }))

  it('lets the first of each kind of each key through, for ever', () => {
    property(fc.array(rowArbitrary, { maxLength: 15 }), (rows: Row[]) => {
      const seen = new Set<string>()
      const expected = rows.map((row) => {
        const kind = `${row.group} ${row.id}`
        const first = !seen.has(kind)
        seen.add(kind)
        return first ? [row] : []
      })
      expect(outputsOf(play({ operator: operator(), steps: rows.map((row) => send(row)) }))).toEqual(expected)
    })
  })

  it('forgets the first by event time: when a record is later by the ttl, and when the watermark is', () => {
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('a', 'b'), fc.nat(30)), fc.tuple(fc.constant('watermark'), fc.nat(40)),
    )
    property(fc.array(step, { maxLength: 25 }), (given: [string, number][]) => {
      const firsts = new Map<string, number>()
      let now = -1
      const expected = given.map(([id, time]) => {
        if (id === 'watermark') {
          now = Math.max(now, time)
          for (const [each, first] of firsts) if (first + 10 <= now) firsts.delete(each)
          return []
        }
        const first = firsts.get(id)
        if (first !== undefined && time < first + 10) return []
        // A timer for a time that has passed fires with the next watermark.
        firsts.set(id, time)
        return [id]
      })
      const steps = given.map(([id, time]): ScriptStep => (id === 'watermark'
        ? { kind: 'watermark', watermark: time }
        : send({ id, group: 'x', n: 0 }, time)))
      const late = given.some(([id, time], i) => id !== 'watermark' &&
        given.slice(0, i).some(([other, w]) => other === 'watermark' && time + 10 <= w))
      fc.pre(!late)
      const outputs = outputsOf(play({ operator: operator(10), steps }))
      expect(outputs.map((records) => records.map((row) => (row as Row).id))).toEqual(expected)
    })
  })

  it('a new first of a kind is not forgotten with the old one', () => {
    const at = (time: number): ScriptStep => send({ id: 'a', group: 'x', n: time }, time)
    const steps = [at(0), at(12), { kind: 'watermark' as const, watermark: 10 }, at(13)]
    const outputs = outputsOf(play({ operator: operator(10), steps }))
    expect(outputs.map((records) => records.length)).toEqual([1, 1, 0, 0])
  })

  it('forgets by the machine\'s clock; without event time the other is refused', () => {
    const byClock = built<number>('first', (s) => s.keyBy((n) => n).dedupe('first', { ttl: 10, time: 'processing' }))
    const steps: ScriptStep[] = [
      send(1), { kind: 'processing-time', nowMs: 9 }, send(1), { kind: 'processing-time', nowMs: 10 }, send(1),
    ]
    expect(outputsOf(play({ operator: byClock, steps }))).toEqual([[1], [], [], [], [1]])
    const untimed: ScriptStep[] = [{ kind: 'send', value: { id: 'a', group: 'x', n: 0 } }]
    expect(() => play({ operator: operator(10), steps: untimed })).toThrow(expect.objectContaining({ code: 'E166' }))
  })
})

describe('rankings', () => {
  const place = ({ key, rank }: { key: string; rank: number }): string => `${key} ${rank}`
  const ranking = (rows: readonly Row[], n: number, sign: number): unknown[] => ['x', 'y'].flatMap((key) =>
    rows.filter(({ group }) => group === key)
      .toSorted((a, b) => sign * (a.n - b.n)).slice(0, n).map((row, i) => ({ key, rank: i + 1, row })))
  const check = (table: Table, outputs: unknown[][], expected: (step: number) => unknown[]): void => {
    outputs.forEach((changes, i) => {
      for (const change of changes) table.apply(change as Change<unknown>)
      expect([...table.rows.values()]).toEqual(expect.arrayContaining(expected(i)))
      expect(table.rows.size).toBe(expected(i).length)
    })
  }

  it('topN of a stream is at every moment the first n of all that came', () => {
    for (const order of ['asc', 'desc'] as const) {
      const operator = built<Row>('top', (s) => s.keyBy((r) => r.group).topN('top', 2, { by: (r) => r.n, order }))
      property(fc.array(rowArbitrary, { maxLength: 15 }), (rows: Row[]) => {
        const outputs = outputsOf(play({ operator, steps: rows.map((row) => send(row)) }))
        check(new Table(place), outputs, (i) => ranking(rows.slice(0, i + 1), 2, order === 'asc' ? 1 : -1))
      }, 20)
    }
  })

  it('topN of a changelog is at every moment the first n of the rows that are there', () => {
    const operator = built<Change<Row>>('top', (s) =>
      s.asChangelog().groupBy((r) => r.group).topN('top', 2, { by: (r) => BigInt(r.n) }))
    property(changelog, (changes: Change<Row>[]) => {
      const outputs = outputsOf(play({ operator, steps: changes.map((change) => send(change)) }))
      const states = tables(changes)
      check(new Table(place), outputs, (i) => ranking(states[i] as Row[], 2, -1))
    }, 20)
  })

  it('topN goes on from a ranking that an older version stored, with a pair for each place', () => {
    const operator = built<Row>('top', (s) => s.keyBy((r) => r.group).topN('top', 2, { by: (r) => r.n }))
    const row = (id: string, n: number): Row => ({ id, group: 'x', n })
    const builder = new KeyedSnapshotBuilder({ name: 'rows', kind: 'value', version: 1, maxParallelism: 8 })
    builder.put('x', undefined, [[3, row('a', 3)], [1, row('b', 1)]])
    const { bytes } = encodeSegment({
      operator: 'top', subtask: 0, keyGroups: { start: 0, end: 7 }, snapshot: { keyed: [builder.build()], lists: [] },
    })
    const restored = new OperatorHarness(operator, { restored: [bytes], maxParallelism: 8 })
    restored.send(row('c', 2), 0)
    expect(restored.take().map((each) => each.kind === 'record' && each.value)).toEqual([
      { op: 'update-before', row: { key: 'x', rank: 2, row: row('b', 1) } },
      { op: 'update-after', row: { key: 'x', rank: 2, row: row('c', 2) } },
    ])
  })

  it('what cannot be put in order is refused', () => {
    const operator = built<Row>('top', (s) => s.keyBy((r) => r.group).topN('top', 2, { by: () => Number.NaN }))
    expect(() => play({ operator, steps: [send({ group: 'x' })] })).toThrow(expect.objectContaining({ code: 'E164' }))
  })
})

describe('changelogs', () => {
  it('aggregates of a changelog are at every moment those of the rows that are there', () => {
    const exact = built<Change<Row>>('agg', (s) => s.asChangelog().groupBy((r) => r.group)
      .aggregate('agg', { n: count(), total: sum((r) => r.n, { integers: true }) }))
    const kept = built<Change<Row>>('agg', (s) => s.asChangelog().groupBy((r) => r.group)
      .aggregate('agg', { n: count(), least: min((r) => r.n), mean: avg((r) => r.n) }))
    property(changelog, (changes: Change<Row>[]) => {
      const steps = changes.map((change) => send(change))
      const states = tables(changes)
      for (const operator of [exact, kept]) {
        const table = new Table((row) => row.key)
        outputsOf(play({ operator, steps })).forEach((outputs, i) => {
          for (const change of outputs) table.apply(change as Change<unknown>)
          for (const key of ['x', 'y']) {
            const rows = (states[i] as Row[]).filter(({ group }) => group === key)
            const total = rows.reduce((all, { n }) => all + n, 0)
            const least = Math.min(...rows.map(({ n }) => n))
            const row = operator === exact
              ? { key, n: rows.length, total }
              : { key, n: rows.length, least, mean: total / rows.length }
            expect(table.rows.get(key)).toEqual(rows.length === 0 ? undefined : row)
          }
        })
      }
    }, 20)
  })

  it('only what can be taken back without the rows does without them', () => {
    const group = (use: (g: ReturnType<typeof grouped>) => Out): unknown => {
      const { spec } = built<Change<Row>>('agg', (s) => use(grouped(s)))
      const declared = spec.kind === 'process' ? spec.state['group'] : undefined
      return declared?.kind === 'aggregating' ? declared.aggregate.create() : undefined
    }
    const grouped = (s: Stream<Change<Row>, 'exactly-once'>) => s.asChangelog().groupBy((r) => r.group)
    expect(group((g) => g.count('agg'))).not.toHaveProperty('rows')
    expect(group((g) => g.sum('agg', (r) => r.n, { integers: true }))).not.toHaveProperty('rows')
    expect(group((g) => g.sum('agg', (r) => r.n))).toHaveProperty('rows')
    expect(group((g) => g.aggregate('agg', { n: count(), mean: avg((r) => r.n) }))).toHaveProperty('rows')
  })

  it('latestBy and normalize make a consistent changelog of the last row of each key', () => {
    const latest = built<Row>('last', (s) => s.latestBy('last', (r) => r.id, { deleted: (r) => r.n === 0 }))
    const normal = built<Change<Row>>('last', (s) => s.normalize('last', (r) => r.id))
    property(fc.array(rowArbitrary, { maxLength: 20 }), (rows: Row[]) => {
      const upserts = rows.map((row): Change<Row> => ({ op: row.n === 0 ? 'delete' : 'update-after', row }))
      const scripts = [
        { operator: latest, steps: rows.map((row) => send(row)) },
        { operator: normal, steps: upserts.map((change) => send(change)) },
      ]
      for (const script of scripts) {
        const table = new Table((row) => row.id)
        const expected = new Map<string, Row>()
        outputsOf(play(script)).forEach((outputs, i) => {
          for (const change of outputs) table.apply(change as Change<unknown>)
          const row = rows[i] as Row
          if (row.n === 0) expected.delete(row.id)
          else expected.set(row.id, row)
          expect(new Map(table.rows)).toEqual(expected)
        })
      }
    })
  })

  it('normalize does not believe what changes say about the row they replace', () => {
    const operator = built<Change<Row>>('last', (s) => s.normalize('last', (r) => r.id))
    const [row, wrong] = [{ id: 'a', group: 'x', n: 1 }, { id: 'a', group: 'x', n: 9 }]
    const steps = [send({ op: 'insert', row }), send({ op: 'update-before', row: wrong }), send({ op: 'delete', row: wrong })]
    expect(outputsOf(play({ operator, steps }))).toEqual([[{ op: 'insert', row }], [], [{ op: 'delete', row }]])
  })

  it('what was never put in cannot be taken back, and what is no change is refused', () => {
    const operators = [
      built<Change<Row>>('it', (s) => s.asChangelog().groupBy((r) => r.group).count('it')),
      built<Change<Row>>('it', (s) => s.asChangelog().groupBy((r) => r.group).sum('it', (r) => r.n)),
      built<Change<Row>>('it', (s) => s.asChangelog().groupBy((r) => r.group).topN('it', 2, { by: (r) => r.n })),
    ]
    const row = { id: 'a', group: 'x', n: 1 }
    for (const operator of operators) {
      expect(() => play({ operator, steps: [send({ op: 'delete', row })] }))
        .toThrow(expect.objectContaining({ code: 'E165' }))
      expect(() => play({ operator, steps: [send({ op: 'upsert', row })] }))
        .toThrow(expect.objectContaining({ code: 'E167' }))
    }
  })
})

test('rolling minima and maxima, and the record that has them: of equal ones the first', () => {
  const rows: Row[] = [['a', 3], ['b', 1], ['c', 1], ['d', 4]].map(([id, n]) => ({ id: id as string, group: 'x', n: n as number }))
  const results = (use: (s: KeyedStream<string, Row, 'exactly-once'>) => Out): unknown[] =>
    outputsOf(play({
      operator: built<Row>('it', (s) => use(s.keyBy((r) => r.group))), steps: rows.map((row) => send(row)),
    })).map(([output]) => (output as { value: unknown }).value)
  expect(results((s) => s.min('it', (r) => r.n))).toEqual([3, 1, 1, 1])
  expect(results((s) => s.max('it', (r) => r.n))).toEqual([3, 3, 3, 4])
  expect(results((s) => s.minBy('it', (r) => r.n)).map((row) => (row as Row).id)).toEqual(['a', 'b', 'b', 'b'])
  expect(results((s) => s.maxBy('it', (r) => new Date(r.n))).map((row) => (row as Row).id)).toEqual(['a', 'a', 'a', 'd'])
})

describe('what cannot be is refused when the job is built, with its code', () => {
  const refusal = (use: (s: Stream<number, 'exactly-once'>, other: Stream<number, 'exactly-once'>) => unknown): unknown => {
    try {
      buildGraph(job('refused', (j) => {
        const s = j.from('n', source<number>())
        s.to('out', sink())
        use(s, j.from('m', source<number>()))
      }))
    } catch (error) {
      return error
    }
    return undefined
  }
  const never = undefined as never
  it.each<[string, Parameters<typeof refusal>[0]]>([
    ['mapAsync() got no function', (s) => s.mapAsync('a', never)],
    ['capacity', (s) => s.mapAsync('a', async (n) => n, { capacity: 0 })],
    ['onFailed', (s) => s.mapAsync('a', async (n) => n, { onFailed: 'drop' as never })],
    ['attempts', (s) => s.mapAsync('a', async (n) => n, { retry: { attempts: 1, delay: 1 } })],
    ['backoff', (s) => s.mapAsync('a', async (n) => n, { retry: { attempts: 2, delay: 1, backoff: 0.5 } })],
    ['"failed"', (s) => s.mapAsync('a', async (n) => n).failed.to('f', sink())],
    ['no keyed stream', (s, m) => s.keyBy((n) => n).connect(m as never)],
    ['no stream', (s, m) => s.connect(m.keyBy((n) => n) as never)],
    ['no stream', (s) => s.connect(never)],
    ['no state', (s) => s.broadcast({})],
    ['cannot be a value', (s) => s.broadcast({ v: state.value<number>() as never })],
    ['with a ttl', (s) => s.broadcast({ v: state.map<string, number>({ ttl: '1s' }) })],
    ['impossible size', (s) => s.keyBy((n) => n).topN('t', 0, { by: (n) => n })],
    ['impossible order', (s) => s.keyBy((n) => n).topN('t', 1, { by: (n) => n, order: 'up' as never })],
    ['no function', (s) => s.keyBy((n) => n).topN('t', 1, {} as never)],
    ['no function', (s) => s.keyBy((n) => n).minBy('t', never)],
    ['no function', (s, m) => s.connect(m).process('p', {}, { onLeft() {} } as never)],
    ['no function', (s) => s.asChangelog.call(s as never).groupBy(never)],
  ])('E008: %s', (part, use) => {
    expect(refusal(use)).toMatchObject({ code: 'E008', message: expect.stringContaining(part) })
  })
  it('E003: times that are none', () => {
    expect(refusal((s) => s.mapAsync('a', async (n) => n, { timeout: 0 }))).toMatchObject({ code: 'E003' })
    expect(refusal((s) => s.keyBy((n) => n).dedupe('d', { ttl: 'soon' as never }))).toMatchObject({ code: 'E003' })
  })
  it('E008: streams of another job', () => {
    let foreign: Stream<number, 'exactly-once'> | undefined
    refusal((s) => { foreign = s })
    expect(refusal((s) => s.connect(foreign as never))).toMatchObject({ message: expect.stringContaining('another job') })
    const rules = { r: state.map<string, number>() }
    expect(refusal((s) => s.connect((foreign as never as typeof s).broadcast(rules))))
      .toMatchObject({ message: expect.stringContaining('another job') })
  })
})

test('the graph says what each of them is', () => {
  const { graph } = buildGraph(job('texts', (j) => {
    const s = j.from('n', collection<number>([]))
    s.mapAsync('lookup', async (n) => n, { capacity: 7 }).to('a', collect())
    s.keyBy((n) => n).dedupe('first', { ttl: '10s' }).to('b', collect())
    s.keyBy((n) => n).topN('top', 3, { by: (n) => n }).groupBy((r) => r.rank).count('places').to('c', collect())
  }))
  expect(graph.operators.map(({ spec }) => ('label' in spec && spec.kind === 'process' ? spec.label : spec.kind)))
    .toEqual(['source', 'async-map', 'sink', 'dedupe, ttl 10s', 'sink', 'top 3 desc', 'aggregate of a changelog', 'sink'])
})
