/** Record types follow from the functions given; nobody writes a type argument. */
import * as v from 'valibot'
import { z } from 'zod'
import { aggregator, avg, collectAll, count, min, sum } from '../../src/api/aggregates.ts'
import { job } from '../../src/api/job.ts'
import { sideOutput } from '../../src/api/process.ts'
import { state } from '../../src/api/state.ts'
import { countTrigger, deltaEvictor, deltaTrigger, purging, trigger } from '../../src/api/triggers.ts'
import { calendar, countWindow, globalWindow, session, sliding, tumbling } from '../../src/api/windows.ts'
import { flights, is, items, parts, upsert, type Equal, type Flight, type RecordOf } from './fixtures.ts'

job('stateless', (j) => {
  const s = j.from('n', items([1, 2, 3]))
  is<Equal<RecordOf<typeof s>, number>>()
  const text = s.map((n) => `${n}`)
  is<Equal<RecordOf<typeof text>, string>>()
  const many = text.flatMap((t) => t.split('')).flatMap((t) => new Set([t, 1]))
  is<Equal<RecordOf<typeof many>, string | number>>()
  const narrowed = many.filter((x): x is string => typeof x === 'string')
  is<Equal<RecordOf<typeof narrowed>, string>>()
  const same = many.filter((x) => x !== 'a')
  is<Equal<RecordOf<typeof same>, string | number>>()
  const both = s.union(text).rebalance().print('both')
  is<Equal<RecordOf<typeof both>, string | number>>()
  const generated = s.flatMap(function* (n) {
    yield { n }
  })
  is<Equal<RecordOf<typeof generated>, { n: number }>>()
})

job('sources', (j) => {
  const Line = z.object({ at: z.coerce.date(), text: z.string() })
  const lines = j.from('lines', items<unknown>([]), {
    eventTime: (line) => line.at, schema: Line, outOfOrder: '5s', idleAfter: '1m', onInvalid: 'side',
  })
  is<Equal<RecordOf<typeof lines>, { at: Date; text: string }>>()
  is<Equal<RecordOf<typeof lines.invalid>['reason'], string>>()
  const renamed = lines.was('rows').was('text')
  is<Equal<RecordOf<typeof renamed.invalid>['place'], string>>()

  const Parsed = v.object({ n: v.pipe(v.string(), v.transform(Number)) })
  const other = j.from('other', items<unknown>([]), { schema: Parsed })
  is<Equal<RecordOf<typeof other>, { n: number }>>()

  const plain = j.from('plain', items(flights), { eventTime: (f) => f.date, outOfOrder: 0 })
  is<Equal<RecordOf<typeof plain>, Flight>>()
  j.from('marked', items(flights), {
    eventTime: (f) => f.date, align: { group: 'g', maxDrift: '1m' },
    watermarks: {
      create: () => 0,
      onEvent: (seen: number, eventTime, flight) => {
        is<Equal<typeof flight, Flight>>()
        return Math.max(seen, eventTime)
      },
      watermark: (seen) => seen - 1,
    },
  })
  // @ts-expect-error event time is a Date or a number
  j.from('text', items(flights), { eventTime: (f) => f.origin })
  // @ts-expect-error a policy that does not exist
  j.from('policy', items(flights), { onInvalid: 'ignore' })

  is<Equal<ReturnType<typeof j.config.number>, number>>()
  // @ts-expect-error the default of a number is a number
  j.config.number('n', '1')
  j.config.duration('every', '1s')
})

