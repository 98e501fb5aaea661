import { expect, test } from 'vitest'
import { all, fromPromise, settleAll, start, wait, type Done, type Io, type Outcome } from '../../src/base/io.ts'

function outcomeOf<T>(io: Io<T>): Outcome<T> | undefined {
  let seen: Outcome<T> | undefined
  start(io, (outcome) => {
    expect(seen).toBeUndefined()
    seen = outcome
  })
  return seen
}

/** One operation that ends when the test says so. */
function pending<T>(): { io: Io<T>; done: Done<T> } {
  let end: Done<T> | undefined
  const io = wait<T>((done) => {
    end = done
  })
  return { io, done: (outcome) => end?.(outcome) }
}

const now = <T>(value: T): Io<T> => wait<T>((done) => done({ ok: true, value }))

test('operations that end at once cost no stack', () => {
  function* sum(): Io<number> {
    let total = 0
    for (let i = 0; i < 50_000; i++) total += yield* now(1)
    return total
  }
  expect(outcomeOf(sum())).toEqual({ ok: true, value: 50_000 })
})

test('IO-1: a second done of the same operation is ignored', () => {
  const first = pending<number>()
  const second = pending<number>()
  function* both(): Io<number[]> {
    return [yield* first.io, yield* second.io]
  }
  let seen: Outcome<number[]> | undefined
  start(both(), (outcome) => {
    seen = outcome
  })
  first.done({ ok: true, value: 1 })
  first.done({ ok: true, value: 99 })
  expect(seen).toBeUndefined()
  second.done({ ok: true, value: 2 })
  expect(seen).toEqual({ ok: true, value: [1, 2] })
})

test('IO-2: a cancelled fiber runs its finally at once, is never resumed and reports nothing', () => {
  const { io, done } = pending<number>()
  const steps: string[] = []
  function* work(): Io<void> {
    try {
      yield* io
      steps.push('resumed')
    } finally {
      steps.push('finally')
    }
  }
  const fiber = start(work(), () => steps.push('done'))
  fiber.cancel()
  expect(steps).toEqual(['finally'])
  done({ ok: true, value: 1 })
  expect(steps).toEqual(['finally'])
  expect(fiber.settled).toBe(true)
})

test('a failed operation is thrown at its yield and can be caught there', () => {
  function* work(): Io<string> {
    try {
      yield* wait<never>((done) => done({ ok: false, error: 'broken' }))
    } catch (error) {
      return `caught ${String(error)}`
    }
    return 'not caught'
  }
  expect(outcomeOf(work())).toEqual({ ok: true, value: 'caught broken' })
  expect(outcomeOf(wait<never>((done) => done({ ok: false, error: 'E' })))).toEqual({ ok: false, error: 'E' })
  expect(outcomeOf(wait<never>(() => { throw new Error('at start') }))).toMatchObject({ ok: false })
})

test('all waits for every one, keeps the order, and throws the first error by position', () => {
  const a = pending<string>()
  const b = pending<string>()
  let seen: Outcome<string[]> | undefined
  start(all([a.io, b.io]), (outcome) => {
    seen = outcome
  })
  b.done({ ok: false, error: 'second' })
  expect(seen).toBeUndefined()
  a.done({ ok: false, error: 'first' })
  expect(seen).toEqual({ ok: false, error: 'first' })
  expect(outcomeOf(all([now(1), now(2)]))).toEqual({ ok: true, value: [1, 2] })
  expect(outcomeOf(all([]))).toEqual({ ok: true, value: [] })
  expect(outcomeOf(settleAll([]))).toEqual({ ok: true, value: [] })
})

test('fromPromise carries value and rejection', async () => {
  const run = <T>(io: Io<T>): Promise<Outcome<T>> => new Promise((resolve) => start(io, resolve))
  expect(await run(fromPromise(() => Promise.resolve(5)))).toEqual({ ok: true, value: 5 })
  expect(await run(fromPromise(() => Promise.reject(new Error('no'))))).toMatchObject({ ok: false })
})
