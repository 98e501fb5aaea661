import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { BroadcastProcessSpec } from '../../src/graph/broadcast-spec.ts'
import type { CoProcessSpec } from '../../src/graph/operator-spec.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import type { ListStateSnapshot } from '../../src/state/snapshot.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { ScaledHarness, verifyInAllModes, type ScriptStep } from '../../src/testing/operator-script.ts'

type Pair = readonly [key: string, value: number]
const keyOf = (record: Pair): string => record[0]
const value = { kind: 'value', version: 1 } as const
const map = { kind: 'map', version: 1 } as const

const step: fc.Arbitrary<ScriptStep> = fc.oneof(
  fc.record({
    kind: fc.constant('send' as const), input: fc.constantFrom(0, 1), timestamp: fc.nat(30),
    value: fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(9)),
  }),
  fc.record({ kind: fc.constant('watermark' as const), watermark: fc.nat(40) }),
)
const MAX_PARALLELISM = 8

describe('co-process', () => {
  /** Left adds, right takes away; every change asks for a report 10 later. */
  const balance: CoProcessSpec = {
    kind: 'co-process', keysOf: [keyOf, keyOf], state: { sum: value }, sides: ['seen'],
    onRecord: [1, -1].map((sign) => (record: Pair, { state, timer, timestamp, side }: any) => {
      state.sum.set((state.sum.get() ?? 0) + sign * record[1])
      timer.at(timestamp + 10)
      side.seen(record)
    }) as unknown as CoProcessSpec['onRecord'],
    onTimer: (time, { key, state }) => [`${key} ${state.sum.get()} at ${time.getTime()}`],
  }

  it('both functions share state and timers of a key, at every moment, after every restore, at 1, 3, 2 subtasks', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const sums = new Map<string, number>()
      const timers = new Map<string, { key: string; time: number }>()
      let now = Number.MIN_SAFE_INTEGER
      const expected = steps.map((each) => {
        if (each.kind === 'send') {
          const [key, n] = each.value as Pair
          sums.set(key, (sums.get(key) ?? 0) + (each.input === 1 ? -n : n))
          const time = (each.timestamp as number) + 10
          timers.set(`${key} ${time}`, { key, time })
          return []
        }
        if (each.kind !== 'watermark' || each.watermark <= now) return []
        now = each.watermark
        return [...timers].filter(([, { time }]) => time <= now).map(([id, { key, time }]) => {
          timers.delete(id)
          return `${key} ${sums.get(key)} at ${time}`
        })
      })
      const outputs = verifyInAllModes({ operator: balance, steps, maxParallelism: MAX_PARALLELISM })
      const main = outputs.map((o) => o.flatMap((r) => (r.kind === 'record' && r.tag === 'main' ? [r.value] : [])))
      expect(main.map((each) => each.map(String).toSorted())).toEqual(expected.map((each) => each.toSorted()))
      expect(outputs.flat().filter((r) => r.kind === 'record' && r.tag === 'seen'))
        .toHaveLength(steps.filter(({ kind }) => kind === 'send').length)
    }), { numRuns: 50 })
  })

  it('without keys it has neither state nor timers, and says so', () => {
    const plain: CoProcessSpec = {
      kind: 'co-process', keysOf: [undefined, undefined], state: {}, sides: [],
      onRecord: [(v) => [`left ${v}`], (v, ctx) => { ctx.timer.at(v) }],
    }
    const harness = new OperatorHarness(plain)
    harness.send(1, 1, 0)
    expect(harness.values()).toEqual(['left 1'])
    expect(() => harness.send(1, 1, 1)).toThrow(expect.objectContaining({ code: 'E064' }))
  })
})

