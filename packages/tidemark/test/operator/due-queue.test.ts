import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from '../../src/operator/due-queue.ts'

interface Entry {
  readonly time: number
  readonly n: number
}

const far = fc.constantFrom(-1_700_000_000_000, 0, 1_700_000_000_000, 8_640_000_000_000_000)
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ in: fc.integer({ min: -30, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 0, max: 30 }) }) },
)

test('DQ-1: all that is due comes out, by time and then as it was put in, whatever the width', () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 40 }), far, fc.array(action, { maxLength: 80 }),
    (width, origin, actions) => {
      const queue = new DueQueue<number>(width)
      let kept: Entry[] = []
      let now = origin
      actions.forEach((each, n) => {
        if ('in' in each) {
          // Also what is due at once, or was before now.
          queue.push(now + each.in, n)
          kept.push({ time: now + each.in, n })
          return
        }
        now += each.pass
        const due = kept.filter(({ time }) => time <= now).sort((a, b) => a.time - b.time || a.n - b.n)
        kept = kept.filter(({ time }) => time > now)
        for (const { time, n: item } of due) expect(queue.pop(now)).toMatchObject({ time, item })
        expect(queue.pop(now)).toBe(undefined)
      })
    },
  ), { numRuns: 300 })
})

test('DQ-1: what is put in while the others come out takes its place among them', () => {
  const queue = new DueQueue<string>(10)
  for (const [time, item] of [[5, 'a'], [8, 'c'], [31, 'e']] as const) queue.push(time, item)
  const order: string[] = []
  for (let due = queue.pop(40); due !== undefined; due = queue.pop(40)) {
    order.push(due.item)
    if (due.item === 'a') queue.push(7, 'b')
    if (due.item === 'c') queue.push(25, 'd')
  }
  expect(order).toEqual(['a', 'b', 'c', 'd', 'e'])
})
