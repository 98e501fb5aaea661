/** Whole jobs of connected streams, broadcast state and asynchronous functions: checkpoints, crashes, rescales. */
import { expect, test } from 'vitest'
import { collect, collection, count, job, state, type Job } from '../../src/index.ts'
import { explore } from '../../src/testing/explore.ts'
import { harness } from '../../src/testing/harness.ts'
import { promiseOf } from '../kit/hand-driven-promise.ts'

interface Visit {
  readonly at: number
  readonly who: string
}

const nothing = collection<Visit>([])
const visits = (...whos: string[]): Visit[] => whos.map((who, i) => ({ at: i, who }))

interface Answers {
  readonly asked: string[]
  readonly open: Map<string, () => void>
}

/** map, mapAsync and filter in one chain behind the source, then a count per key. */
function lookupJob(answers: Answers, options: { ordered?: boolean; capacity?: number } = {}): Job {
  return job('lookups', (j) => {
    j.from('visits', nothing, { eventTime: (v) => v.at })
      .map(({ who, at }) => ({ who: who.toUpperCase(), at }))
      .mapAsync('lookup', ({ who, at }) => {
        answers.asked.push(who)
        return new Promise<{ who: string; at: number }>((resolve) => {
          answers.open.set(who, () => { resolve({ who: `${who}!`, at }) })
        })
      }, options)
      .filter(({ who }) => who !== 'NOBODY!')
      .keyBy(({ who }) => who)
      .count('n')
      .to('out', collect())
  })
}

const answering = (): Answers => ({ asked: [], open: new Map() })

test('mapAsync in the middle of a chain: what is in flight at a checkpoint is asked again first, and counts once', async () => {
  const answers = answering()
  await using t = await harness(lookupJob(answers), { parallelism: 2 })
  await t.send('visits', visits('a', 'b', 'c'))
  answers.open.get('A')?.()
  await t.advance(0)
  await t.checkpoint()
  expect(t.committed('out')).toEqual([{ key: 'A!', value: 1 }])
  answers.open.get('B')?.()
  await t.advance(0)
  await t.send('visits', visits('d'))
  const stale = new Map(answers.open)
  await t.crash()
  answers.asked.length = 0
  await t.restore()
  expect(answers.asked).toEqual(['B', 'C', 'D'])
  for (const answer of stale.values()) answer()
  await t.advance(0)
  expect(t.output('out')).toEqual([{ key: 'A!', value: 1 }])
  for (const who of ['D', 'C', 'B']) answers.open.get(who)?.()
  await t.advance(0)
  await t.checkpoint()
  expect(t.committed('out').map(({ key, value }) => `${key} ${value}`).toSorted()).toEqual(['A! 1', 'B! 1', 'C! 1', 'D! 1'])
})

test('the end of the input and its watermark wait for the last answer; then the job ends with everything committed', async () => {
  const answers = answering()
  await using t = await harness(lookupJob(answers, { ordered: false }))
  // After the first the watermark stays, so that none lies between the others.
  for (const whos of [['first'], ['a', 'b', 'nobody']]) {
    await t.send('visits', whos.map((who) => ({ who, at: 7 })))
    answers.open.get('FIRST')?.()
    await t.advance(0)
  }
  await t.end()
  expect(t.status).toBe('running')
  await t.checkpoint()
  for (const who of ['NOBODY', 'B']) answers.open.get(who)?.()
  await t.advance(0)
  expect(t.status).toBe('running')
  expect(t.output('out').map(({ key }) => key)).toEqual(['FIRST!', 'B!'])
  answers.open.get('A')?.()
  await t.advance(0)
  expect(t.status).toBe('finished')
  expect(t.committed('out').map(({ key }) => key)).toEqual(['FIRST!', 'B!', 'A!'])
})

test('a crash while the end waits: the next process asks again, and then ends', async () => {
  const answers = answering()
  await using t = await harness(lookupJob(answers))
  await t.send('visits', visits('a', 'b'))
  await t.end()
  await t.checkpoint()
  await t.crash()
  await t.restore()
  for (const answer of answers.open.values()) answer()
  await t.advance(0)
  expect(t.status).toBe('finished')
  expect(new Set(t.committed('out').map(({ key }) => key))).toEqual(new Set(['A!', 'B!']))
})

