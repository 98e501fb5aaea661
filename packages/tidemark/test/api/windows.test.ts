import { describe, expect, test } from 'vitest'
import { job } from '../../src/api/job.ts'
import { buildGraph } from '../../src/api/build.ts'
import type { KeyedStream, Stream, WindowOptions } from '../../src/api/streams.ts'
import { countTrigger, deltaTrigger, purging, trigger } from '../../src/api/triggers.ts'
import { calendar, countWindow, session, sliding, tumbling, type WindowAssigner } from '../../src/api/windows.ts'
import { describe as describeSpec } from '../../src/graph/describe.ts'
import { errorOf, sink, source } from './fakes.ts'

function built(use: (s: KeyedStream<number, number, 'exactly-once'>) => Stream<unknown, 'exactly-once'>) {
  return buildGraph(job('windows', (j) => {
    use(j.from('n', source<number>()).keyBy((n) => n)).print()
  })).graph.operators.flatMap(({ spec }) => (spec.kind === 'window' ? [describeSpec(spec)] : []))
}
const shown = (windows: WindowAssigner, options: WindowOptions<number> = {}): string[] =>
  built((s) => s.window('w', windows, options).count())

test('windows are described as they were asked for', () => {
  expect(shown(tumbling('1d', { zone: 'Europe/Berlin', offset: '6h' }))).toEqual(['window calendar day in Europe/Berlin offset 6h'])
  expect(shown(tumbling('7d', { zone: 'UTC' }))).toEqual(['window calendar 7 days in UTC'])
  expect(shown(calendar('quarter', { zone: 'Asia/Tokyo', time: 'processing' }))).toEqual(['window calendar 3 months in Asia/Tokyo of processing time'])
  expect(shown(countWindow(5))).toEqual(['window global, trigger every 5 records, purging'])
  expect(shown(countWindow(5, { every: 2 }))).toEqual(['window global, trigger every 2 records, evictor last 5'])
  expect(shown(tumbling('1h'), { early: '10s' })).toEqual(['window tumbling 1h, trigger at the end, and early every 10s'])
  const own = trigger<number>('my own', { onElement: () => 'fire' })
  expect(shown(tumbling('1h'), { trigger: purging(own) })).toEqual(['window tumbling 1h, trigger my own, purging'])
})

describe('refused when it is built', () => {
  const refused = (use: () => unknown): string => {
    const error = errorOf(use)
    expect(error.code).toBe('E008')
    return `${error.message} ${error.fix.join(' ')}`
  }
  const delta = deltaTrigger<number>({ threshold: 1, delta: (a, b) => a - b })

  test('an unknown zone, with the name that was meant', () => {
    expect(refused(() => tumbling('1d', { zone: 'Europe/Berlni' }))).toContain("did you mean 'Europe/Berlin'?")
    expect(refused(() => calendar('day', { zone: 7 as never }))).toContain('time zone')
    expect(refused(() => calendar('fortnight' as never, { zone: 'UTC' }))).toContain('day, week, month')
  })

  test('parts of a day that have no border on a wall clock, and offsets beyond the size', () => {
    for (const size of ['1h', '30m', '5h', '36h', '90m'] as const) {
      expect(refused(() => tumbling(size, { zone: 'Europe/Berlin' }))).toContain('neither days nor a part of a day')
    }
    expect(refused(() => tumbling('6h', { zone: 'UTC', offset: '6h' }))).toContain('offset')
    expect(refused(() => calendar('month', { zone: 'UTC', offset: '24h' }))).toContain('offset')
  })

  test('triggers that cannot merge where windows do, and two triggers at once', () => {
    expect(refused(() => shown(session({ gap: '1s' }), { trigger: delta }))).toContain('cannot merge')
    const silent = trigger<number>('silent', { onElement: () => 'continue' })
    expect(refused(() => shown(session({ gap: '1s' }), { trigger: purging(silent) }))).toContain('cannot merge')
    expect(refused(() => shown(countWindow(3), { trigger: countTrigger(2) }))).toContain('more than one trigger')
    expect(refused(() => shown(sliding('1h', { every: '1m' }), { trigger: delta, early: '1s' }))).toContain('more than one')
    expect(refused(() => shown(tumbling('1h', { time: 'processing' }), { early: '1s' }))).toContain('processing time')
  })

  test('counts that are none, and watermarks said twice', () => {
    for (const n of [0, -1, 1.5, Number.NaN]) {
      expect(refused(() => countWindow(n))).toContain('size of a count window')
      expect(refused(() => countWindow(2, { every: n }))).toContain('every of a count window')
    }
    const watermarks = { create: () => 0, onEvent: (_: number, time: number) => time, watermark: (time: number) => time }
    expect(refused(() => buildGraph(job('twice', (j) => {
      j.from('n', source<number>(), { outOfOrder: '1s', watermarks }).to('out', sink())
    })))).toContain('both outOfOrder and watermarks')
  })
})