job('windows', (j) => {
  const keyed = j.from('flights', items(flights), { eventTime: (f) => f.date }).keyBy((f) => f.origin)
  const perHour = keyed.window('per-hour', sliding('1h', { every: '10m' }), { lateness: '5m' })
    .aggregate({
      departures: count(), delay: sum((f) => f.delay), mean: avg((f) => f.delay), all: collectAll<Flight>(),
    })
  is<Equal<RecordOf<typeof perHour>, {
    readonly key: string; readonly start: Date; readonly end: Date
    readonly departures: number; readonly delay: number; readonly mean: number
    readonly all: readonly Flight[]
  }>>()
  is<Equal<RecordOf<typeof perHour.late>, {
    readonly key: string; readonly record: Flight; readonly eventTime: Date; readonly lateByMs: number
  }>>()
  const renamed = perHour.was('hourly')
  is<Equal<typeof renamed, typeof perHour>>()
  perHour.to('out', parts({ path: 'out/' }))
  perHour.late.to('late', parts({ path: 'late/' })).was('too-late')
  perHour.to('table', upsert({ key: (row) => `${row.key} ${row.departures.toFixed()}` }))

  const sums = keyed.window('sum', tumbling('1m')).sum((f) => f.delay)
  is<Equal<RecordOf<typeof sums>, {
    readonly key: string; readonly start: Date; readonly end: Date; readonly value: number
  }>>()
  const worst = keyed.window('max', session({ gap: (f) => f.delay })).max((f) => f.delay)
  is<Equal<RecordOf<typeof worst>['value'], number>>()
  const reduced = keyed.window('reduce', session({ gap: '3s' }))
    .reduce(() => new Set<string>(), (all, f) => new Set([...all, f.origin]), (a, b) => new Set([...a, ...b]))
  is<Equal<RecordOf<typeof reduced>['value'], Set<string>>>()
  const last = keyed.window('process', globalWindow(), {
    trigger: countTrigger(3), evictor: deltaEvictor({ threshold: 10, delta: (a, b) => a.delay - b.delay }),
  }).process(function* (records, context) {
    is<Equal<typeof records, readonly Flight[]>>()
    is<Equal<typeof context.key, string>>()
    const before = context.state.fired.get()
    is<Equal<typeof before, number | undefined>>()
    context.side.empty(context.start)
    // @ts-expect-error the side output takes Dates
    context.side.empty('now')
    yield records.length
  }, { state: { fired: state.value(z.number()) }, side: { empty: sideOutput<Date>() } })
  is<Equal<RecordOf<typeof last>, number>>()
  is<Equal<RecordOf<typeof last.side.empty>, Date>>()
  is<Equal<RecordOf<typeof last.late>['record'], Flight>>()

  keyed.window('zone', tumbling('1d', { zone: 'Europe/Berlin' }), { early: '10s' }).count()
  keyed.window('month', calendar('month', { zone: 'UTC', offset: '6h' })).count()
  const hundred = keyed.window('hundred', countWindow(100)).count()
  is<Equal<RecordOf<typeof hundred>['key'], string>>()
  keyed.window('last-hundred', countWindow(100, { every: 10 })).max((f) => f.delay)
  keyed.window('jump', globalWindow(), {
    trigger: purging(deltaTrigger<Flight>({ threshold: 5, delta: (last, f) => f.delay - last.delay })),
  }).count()
  const third = trigger<Flight, { n: number }>('every third', {
    onElement(flight, { state, timer, end }) {
      is<Equal<typeof flight, Flight>>()
      const seen = (state.get()?.n ?? 0) + 1
      state.set({ n: seen % 3 })
      timer.at(end)
      return seen === 3 ? 'fire' : 'continue'
    },
    onMerge: (states, { state }) => state.set({ n: states.reduce((sum, { n }) => sum + n, 0) % 3 }),
  })
  keyed.window('third', tumbling('1h'), { trigger: third }).count()
  // @ts-expect-error the answers of a trigger are four words
  trigger<Flight>('loud', { onElement: () => 'shout' })
  // @ts-expect-error a trigger of other records
  j.from('numbers', items([1, 2])).windowAll('wrong', globalWindow(), { trigger: third }).count()
  // @ts-expect-error no such part of a calendar
  calendar('fortnight', { zone: 'UTC' })
  // @ts-expect-error the calendar of which zone?
  calendar('day', {})

  const all = j.from('all', items(flights)).windowAll('total', tumbling('1d', { offset: '-8h' })).count()
  is<Equal<RecordOf<typeof all>, { readonly start: Date; readonly end: Date; readonly value: number }>>()
  is<Equal<RecordOf<typeof all.late>, {
    readonly record: Flight; readonly eventTime: Date; readonly lateByMs: number
  }>>()

  const longest = aggregator({
    create: () => '',
    add: (acc, f: Flight) => (f.origin.length > acc.length ? f.origin : acc),
    result: (acc) => acc.length,
  })
  const own = keyed.window('own', tumbling('1h')).aggregate({ longest, least: min((f) => f.delay) })
  is<Equal<RecordOf<typeof own>['longest'], number>>()
  // @ts-expect-error no such field
  keyed.window('wrong', tumbling('1h')).aggregate({ delay: sum((f) => f.weight) })
  // @ts-expect-error an aggregate of other records
  keyed.window('other', tumbling('1h')).aggregate({ delay: sum((f: { weight: number }) => f.weight) })
  // @ts-expect-error a sum needs numbers
  keyed.window('text', tumbling('1h')).sum((f) => f.origin)
  // @ts-expect-error the sink wants other rows
  sums.to('wrong', upsert({ key: (row: { id: string }) => row.id }))
})

