import fc from 'fast-check'
import { expect, test } from 'vitest'
import { avg, count, max, min, sum } from '../../src/api/aggregates.ts'
import { combine } from '../../src/api/combine.ts'
import { checkpointId } from '../../src/base/ids.ts'
import type { RollingSpec } from '../../src/graph/operator-spec.ts'
import type { Key } from '../../src/graph/key.ts'
import type { AggregateSpec } from '../../src/graph/state-spec.ts'
import { createRolling } from '../../src/operator/rolling.ts'
import { tableOfNumbers } from '../../src/operator/rolling-table.ts'
import type { KeyedStateSnapshot, SnapshotSlices } from '../../src/state/snapshot.ts'
import { OperatorHarness } from '../../src/testing/operator-harness.ts'
import { assertUntilSeen } from '../state/until-seen.ts'
import { inLine } from './in-line.ts'

type Row = readonly [key: Key, value: number]

const { aggregate } = combine({
  n: count(), total: sum((row: Row) => row[1]), least: min((row: Row) => row[1]), most: max((row: Row) => row[1]), mean: avg((row: Row) => row[1]),
})
const specOf = (made: AggregateSpec): RollingSpec =>
  ({ kind: 'rolling', keyOf: ([key]: Row) => key, aggregate: made, result: (key, held) => [key, ...(held as number[])] })
/** Without its steps as data an aggregate keeps objects. */
const { code: _code, ...opaque } = aggregate
const NUMBERS = specOf(aggregate)
const OBJECTS = specOf(opaque)

const whole = fc.nat(40)
const wide = fc.oneof(fc.nat(20).map((n) => n * 1e10 + 2 ** 40), fc.constantFrom(0.5, -0.5, Infinity, -Infinity, 2 ** 31))
const text = fc.nat(40).map((n) => `k${n}`)
/** Keys of one kind have one order in both tables. */
const keysOf = { whole, wide, text, any: fc.oneof(whole, wide, text, fc.nat(9).map(BigInt), fc.constant(-0)) }
const number = fc.oneof(fc.nat(100), fc.constantFrom(-0, 0.1, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53 - 1, -1e300, 5e-324))
const event = (key: fc.Arbitrary<Key>) => fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('send' as const), key, value: number }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('step' as const), entries: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'finish' as const, 'confirm' as const, 'abort' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
)

/** The same steps for both; what they put out and write is compared by who calls. */
class Side {
  readonly spec: RollingSpec
  readonly #coded: boolean
  harness: OperatorHarness
  slices: SnapshotSlices | undefined

  constructor(spec: RollingSpec, coded: boolean) {
    this.spec = spec
    this.#coded = coded
    this.harness = this.#started([])
  }

  restore(snapshot: Uint8Array): void {
    this.harness = this.#started([snapshot])
    this.slices = undefined
  }

  cut(id: number): SnapshotSlices['onto'] {
    const made = this.harness.operator.snapshot(checkpointId(id))
    this.slices = made === undefined || 'next' in made ? undefined : made.slices
    return this.slices?.onto
  }

  written(): readonly KeyedStateSnapshot[] {
    while (this.slices?.advance(7) === true);
    return this.slices?.take() ?? []
  }

  #started(restored: readonly Uint8Array[]): OperatorHarness {
    return new OperatorHarness(this.spec, {
      maxParallelism: 4, ...(restored.length === 0 ? {} : { restored }), create: this.#coded ? inLine(createRolling) : createRolling,
    })
  }
}

/** Of each key group: the order of its entries is left out. */
const sums = (parts: readonly KeyedStateSnapshot[]) =>
  parts.map(({ groups, ...rest }) => ({ ...rest, groups: groups.map(({ bytes, removed, ...each }) => ({ ...each, length: bytes.length, removed })) }))

test('aggregates of numbers are kept as numbers, an aggregate that does not say how it adds is not', () => {
  expect([tableOfNumbers(aggregate, 'op'), tableOfNumbers(opaque, 'op')]).toEqual([expect.anything(), undefined])
})

test.each([['whole', false], ['whole', true], ['wide', true], ['text', true], ['any', false], ['any', true]] as const)(
  'RA-1: as numbers or as objects, the same steps put out and write the same; keys %s, code generated: %s', (kind, coded) => {
    const seen = { increments: 0, between: 0 }
    const written = kind === 'any' ? sums : (parts: readonly KeyedStateSnapshot[]) => parts
    const law = fc.property(fc.array(event(keysOf[kind]), { minLength: 60, maxLength: 200 }), (events) => {
      const [a, b] = [new Side(NUMBERS, coded), new Side(OBJECTS, coded)]
      const sides = [a, b]
      let last = 0
      let cutNow = false
      const compare = () => {
        expect(written(a.written())).toEqual(written(b.written()))
        cutNow = false
      }
      for (const each of events) {
        if (each.kind === 'send') {
          for (const { harness } of sides) harness.send([each.key, each.value], 1)
          expect(a.harness.take()).toEqual(b.harness.take())
          if (cutNow) seen.between += 1
        } else if (each.kind === 'step') {
          const more = sides.map(({ slices }) => slices?.advance(each.entries))
          // Where orders differ, so does which entries changed before their turn. A Map of objects that had no wide key at the cut
          // does not come across those that are added meanwhile, which are none of it.
          if (kind === 'whole' || kind === 'text') expect(more[0]).toBe(more[1])
        } else if (each.kind === 'cut') {
          last += 1
          const onto = a.cut(last)
          expect(onto).toEqual(b.cut(last))
          if (onto !== undefined) seen.increments += 1
          cutNow = true
        } else if (each.kind === 'finish') compare()
        else if (each.kind === 'confirm' && last > 0) {
          compare()
          for (const { harness } of sides) harness.operator.onCheckpointComplete?.(checkpointId(last))
        } else if (each.kind === 'abort' && last > 0) {
          cutNow = false
          for (const { harness } of sides) harness.operator.onCheckpointAborted?.(checkpointId(last))
        } else if (each.kind === 'restore') {
          const [ofNumbers, ofObjects] = [a.harness.snapshot(), b.harness.snapshot()]
          if (kind !== 'any') expect(ofNumbers).toEqual(ofObjects)
          a.restore(ofObjects)
          b.restore(ofNumbers)
          last = 0
          cutNow = false
        }
      }
      compare()
    })
    assertUntilSeen(law, 60, () => seen.increments > 0 && seen.between > 0)
  })

test('what a step refuses leaves the same in both forms: what came before it in the record was added', () => {
  const made = combine({ n: count(), total: sum((row: Row) => row[1]) }).aggregate
  const { code: _steps, ...objects } = made
  for (const create of [createRolling, inLine(createRolling)]) {
    const held = [made, objects].map((each) => {
      const harness = new OperatorHarness(specOf(each), { create })
      harness.send([1, 2], 1)
      expect(() => harness.send([1, 'two'], 1)).toThrow(expect.objectContaining({ code: 'E009' }))
      return harness.snapshot()
    })
    expect(held[0]).toEqual(held[1])
  }
})

test('E193: what is stored and is no accumulator of these aggregates is refused where they are kept as numbers', () => {
  const { shape: _shape, ...unnamed } = opaque
  const other = specOf({ ...unnamed, shape: aggregate.shape ?? [], create: () => [1, 2], add: (held: number[]) => held, result: () => 0 })
  const harness = new OperatorHarness({ ...other, result: (key) => key })
  harness.send([1, 1], 1)
  expect(() => new OperatorHarness(NUMBERS, { restored: [harness.snapshot()] })).toThrow(expect.objectContaining({ code: 'E193' }))
})
