/**
 * I/O as data: synchronous state machines that say what they wait for.
 *
 * An `Io<T>` is a generator that yields `Suspend`s. A suspend is a function that starts one
 * operation and calls `done` exactly once, later or at once. `start` drives a generator: it is the
 * only place that resumes one. The same protocol code therefore runs over real files, where
 * operations end on the event loop, and in the simulator, where a seed decides when each one ends
 * and whether the process dies in between. There is no promise and no microtask in it.
 *
 * Invariants
 *   IO-1  `done` of one suspend resumes the generator at most once; further calls are ignored.
 *   IO-2  A cancelled fiber is never resumed again; its `finally` blocks run at once.
 */
import { assert } from './assert.ts'

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }
export type Done<T> = (outcome: Outcome<T>) => void
export type Suspend = (done: Done<unknown>) => void
export type Io<T> = Generator<Suspend, T, unknown>

/** Handle of a running Io. */
export interface Fiber {
  /** Ends it without a result: `done` is not called, `finally` blocks run (they must not wait). */
  cancel(): void
  readonly settled: boolean
}

const MAX_SYNC_STEPS = 1_000_000

/** Runs an Io to its end and reports the outcome once. A suspend that ends at once costs no stack. */
export function start<T>(io: Io<T>, done: Done<T>): Fiber {
  const fiber = { settled: false, cancel }
  let waiting = 0 // identity of the suspend whose outcome is awaited
  let inStep = false
  let ready: Outcome<unknown> | undefined

  function cancel(): void {
    if (fiber.settled) return
    fiber.settled = true
    if (!inStep) io.return(undefined as T)
  }

  function settle(outcome: Outcome<T>): void {
    if (fiber.settled) return
    fiber.settled = true
    done(outcome)
  }

  function advance(first: Outcome<unknown>): void {
    let input: Outcome<unknown> | undefined = first
    for (let steps = 0; input !== undefined; steps++) {
      assert(steps < MAX_SYNC_STEPS, 'an Io makes progress without ever waiting: endless loop?')
      let step: IteratorResult<Suspend, T>
      inStep = true
      try {
        step = input.ok ? io.next(input.value) : io.throw(input.error)
      } catch (error) {
        inStep = false
        settle({ ok: false, error })
        return
      }
      inStep = false
      if (fiber.settled) {
        if (step.done !== true) io.return(undefined as T)
        return
      }
      if (step.done === true) {
        settle({ ok: true, value: step.value })
        return
      }
      input = await1(step.value)
    }
  }

  /** Starts one operation; its outcome if it is there at once, else undefined. */
  function await1(suspend: Suspend): Outcome<unknown> | undefined {
    const id = ++waiting
    let sync = true
    ready = undefined
    try {
      suspend((outcome) => {
        if (fiber.settled || waiting !== id || ready !== undefined) return
        if (sync) {
          ready = outcome
        } else {
          waiting += 1
          advance(outcome)
        }
      })
    } catch (error) {
      ready = { ok: false, error }
    }
    sync = false
    return ready
  }

  advance({ ok: true, value: undefined })
  return fiber
}

/** Waits for one operation. */
export function* wait<T>(suspend: (done: Done<T>) => void): Io<T> {
  return (yield suspend as Suspend) as T
}

/** Runs all at the same time; waits for all; then throws the first error by position, if any. */
export function* all<T>(ios: readonly Io<T>[]): Io<T[]> {
  if (ios.length === 0) return []
  const outcomes = yield* settleAll(ios)
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error
    return outcome.value
  })
}

/** Runs all at the same time and waits until every one has ended, well or badly. */
export function settleAll<T>(ios: readonly Io<T>[]): Io<Outcome<T>[]> {
  return wait<Outcome<T>[]>((done) => {
    const outcomes: Outcome<T>[] = []
    let left = ios.length
    if (left === 0) done({ ok: true, value: [] })
    ios.forEach((io, i) =>
      start(io, (outcome) => {
        outcomes[i] = outcome
        left -= 1
        if (left === 0) done({ ok: true, value: outcomes })
      }),
    )
  })
}

/** Opens once; whoever waits, before or after, goes on. */
export class Latch {
  #opened = false
  readonly #waiting: (() => void)[] = []

  open(): void {
    this.#opened = true
    for (const go of this.#waiting.splice(0)) go()
  }

  passed(): Io<void> {
    return wait<void>((done) => {
      const go = (): void => done({ ok: true, value: undefined })
      if (this.#opened) go()
      else this.#waiting.push(go)
    })
  }
}

/** Adapter for promise-based clients at the edge (connectors and hosts only). */
export function fromPromise<T>(run: () => Promise<T>): Io<T> {
  return wait<T>((done) => {
    run().then(
      (value) => done({ ok: true, value }),
      (error: unknown) => done({ ok: false, error }),
    )
  })
}
