/** The generator of the benchmark against published values of the first 5,000 events. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { BASE_TIME, NexmarkGenerator, type NexmarkEvent } from '../../../../bench/nexmark/generator.mjs'

const generator = new NexmarkGenerator()
const events = Array.from({ length: 5000 }, (_, n) => generator.event(n))
const bids = events.filter((event): event is Extract<NexmarkEvent, { kind: 'bid' }> => event.kind === 'bid')

test('single events are those of the original', () => {
  expect(events[0]).toMatchObject({ kind: 'person', id: 1000, name: 'Peter Jones', city: 'Portland', state: 'WY' })
  expect(events[1]).toMatchObject({
    kind: 'auction', id: 1000, seller: 1000, category: 13, initialBid: 28_873, reserve: 29_448, expires: BASE_TIME + 11,
  })
  expect(events[4]).toEqual({ kind: 'bid', auction: 1000, bidder: 1001, price: 32_530_001, dateTime: BASE_TIME })
  expect(events[5]).toMatchObject({ auction: 1000, bidder: 1009, price: 468_715 })
})

test('sums over 5,000 events are those of the original', () => {
  expect(events.filter(({ kind }) => kind === 'person').length).toBe(100)
  expect(events.filter(({ kind }) => kind === 'auction').length).toBe(300)
  expect(bids.length).toBe(4600)
  expect(bids.reduce((sum, { price }) => sum + price, 0)).toBe(34_185_930_072)
  expect(Math.max(...bids.map(({ price }) => price))).toBe(99_819_658)
  expect(bids.filter(({ auction }) => auction === 1000).length).toBe(1518)
  expect(bids.filter(({ auction }) => auction % 123 === 0).length).toBe(6)
  expect(events.at(-1)?.dateTime).toBe(BASE_TIME + 499)
})

test('every field of every event is that of the original', () => {
  const text = events.map((event) => Object.values(event).join('|')).join('\n')
  expect(createHash('sha256').update(text).digest('hex'))
    .toBe('1e1619b230d5465404079d0bf6ec8a32651cab8a1751074583d7590bb8d9db77')
})

test('an event is a function of its number: any order gives the same', () => {
  for (const n of [4999, 17, 0, 2500]) expect(new NexmarkGenerator().event(n)).toEqual(events[n])
})
