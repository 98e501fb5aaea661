import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/graph/key.ts'
import { KeyMap } from '../../src/state/key-map.ts'

const key = fc.oneof(fc.nat(60), fc.nat(60).map(String), fc.nat(60).map(BigInt))
const step = fc.record({ key, op: fc.constantFrom('set', 'set', 'delete', 'clear') })

test('KM-1: at any limit the map of maps behaves as one Map', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 5 }), (steps, limit) => {
    const map = new KeyMap<number>(limit)
    const model = new Map<Key, number>()
    steps.forEach((now, i) => {
      if (now.op === 'set') {
        map.set(now.key, i)
        model.set(now.key, i)
      } else if (now.op === 'delete') {
        expect(map.delete(now.key)).toBe(model.delete(now.key))
      } else if (i % 50 === 0) {
        map.clear()
        model.clear()
      }
      expect(map.size).toBe(model.size)
      expect(map.get(now.key)).toBe(model.get(now.key))
      expect(map.has(now.key)).toBe(model.has(now.key))
    })
    expect(new Map(map.entries())).toEqual(model)
    expect([...map.entries()].length).toBe(model.size)
  }))
})

test('below the limit the order is that of insertion', () => {
  const map = new KeyMap<number>()
  for (const k of ['b', 2, 'a', 1n]) map.set(k, 0)
  expect([...map.entries()].map(([k]) => k)).toEqual(['b', 2, 'a', 1n])
})

test('KM-2: a map three generations deep finds every key', () => {
  const map = new KeyMap<number>(10)
  for (let i = 0; i < 2000; i++) map.set(i, i)
  for (let i = 0; i < 2000; i++) expect(map.get(i)).toBe(i)
  expect(map.get(2000)).toBeUndefined()
})
