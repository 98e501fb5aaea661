import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { aggregator, avg, collectAll, count, max, min, sum } from '../../src/api/aggregates.ts'
import type { Aggregate } from '../../src/api/aggregates.ts'
import { combine } from '../../src/api/combine.ts'
import { errorOf } from './fakes.ts'

interface Row { readonly n: number }
const rows = (of: fc.Arbitrary<number>) => fc.array(of.map((n) => ({ n })), { maxLength: 30 })
const integers = fc.integer({ min: -1e6, max: 1e6 })

const fold = (aggregate: Aggregate<Row, unknown>, all: readonly Row[]): unknown =>
  aggregate.result(accumulate(aggregate, all))
function accumulate(aggregate: Aggregate<Row, unknown>, all: readonly Row[]): unknown {
  let accumulator: unknown = aggregate.create()
  for (const row of all) accumulator = aggregate.add(accumulator, row)
  return accumulator
}

const total = (all: readonly Row[]): number => all.reduce((a, row) => a + row.n, 0)
const cases: readonly [name: string, () => Aggregate<Row, unknown>, (all: readonly Row[]) => unknown][] = [
  ['count', () => count(), (all) => all.length],
  ['sum', () => sum((r: Row) => r.n), total],
  ['sum of integers', () => sum((r: Row) => r.n, { integers: true }), total],
  ['min', () => min((r: Row) => r.n), (all) => Math.min(...all.map((r) => r.n))],
  ['max', () => max((r: Row) => r.n), (all) => Math.max(...all.map((r) => r.n))],
  ['avg', () => avg((r: Row) => r.n), (all) => total(all) / all.length],
  ['collectAll', () => collectAll<Row>(), (all) => all],
]

describe.each(cases)('%s', (_, make, plain) => {
  it('equals a plain loop', () => {
    fc.assert(fc.property(rows(integers), (all) => { expect(fold(make(), all)).toEqual(plain(all)) }))
  })

  it('may be cut anywhere and merged', () => {
    fc.assert(fc.property(rows(integers), rows(integers), (a, b) => {
      const aggregate = make()
      const merged = aggregate.merge?.(accumulate(aggregate, a), accumulate(aggregate, b))
      expect(aggregate.result(merged)).toEqual(plain([...a, ...b]))
    }))
  })

  it('changes its accumulator in place and stores only numbers and records', () => {
    const aggregate = make()
    const accumulator: unknown = aggregate.create()
    expect(aggregate.add(accumulator, { n: 2 })).toBe(accumulator)
    expect(Array.isArray(accumulator)).toBe(true)
    expect(aggregate.create()).not.toBe(accumulator)
  })
})

describe('exact aggregates', () => {
  it('are count, min, max and sums of integers; a float sum is not', () => {
    expect(cases.filter(([, make]) => make().exact === true).map(([name]) => name))
      .toEqual(['count', 'sum of integers', 'min', 'max'])
  })

  it('give the same bits in any order and grouping, also for -0', () => {
    const numbers = fc.oneof(integers, fc.constantFrom(0, -0))
    const permuted = rows(numbers).chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(all.length)))
    fc.assert(fc.property(permuted, ([all, other, cut]) => {
      for (const [, make] of cases) {
        const aggregate = make()
        if (aggregate.exact !== true) continue
        const [tail, head] = [other.slice(cut), other.slice(0, cut)]
        const merged = aggregate.merge?.(accumulate(aggregate, tail), accumulate(aggregate, head))
        expect(Object.is(aggregate.result(merged), fold(aggregate, all))).toBe(true)
      }
    }))
  })
})

describe('numbers that are none', () => {
  it('are refused with E009 instead of giving a wrong total', () => {
    for (const given of ['5', null, undefined, 5n, new Date(0)]) {
      for (const make of [sum, min, max, avg]) {
        expect(errorOf(() => fold(make<Row>(() => given as never), [{ n: 1 }])).code).toBe('E009')
      }
    }
    for (const given of [0.5, 2 ** 53, NaN]) {
      expect(errorOf(() => fold(sum<Row>(() => given, { integers: true }), [{ n: 1 }])).code).toBe('E009')
    }
    const big = sum<Row>(() => Number.MAX_SAFE_INTEGER, { integers: true })
    expect(errorOf(() => fold(big, [{ n: 1 }, { n: 1 }])).code).toBe('E009')
  })
})

describe('combine', () => {
  const numeric = ['count', 'sum', 'sum of integers', 'min', 'max', 'avg'] as const
  const names = fc.uniqueArray(fc.constantFrom(...numeric, 'collectAll'), { minLength: 1 })

  it('equals its parts, each alone, and merges like them', () => {
    fc.assert(fc.property(names, rows(integers), rows(integers), (chosen, a, b) => {
      const parts = cases.filter(([name]) => (chosen as string[]).includes(name))
      const { aggregate, fill } = combine(Object.fromEntries(parts.map(([name, make]) => [name, make()])))
      const expected = Object.fromEntries(parts.map(([name, , plain]) => [name, plain([...a, ...b])]))
      const whole = fill({ key: 'k' }, aggregate.result(accumulate(aggregate, [...a, ...b])))
      expect(whole).toEqual({ key: 'k', ...expected })
      expect(Object.keys(whole)).toEqual(['key', ...parts.map(([name]) => name)])
      const merged = aggregate.merge?.(accumulate(aggregate, a), accumulate(aggregate, b))
      expect(fill({}, aggregate.result(merged))).toEqual(expected)
    }))
  })

  it('is exact only if all parts are, and merges only if all parts do', () => {
    expect(combine({ n: count(), least: min((r: Row) => r.n) }).aggregate.exact).toBe(true)
    expect(combine({ n: count(), total: sum((r: Row) => r.n) }).aggregate.exact).toBe(false)
    const last = aggregator({ create: () => 0, add: (_: number, row: Row) => row.n, result: (n) => n })
    expect(combine({ n: count(), last }).aggregate.merge).toBeUndefined()
  })

  it('keeps one array of numbers, whatever the number of numeric aggregates', () => {
    const { aggregate } = combine({ n: count(), mean: avg((r: Row) => r.n), most: max((r: Row) => r.n) })
    expect(accumulate(aggregate, [{ n: 2 }, { n: 4 }])).toEqual([2, 6, 2, 4])
  })

  it('shows results that do not change when more is added', () => {
    const { aggregate, fill } = combine({ all: collectAll<Row>() })
    const accumulator = accumulate(aggregate, [{ n: 1 }])
    const row = fill({}, aggregate.result(accumulator))
    aggregate.add(accumulator, { n: 2 })
    expect(row).toEqual({ all: [{ n: 1 }] })
  })
})