test('at capacity the source is not read: what was not asked for is still in the input', async () => {
  const answers = answering()
  await using t = await harness(lookupJob(answers, { capacity: 2 }))
  await t.send('visits', visits('a', 'b', 'c', 'd', 'e'))
  expect(answers.asked).toEqual(['A', 'B'])
  const waiting = (await t.checkpoint()).state('lookup')
  expect(waiting).toBeDefined()
  for (const who of ['A', 'B', 'C', 'D', 'E']) {
    answers.open.get(who)?.()
    await t.advance(0)
  }
  expect(t.output('out').map(({ key }) => key)).toEqual(['A!', 'B!', 'C!', 'D!', 'E!'])
  expect(answers.asked).toHaveLength(5)
})

test('a result goes on its way while the next calls keep the chain busy and more input waits', async () => {
  const open: (() => void)[] = []
  await using t = await harness(job('busy', (j) => {
    j.from('visits', nothing)
      .flatMap(({ who }) => [1, 2].map((n) => `${who}${n}`))
      .mapAsync('lookup', (who) => new Promise<string>((resolve) => { open.push(() => { resolve(who) }) }), { capacity: 1 })
      .keyBy((who) => who)
      .count('n')
      .to('out', collect())
  }), { parallelism: 2 })
  await t.send('visits', visits('a', 'b'))
  open[0]?.()
  await t.advance(0)
  expect(open).toHaveLength(2)
  expect(t.output('out')).toEqual([{ key: 'a1', value: 1 }])
})

test('an asynchronous function that fails ends the attempt with its code and operator', async () => {
  const failing = job('failing', (j) => {
    j.from('visits', nothing).mapAsync('lookup', async ({ who }) => { throw new Error(`nobody knows ${who}`) })
      .to('out', collect())
  })
  await using t = await harness(failing)
  await expect(t.send('visits', visits('a'))).rejects.toMatchObject({
    code: 'E160', place: expect.objectContaining({ operator: 'lookup' }),
  })
})

test.each([true, false])('explored over kills and restarts, mapAsync (ordered: %s) gives each result once', async (ordered) => {
  // A promise would wait for the real event loop: what answers here is the timer of the simulation.
  const later = (who: string): PromiseLike<string> =>
    promiseOf((answer) => { setTimeout(() => { answer(who) }, who.length % 4) })
  const explored = job('explored', (j) => {
    j.from('visits', nothing, { eventTime: (v) => v.at })
      .mapAsync('lookup', ({ who }) => later(who), { ordered, capacity: 3 })
      .keyBy((who) => who)
      .count('n')
      .to('out', collect())
  })
  const input = { visits: Array.from({ length: 24 }, (_, at) => ({ at, who: 'x'.repeat(at % 9) })) }
  const report = await explore(explored, { input, seeds: 12 })
  expect(report.crashes).toBeGreaterThan(4)
  expect(report.checkpoints).toBeGreaterThan(12)
})

test('connected streams without keys: a function each, and side outputs of a process over both', async () => {
  await using t = await harness(job('plain', (j) => {
    const left = j.from('left', collection<number>([]))
    const right = j.from('right', collection<string>([]))
    left.connect(right).map((n) => n * 2, (s) => s.toUpperCase()).to('mapped', collect())
    left.connect(right).flatMap((n) => [n, n], (s) => s.split('')).to('many', collect())
    left.connect(right).process('both', {}, {
      onLeft: (n) => [`left ${n}`],
      onRight: (s) => [`right ${s}`],
    }).to('processed', collect())
    left.connect(left).process('twice', {}, { onLeft: (n) => [n], onRight: (n) => [-n] }).to('self', collect())
  }))
  await t.send('left', [1])
  await t.send('right', ['ab'])
  expect(t.output('mapped')).toEqual([2, 'AB'])
  expect(t.output('many')).toEqual([1, 1, 'a', 'b'])
  expect(t.output('processed')).toEqual(['left 1', 'right ab'])
  expect(new Set(t.output('self'))).toEqual(new Set([1, -1]))
})

