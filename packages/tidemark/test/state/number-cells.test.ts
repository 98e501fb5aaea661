import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/graph/key.ts'
import { NumberCells } from '../../src/state/number-cells.ts'

const key = fc.oneof(
  fc.integer(), fc.nat(60).map((n) => n * 1e10 + 2 ** 40), fc.constantFrom(0.5, -0.5, Infinity, -Infinity, 2 ** 31, -(2 ** 31)),
  fc.nat(60).map(String), fc.nat(60).map(BigInt),
)
const number = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 53, 2 ** 31))

test('NB-3: it is a Map of as many numbers, in the order in which keys came', () => {
  const step = fc.record({ key, held: fc.tuple(number, number), asked: key })
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
    const cells = new NumberCells([0, 0])
    const model = new Map<Key, readonly number[]>()
    for (const { key: changed, held, asked } of steps) {
      const known = cells.placeOf(changed)
      expect(known >= 0).toBe(model.has(changed))
      cells.put(known < 0 ? cells.add(changed) : known, held)
      model.set(changed, held)
      const place = cells.placeOf(asked)
      expect(place < 0 ? undefined : cells.read(place)).toEqual(model.get(asked))
    }
    expect(cells.size).toBe(model.size)
    const found = [...cells.slots()].map(([each]) => [each, cells.read(cells.placeOf(each))])
    expect(found).toEqual([...model])
  }))
})

test.each([
  ['in turn', (n: number) => n], ['far apart', (n: number) => n * 2 ** 16], ['fractions', (n: number) => n / 3],
])('NB-1, NB-2: every key is found while the table grows, and who goes through it meets each once; keys %s', (_, keyOf) => {
  const KEYS = 20_000
  const cells = new NumberCells([Infinity])
  cells.add(keyOf(0))
  const visited = cells.slots()
  const met: Key[] = []
  for (let n = 1; n < KEYS; n++) {
    cells.put(cells.add(keyOf(n)), [n])
    // Keys old and new, so that some are asked for while they are on their way to the larger index.
    for (const asked of [n, n >> 1, n % 100, 1]) expect(cells.read(cells.placeOf(keyOf(asked)))).toEqual([asked === 0 ? Infinity : asked])
    expect(cells.placeOf(keyOf(n + 1))).toBe(-1)
    if (n % 2 === 0) met.push(visited.next().value?.[0] as Key)
  }
  for (const [each] of visited) met.push(each)
  expect(met).toEqual(Array.from({ length: KEYS }, (_each, n) => keyOf(n)))
})

test('what is no key is not there', () => {
  const cells = new NumberCells([0])
  cells.add(1)
  for (const given of [NaN, null, {}, undefined, '1', 1n]) expect(cells.placeOf(given)).toBe(-1)
})
