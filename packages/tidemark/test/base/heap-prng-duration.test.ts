import fc from 'fast-check'
import { expect, test } from 'vitest'
import { durationMs, formatDuration, type Duration } from '../../src/base/duration.ts'
import { Heap } from '../../src/base/heap.ts'
import { Prng } from '../../src/base/prng.ts'

test('the heap gives back what a sorted list would, under any mix of push and pop', () => {
  fc.assert(fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), (steps) => {
    const heap = new Heap<number>((a, b) => a < b)
    const model: number[] = []
    for (const step of steps) {
      if (step === undefined) {
        expect(heap.pop()).toBe(model.shift())
      } else {
        heap.push(step)
        model.push(step)
        model.sort((a, b) => a - b)
      }
      expect(heap.peek()).toBe(model[0])
      expect(heap.size).toBe(model.length)
      expect([...heap.values()].sort((a, b) => a - b)).toEqual(model)
    }
    heap.clear()
    expect(heap.pop()).toBeUndefined()
  }))
})

test('one seed gives one sequence, for ever', () => {
  const draw = (seed: number): number[] => {
    const prng = new Prng(seed)
    return Array.from({ length: 5 }, () => prng.uint32())
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  expect(draw(42)).toMatchInlineSnapshot(`
    [
      1959603763,
      2423114712,
      2466933512,
      4144396390,
      3569536208,
    ]
  `)
})

test('below stays below its bound and reaches every number', () => {
  const prng = new Prng(3)
  const counts = Array.from({ length: 7 }, () => 0)
  for (let i = 0; i < 7_000; i++) {
    const n = prng.below(7)
    counts[n] = (counts[n] ?? 0) + 1
  }
  expect(counts.length).toBe(7)
  expect(Math.min(...counts)).toBeGreaterThan(800)
})

test('draws of a fork do not shift those of its origin', () => {
  const one = new Prng(9)
  const two = new Prng(9)
  const fork = one.fork()
  two.fork()
  for (let i = 0; i < 100; i++) fork.uint32()
  expect(one.uint32()).toBe(two.uint32())
  expect(one.pick(['only'])).toBe('only')
})

test('durations are read as written', () => {
  const cases: readonly [Duration, number][] = [
    ['250ms', 250], ['10s', 10_000], ['0.1s', 100], ['1.5m', 90_000], ['1h', 3_600_000], ['1d', 86_400_000],
    ['0s', 0], [77, 77],
  ]
  for (const [text, ms] of cases) expect(durationMs(text, 'x')).toBe(ms)
})

test('impossible durations are refused with E003, naming the option', () => {
  const bad: unknown[] = ['10', '10 s', 's', '', '1w', '0.5ms', NaN, Infinity, -1, '-5s', null, undefined, {}, '1e3s']
  for (const given of bad) {
    expect(() => durationMs(given as Duration, 'checkpoint.every')).toThrow(
      expect.objectContaining({ code: 'E003', message: expect.stringContaining('checkpoint.every') as string }),
    )
  }
  expect(() => durationMs('5ms', 'x', 10)).toThrow(expect.objectContaining({ code: 'E003' }))
  expect(durationMs('-5s', 'offset', -10_000)).toBe(-5000)
})

test('a formatted duration reads back as itself', () => {
  fc.assert(fc.property(fc.nat(), (ms) => durationMs(formatDuration(ms) as Duration, 'x') === ms))
  expect(formatDuration(90_000)).toBe('90s')
  expect(formatDuration(3_600_000)).toBe('1h')
  expect(formatDuration(0)).toBe('0ms')
})
