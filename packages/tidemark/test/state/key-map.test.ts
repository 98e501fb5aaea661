import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/graph/key.ts'
import { KeyMap } from '../../src/state/key-map.ts'
import { NumberTable } from '../../src/state/number-table.ts'

const wide = fc.oneof(fc.nat(60).map((n) => n * 1e10 + 2 ** 40), fc.constantFrom(0.5, -0.5, Infinity, -Infinity, 2 ** 31))
const key = fc.oneof(fc.nat(60), wide, fc.nat(60).map(String), fc.nat(60).map(BigInt))
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

test('NT-1: a table of numbers behaves as a Map, in order of insertion while nothing goes', () => {
  const change = fc.record({ key: wide, op: fc.constantFrom('set', 'set', 'set', 'delete') })
  fc.assert(fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
    const table = new NumberTable<number>()
    const model = new Map<number, number>()
    let gone = false
    changes.forEach(({ key: changed, op }, i) => {
      if (op === 'delete') {
        const was = model.delete(changed)
        expect(table.delete(changed)).toBe(was)
        gone ||= was
      } else {
        table.set(changed, i)
        model.set(changed, i)
      }
      expect([table.size, table.get(changed), table.has(changed)]).toEqual([model.size, model.get(changed), model.has(changed)])
    })
    if (gone) expect(new Map(table.entries())).toEqual(model)
    else expect([...table.entries()]).toEqual([...model])
    table.clear()
    expect([table.size, [...table.entries()]]).toEqual([0, []])
  }))
})

test('NT-2: who goes through a table meets what stays once, whatever is set and deleted meanwhile', () => {
  const table = new NumberTable<string>()
  const stays = Array.from({ length: 100 }, (_, i) => i + 0.5)
  for (const each of stays) {
    table.set(each, 'stays')
    table.set(-each, 'goes')
  }
  const met: number[] = []
  for (const [each, what] of table.entries()) {
    if (what === 'stays') met.push(each)
    table.delete(-each)
    for (let i = 0; i < 10; i++) table.set(each * 1e6 + i + 0.25, 'comes')
    if (met.length === stays.length) break
  }
  expect(met).toEqual(stays)
})

test('KM-2: a map three generations deep finds every key', () => {
  const map = new KeyMap<number>(10)
  for (let i = 0; i < 2000; i++) map.set(i, i)
  for (let i = 0; i < 2000; i++) expect(map.get(i)).toBe(i)
  expect(map.get(2000)).toBeUndefined()
})
