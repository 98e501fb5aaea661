/** Types of both sides, of what is missing in outer joins, and of late records follow from the streams. */
import { job } from '../../src/api/job.ts'
import { sideOutput } from '../../src/api/process.ts'
import { state } from '../../src/api/state.ts'
import { deltaEvictor } from '../../src/api/triggers.ts'
import { session, tumbling } from '../../src/api/windows.ts'
import { flights, is, items, type Equal, type Flight, type RecordOf } from './fixtures.ts'

interface Weather {
  airport: string
  at: Date
  wind: number
}

job('joins', (j) => {
  const left = j.from('flights', items(flights)).keyBy((f) => f.origin)
  const right = j.from('weather', items<Weather>([])).keyBy((w) => w.airport)

  const inner = left.intervalJoin('inner', right, { between: ['-5m', '1h'] }, (f, w, ctx) => {
    is<Equal<typeof f, Flight>>()
    is<Equal<typeof w, Weather>>()
    is<Equal<typeof ctx.key, string>>()
    is<Equal<typeof ctx.leftTimestamp, number>>()
    is<Equal<typeof ctx.rightTimestamp, number>>()
    return { delay: f.delay, wind: w.wind }
  })
  is<Equal<RecordOf<typeof inner>, { delay: number; wind: number }>>()
  is<Equal<RecordOf<typeof inner.late.left>, {
    readonly key: string; readonly record: Flight; readonly eventTime: Date; readonly lateByMs: number
  }>>()
  is<Equal<RecordOf<typeof inner.late.right>['record'], Weather>>()
  is<Equal<ReturnType<typeof inner.was>, typeof inner>>()

  left.intervalJoin('left', right, { between: [0, 1], type: 'left' }, (f, w, ctx) => {
    is<Equal<typeof f, Flight>>()
    is<Equal<typeof w, Weather | undefined>>()
    is<Equal<typeof ctx.leftTimestamp, number>>()
    is<Equal<typeof ctx.rightTimestamp, number | undefined>>()
  })
  left.intervalJoin('right', right, { between: [0, 1], type: 'right' }, (f, w) => {
    is<Equal<typeof f, Flight | undefined>>()
    is<Equal<typeof w, Weather>>()
  })
  left.join('full', right, { window: tumbling('1h'), type: 'full' }, (f, w, ctx) => {
    is<Equal<typeof f, Flight | undefined>>()
    is<Equal<typeof w, Weather | undefined>>()
    is<Equal<typeof ctx.start, Date>>()
    is<Equal<typeof ctx.key, string>>()
  })
  const options = {
    window: session({ gap: '1h' }), lateness: '5m',
    evictor: deltaEvictor<Flight | Weather>({ threshold: 3, delta: () => 1 }),
  } as const
  const windowed = left.join('windowed', right, options, (f, w) => f.delay * w.wind)
  is<Equal<RecordOf<typeof windowed>, number>>()
  is<Equal<RecordOf<typeof windowed.late.right>['record'], Weather>>()
  const kept = left.join('kept', right, { ttl: '1d' }, (f, w, ctx) => [f.delay, w.wind, ctx.key] as const)
  is<Equal<RecordOf<typeof kept>, readonly [number, number, string]>>()
  // @ts-expect-error a join by arrival knows nothing of late records
  void kept.late

  const grouped = left.coGroup('group', right, {
    window: tumbling('1h'), state: { n: state.value<number>() }, side: { empty: sideOutput<string>() },
  }, function* (fs, ws, ctx) {
    is<Equal<typeof fs, readonly Flight[]>>()
    is<Equal<typeof ws, readonly Weather[]>>()
    ctx.side.empty(ctx.key)
    yield ctx.state.n.get()
  })
  is<Equal<RecordOf<typeof grouped>, number | undefined>>()
  is<Equal<RecordOf<typeof grouped.side.empty>, string>>()
  is<Equal<RecordOf<typeof grouped.late.left>['record'], Flight>>()

  const valid = left.temporalJoin('valid', right, { type: 'left', ends: (w) => w.wind < 0 }, (f, w) => {
    is<Equal<typeof w, Weather | undefined>>()
    return f.delay
  })
  is<Equal<RecordOf<typeof valid>, number>>()
  left.temporalJoin('valid-inner', right, {}, (_f, w) => is<Equal<typeof w, Weather>>())

  // Keys that are literals on one side and any string on the other agree.
  const literal = j.from('literal', items([{ airport: 'ORD' as const }])).keyBy((r) => r.airport)
  literal.join('literal-1', right, {}, (l, _r, ctx) => {
    is<Equal<typeof ctx.key, string>>()
    return l
  })
  right.join('literal-2', literal, {}, (_l, r) => r)

  const byNumber = j.from('numbers', items<Weather>([])).keyBy((w) => w.wind)
  // @ts-expect-error a number is never equal to a string
  left.intervalJoin('keys', byNumber, { between: [0, 1] }, () => 1)
  // @ts-expect-error nor here
  left.join('keys', byNumber, {}, () => 1)
  // @ts-expect-error nor here
  left.temporalJoin('keys', byNumber, {}, () => 1)
  // @ts-expect-error a stream that is not keyed
  left.join('unkeyed', j.from('n', items([1])), {}, () => 1)
  // @ts-expect-error no such type
  left.intervalJoin('type', right, { between: [0, 1], type: 'outer' }, () => 1)
  // @ts-expect-error versions wait for ever
  left.temporalJoin('type', right, { type: 'full' }, () => 1)
  // @ts-expect-error a window and a ttl
  left.join('both', right, { window: tumbling('1h'), ttl: '1d' }, () => 1)
  // @ts-expect-error no such field
  left.intervalJoin('field', right, { between: [0, 1] }, (f, w) => f.delay + w.rain)
  // @ts-expect-error what may be missing is not used unasked
  left.intervalJoin('missing', right, { between: [0, 1], type: 'left' }, (f, w) => f.delay + w.wind)
})

job('joins that put out changes, and lookups', (j) => {
  const stream = j.from('flights', items(flights))
  const left = stream.keyBy((f) => f.origin)
  const right = j.from('weather', items<Weather>([])).keyBy((w) => w.airport)
  const changes = left.join('changes', right, { type: 'left', ttl: '1d' }, (f, w) => {
    is<Equal<typeof w, Weather | undefined>>()
    return { delay: f.delay, wind: w?.wind }
  })
  is<Equal<RecordOf<typeof changes>['row'], { delay: number; wind: number | undefined }>>()
  changes.groupBy((row) => row.delay).count('per-delay')

  const looked = stream.lookupJoin('looked', {
    key: (f) => f.origin, load: async (key) => (key.length === 3 ? { name: key } : undefined),
    cache: { size: 100, ttl: '5m' }, type: 'left',
  }, (f, airport) => {
    is<Equal<typeof airport, { name: string } | undefined>>()
    return f.delay
  })
  is<Equal<RecordOf<typeof looked>, number>>()
  is<Equal<RecordOf<typeof looked.failed>['record'], Flight>>()
  stream.lookupJoin('inner', { key: (f) => f.delay, load: async (n) => n.toFixed() }, (_f, text) => text.length)
  // @ts-expect-error what is outside waits for ever
  stream.lookupJoin('type', { key: (f) => f.origin, load: async () => 1, type: 'right' }, () => 1)
})
