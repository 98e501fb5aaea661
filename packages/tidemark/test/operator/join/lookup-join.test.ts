import { expect, test } from 'vitest'
import { lookupJoinSpec } from '../../../src/api/joins.ts'
import { collect, collection, job } from '../../../src/index.ts'
import { harness } from '../../../src/testing/harness.ts'
import { OperatorHarness } from '../../../src/testing/operator-harness.ts'

type Options = Parameters<typeof lookupJoinSpec>[1]

/** Promises without a microtask: an answer is there at once, a failure too, silence never. */
function thenable<T>(then: PromiseLike<T>['then']): PromiseLike<T> {
  // oxlint-disable-next-line unicorn/no-thenable -- a stand-in for a promise, so that no test waits
  return { then }
}
const answer = <T>(value: T): PromiseLike<T> => thenable((ok) => answer(ok?.(value) as never))
const failure = (error: Error): PromiseLike<never> =>
  thenable((_ok, failed) => (failed ? answer(failed(error) as never) : failure(error)))
const silence = (): PromiseLike<never> => thenable(() => silence())

/** Answers 'A' to 'a'; nothing to 'none'. Keeps the keys it was asked for. */
function service() {
  const asked: unknown[] = []
  const load = (key: unknown): PromiseLike<unknown> => {
    asked.push(key)
    if (key === 'broken') return failure(new Error('no answer'))
    return answer(key === 'none' ? undefined : String(key).toUpperCase())
  }
  return { asked, load }
}

const pair = (record: unknown, value: unknown): unknown => [record, value]
const key = (record: unknown): string => String(record)

function joined(records: readonly string[], options: Partial<Options>, pauseMs = 0) {
  const { asked, load } = service()
  const operator = new OperatorHarness(lookupJoinSpec('j', { key, load, ...options }, pair))
  records.forEach((record, i) => {
    operator.processingTime(i * pauseMs)
    operator.send(record, i)
  })
  return { asked, values: operator.values(), operator }
}

test('each record is joined with the answer for its key; without one it is left out, or put out alone', () => {
  const records = ['a', 'none', 'b']
  expect(joined(records, {}).values).toEqual([['a', 'A'], ['b', 'B']])
  expect(joined(records, { type: 'left' }).values).toEqual([['a', 'A'], ['none', undefined], ['b', 'B']])
})

test('an answer is remembered for its time, that there is none too; without a cache nothing is', () => {
  const records = ['a', 'a', 'none', 'none', 'a', 'a']
  expect(joined(records, {}).asked).toHaveLength(6)
  const cached = joined(records, { type: 'left', cache: { size: 10, ttl: 35 } }, 10)
  expect(cached.asked).toEqual(['a', 'none', 'a'])
  expect(cached.values).toHaveLength(6)
})

test('the key that was unused for longest is forgotten first', () => {
  const { asked } = joined(['a', 'b', 'a', 'c', 'a', 'b'], { cache: { size: 2, ttl: 1000 } })
  expect(asked).toEqual(['a', 'b', 'c', 'b'])
})

test('a lookup that fails for good goes to the failed output where that is wanted, and is not remembered', () => {
  const { operator, asked } = joined(['broken', 'broken', 'a'], { onFailed: 'side', cache: { size: 9, ttl: '1h' } })
  expect(operator.values('failed')).toMatchObject([{ record: 'broken', tries: 1 }, { record: 'broken' }])
  expect(operator.values()).toEqual([['a', 'A']])
  expect(asked).toHaveLength(3)
})

test('what the join function throws is its own error, and is not tried again', () => {
  const { load, asked } = service()
  const options = { key, load, retry: { attempts: 3, delay: 1 } }
  const operator = new OperatorHarness(lookupJoinSpec('j', options, () => { throw new Error('no') }))
  expect(() => operator.send('a', 1)).toThrow('join of operator "under-test" threw: no')
  expect(asked).toHaveLength(1)
})

test('a record that waits for its answer is in the checkpoint and is looked up again; the cache is not', () => {
  const before = new OperatorHarness(lookupJoinSpec('j', {
    key, cache: { size: 9, ttl: '1h' }, load: (k) => (k === 'slow' ? silence() : answer(1)),
  }, pair))
  before.send('a', 1)
  before.send('slow', 2)
  expect(before.values()).toEqual([['a', 1]])
  const { load, asked } = service()
  const spec = lookupJoinSpec('j', { key, load, cache: { size: 9, ttl: '1h' } }, pair)
  const after = new OperatorHarness(spec, { restored: [before.snapshot()] })
  after.send('a', 3)
  expect(after.values()).toEqual([['slow', 'SLOW'], ['a', 'A']])
  expect(asked).toEqual(['slow', 'a'])
})

test('a whole job with a lookup join gives each result once, through crash and rescale', async () => {
  const lookups = job('lookups', (j) => {
    j.from('words', collection<string>([]))
      .lookupJoin('upper', { key: (w) => w, load: (w) => answer(w.toUpperCase()) }, (w, up) => w + up)
      .to('out', collect())
  })
  await using t = await harness(lookups)
  await t.send('words', ['a', 'b'])
  await t.checkpoint()
  await t.send('words', ['c'])
  await t.crash()
  await t.restore({ parallelism: 2 })
  await t.end()
  const words: readonly string[] = t.committed('out')
  expect(words.toSorted()).toEqual(['aA', 'bB', 'cC'])
})
