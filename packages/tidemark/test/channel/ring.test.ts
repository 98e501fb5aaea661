import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { ChannelItem } from '../../src/channel/items.ts'
import { RingReceiver, ringMemory, RingSender } from '../../src/channel/ring.ts'

interface Ends {
  readonly sender: RingSender
  readonly receiver: RingReceiver
  readonly news: { published: number; freed: number }
}

/** Positions begin at `start`, so that tests reach the wrap-around of the counters. */
function ring(capacity: number, start = 0): Ends {
  const memory = ringMemory(capacity)
  const words = new Int32Array(memory)
  words[0] = start
  words[32] = start
  const news = { published: 0, freed: 0 }
  return {
    sender: new RingSender({ memory, sender: 'a[0]', published: () => { news.published += 1 } }),
    receiver: new RingReceiver({ memory, sender: 'a[0]', freed: () => { news.freed += 1 } }),
    news,
  }
}

const data = (...values: unknown[]): ChannelItem => ({ kind: 'data', values, timestamps: values.map((_, i) => i) })
const watermark = (at: number): ChannelItem => ({ kind: 'watermark', watermark: at })

function drainAll({ sender, receiver }: Ends): ChannelItem[] {
  const items: ChannelItem[] = []
  for (;;) {
    const moved = sender.pending && !sender.drain()
    if (!receiver.ready) {
      if (moved) continue
      return items
    }
    items.push(receiver.pull() as ChannelItem)
  }
}

const records = fc.oneof(
  fc.array(fc.integer()),
  fc.array(fc.record({ k: fc.integer(), v: fc.double() })),
  fc.array(fc.record({ id: fc.string(), n: fc.option(fc.integer()), big: fc.bigInt() }), { maxLength: 40 }),
  fc.array(fc.anything({ withMap: true, withSet: true, withBigInt: true, withDate: false }), { maxLength: 6 }),
  fc.string({ minLength: 200, maxLength: 3000 }).map((text) => [text]),
)
const item: fc.Arbitrary<ChannelItem> = fc.oneof(
  { weight: 4, arbitrary: records.map((values) => data(...values)) },
  fc.integer().map(watermark),
  fc.boolean().map((idle) => ({ kind: 'idle' as const, idle })),
  fc.integer({ min: 1 }).map((n) => ({ kind: 'barrier' as const, barrier: { id: checkpointId(n), timestampMs: n } })),
  fc.integer({ min: 1 }).map((n) => ({ kind: 'cancel' as const, id: checkpointId(n) })),
  fc.constantFrom({ kind: 'end-of-data' as const }, { kind: 'end-of-partition' as const }),
)
type Step = { readonly kind: 'push'; readonly item: ChannelItem } | { readonly kind: 'pull' | 'drain' | 'block' }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: item.map((it) => ({ kind: 'push' as const, item: it })) },
  fc.constantFrom<Step>({ kind: 'pull' }, { kind: 'pull' }, { kind: 'drain' }, { kind: 'drain' }, { kind: 'block' }),
)
/** Just below the place where int32 positions wrap, at it, and at the beginning. */
const start = fc.constantFrom(0, 2 ** 31 - 4096, -4096, -64, 2 ** 31 - 64).map((n) => n | 0)

test('RG-1, CH-1: any items leave in order, each once, whatever the capacity, the fragments and the turns', () => {
  let fragmented = 0
  let waited = 0
  const program = fc.array(step, { maxLength: 40 })
  fc.assert(fc.property(program, fc.integer({ min: 1, max: 5000 }), start, (steps, capacity, from) => {
    const ends = ring(capacity, from)
    const { sender, receiver } = ends
    const expected: ChannelItem[] = []
    let taken = 0
    const check = (got: ChannelItem | undefined): void => {
      expect(got).toStrictEqual(expected[taken])
      taken += 1
    }
    for (const { kind, ...rest } of steps) {
      if (kind === 'push' && 'item' in rest) {
        sender.push(rest.item)
        expected.push(rest.item)
        if (sender.pending) {
          waited += 1
          expect(sender.full).toBe(true)
        }
      } else if (kind === 'drain') {
        if (sender.drain()) expect(sender.pending).toBe(false)
        else fragmented += 1
      } else if (kind === 'block') {
        receiver.blocked = !receiver.blocked
      } else if (receiver.ready) {
        check(receiver.pull())
      } else if (!sender.pending && !receiver.blocked) {
        expect(taken).toBe(expected.length)
      }
    }
    receiver.blocked = false
    for (const got of drainAll(ends)) check(got)
    expect(taken).toBe(expected.length)
    expect(sender.full).toBe(false)
  }), { numRuns: 400 })
  expect(fragmented).toBeGreaterThan(0)
  expect(waited).toBeGreaterThan(0)
})

