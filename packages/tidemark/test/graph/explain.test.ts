import { describe, expect, it } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import { state } from '../../src/api/state.ts'
import { countEvictor, countTrigger, purging } from '../../src/api/triggers.ts'
import { globalWindow, session, sliding } from '../../src/api/windows.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import { explainJson, explainMermaid, explainText, safetyLine, safetyOf } from '../../src/graph/explain.ts'
import { resourcesOf } from '../../src/graph/resources.ts'
import { sink, source } from '../api/fakes.ts'

const { graph: logical } = buildGraph(job('departures', (j) => {
  const input = source<{ origin: string }>('/data/flights.parquet')
  const flights = j.from('flights', input, { onInvalid: 'side' })
  flights.invalid.to('bad', sink('/out/bad'))
  const perHour = flights.map((f) => f).keyBy((f) => f.origin)
    .window('per-hour', sliding('1h', { every: '10m' }), { lateness: '5m' }).count()
  perHour.to('departures', sink('/out'))
  perHour.late.to('late', sink('/late', 'idempotent'))
}))
const graph = toJobGraph(logical, { parallelism: 4 })

describe('explain', () => {
  it('draws chains as trees, with outputs, details and the edges that leave them', () => {
    expect(explainText(graph).split('\n').map((line) => line.trimEnd())).toEqual([
      'departures  exactly-once, parallelism 4 of at most 128, checkpoint every 1s',
      '',
      '[0] flights ×4',
      '    flights               source fake, can rewind',
      '    ├ (invalid) bad       sink fake, transactional',
      '    └ map-1               map',
      '      └ per-hour.ahead      aggregates for per-hour ahead of the shuffle',
      '        └ → hash → [1] per-hour',
      '',
      '[1] per-hour ×4',
      '    per-hour              window sliding 1h every 10m, lateness 5m',
      '    ├ departures          sink fake, transactional',
      '    └ (late) late         sink fake, idempotent',
      '',
    ])
  })

  it('gives the same as JSON, with a schema and without functions', () => {
    const document = JSON.parse(explainJson(graph)) as Record<string, unknown>
    expect(document).toMatchObject({
      schema: 'tidemark.graph/1', job: 'departures', guarantee: 'exactly-once',
      parallelism: 4, maxParallelism: 128,
      vertices: [
        {
          index: 0, name: 'flights', parallelism: 4,
          links: [
            { from: 0, output: 'invalid', to: 1 }, { from: 0, output: 'main', to: 2 }, { from: 2, output: 'main', to: 3 },
          ],
        },
        {
          index: 1, name: 'per-hour',
          operators: [{ kind: 'window' }, { name: 'departures', resource: '/out' }, { name: 'late' }],
        },
      ],
      edges: [{ index: 0, from: 0, fromOperator: 3, output: 'main', to: 1, ship: 'hash' }],
    })
  })

  it('gives mermaid in which no name can break out of its label', () => {
    const hostile = buildGraph(job('hostile', (j) => {
      j.from('a', source<number>()).print('"]; click o0 "javascript:x" <b>')
    })).graph
    const text = explainMermaid(toJobGraph(hostile))
    expect(text.startsWith('flowchart LR\n')).toBe(true)
    const labels = [...text.matchAll(/\["(.*)"\]$/gm)].map((match) => match[1] as string)
    expect(labels).toHaveLength(3)
    for (const label of labels) expect(label.replace('<br/>', '')).not.toMatch(/["<>[\]]/)
    expect(explainMermaid(graph)).toContain('  o3 ==>|"hash"| o4\n')
    expect(explainMermaid(graph)).toContain('    o0 -->|"invalid"| o1\n')
  })

  it('describes windows, triggers, evictors and states', () => {
    const { graph: other } = buildGraph(job('words', (j) => {
      const keyed = j.from('n', source<number>()).keyBy((n) => n)
      keyed.window('s', session({ gap: '3s', time: 'processing' })).count().print('x')
      keyed.window('d', session({ gap: (n) => n })).count()
      const evictor = countEvictor(2, { after: true })
      keyed.window('g', globalWindow(), { trigger: purging(countTrigger(4)), evictor }).count()
      keyed.process('p', { state: { last: state.value<number>() } }, { onRecord: () => [] })
    }))
    const text = explainText(toJobGraph(other, { parallelism: 2 }))
    for (const detail of [
      'window session, gap 3s of processing time', 'window session, gap per record',
      'window global, trigger every 4 records, purging, evictor last 2 after the function',
      'process, state last value', 'print "x"',
    ]) expect(text).toContain(detail)
  })
})

describe('safety', () => {
  it('says of every end of the job what it promises', () => {
    expect(safetyLine(graph)).toBe('exactly-once: flights ✓ can rewind · bad ✓ transactional · ' +
      'departures ✓ transactional · late ✓ idempotent')
    expect(safetyOf(graph)).toEqual(safetyOf(logical))
  })

  it('marks what exactly-once cannot rest on', () => {
    const { graph: relaxed } = buildGraph(job('relaxed', { guarantee: 'at-least-once' }, (j) => {
      const live = 'live: cannot rewind after a failure'
      j.from('live', source<number, typeof live>('x', live))
        .to('out', sink('y', 'plain: can neither roll back nor de-duplicate'))
    }))
    expect(safetyOf(relaxed).map(({ ok }) => ok)).toEqual([false, false])
    expect(safetyLine(relaxed)).toContain('live ✗ live: cannot rewind after a failure')
  })
})

describe('resources', () => {
  it('are those of sources and sinks, by operator', () => {
    expect(resourcesOf(logical)).toEqual([
      { operator: 'flights', kind: 'source', connector: 'fake', resource: '/data/flights.parquet' },
      { operator: 'bad', kind: 'sink', connector: 'fake', resource: '/out/bad' },
      { operator: 'departures', kind: 'sink', connector: 'fake', resource: '/out' },
      { operator: 'late', kind: 'sink', connector: 'fake', resource: '/late' },
    ])
  })
})
