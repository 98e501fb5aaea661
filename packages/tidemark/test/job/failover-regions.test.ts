/** FG-1, FG-2 over graphs of chance, and the graphs that jobs are made of. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobGraph } from '../../src/graph/job-graph.ts'
import { collect, collection, job, type Job } from '../../src/index.ts'
import { operatorsIn, regionsOf } from '../../src/job/failover-regions.ts'

const SIZE = 9
const edges = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1)), { maxLength: 10 })

test('FG-1, FG-2: two vertices share a region if and only if a path of edges joins them, in whatever direction', () => {
  fc.assert(fc.property(edges, (pairs) => {
    const vertices = Array.from({ length: SIZE }, (_, index) => ({ index }))
    const graph = { vertices, edges: pairs.map(([fromVertex, toVertex]) => ({ fromVertex, toVertex })) }
    const regions = regionsOf(graph as unknown as JobGraph)
    expect(regions.flat().sort((a, b) => a - b)).toEqual(vertices.map(({ index }) => index))
    // By brute force: what is reached in so many steps along edges, to and fro.
    let reach = vertices.map(({ index }) => new Set([index]))
    for (let step = 0; step < SIZE; step++) {
      reach = reach.map((from) => new Set([...from].flatMap((at) =>
        [at, ...pairs.flatMap(([a, b]) => (a === at ? [b] : b === at ? [a] : []))])))
    }
    const reached = (vertex: number): number[] => [...reach[vertex] ?? []].sort((a, b) => a - b)
    expect(regions.flatMap((region) => region.map(reached))).toEqual(regions.flatMap((region) => region.map(() => region)))
  }), { numRuns: 60 })
})

const regionsOfJob = (made: Job, parallelism: number): string[][] => {
  const graph = toJobGraph(buildGraph(made).graph, { parallelism })
  return regionsOf(graph).map((region) =>
    operatorsIn(graph, new Set(region)).map(({ name }) => name).filter((name) => /^[a-z]$/.test(name)))
}
const pipelines = (joined: boolean): Job => job('two', (j) => {
  const a = j.from('a', collection([1, 2]))
  const c = j.from('c', collection([3, 4]))
  a.keyBy((n) => n).reduce('b', () => 0, (n) => n + 1).to('x', collect())
  const right = joined ? c.union(a) : c
  right.to('y', collect())
})

test('pipelines that never meet are regions of their own, at any parallelism; a union makes one of them', () => {
  for (const parallelism of [1, 3]) {
    expect(regionsOfJob(pipelines(false), parallelism)).toEqual([['a', 'b', 'x'], ['c', 'y']])
    expect(regionsOfJob(pipelines(true), parallelism)).toHaveLength(1)
  }
})