test('RG-2, CH-2: a blocked channel delivers nothing and asks nobody for more', () => {
  const { sender, receiver, news } = ring(1024)
  sender.push(data(1))
  receiver.blocked = true
  expect(receiver.ready).toBe(false)
  expect(receiver.pull()).toBeUndefined()
  expect(news.freed).toBe(0)
  receiver.blocked = false
  expect(receiver.pull()).toStrictEqual(data(1))
})

test('full from more than half a ring on, and as long as something waits outside', () => {
  const ends = ring(1024)
  const { sender, receiver } = ends
  let pushed = 0
  while (!sender.full) {
    sender.push(watermark(pushed))
    pushed += 1
  }
  expect(sender.pending).toBe(false)
  while (!sender.pending) {
    sender.push(watermark(pushed))
    pushed += 1
  }
  // One item out: something may move in, but the ring stays more than half full.
  expect(receiver.pull()).toStrictEqual(watermark(0))
  sender.drain()
  expect(sender.full).toBe(true)
  expect(drainAll(ends)).toHaveLength(pushed - 1)
  expect(sender.full).toBe(false)
})

test('an item many times as long as the ring crosses in fragments, and what follows stays behind it', () => {
  const ends = ring(64)
  const long = data('x'.repeat(100_000))
  ends.sender.push(long)
  ends.sender.push(watermark(7))
  expect(ends.sender.pending).toBe(true)
  const items = drainAll(ends)
  expect(items).toStrictEqual([long, watermark(7)])
})

describe('RG-4: news', () => {
  test('published comes after each call that made something visible, and only then', () => {
    const { sender, receiver, news } = ring(64)
    sender.push(watermark(1))
    expect(news.published).toBe(1)
    while (!sender.pending) sender.push(watermark(2))
    const before = news.published
    sender.push(watermark(3))
    expect(sender.drain()).toBe(false)
    expect(news.published).toBe(before)
    while (receiver.ready) receiver.pull()
    sender.drain()
    expect(news.published).toBe(before + 1)
  })

  test('freed comes once for all fragments that one look took', () => {
    const { sender, receiver, news } = ring(1024)
    expect(receiver.ready).toBe(false)
    expect(news.freed).toBe(0)
    sender.push(data('y'.repeat(600)))
    expect(receiver.ready).toBe(true)
    expect(news.freed).toBe(1)
    receiver.pull()
    expect(news.freed).toBe(1)
  })
})

test('RG-3: a value that cannot cross is refused with its path by push, and nothing of its batch leaves', () => {
  const ends = ring(1024)
  const bad = { ok: 1, session: { run: () => 1 } }
  expect(() => ends.sender.push(data({ ok: 1, session: 1 }, bad))).toThrow(expect.objectContaining({
    code: 'E071', details: expect.objectContaining({ path: 'session.run' }) as object,
  }))
  ends.sender.push(watermark(1))
  expect(drainAll(ends)).toStrictEqual([watermark(1)])
})

describe('looking ahead', () => {
  test('RG-1: what was looked at comes all the same, once and in order, also from a blocked channel and beyond the ring', () => {
    fc.assert(fc.property(fc.array(item, { maxLength: 30 }), fc.array(fc.nat(3), { maxLength: 60 }), (items, turns) => {
      const { sender, receiver } = ring(256)
      const sent = items.filter((each) => each.kind !== 'data' || each.values.length < 20)
      const got: ChannelItem[] = []
      const looked: ChannelItem[] = []
      for (const each of sent) sender.push(each)
      for (const turn of turns) {
        receiver.blocked = turn === 3
        const next = receiver.at(looked.length - got.length)
        if (next !== undefined) looked.push(next)
        if (sender.pending) sender.drain()
        if (turn > 0 || got.length >= looked.length || !receiver.ready) continue
        got.push(receiver.pull() as ChannelItem)
      }
      receiver.blocked = false
      got.push(...drainAll({ sender, receiver, news: { published: 0, freed: 0 } }))
      expect(got.slice(0, looked.length)).toStrictEqual(looked)
      const whole = ring(256)
      for (const each of sent) whole.sender.push(each)
      expect(got).toStrictEqual(drainAll(whole))
    }))
  })

  test('RG-5: what was looked at keeps the sender waiting until it is pulled, however often one looks', () => {
    const { sender, receiver, news } = ring(1024)
    while (!sender.full) sender.push(data('x'.repeat(40)))
    let seen = 0
    while (receiver.at(seen) !== undefined) seen += 1
    expect(seen).toBeGreaterThan(3)
    expect(sender.full).toBe(true)
    const before = news.freed
    for (let i = 0; i < seen; i++) receiver.pull()
    expect(news.freed).toBe(before + seen)
    expect(sender.full).toBe(false)
  })
})
