import { describe, expect, it } from 'vitest'
import { count, sum } from '../../src/api/aggregates.ts'
import { buildGraph } from '../../src/api/build.ts'
import { isJob, job } from '../../src/api/job.ts'
import type { JobBuilder } from '../../src/api/job-builder.ts'
import { sideOutput } from '../../src/api/process.ts'
import { state } from '../../src/api/state.ts'
import { tumbling } from '../../src/api/windows.ts'
import { DEFAULT_CHECKPOINT, DEFAULT_RESTART } from '../../src/graph/logical-graph.ts'
import { errorOf, sink, source } from './fakes.ts'

interface Row { readonly k: string; readonly n: number }

const thisFile = import.meta.url.replace('file://', '')
const minimal = (j: JobBuilder<'exactly-once'>): void => {
  j.from('rows', source<Row>()).to('out', sink())
}

describe('job', () => {
  it('is a frozen value and runs nothing', () => {
    let runs = 0
    const value = job('quiet', () => { runs += 1 })
    expect(runs).toBe(0)
    expect(Object.isFrozen(value)).toBe(true)
    expect(value.name).toBe('quiet')
    expect(value.place).toMatch(/build\.test\.ts:\d+$/)
    expect(isJob(value)).toBe(true)
    expect(isJob({ name: 'quiet', options: {}, build: () => {} })).toBe(false)
  })

  it('is not changed by a later change of the options object', () => {
    const options = { parallelism: 2 }
    const value = job('frozen', options, minimal)
    options.parallelism = 7
    expect(buildGraph(value).graph.parallelism).toBe(2)
  })
})

describe('buildGraph', () => {
  it('turns every call into one operator with its edges, in topological order', () => {
    const { graph } = buildGraph(job('all', (j) => {
      const rows = j.from('rows', source<Row>(), { eventTime: (r) => r.n, onInvalid: 'side' })
      rows.invalid.to('bad', sink())
      const { big, rest } = rows.map((r) => r).filter((r) => r.n > 0).split({ big: (r) => r.n > 9 })
      const counts = big.union(rest).keyBy((r) => r.k).window('w', tumbling('1m')).count()
      counts.late.to('late', sink())
      rest.rebalance().flatMap((r) => [r]).print('tap').windowAll('all', tumbling('1m')).count()
    }))
    const shape = graph.operators.map(({ name, spec, inputs, parallelism }) => [
      name,
      spec.kind,
      inputs.map((edge) => `${edge.from}.${edge.output} ${edge.ship.kind}`).join(' + '),
      parallelism ?? '*',
    ].join(' | '))
    expect(shape).toEqual([
      'rows | source |  | *',
      'bad | sink | 0.invalid forward | *',
      'map-1 | map | 0.main forward | *',
      'filter-1 | filter | 2.main forward | *',
      'split-1 | split | 3.main forward | *',
      'w | window | 4.big hash + 4.rest hash | *',
      'late | sink | 5.late forward | *',
      'flat-map-1 | flat-map | 4.rest rebalance | *',
      'print-1 | print | 7.main forward | *',
      'all | window | 7.main rebalance | 1',
    ])
    for (const operator of graph.operators) {
      expect(graph.operators[operator.index]).toBe(operator)
      for (const edge of operator.inputs) expect(edge.from).toBeLessThan(operator.index)
      expect(operator.place?.startsWith(`${thisFile}:`), `${operator.name} at ${operator.place}`).toBe(true)
    }
  })

  it('gives rows of windows the fields key, start, end and the aggregates, in this order', () => {
    const { graph } = buildGraph(job('rows', (j) => {
      const keyed = j.from('rows', source<Row>()).keyBy((r) => r.k)
      keyed.window('both', tumbling(10)).aggregate({ n: count(), total: sum((r) => r.n) }).to('a', sink())
      keyed.window('one', tumbling(10)).reduce(() => 0, (a, r) => a + r.n).to('b', sink())
      keyed.aggregate('rolling', { n: count() }).to('c', sink())
    }))
    const row = (name: string): unknown => {
      const spec = graph.operators.find((operator) => operator.name === name)?.spec
      if (spec?.kind === 'rolling') {
        return spec.result('k', spec.aggregate.result(spec.aggregate.add(spec.aggregate.create(), { n: 3 })))
      }
      if (spec?.kind !== 'window' || spec.compute.kind !== 'aggregate') throw new Error('no aggregate')
      const { aggregate, result } = spec.compute
      const accumulator = [4, 5].reduce((acc, n) => aggregate.add(acc, { k: 'k', n }), aggregate.create())
      return result('k', { start: 20, end: 30 }, aggregate.result(accumulator))
    }
    const dates = '"start":"1970-01-01T00:00:00.020Z","end":"1970-01-01T00:00:00.030Z"'
    expect(JSON.stringify(row('both'))).toBe(`{"key":"k",${dates},"n":2,"total":9}`)
    expect(JSON.stringify(row('one'))).toBe(`{"key":"k",${dates},"value":9}`)
    expect(JSON.stringify(row('rolling'))).toBe('{"key":"k","n":1}')
  })

  it('keeps handlers bound to their object, and declared state and sides as specs', () => {
    const { graph } = buildGraph(job('process', (j) => {
      j.from('rows', source<Row>()).keyBy((r) => r.k).process('p', {
        state: { seen: state.value<number>({ ttl: '1h', version: 3 }) }, side: { odd: sideOutput<Row>() },
      }, {
        onRecord(r) { return [this.onTimer === undefined, r] },
        onTimer: () => [],
      }).side.odd.to('odd', sink())
    }))
    const spec = graph.operators[1]?.spec
    if (spec?.kind !== 'process') throw new Error('no process')
    expect(spec.state).toEqual({ seen: { kind: 'value', version: 3, ttl: { ttlMs: 3_600_000 } } })
    expect(spec.sides).toEqual(['odd'])
    expect(spec.onRecord('r', undefined)).toEqual([false, 'r'])
    expect(graph.operators[2]?.inputs[0]?.output).toBe('odd')
  })

  it('returns the graph of the second build, so that what the build function keeps belongs to it', () => {
    const made: unknown[] = []
    const { graph } = buildGraph(job('twice', (j) => {
      const out = sink<Row>()
      made.push(out)
      j.from('rows', source<Row>()).to('out', out)
    }))
    expect(made).toHaveLength(2)
    const spec = graph.operators[1]?.spec
    expect(spec?.kind === 'sink' && spec.sink).toBe(made[1])
  })

  it('fills in the defaults of checkpoint and restart, and takes what the job says', () => {
    const { graph } = buildGraph(job('options', {
      checkpoint: { every: '100ms', retain: 1 },
      restart: { kind: 'exponential-delay', attempts: 2 },
      maxParallelism: 16,
    }, minimal))
    expect(graph.checkpoint).toEqual({ ...DEFAULT_CHECKPOINT, everyMs: 100, retain: 1 })
    expect(graph.restart).toEqual({ ...DEFAULT_RESTART, attempts: 2 })
    expect(graph.maxParallelism).toBe(16)
    expect(buildGraph(job('none', { restart: 'none' }, minimal)).graph.restart).toEqual({ kind: 'none' })
  })

  it('generates names that no operator of the user bears', () => {
    const { graph } = buildGraph(job('names', (j) => {
      j.from('map-1', source<Row>()).map((r) => r).map((r) => r).to('out', sink()).was('map-3')
    }))
    expect(graph.operators.map(({ name }) => name)).toEqual(['map-1', 'map-2', 'map-4', 'out'])
  })
})

