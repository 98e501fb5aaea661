import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import type { AsyncMapSpec } from '../../src/graph/async-spec.ts'
import { decodeSegment } from '../../src/state/snapshot-format.ts'
import { promiseOf } from '../kit/hand-driven-promise.ts'
import { OperatorHarness, type HarnessOptions } from '../../src/testing/operator-harness.ts'

interface Call {
  readonly value: any
  readonly signal: AbortSignal
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** A function whose answers come when the test says so. */
class Outside {
  readonly calls: Call[] = []
  readonly open: Call[] = []
  most = 0

  readonly fn = (value: unknown, signal: AbortSignal): PromiseLike<unknown> => {
    return promiseOf((ok, failed) => {
      const done = (): void => {
        const at = this.open.indexOf(call)
        if (at >= 0) this.open.splice(at, 1)
      }
      const call: Call = {
        value, signal,
        resolve: (result) => { done(); ok(result) },
        reject: (error) => { done(); failed(error) },
      }
      this.calls.push(call)
      this.open.push(call)
      this.most = Math.max(this.most, this.open.length)
    })
  }

  /** Answers the open call for `value` with its double. */
  answer(value: number): void {
    this.open.find((call) => call.value === value)?.resolve(value * 2)
  }
}

const specOf = (fn: AsyncMapSpec['fn'], more: Partial<AsyncMapSpec> = {}): AsyncMapSpec =>
  ({ kind: 'async-map', fn, ordered: true, capacity: 3, timeoutMs: 1000, onFailed: 'fail', ...more })

const started = (more: Partial<AsyncMapSpec> = {}, options: HarnessOptions = {}) => {
  const outside = new Outside()
  return { outside, harness: new OperatorHarness(specOf(outside.fn, more), options) }
}

const inFlight = (segment: Uint8Array): unknown[] =>
  (decodeSegment(segment).snapshot.lists.find(({ name }) => name === 'in-flight')?.items ?? [])
    .map((item) => (item as unknown[])[2])

const shown = (harness: OperatorHarness): string[] => harness.outputs.map((each) => {
  if (each.kind === 'record') return `${String(each.value)}@${each.timestamp}`
  return each.kind === 'watermark' ? `wm ${each.watermark}` : `idle ${each.idle}`
})

describe('order', () => {
  it('ordered: a result waits for those before it, and keeps the time of its record', () => {
    const { outside, harness } = started()
    for (const n of [1, 2, 3]) harness.send(n, n * 10)
    outside.answer(3)
    outside.answer(2)
    expect(shown(harness)).toEqual([])
    outside.answer(1)
    expect(shown(harness)).toEqual(['2@10', '4@20', '6@30'])
  })

  it('unordered: results overtake each other, but never a watermark or idleness', () => {
    const { outside, harness } = started({ ordered: false, capacity: 9 })
    for (const n of [1, 2]) harness.send(n, n)
    harness.watermark(2)
    harness.idle(true)
    for (const n of [3, 4]) harness.send(n, n)
    for (const n of [4, 2]) outside.answer(n)
    expect(shown(harness)).toEqual(['4@2'])
    outside.answer(1)
    expect(shown(harness)).toEqual(['4@2', '2@1', 'wm 2', 'idle true', '8@4'])
    outside.answer(3)
    expect(shown(harness).at(-1)).toBe('6@3')
  })

  it('with nothing in flight a watermark passes at once; of several behind one record the last counts', () => {
    const { outside, harness } = started()
    harness.watermark(5)
    expect(shown(harness)).toEqual(['wm 5'])
    harness.send(1, 6)
    for (const watermark of [7, 8, 9]) harness.watermark(watermark)
    outside.answer(1)
    expect(shown(harness)).toEqual(['wm 5', '2@6', 'wm 9'])
  })
})

type Command =
  | { readonly kind: 'send' | 'answer' | 'restore'; readonly pick: number }
  | { readonly kind: 'watermark' }

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send' as const), pick: fc.constant(0) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'watermark' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), pick: fc.constant(0) }) },
)

