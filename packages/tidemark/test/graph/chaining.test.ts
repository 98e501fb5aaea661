import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { count } from '../../src/api/aggregates.ts'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import type { JobBuilder } from '../../src/api/job-builder.ts'
import { tumbling } from '../../src/api/windows.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobGraph } from '../../src/graph/job-graph.ts'
import { DEFAULT_CHECKPOINT, DEFAULT_RESTART } from '../../src/graph/logical-graph.ts'
import type { LogicalGraph, LogicalOperator, Ship } from '../../src/graph/logical-graph.ts'
import { errorOf, sink, source } from '../api/fakes.ts'

const graphOf = (build: (j: JobBuilder<'exactly-once'>) => void): LogicalGraph =>
  buildGraph(job('chains', build)).graph
const chains = (graph: JobGraph): string[] => graph.vertices.map((v) =>
  `${v.name} x${v.parallelism}: ${v.operators.map((o) => o.name).join(' ')}`)
const edges = (graph: JobGraph): string[] => graph.edges.map((e) => {
  const [from, to] = [graph.logical.operators[e.fromOperator], graph.vertices[e.toVertex]]
  return `${from?.name}.${e.output} ${e.ship.kind} ${to?.name}`
})

const flights = graphOf((j) => {
  const s = j.from('flights', source<{ origin: string }>()).map((f) => f)
  const w = s.keyBy((f) => f.origin).window('per-hour', tumbling('1h')).count()
  w.map((row) => row.key).to('departures', sink())
  w.late.to('late', sink())
})

describe('chaining', () => {
  it('cuts where records change subtask; sinks and side outputs chain too', () => {
    const graph = toJobGraph(flights, { parallelism: 4 })
    expect(chains(graph)).toEqual([
      'flights x4: flights map-1 per-hour.ahead',
      'per-hour x4: per-hour map-2 departures late',
    ])
    expect(edges(graph)).toEqual(['per-hour.ahead.main hash per-hour'])
    expect(graph.vertices[1]?.links.map((l) => `${l.fromOperator}.${l.output} ${l.toOperator}`))
      .toEqual(['3.main 4', '4.main 5', '3.late 6'])
  })

  it('fuses everything at parallelism 1, whatever the ship', () => {
    expect(chains(toJobGraph(flights, { parallelism: 1 }))).toHaveLength(1)
  })

  it('makes an operator with several inputs the head of a chain, even at parallelism 1', () => {
    const graph = toJobGraph(graphOf((j) => {
      const a = j.from('a', source<number>())
      a.union(j.from('b', source<number>())).map((n) => n).to('out', sink())
      a.union(a).to('doubled', sink())
    }))
    expect(chains(graph)).toEqual(['a x1: a', 'b x1: b', 'out x1: map-1 out', 'doubled x1: doubled'])
    expect(edges(graph)).toEqual([
      'a.main forward out', 'b.main forward out', 'a.main forward doubled', 'a.main forward doubled',
    ])
  })

  it('turns a forward edge between unequal parallelism into rebalance', () => {
    const graph = toJobGraph(graphOf((j) => {
      j.from('a', source<number>()).windowAll('all', tumbling('1h')).count().to('out', sink())
    }), { parallelism: 3 })
    expect(chains(graph)).toEqual(['a x3: a all.ahead', 'all x1: all', 'out x3: out'])
    expect(edges(graph)).toEqual(['all.ahead.main rebalance all', 'all.main rebalance out'])
  })

  it('takes the parallelism of the command line, else of the job, else 1', () => {
    const { graph: three } = buildGraph(job('three', { parallelism: 3 }, (j) => {
      j.from('a', source()).to('b', sink())
    }))
    expect(toJobGraph(three).parallelism).toBe(3)
    expect(toJobGraph(three, { parallelism: 2 }).parallelism).toBe(2)
    expect(toJobGraph(flights).parallelism).toBe(1)
  })

  it('refuses a parallelism above the number of key groups (E033), and one that is none', () => {
    expect(errorOf(() => toJobGraph(flights, { parallelism: 129 }))).toMatchObject({
      code: 'E033', message: 'The job "chains" has parallelism 129, but there are only 128 key groups.',
    })
    for (const parallelism of [0, -1, 1.5, NaN]) {
      expect(errorOf(() => toJobGraph(flights, { parallelism })).code).toBe('E008')
    }
  })
})

