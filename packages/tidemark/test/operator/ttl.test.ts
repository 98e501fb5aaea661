/** State with a TTL by event time inside operators: whose event time it is, and that restores change nothing. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import type { KeyedJoinSpec } from '../../src/graph/join-spec.ts'
import type { ProcessSpec, WindowSpec } from '../../src/graph/operator-spec.ts'
import type { TtlSpec } from '../../src/graph/state-spec.ts'
import type { ValueState } from '../../src/state/handles.ts'
import type { BroadcastProcessSpec } from '../../src/graph/broadcast-spec.ts'
import { readEntries } from '../../src/state/snapshot-format.ts'
import { TIMERS_AT_ONCE } from '../../src/operator/timer-service.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { verifyInAllModes, type ScriptStep } from '../../src/testing/operator-script.ts'
import { canonical } from '../../src/testing/canonical.ts'
import { onEveryBackend, runs } from '../state/backends.ts'
import { onStore } from './on-store.ts'
import { session } from './specs.ts'

interface Row { readonly k: string; readonly n: number }
interface Context {
  readonly state: { readonly last: ValueState<number> }
  readonly timer: { at(time: number): void; atProcessingTime(time: number): void }
  readonly timestamp: number
}

const TTL: TtlSpec = { ttlMs: 20, time: 'event' }

/** Puts out the value before; a timer puts out what it finds, ten after each record. */
const remembering = (ttl: TtlSpec): ProcessSpec => ({
  kind: 'process', keyOf: ({ k }: Row) => k, sides: [],
  state: { last: { kind: 'value', version: 1, ttl } },
  onRecord({ n }: Row, { state: { last }, timer, timestamp }: Context) {
    const before = last.get()
    last.set(n)
    timer.at(timestamp + 10)
    return [['before', before ?? null]]
  },
  onTimer: (_, { state: { last } }: Context) => [['timer', last.get() ?? null]],
})

const script = fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.record({ k: fc.constantFrom('a', 'b', 'c'), ahead: fc.integer({ min: -15, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ rise: fc.integer({ min: 1, max: 30 }) }) },
), { maxLength: 25 }).map((all): ScriptStep[] => {
  let watermark = 100
  const begin: ScriptStep = { kind: 'watermark', watermark }
  return [begin, ...all.map((each, n): ScriptStep => {
    if ('rise' in each) return { kind: 'watermark', watermark: (watermark += each.rise) }
    return { kind: 'send', value: { k: each.k, n }, timestamp: watermark + each.ahead, input: n % 2 }
  })]
})

onEveryBackend(() => {
  describe('a process', () => {
    test('sees the same, restored and rescaled at every step, and by every way of refreshing', () => {
      fc.assert(fc.property(script, fc.constantFrom('create', 'write', 'read'), (steps, refreshedBy) => {
        const single = steps.map((step) => (step.kind === 'send' ? { ...step, input: 0 } : step))
        verifyInAllModes({ operator: remembering({ ...TTL, refreshedBy }), steps: single, create: onStore() })
      }), { numRuns: runs(25) })
    })

    test('TS-8: a timer sees what was alive at its time, however far the watermark jumps, also at the end of all input', () => {
      for (const watermark of [111, 5_000, MAX_TIMESTAMP]) {
        const h = new OperatorHarness(remembering(TTL), { create: onStore() })
        h.send({ k: 'a', n: 1 }, 100)
        h.watermark(watermark)
        expect(h.values()).toEqual([['before', null], ['timer', 1]])
        h.send({ k: 'a', n: 2 }, 102)
        expect(h.values().at(-1)).toEqual(['before', watermark === 111 ? 1 : null])
      }
    })

    test('TS-8: what a timer of the machine\'s clock writes between timers of a watermark counts from them, after a restore, too', () => {
      const spec: ProcessSpec = {
        ...remembering(TTL),
        onRecord({ n }: Row, { state: { last }, timer, timestamp }: Context) {
          if (timestamp > 0) return [last.get() ?? null]
          timer.at(30)
          if (n === 0) timer.atProcessingTime(5)
          return []
        },
        onTimer: (time, { state: { last } }: Context) => (Number(time) === 5 ? last.set(7) : undefined),
      }
      const before = new OperatorHarness(spec, { create: onStore() })
      for (let n = 0; n <= TIMERS_AT_ONCE; n++) before.send({ k: `k${n}`, n }, 0)
      before.operator.onWatermark(100)
      expect(before.operator.firing?.()).toBe(true)
      const after = new OperatorHarness(spec, { restored: [before.snapshot()], create: onStore() })
      for (const h of [before, after]) {
        h.processingTime(5)
        h.operator.fireMore?.(TIMERS_AT_ONCE)
        h.send({ k: 'k0', n: 1 }, 100)
        expect(h.values()).toEqual([null])
      }
    })

    test('E192: a record without event time is refused while there is no watermark either', () => {
      const h = new OperatorHarness({ ...remembering(TTL), onRecord: ({ n }: Row, { state: { last } }: Context) => last.set(n) }, { create: onStore() })
      expect(() => h.send({ k: 'a', n: 1 })).toThrow(expect.objectContaining({ code: 'E192', place: expect.objectContaining({ operator: 'under-test' }) }))
      h.watermark(100)
      h.send({ k: 'a', n: 2 })
      h.watermark(119)
      expect(h.operator.look?.().keyed.at(-1)?.groups.length).toBe(1)
      h.watermark(120)
      expect(h.operator.look?.().keyed.at(-1)?.groups).toEqual([])
    })

    test('a timer of the machine\'s clock before the first watermark writes what is not dated yet', () => {
      const spec: ProcessSpec = {
        ...remembering(TTL),
        onRecord: (_: Row, { timer }: Context) => timer.atProcessingTime(5),
        onTimer: (_, { state: { last } }: Context) => last.set(1),
      }
      const h = new OperatorHarness(spec, { create: onStore() })
      h.send({ k: 'a', n: 0 })
      h.processingTime(5)
      h.watermark(1_000)
      h.snapshot()
      h.watermark(1_019)
      expect(h.operator.look?.().keyed.at(-1)?.groups.length).toBe(1)
      h.watermark(1_020)
      expect(h.operator.look?.().keyed.at(-1)?.groups).toEqual([])
    })
  })

  test('the state of a window function lives from window to window by the time of the windows, whatever the watermark jumps', () => {
    const spec = (ttlMs: number): WindowSpec => ({
      kind: 'window', keyOf: ({ k }: Row) => k, assigner: session(1), latenessMs: 0, sides: [],
      compute: {
        kind: 'elements', state: { last: { kind: 'value', version: 1, ttl: { ttlMs, time: 'event' } } },
        fn(_, { start }, __, { state }) {
          const last = state['last'] as ValueState<number>
          const before = last.get()
          last.set(start)
          return [[before ?? null, start]]
        },
      },
    })
    const found = (ttlMs: number, watermarks: readonly number[]): unknown[] => {
      const h = new OperatorHarness(spec(ttlMs), { create: onStore() })
      for (const n of [10, 20, 40]) h.send({ k: 'a', n }, n)
      for (const watermark of watermarks) h.watermark(watermark)
      return h.values()
    }
    const each = Array.from({ length: 60 }, (_, i) => i)
    for (const watermarks of [each, [30, 60], [MAX_TIMESTAMP]]) {
      expect(found(15, watermarks)).toEqual([[null, 10], [10, 20], [null, 40]])
      expect(found(25, watermarks)).toEqual([[null, 10], [10, 20], [20, 40]])
    }
  })
})

