/** Records per second, from counts that begin, go back and go on. */
import { expect, test } from 'vitest'
import { RateMeter } from '../../src/cli/progress.ts'

test('what a restored job had read before is no rate', () => {
  const meter = new RateMeter()
  expect([0, 0, 13_000, 13_100, 13_200].map((records, i) => meter.add(i * 250, records))).toEqual([0, 0, 0, 400, 400])
})

test('after a failure the rate is that of what follows', () => {
  const meter = new RateMeter()
  expect([100, 200, 50, 150].map((records, i) => meter.add(i * 1000, records))).toEqual([0, 100, 0, 100])
})