const ships: readonly Ship[] = [
  { kind: 'forward' }, { kind: 'rebalance' }, { kind: 'broadcast' }, { kind: 'hash', keyOf: String },
]
/** Any directed acyclic graph of operators: what they do does not matter for chaining. */
const anyGraph = fc.array(fc.record({
  inputs: fc.array(
    fc.tuple(fc.nat(), fc.constantFrom(...ships), fc.constantFrom('main', 'late')), { maxLength: 3 },
  ),
  parallelism: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  named: fc.boolean(),
}), { minLength: 1, maxLength: 15 }).map((drafts): LogicalGraph => ({
  job: 'any', guarantee: 'exactly-once', maxParallelism: 128,
  checkpoint: DEFAULT_CHECKPOINT, restart: DEFAULT_RESTART,
  operators: drafts.map(({ inputs, parallelism, named }, index): LogicalOperator => ({
    index, name: `op-${index}`, named, was: [], spec: { kind: 'map', fn: (x) => x },
    inputs: index === 0 ? [] : inputs.map(([from, ship, output]) => ({ from: from % index, ship, output })),
    ...(parallelism === undefined ? {} : { parallelism }),
  })),
}))

describe('chaining of any graph', () => {
  const check = (law: (graph: JobGraph, logical: LogicalGraph, parallelism: number) => void): void => {
    fc.assert(fc.property(anyGraph, fc.integer({ min: 1, max: 3 }), (logical, parallelism) => {
      law(toJobGraph(logical, { parallelism }), logical, parallelism)
    }))
  }

  it('makes of every logical edge exactly one link or one job edge', () => {
    check((graph, logical) => {
      const wanted = logical.operators
        .flatMap((o) => o.inputs.map((e) => `${e.from}.${e.output}>${o.index}`)).sort()
      const links = graph.vertices
        .flatMap((v) => v.links.map((l) => `${l.fromOperator}.${l.output}>${l.toOperator}`))
      const crossing = graph.edges.map((e) =>
        `${e.fromOperator}.${e.output}>${graph.vertices[e.toVertex]?.operators[0]?.index}`)
      expect([...links, ...crossing].sort()).toEqual(wanted)
    })
  })

  it('puts every operator into exactly one vertex, a tree whose head alone has other inputs', () => {
    check((graph, logical) => {
      expect(graph.vertices.flatMap((v) => v.operators).map((o) => o.index).sort((a, b) => a - b))
        .toEqual(logical.operators.map((o) => o.index))
      for (const vertex of graph.vertices) {
        const inside = new Set(vertex.operators.map((o) => o.index))
        const [head, ...others] = vertex.operators.map((o) => o.index)
        expect(vertex.links.map((l) => l.toOperator)).toEqual(others)
        for (const link of vertex.links) {
          expect(inside.has(link.fromOperator)).toBe(true)
          expect(link.fromOperator).toBeLessThan(link.toOperator)
        }
        expect(vertex.inputs).toHaveLength(logical.operators[head as number]?.inputs.length ?? -1)
      }
    })
  })

  it('keeps edges consistent: index, both ends, and forward only between equal parallelism', () => {
    check((graph) => {
      graph.edges.forEach((edge, i) => {
        expect(edge.index).toBe(i)
        const [from, to] = [graph.vertices[edge.fromVertex], graph.vertices[edge.toVertex]]
        expect(from?.outputs).toContain(edge)
        expect(to?.inputs).toContain(edge)
        expect(from?.operators.some((o) => o.index === edge.fromOperator)).toBe(true)
        expect(edge.fromVertex).not.toBe(edge.toVertex)
        if (edge.ship.kind === 'forward') expect(from?.parallelism).toBe(to?.parallelism)
      })
      expect(graph.vertices.flatMap((v) => v.inputs)).toHaveLength(graph.edges.length)
      expect(graph.vertices.flatMap((v) => v.outputs)).toHaveLength(graph.edges.length)
    })
  })

  it('joins only operators of equal parallelism, and never cuts where a record stays', () => {
    check((graph, logical, parallelism) => {
      const of = (o: LogicalOperator): number => o.parallelism ?? parallelism
      for (const vertex of graph.vertices) {
        for (const operator of vertex.operators) expect(of(operator)).toBe(vertex.parallelism)
        const head = vertex.operators[0] as LogicalOperator
        const [input] = head.inputs
        if (head.inputs.length !== 1 || input === undefined) continue
        const from = of(logical.operators[input.from] as LogicalOperator)
        expect(from === of(head) && (input.ship.kind === 'forward' || from === 1)).toBe(false)
      }
    })
  })

  it('names vertices uniquely, and is the same for the same graph', () => {
    check((graph, logical, parallelism) => {
      expect(new Set(graph.vertices.map((v) => v.name)).size).toBe(graph.vertices.length)
      expect(toJobGraph(logical, { parallelism })).toEqual(graph)
    })
  })
})

describe('a vertex', () => {
  it('is named after its first named operator', () => {
    const graph = toJobGraph(graphOf((j) => {
      j.from('a', source<number>()).rebalance().map((n) => n).to('out', sink())
      j.from('b', source<number>()).rebalance().filter(() => true).map((n) => n).print()
      j.from('c', source<number>()).keyBy((n) => n).aggregate('sums', { n: count() })
    }), { parallelism: 2 })
    expect(graph.vertices.map((v) => v.name)).toEqual(['a', 'out', 'b', 'filter-1', 'c', 'sums'])
  })
})
