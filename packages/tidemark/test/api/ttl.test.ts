import { describe, expect, test } from 'vitest'
import { harness } from '../../src/testing/index.ts'
import { collect, job, state, type Job } from '../../src/index.ts'
import { generator } from '../../src/connector/generator.ts'
import { dedupeSpec } from '../../src/api/dedupe.ts'
import { joinSpec } from '../../src/api/joins.ts'
import { describe as inWords } from '../../src/graph/describe.ts'
import { errorOf } from './fakes.ts'

const HOUR = 3_600_000

test('what a ttl says becomes data, in states and joins', () => {
  expect(state.value<number>({ ttl: '1h' }).spec.ttl).toEqual({ ttlMs: HOUR })
  expect(state.list<number>({ ttl: { after: '1h' } }).spec.ttl).toEqual({ ttlMs: HOUR })
  expect(state.map<string, number>({ ttl: { after: '1h', refreshedBy: 'read', time: 'event' } }).spec.ttl)
    .toEqual({ ttlMs: HOUR, refreshedBy: 'read', time: 'event' })
  const key = (): string => 'k'
  const joined = joinSpec('j', [key, key], { ttl: { after: '1h', refreshedBy: 'read', time: 'event' } }, () => 1)
  expect(joined).toMatchObject({ kind: 'keyed-join', ttl: { ttlMs: HOUR, refreshedBy: 'read', time: 'event' } })
  expect(inWords(joined)).toBe('inner join, ttl 1h of event time after the last match')
  expect(inWords(joinSpec('j', [key, key], { ttl: '1h' }, () => 1))).toBe('inner join, ttl 1h')
})

describe('a ttl that cannot be meant is refused', () => {
  test.each([
    ['E008', { after: '1h', refreshedBy: 'update' }, 'refreshedBy of the ttl of a state is unknown'],
    ['E008', { after: '1h', time: 'wall' }, 'time of the ttl of a state is unknown'],
    ['E003', { after: 0 }, 'the ttl of a state'],
    ['E003', {}, 'the ttl of a state'],
    ['E003', null, 'the ttl of a state'],
  ])('%s: %j', (code, ttl, text) => {
    const error = errorOf(() => state.value<number>({ ttl: ttl as never }))
    expect([error.code, error.message.includes(text)]).toEqual([code, true])
  })

  test('a dedupe keeps only its first record: that another one should begin its time anew is refused', () => {
    const label = (options: object): unknown => dedupeSpec('d', () => 'k', options).label
    expect(label({ ttl: { after: '1h' } })).toBe('dedupe, ttl 1h')
    expect(label({ ttl: { after: '1h', time: 'processing' } })).toBe('dedupe, ttl 1h of processing time')
    expect(label({ ttl: { after: '1h', refreshedBy: 'create' }, time: 'processing' })).toBe('dedupe, ttl 1h of processing time')
    expect(errorOf(() => label({ ttl: { after: '1h', refreshedBy: 'read' } })).code).toBe('E008')
  })
})

interface Visit { readonly who: string; readonly at: number }

/** Counts the visits of a session, which is over when nobody came for ten seconds. */
const visits = (ttl: Parameters<typeof state.value>[0]): Job => job('visits', (j) => {
  j.from('visits', generator<Visit>({ count: 0, record: () => ({ who: '', at: 0 }) }), { eventTime: (v) => v.at, outOfOrder: '0s' })
    .keyBy((v) => v.who)
    .process('count', { state: { n: state.value<number>(ttl as object) } }, {
      *onRecord({ who }, ctx) {
        yield [who, ctx.state.n.update((n) => (n ?? 0) + 1)]
      },
    })
    .to('out', collect())
})

describe('in a job', () => {
  const T0 = Date.UTC(2024, 0, 1)
  const at = (seconds: number): number => T0 + seconds * 1000

  test('event time forgets by the records, and the machine\'s clock does nothing to it', async () => {
    await using t = await harness(visits({ ttl: { after: '10s', time: 'event' } }))
    await t.send('visits', [{ who: 'ann', at: at(0) }, { who: 'ann', at: at(5) }])
    await t.advance(HOUR)
    await t.send('visits', [{ who: 'ann', at: at(14) }, { who: 'ben', at: at(30) }, { who: 'ann', at: at(30) }])
    expect(t.output('out')).toEqual([['ann', 1], ['ann', 2], ['ann', 3], ['ben', 1], ['ann', 1]])
  })

  test('by create the first visit counts, and a restore at another parallelism changes nothing', async () => {
    await using t = await harness(visits({ ttl: { after: '10s', time: 'event', refreshedBy: 'create' } }))
    await t.send('visits', [{ who: 'ann', at: at(0) }, { who: 'ann', at: at(5) }])
    await t.checkpoint()
    await t.crash()
    await t.restore({ parallelism: 3 })
    await t.send('visits', [{ who: 'ann', at: at(8) }])
    await t.watermark('visits', at(10))
    await t.send('visits', [{ who: 'ann', at: at(11) }])
    expect(t.output('out')).toEqual([['ann', 1], ['ann', 2], ['ann', 3], ['ann', 1]])
  })

  test('the ttl may change between versions: what is there counts on, and by another clock from the restore', async () => {
    await using before = await harness(visits({ ttl: '10s' }))
    await before.send('visits', [{ who: 'ann', at: at(0) }])
    const checkpoint = await before.checkpoint()
    await using after = await harness(visits({ ttl: { after: '10s', time: 'event' } }))
    await after.restoreFrom(checkpoint)
    await after.advance(HOUR)
    await after.send('visits', [{ who: 'ann', at: at(9) }, { who: 'ben', at: at(60) }, { who: 'ann', at: at(61) }])
    expect(after.output('out').slice(-3)).toEqual([['ann', 2], ['ben', 1], ['ann', 1]])
    expect((await after.checkpoint()).state('count').get('n', 'ben')).toBe(1)
  })
})