job('rolling', (j) => {
  const keyed = j.from('flights', items(flights)).keyBy((f) => f.delay)
  const counts = keyed.count('count')
  is<Equal<RecordOf<typeof counts>, { readonly key: number; readonly value: number }>>()
  const names = keyed.reduce('names', () => [] as string[], (all, f) => [...all, f.origin])
  is<Equal<RecordOf<typeof names>, { readonly key: number; readonly value: string[] }>>()
  const both = keyed.aggregate('both', { n: count(), total: sum((f) => f.delay, { integers: true }) })
  is<Equal<RecordOf<typeof both>, { readonly key: number; readonly n: number; readonly total: number }>>()
  // @ts-expect-error a name is required: the state is kept under it
  keyed.sum((f) => f.delay)
})

job('process', (j) => {
  const payments = j.from('n', items([{ user: 'a', at: 1, amount: 3 }]), { eventTime: (r) => r.at })
  const checked = payments.keyBy((r) => r.user).process('fraud', {
    state: {
      last: state.value(z.object({ n: z.number() }), { ttl: '30d' }),
      seen: state.map(v.string(), v.number()),
      log: state.list(v.string()),
      open: state.value<boolean>(),
      total: state.reducing<number>((a, b) => a + b),
      mean: state.aggregating(avg((r: { amount: number }) => r.amount)),
    },
    side: { alerts: z.object({ why: z.string() }), plain: sideOutput<number>() },
  }, {
    *onRecord(r, ctx) {
      const last = ctx.state.last.get()
      is<Equal<typeof last, { n: number } | undefined>>()
      is<Equal<typeof ctx.key, string>>()
      is<Equal<typeof ctx.eventTime, Date | undefined>>()
      ctx.state.seen.set(r.user, (ctx.state.seen.get(r.user) ?? 0) + 1)
      ctx.state.log.push('x')
      ctx.state.open.set(true)
      ctx.state.total.add(r.amount)
      ctx.state.mean.add(r)
      const mean = ctx.state.mean.get()
      is<Equal<typeof mean, number | undefined>>()
      ctx.side.alerts({ why: 'x' })
      ctx.side.plain(1)
      ctx.timer.at(new Date(r.at))
      ctx.timer.cancelProcessingTime(r.at)
      // @ts-expect-error wrong state type
      ctx.state.last.set({ n: 'one' })
      // @ts-expect-error wrong map key
      ctx.state.seen.get(1)
      // @ts-expect-error no such state
      ctx.state.first.get()
      // @ts-expect-error wrong side value
      ctx.side.alerts({ because: 'x' })
      yield { user: r.user, total: (last?.n ?? 0) + r.amount }
    },
    onTimer(time, ctx) {
      is<Equal<typeof time, Date>>()
      ctx.state.last.clear()
    },
  })
  is<Equal<RecordOf<typeof checked>, { user: string; total: number }>>()
  is<Equal<RecordOf<typeof checked.side.alerts>, { why: string }>>()
  is<Equal<RecordOf<typeof checked.side.plain>, number>>()
  // @ts-expect-error no such side output
  checked.side.warnings

  const sides = payments.process('route', { side: { big: sideOutput<number>() } }, {
    onRecord(r, ctx) {
      ctx.side.big(r.amount)
      // @ts-expect-error there is no state without keys
      ctx.state
    },
  })
  is<Equal<RecordOf<typeof sides.side.big>, number>>()
  is<Equal<RecordOf<typeof sides>, never>>()
  const stateless = payments.keyBy((r) => r.at)
    .process('plain', {}, { onRecord: (r, ctx) => [r.amount + ctx.key] })
  is<Equal<RecordOf<typeof stateless>, number>>()
})

job('routes', (j) => {
  const routes = j.from('n', items([1, 2, 3])).split({ big: (x) => x > 10, small: (x) => x <= 1 })
  is<Equal<keyof typeof routes, 'big' | 'small' | 'rest'>>()
  is<Equal<RecordOf<typeof routes.rest>, number>>()
  // @ts-expect-error no such route
  routes.medium
})