it('whatever comes when: capacity, order, exactly the missing ones in the snapshot, each result once', () => {
  fc.assert(fc.property(
    fc.array(command, { maxLength: 60 }), fc.boolean(), fc.integer({ min: 1, max: 4 }),
    (commands, ordered, capacity) => {
      let { outside, harness } = started({ ordered, capacity })
      const gone: Outside[] = []
      /** Records and watermarks in the order in which they came, and in which they went. */
      const came: string[] = []
      const went: string[] = []
      let sent = 0
      const collect = (): void => {
        for (const each of harness.take()) {
          if (each.kind === 'record') went.push(`r${Number(each.value) / 2}`)
          if (each.kind === 'watermark') went.push(`w${each.watermark}`)
        }
        const missing = came.filter((each) => each.startsWith('r') && !went.includes(each))
        expect(inFlight(harness.snapshot()).map((n) => `r${String(n)}`)).toEqual(missing)
        expect(outside.most).toBeLessThanOrEqual(capacity)
        expect(harness.operator.busy).toBe(outside.open.length === capacity)
        const answered = outside.calls.filter((c) => !outside.open.includes(c) && missing.includes(`r${c.value}`))
        expect(outside.open).toHaveLength(Math.min(capacity, missing.length - answered.length))
        expect(harness.operator.inFlight).toBe(missing.length > 0)
      }
      for (const each of commands) {
        if (each.kind === 'send') {
          sent += 1
          came.push(`r${sent}`)
          harness.send(sent, sent)
        } else if (each.kind === 'watermark') {
          came.push(`w${sent}`)
          harness.watermark(sent)
        } else if (each.kind === 'answer') {
          const call = outside.open[each.pick % Math.max(1, outside.open.length)]
          if (call !== undefined) outside.answer(call.value)
        } else {
          const restored = [harness.snapshot()]
          harness.close()
          expect(outside.open.every(({ signal }) => signal.aborted)).toBe(true)
          gone.push(outside)
          const before = harness.outputs.length
          const missing = came.filter((e) => e.startsWith('r') && !went.includes(e)).map((e) => Number(e.slice(1)))
          // Marks between records in flight are not stored: whoever sent them says them again.
          for (let i = came.length - 1; i >= 0; i--) {
            const mark = came[i] as string
            if (mark.startsWith('w') && !went.includes(mark)) came.splice(i, 1)
          }
          const old = harness
          ;({ outside, harness } = started({ ordered, capacity }, { restored }))
          expect(outside.calls.map(({ value }) => value)).toEqual(missing.slice(0, capacity))
          for (const stale of gone) for (const call of stale.calls) call.resolve(-1)
          expect(old.outputs).toHaveLength(before)
        }
        collect()
      }
      while (outside.open.length > 0) {
        outside.answer((outside.open.at(-1) as Call).value)
        collect()
      }
      expect(went.filter((e) => e.startsWith('r')).toSorted()).toEqual(came.filter((e) => e.startsWith('r')).toSorted())
      if (ordered) {
        expect(went.filter((e) => e.startsWith('r'))).toEqual(came.filter((e) => e.startsWith('r')))
      }
      for (const mark of went.filter((e) => e.startsWith('w'))) {
        const behind = came.slice(0, came.indexOf(mark)).filter((e) => e.startsWith('r'))
        const before = went.slice(0, went.indexOf(mark))
        expect(before).toEqual(expect.arrayContaining(behind))
      }
    },
  ), { numRuns: 300 })
})

it('what was in flight stays with its subtask, and with another parallelism stays together, in order', () => {
  const subtasks = [0, 1, 2].map((subtask) => {
    const { harness } = started({ capacity: 1 }, { subtask, parallelism: 3 })
    for (const n of [1, 2]) harness.send(subtask * 10 + n, n)
    return harness.snapshot()
  })
  const restoredAt = (parallelism: number): unknown[][] => Array.from({ length: parallelism }, (_, subtask) =>
    inFlight(started({}, { subtask, parallelism, restored: subtasks }).harness.snapshot()))
  expect(restoredAt(3)).toEqual([[1, 2], [11, 12], [21, 22]])
  expect(restoredAt(1)).toEqual([[1, 2, 11, 12, 21, 22]])
  expect(restoredAt(2)).toEqual([[1, 2, 11, 12], [21, 22]])
  expect(restoredAt(5).flat()).toEqual([1, 2, 11, 12, 21, 22])
})