test('keyed connected streams: state meets by key, and the watermark is the smaller of both', async () => {
  await using t = await harness(job('keyed', (j) => {
    const left = j.from('left', nothing, { eventTime: (v) => v.at }).keyBy((v) => v.who)
    const right = j.from('right', nothing, { eventTime: (v) => v.at }).keyBy((v) => v.who)
    left.connect(right).process('meet', { state: { seen: state.list<string>() } }, {
      onLeft({ at }, ctx) {
        ctx.state.seen.push(`left ${at}`)
        ctx.timer.at(at + 10)
      },
      onRight({ at }, ctx) { ctx.state.seen.push(`right ${at}`) },
      *onTimer(_time, ctx) { yield `${ctx.key}: ${ctx.state.seen.get().join(', ')}` },
    }).to('out', collect())
  }), { parallelism: 3 })
  await t.send('left', visits('a', 'b'))
  await t.send('right', visits('b', 'a'))
  await t.watermark('left', 100)
  expect(t.output('out')).toEqual([])
  await t.rescale(2)
  await t.watermark('left', 100)
  await t.watermark('right', 10)
  expect(t.output('out')).toEqual(['a: left 0, right 1'])
  await t.watermark('right', 11)
  expect(t.output('out')[1]).toBe('b: left 1, right 0')
})

test('broadcast state is whole in every subtask, after a rescale too', async () => {
  await using t = await harness(job('rules', (j) => {
    const factors = j.from('factors', collection<{ who: string; by: number }>([]))
      .broadcast({ factors: state.map<string, number>() })
    j.from('visits', nothing).keyBy((v) => v.who).connect(factors)
      .process('scale', { state: { n: state.value<number>() } }, {
        onBroadcast({ who, by }, { broadcast }) { broadcast.factors.set(who, by) },
        *onRecord({ who }, ctx) {
          const n = ctx.state.n.update((before) => (before ?? 0) + 1)
          yield `${who} ${n * (ctx.broadcast.factors.get('all') ?? 1)}`
        },
      })
      .to('out', collect())
  }), { parallelism: 2 })
  const whos = Array.from({ length: 8 }, (_, i) => `w${i}`)
  await t.send('factors', [{ who: 'all', by: 10 }])
  for (const [parallelism, n] of [[3, 10], [1, 20], [2, 30]] as const) {
    const before = t.output('out').length
    await t.send('visits', visits(...whos))
    expect(t.output('out').slice(before).map(String).toSorted()).toEqual(whos.map((who) => `${who} ${n}`))
    await t.rescale(parallelism)
  }
})

test('a ranking of a stream keeps n records a key and no more', async () => {
  await using t = await harness(job('top', (j) => {
    j.from('visits', nothing).keyBy(() => 'all').topN('top', 2, { by: (v) => v.at }).to('out', collect())
  }))
  await t.send('visits', visits('a', 'b', 'c', 'd'))
  expect(t.state('top').get('rows', 'all')).toEqual([3, { at: 3, who: 'd' }, 2, { at: 2, who: 'c' }])
})

test('a changelog through a whole job: places of a ranking, counted', async () => {
  await using t = await harness(job('places', (j) => {
    j.from('visits', nothing)
      .latestBy('last', (v) => v.who)
      .groupBy((v) => v.at).aggregate('per-time', { n: count() })
      .to('out', collect())
  }), { parallelism: 2 })
  await t.send('visits', [{ who: 'a', at: 1 }, { who: 'b', at: 1 }])
  await t.rescale(3)
  await t.send('visits', [{ who: 'a', at: 2 }, { who: 'b', at: 2 }])
  const table = new Map<number, number>()
  for (const { op, row } of t.output('out')) {
    if (op === 'delete') table.delete(row.key)
    else if (op !== 'update-before') table.set(row.key, row.n)
  }
  expect(table).toEqual(new Map([[2, 2]]))
  // Both have left the group of time 1, which is gone with its state.
  expect(t.state('per-time').keys()).toEqual([2])
})
