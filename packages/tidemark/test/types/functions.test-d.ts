/** Connected streams, broadcast state, asynchronous functions and changelogs: what follows from what. */
import { z } from 'zod'
import { avg, count, min, sum } from '../../src/api/aggregates.ts'
import type { FailedRecord } from '../../src/api/async.ts'
import type { Change } from '../../src/api/changelog.ts'
import { job } from '../../src/api/job.ts'
import { sideOutput } from '../../src/api/process.ts'
import { state } from '../../src/api/state.ts'
import { flights, is, items, parts, type Equal, type Flight, type RecordOf } from './fixtures.ts'

job('connected', (j) => {
  const numbers = j.from('n', items([1, 2]))
  const texts = j.from('t', items(['a', 'b']))
  const mapped = numbers.connect(texts).map((n) => n > 1, (t) => t.length)
  is<Equal<RecordOf<typeof mapped>, number | boolean>>()
  const many = numbers.connect(texts).flatMap((n) => [n], function* (t) { yield { t } })
  is<Equal<RecordOf<typeof many>, number | { t: string }>>()
  const plain = numbers.connect(texts).process('plain', { side: { odd: sideOutput<Date>() } }, {
    * onLeft(n, ctx) {
      is<Equal<typeof n, number>>()
      ctx.side.odd(new Date(n))
      // @ts-expect-error without keys there is no state
      ctx.state
      yield n
    },
    onRight: (t) => [t.length],
  })
  is<Equal<RecordOf<typeof plain>, number>>()
  is<Equal<RecordOf<typeof plain.side.odd>, Date>>()

  const keyed = numbers.keyBy((n) => `${n}`).connect(texts.keyBy((t) => t)).process('keyed', {
    state: { last: state.value(z.number()) },
  }, {
    onLeft(n, ctx) {
      is<Equal<typeof ctx.key, string>>()
      ctx.state.last.set(n)
      ctx.timer.at(5)
    },
    * onRight(t, ctx) { yield `${t}${ctx.state.last.get()}` },
    onTimer: (time) => [time.toISOString()],
  })
  is<Equal<RecordOf<typeof keyed>, string>>()
  // @ts-expect-error a number and a string never meet
  numbers.keyBy((n) => n).connect(texts.keyBy((t) => t))
  // @ts-expect-error both are keyed, or neither is
  numbers.keyBy((n) => n).connect(texts)
  // @ts-expect-error a name is required: the state is kept under it
  numbers.connect(texts).process({}, { onLeft() {}, onRight() {} })
})

job('broadcast', (j) => {
  const rules = j.from('rules', items([{ id: 'a', most: 3 }]))
    .broadcast({ limits: state.map<string, number>(), seen: state.map(z.string(), z.boolean()) })
  const checked = j.from('flights', items(flights)).keyBy((f) => f.origin).connect(rules).process('check', {
    state: { n: state.value<number>() }, side: { over: sideOutput<Flight>() },
  }, {
    onBroadcast(rule, ctx) {
      is<Equal<typeof rule, { id: string; most: number }>>()
      ctx.broadcast.limits.set(rule.id, rule.most)
      ctx.applyToKeyedState('n', (key, n) => {
        is<Equal<typeof key, string>>()
        n.set((n.get() ?? 0) + 1)
      })
      // @ts-expect-error no such state
      ctx.applyToKeyedState('m', () => {})
      // @ts-expect-error the broadcast side has no keyed state
      ctx.state
      // @ts-expect-error and no timers
      ctx.timer
      // @ts-expect-error and no key
      ctx.key
    },
    * onRecord(f, ctx) {
      const limit = ctx.broadcast.limits.get(f.origin)
      is<Equal<typeof limit, number | undefined>>()
      // @ts-expect-error only the broadcast side writes
      ctx.broadcast.limits.set('a', 1)
      ctx.side.over(f)
      ctx.timer.at(f.date)
      yield ctx.state.n.get() ?? 0
    },
    onTimer: (time, ctx) => [time.getTime() + ctx.broadcast.limits.size],
  })
  is<Equal<RecordOf<typeof checked>, number>>()
  is<Equal<RecordOf<typeof checked.side.over>, Flight>>()
  const plain = j.from('more', items(flights)).connect(rules).process('plain', {}, {
    onBroadcast(rule, ctx) { ctx.broadcast.seen.set(rule.id, true) },
    onRecord: (f, ctx) => [ctx.broadcast.seen.has(f.origin)],
  })
  is<Equal<RecordOf<typeof plain>, boolean>>()
  // @ts-expect-error what is broadcast is kept in maps
  j.from('value', items([1])).broadcast({ last: state.value<number>() })
})