describe('time limits and tries', () => {
  it('E161 after the time limit, over all tries; the signal is aborted', () => {
    const retry = { attempts: 9, delayMs: 400, factor: 1, maxDelayMs: 400 }
    const { outside, harness } = started({ retry })
    harness.send(1, 0)
    outside.open[0]?.reject(new Error('no'))
    harness.processingTime(400)
    expect(outside.calls).toHaveLength(2)
    harness.processingTime(999)
    expect(outside.calls[1]?.signal.aborted).toBe(false)
    expect(() => harness.processingTime(1000)).toThrow(expect.objectContaining({
      code: 'E161', place: expect.objectContaining({ operator: 'under-test' }),
    }))
    expect(outside.calls[1]?.signal.aborted).toBe(true)
    outside.open[0]?.resolve(7)
    expect(harness.values()).toEqual([])
  })

  it('onTimeout gives the result, in its place', () => {
    const { outside, harness } = started({ onTimeout: (n) => -n })
    harness.send(1, 10)
    harness.processingTime(500)
    harness.send(2, 20)
    outside.answer(2)
    harness.processingTime(1000)
    expect(shown(harness)).toEqual(['-1@10', '4@20'])
    outside.answer(1)
    expect(harness.values()).toEqual([-1, 4])
  })

  it('pauses grow by the factor up to the longest, and only errors that `on` names are tried again', () => {
    const retry = { attempts: 5, delayMs: 10, factor: 3, maxDelayMs: 50, on: (e: unknown) => e !== 'fatal' }
    const { outside, harness } = started({ retry, onFailed: 'side' })
    harness.send(1, 0)
    let now = 0
    for (const pause of [10, 30, 50, 50]) {
      outside.open[0]?.reject('again')
      harness.processingTime(now += pause - 1)
      expect(outside.open).toHaveLength(0)
      harness.processingTime(now += 1)
      expect(outside.open).toHaveLength(1)
    }
    outside.open[0]?.reject('again')
    harness.send(2, 0)
    outside.open[0]?.reject('fatal')
    expect(harness.values('failed')).toMatchObject([
      { record: 1, tries: 5, timedOut: false }, { record: 2, tries: 1, timedOut: false },
    ])
  })

  it('E160 names the operator, the tries and the cause, for a rejection as for a throw', () => {
    const cause = new Error('refused')
    const rejected = started()
    rejected.harness.send(1, 0)
    rejected.outside.open[0]?.reject(cause)
    const thrower = new OperatorHarness(specOf(() => { throw cause }))
    for (const act of [() => rejected.harness.send(2, 0), () => thrower.send(1, 0)]) {
      let error: any
      try { act() } catch (thrown) { error = thrown }
      expect(error).toMatchObject({ code: 'E160', retryable: true, place: { operator: 'under-test' }, cause })
      expect(error.message).toContain('refused')
    }
  })

  it('a failure that goes to the side keeps its place before the watermark', () => {
    const { outside, harness } = started({ onFailed: 'side' })
    harness.send(1, 1)
    harness.send(2, 2)
    harness.watermark(MAX_TIMESTAMP)
    outside.answer(2)
    outside.open[0]?.reject(new Error('no'))
    expect(harness.outputs.map((o) => (o.kind === 'record' ? o.tag : o.kind))).toEqual(['failed', 'main', 'watermark'])
  })

  it('real promises work as well, and a plain value counts as an answer', async () => {
    const harness = new OperatorHarness(specOf(async (n: number) => n + 1))
    harness.send(1, 0)
    expect(harness.values()).toEqual([])
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(harness.values()).toEqual([2])
    const plain = new OperatorHarness(specOf((n: number) => n + 1))
    plain.send(1, 0)
    expect(plain.values()).toEqual([2])
  })
})