describe('settings', () => {
  const read = (config: Record<string, string>, ask: (j: JobBuilder<'exactly-once'>) => unknown): unknown => {
    let value: unknown
    const built = buildGraph(job('settings', (j) => {
      value = ask(j)
      minimal(j)
    }), { config })
    return { value, read: built.configRead }
  }

  it('are typed, and the keys asked for are reported', () => {
    expect(read({ out: 'x', n: '2.5', every: '5m', fast: 'true' }, ({ config }) => [
      config.string('out'), config.number('n'), config.duration('every', 1), config.boolean('fast'),
      config.number('m', 7),
    ])).toEqual({ value: ['x', 2.5, 300_000, true, 7], read: ['every', 'fast', 'm', 'n', 'out'] })
  })

  it('that are missing or no value of their type end the build with E010', () => {
    expect(errorOf(() => read({}, (j) => j.config.string('out')))).toMatchObject({
      code: 'E010', message: 'The job asks for the setting "out" (text), which was not given.', kind: 'usage',
    })
    for (const [config, ask] of [
      [{ n: 'many' }, (j: JobBuilder) => j.config.number('n')],
      [{ n: '' }, (j: JobBuilder) => j.config.number('n', 1)],
      [{ n: 'yes' }, (j: JobBuilder) => j.config.boolean('n')],
      [{ n: '5 minutes' }, (j: JobBuilder) => j.config.duration('n')],
    ] as const) expect(errorOf(() => read(config, ask)).code).toBe('E010')
  })

  it('are own properties only: a setting called constructor is not found by accident', () => {
    expect(errorOf(() => read({}, (j) => j.config.string('constructor'))).code).toBe('E010')
  })
})
