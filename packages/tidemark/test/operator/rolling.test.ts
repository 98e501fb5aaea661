import fc from 'fast-check'
import { expect, test } from 'vitest'
import { count, sum } from '../../src/api/aggregates.ts'
import { combine } from '../../src/api/combine.ts'
import type { RollingSpec } from '../../src/graph/operator-spec.ts'
import { createRolling } from '../../src/operator/rolling.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { verifyInAllModes } from '../../src/testing/operator-script.ts'
import { MemoryPagedStore } from '../../src/state/paged/memory-paged-store.ts'
import { tableNameOf } from '../../src/state/paged/paged-store.ts'
import { onEveryBackend, runs } from '../state/backends.ts'
import { rigEvent } from '../state/increments-rig.ts'
import { inLine } from './in-line.ts'
import { onStore } from './on-store.ts'
import { rigOf } from './operator-rig.ts'
import { countAndSum, keyOfRow, type Row } from './specs.ts'
import { assertUntilSeen } from '../state/until-seen.ts'

const rolling: RollingSpec = { kind: 'rolling', keyOf: keyOfRow, aggregate: countAndSum, result: (k, v) => [k, v] }
/** The same, kept as numbers where it is not in a store. */
const numeric: RollingSpec = {
  ...rolling, aggregate: combine({ n: count(), total: sum((row: Row) => row[1]) }).aggregate,
  result: (key, held) => [key, [...(held as number[])]],
}
const creators = { closures: createRolling, code: inLine(createRolling) }
const forms = [
  ['objects, closures', rolling, creators.closures], ['objects, code', rolling, creators.code],
  ['numbers, closures', numeric, creators.closures], ['numbers, code', numeric, creators.code],
] as const

onEveryBackend(() => {
  test.each(forms)('goes on after every restore and rescale, as %s', (_, spec, create) => {
    const rows = [['a', 1], ['b', 2], ['a', 3], ['a', 4], ['c', 5], ['b', 1], ['a', 1]] as const
    const outputs = verifyInAllModes({
      operator: spec, steps: rows.map((value) => ({ kind: 'send', value, timestamp: 1 })), create: onStore(create),
    })
    expect(outputs.map(([o]) => o?.kind === 'record' && o.value)).toEqual(
      [['a', [1, 1]], ['b', [1, 2]], ['a', [2, 4]], ['a', [3, 8]], ['c', [1, 5]], ['b', [2, 3]], ['a', [4, 9]]])
  })

  test.each(forms)('IS-1: checkpoints hold what it held at their cuts, whatever follows, as %s', (_, spec, create) => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.nat(40).map((n) => `k${n}`), fc.nat(9)) },
      { weight: 2, arbitrary: rigEvent },
    )
    let increments = 0
    const law = fc.property(fc.constantFrom(1, 5), fc.array(event, { minLength: 20, maxLength: 120 }), (sliceEntries, events) => {
      const { harness, rig } = rigOf(spec, { sliceEntries, segmentBytes: 1000 }, onStore(create))
      for (let i = 0; i < 40; i++) harness.send([`k${i}`, i], 1)
      rig.playThrough(events, (each) => {
        if ('kind' in each) return each
        harness.send(each, 1)
        return undefined
      })
      increments += rig.increments
    })
    assertUntilSeen(law, runs(40), () => increments > 0)
  })

  test('numbers that were cut on the heap go on here, and those that were cut here go on there, to the last bit', () => {
    const run = (create: typeof createRolling, restored: readonly Uint8Array[], rows: readonly (readonly [string, number])[]) => {
      const harness = new OperatorHarness(numeric, { create, ...(restored.length === 0 ? {} : { restored }) })
      for (const each of rows) harness.send(each, 1)
      return { values: harness.values(), snapshot: harness.snapshot() }
    }
    const first = run(createRolling, [], [['a', 0.1], ['b', -0], ['c', NaN], ['d', Infinity], ['e', 2 ** 40 + 0.5]])
    const here = run(onStore(createRolling), [first.snapshot], [['a', 0.2], ['d', -1]])
    expect(here.values).toEqual([['a', [2, 0.1 + 0.2]], ['d', [2, Infinity]]])
    const there = run(createRolling, [here.snapshot], [['a', 0.3], ['b', -0], ['c', 1], ['e', 1]])
    expect(there.values).toEqual([['a', [3, 0.1 + 0.2 + 0.3]], ['b', [2, 0]], ['c', [2, NaN]], ['e', [2, 2 ** 40 + 1.5]]])
  })

  test.each(forms)('E072: what cannot be a key is refused, as %s', (_, spec, create) => {
    for (const key of [NaN, null, {}, '\ud800']) {
      expect(() => new OperatorHarness(spec, { create: onStore(create) }).send([key, 1], 1))
        .toThrow(expect.objectContaining({ code: 'E072' }))
    }
  })
})

test('PK-6: accumulators that a restore has put into the store are taken over; those of another version are made anew', () => {
  const sum = (version: number): RollingSpec => ({
    ...rolling,
    evolution: { version, upgrade: (_, [count, total]: [number, number]) => [count, total * 100] },
    aggregate: {
      create: () => [0, 0], add: ([count, total]: [number, number], [, n]: [string, number]) => [count + 1, total + n],
      result: (held: unknown) => held,
    },
  })
  const stores = [1, 1, 2].map(() => new MemoryPagedStore(1000))
  const [first] = stores as [MemoryPagedStore, ...MemoryPagedStore[]]
  const table = tableNameOf('rolling')
  const run = (version: number, store: MemoryPagedStore, restored?: readonly Uint8Array[]): OperatorHarness => {
    const harness = new OperatorHarness(sum(version), {
      ...(restored === undefined ? {} : { restored }),
      create: (spec, context) => {
        const found = context.restored
        if (found !== undefined) {
          const entries = first.table(table).entriesAfter(undefined)
          for (let next = entries.next(); next.done !== true; next = entries.next()) store.table(table).write([next.value])
        }
        const landed = found === undefined ? undefined : {
          ...found, landed: () => true, keyed: version === 1 ? (): never => { throw new Error('it is there already') } : (name: string) => found.keyed(name),
        }
        return createRolling(spec, { ...context, restored: landed, pagedStore: store })
      },
    })
    harness.send(['a', 1], 1)
    return harness
  }
  const snapshot = run(1, first).snapshot()
  expect(first.table(table).entries).toBe(1)
  expect(run(1, stores[1] as MemoryPagedStore, [snapshot]).values()).toEqual([['a', [2, 2]]])
  const upgraded = stores[2] as MemoryPagedStore
  expect(run(2, upgraded, [snapshot]).values()).toEqual([['a', [2, 101]]])
  expect(upgraded.table(table).entries).toBe(0)
})