job('async', (j) => {
  const s = j.from('flights', items(flights))
  const looked = s.mapAsync('city', async (f, signal) => {
    is<Equal<typeof signal, AbortSignal>>()
    return { city: f.origin }
  }, { ordered: false, capacity: 10, timeout: '5s', onTimeout: (f) => ({ city: f.origin }), onFailed: 'side' })
  is<Equal<RecordOf<typeof looked>, { city: string }>>()
  is<Equal<RecordOf<typeof looked.failed>, FailedRecord<Flight>>>()
  looked.failed.to('failed', parts({ path: 'failed/' }))
  // @ts-expect-error it must be a promise
  s.mapAsync('sync', (f) => f.origin)
  // @ts-expect-error the result at the time limit is one of the function's
  s.mapAsync('timeout', async (f) => f.delay, { onTimeout: () => 'late' })
})

job('tables', (j) => {
  const s = j.from('flights', items(flights))
  const keyed = s.keyBy((f) => f.origin)
  is<Equal<RecordOf<ReturnType<typeof keyed.dedupe>>, Flight>>()
  const least = keyed.min('min', (f) => f.delay)
  is<Equal<RecordOf<typeof least>, { readonly key: string; readonly value: number }>>()
  const earliest = keyed.minBy('minBy', (f) => f.date)
  is<Equal<RecordOf<typeof earliest>, { readonly key: string; readonly value: Flight }>>()
  // @ts-expect-error nothing to sort by
  keyed.maxBy('maxBy', (f) => ({ f }))

  const top = keyed.topN('top', 3, { by: (f) => f.delay })
  is<Equal<RecordOf<typeof top>['row'], { readonly key: string; readonly rank: number; readonly row: Flight }>>()
  const perRank = top.groupBy((r) => r.rank).aggregate('ranks', { n: count(), mean: avg((r) => r.row.delay) })
  is<Equal<RecordOf<typeof perRank>, Change<{ readonly key: number; readonly n: number; readonly mean: number }>>>()
  const latest = s.latestBy('latest', (f) => f.origin, { deleted: (f) => f.delay < 0 })
  is<Equal<RecordOf<typeof latest>, Change<Flight>>>()
  const again = latest.groupBy((f) => f.delay).sum('sum', (f) => f.delay, { integers: true }).was('total')
    .groupBy((r) => r.value).count('n')
  is<Equal<RecordOf<typeof again>, Change<{ readonly key: number; readonly value: number }>>>()
  const typed = s.map((row) => ({ op: 'insert', row }) as const).asChangelog().groupBy((f) => f.origin)
    .topN('typed', 2, { by: (f) => f.date, order: 'asc' })
  is<Equal<RecordOf<typeof typed>['row']['row'], Flight>>()
  const normal = j.from('changes', items<Change<Flight>>([])).normalize('normal', (f) => f.origin)
  is<Equal<RecordOf<typeof normal>, Change<Flight>>>()
  // @ts-expect-error these records are no changes
  s.asChangelog()
  // @ts-expect-error a field that rows do not have
  latest.groupBy((f) => f.origin).aggregate('wrong', { n: min((f) => f.weight), total: sum((f) => f.delay) })
})