describe('broadcast state', () => {
  /** Rules say how to multiply; records remember their last value; a rule 0 forgets those of its key. */
  const rules: BroadcastProcessSpec = {
    kind: 'broadcast-process', keysOf: [keyOf, undefined], state: { last: value }, broadcast: { rules: map }, sides: [],
    onRecord: ([key, n]: Pair, { state, broadcast }) => {
      const before = state.last.get()
      state.last.set(n)
      return [`${key} ${n * (broadcast.rules.get(key) ?? 1)} after ${before} of ${[...broadcast.rules.keys()].join('')}`]
    },
    onBroadcast: ([rule, factor]: Pair, { broadcast, applyToKeyedState }) => {
      if (factor > 0) broadcast.rules.set(rule, factor)
      else {
        broadcast.rules.delete(rule)
        applyToKeyedState('last', (key: string, last: any) => { if (key === rule) last.clear() })
      }
    },
  }

  it('every subtask holds all of it, in order; the keyed side sees it as it is; after restores, at 1, 3, 2 subtasks', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const table = new Map<string, number>()
      const last = new Map<string, number>()
      const expected = steps.map((each) => {
        if (each.kind !== 'send') return []
        const [key, n] = each.value as Pair
        if (each.input === 1) {
          if (n > 0) table.set(key, n)
          else {
            table.delete(key)
            last.delete(key)
          }
          return []
        }
        const before = last.get(key)
        last.set(key, n)
        return [`${key} ${n * (table.get(key) ?? 1)} after ${before} of ${[...table.keys()].join('')}`]
      })
      const outputs = verifyInAllModes({ operator: rules, steps, broadcast: [1], maxParallelism: MAX_PARALLELISM })
      expect(outputs.map((o) => o.flatMap((r) => (r.kind === 'record' ? [r.value] : [])))).toEqual(expected)
    }), { numRuns: 50 })
  })

  it('applyToKeyedState visits each key with something stored once, over all subtasks', () => {
    const sums: BroadcastProcessSpec = {
      ...rules,
      onBroadcast(_rule, { applyToKeyedState }) {
        const seen: unknown[] = []
        applyToKeyedState('last', (key: string, last: any) => {
          seen.push([key, last.get()])
          last.set(last.get() * 10)
        })
        return seen
      },
    }
    const harness = new ScaledHarness({ operator: sums, steps: [], broadcast: [1], parallelism: 3 })
    for (const [i, key] of ['a', 'b', 'c', 'd', 'e'].entries()) harness.play({ kind: 'send', value: [key, i], input: 0 })
    harness.take()
    const visited = (): string[] => {
      harness.play({ kind: 'send', value: ['', 0], input: 1 })
      return harness.take().flatMap((each) => (each.kind === 'record' ? [String(each.value)] : [])).toSorted()
    }
    expect(visited()).toEqual(['a,0', 'b,1', 'c,2', 'd,3', 'e,4'])
    harness.restore(2)
    expect(visited()).toEqual(['a,0', 'b,10', 'c,20', 'd,30', 'e,40'])
  })

  it('E162: the stream\'s side cannot write it, in a function or a timer', () => {
    for (const call of ['set', 'delete', 'clear'] as const) {
      const spec: BroadcastProcessSpec = { ...rules, onRecord: (_r, { broadcast }) => { broadcast.rules[call]('a', 1) } }
      expect(() => new OperatorHarness(spec).send(['a', 1], 1, 0)).toThrow(expect.objectContaining({
        code: 'E162', message: expect.stringContaining(`${call}()`),
      }))
    }
  })

  it('E062, E163: no key is set on the broadcast side, nor left over from a record or a visit', () => {
    const reads: BroadcastProcessSpec = { ...rules, onBroadcast: (_r, { state }) => [state.last.get()] }
    const harness = new OperatorHarness(reads)
    harness.send(['a', 1], 1, 0)
    expect(() => harness.send(['a', 1], 1, 1)).toThrow(expect.objectContaining({ code: 'E062' }))
    const after: BroadcastProcessSpec = {
      ...rules,
      onBroadcast(_r, { state, applyToKeyedState }) {
        applyToKeyedState('last', () => {})
        state.last.get()
      },
    }
    const second = new OperatorHarness(after)
    second.send(['a', 1], 1, 0)
    expect(() => second.send(['a', 1], 1, 1)).toThrow(expect.objectContaining({ code: 'E062' }))
    const typo: BroadcastProcessSpec = { ...rules, onBroadcast: (_r, ctx) => { ctx.applyToKeyedState('lost', () => {}) } }
    expect(() => new OperatorHarness(typo).send(['a', 1], 1, 1)).toThrow(expect.objectContaining({
      code: 'E163', message: expect.stringContaining('"lost"; it declares "last"'),
    }))
  })

  it('without keys the stream reads it, too', () => {
    const plain: BroadcastProcessSpec = {
      ...rules, keysOf: [undefined, undefined], state: {},
      onRecord: ([key, n], { broadcast }) => [n * (broadcast.rules.get(key) ?? 1)],
    }
    const harness = new OperatorHarness(plain)
    harness.send(['a', 2], 1, 0)
    harness.send(['a', 5], 1, 1)
    const second = new OperatorHarness(plain, { restored: [harness.snapshot()] })
    second.send(['a', 2], 1, 0)
    expect([...harness.values(), ...second.values()]).toEqual([2, 10])
  })
})

test('RS-2: each new subtask gets the broadcast items of one old subtask, whole, whatever order segments are read in', () => {
  const segmentOf = (subtask: number): Uint8Array => {
    const lists: ListStateSnapshot[] = [{ name: 'rules', redistribute: 'broadcast', items: [`a${subtask}`, `b${subtask}`] }]
    return encodeSegment({ operator: 'it', subtask, snapshot: { keyed: [], lists } }).bytes
  }
  const segments = [0, 1].map((subtask) => decodeSegment(segmentOf(subtask)))
  for (const parallelism of [1, 2, 3, 5]) {
    for (const read of [segments, segments.toReversed()]) {
      const got = Array.from({ length: parallelism }, (_, subtask) =>
        restoreOperator(read, { subtask, parallelism, keyGroups: { start: 0, end: 0 } }).list('rules'))
      expect(got).toEqual(got.map((_, subtask) => [`a${subtask % 2}`, `b${subtask % 2}`]))
    }
  }
})