test('state that the broadcast side visits counts from its record, whatever record was there before', () => {
  const touching: BroadcastProcessSpec = {
    kind: 'broadcast-process', keysOf: [({ k }: Row) => k, undefined], state: { last: { kind: 'value', version: 1, ttl: TTL } },
    broadcast: { rules: { kind: 'map', version: 1 } }, sides: [],
    onRecord: ({ n }: Row, { state: { last } }: Context) => last.set(n),
    onBroadcast: (n: number, { applyToKeyedState }) =>
      applyToKeyedState('last', (_key: string, last: ValueState<number>) => last.set(n)),
  }
  const untilOver = (at: number | undefined, others: readonly number[]): number => {
    const h = new OperatorHarness(touching)
    h.send({ k: 'a', n: 1 }, 100)
    for (const time of others) h.send({ k: 'b', n: 1 }, time)
    h.watermark(105)
    h.send(7, at, 1)
    for (let watermark = 106; ; watermark++) {
      h.watermark(watermark)
      if (!keysOf(h).includes('a')) return watermark
    }
  }
  for (const others of [[], [90], [190]]) expect([untilOver(130, others), untilOver(undefined, others)]).toEqual([150, 125])
})

/** Keys of which something is alive. */
const keysOf = (h: OperatorHarness): unknown[] =>
  (h.operator.look?.().keyed.at(-1)?.groups ?? []).flatMap((group) => [...readEntries(group)].map(({ key }) => key))

describe('a keyed join', () => {
  const join = (ttl: TtlSpec): KeyedJoinSpec => ({
    kind: 'keyed-join', type: 'inner', keysOf: [({ k }: Row) => k, ({ k }: Row) => k], ttl,
    fn: (left: Row, right: Row) => [left.n, right.n],
  })

  test('joins what the watermark has not passed by the ttl, in every mode', () => {
    fc.assert(fc.property(script, (steps) => {
      const rows: { readonly row: Row; readonly input: number; readonly until: number }[] = []
      let watermark = 0
      const wanted = steps.flatMap((step): string[] => {
        if (step.kind === 'watermark') watermark = step.watermark
        if (step.kind !== 'send') return []
        const [row, input, time] = [step.value as Row, step.input ?? 0, step.timestamp as number]
        const partners = rows.filter((other) => other.row.k === row.k && other.input !== input && watermark < other.until)
        rows.push({ row, input, until: Math.max(time, watermark) + 20 })
        return partners.map(({ row: { n } }) => canonical({ value: input === 0 ? [row.n, n] : [n, row.n], timestamp: time }))
      })
      const outputs = verifyInAllModes({ operator: join(TTL), steps }).flat()
      const records = outputs.flatMap((each) => (each.kind === 'record' ? [canonical({ value: each.value, timestamp: each.timestamp })] : []))
      expect(records.toSorted()).toEqual(wanted.toSorted())
    }), { numRuns: 25 })
  })

  test('refreshed by reads, records stay as long as they find partners', () => {
    const h = new OperatorHarness(join({ ttlMs: 16, refreshedBy: 'read', time: 'event' }))
    h.send({ k: 'a', n: 0 }, 0, 0)
    for (let n = 1; n <= 5; n++) {
      h.watermark(n * 15)
      h.send({ k: 'a', n }, n * 15, 1)
    }
    expect(h.values()).toEqual([[0, 1], [0, 2], [0, 3], [0, 4], [0, 5]])
    h.watermark(91)
    h.send({ k: 'a', n: 9 }, 91, 1)
    expect(h.values().length).toBe(5)
  })

  test('remembers the watermark only where it goes by it', () => {
    const lists = (ttl: TtlSpec): unknown => new OperatorHarness(join(ttl)).operator.look?.().lists.map(({ name }) => name)
    expect([lists({ ttlMs: 1 }), lists(TTL)]).toEqual([[], ['watermark']])
  })
})
