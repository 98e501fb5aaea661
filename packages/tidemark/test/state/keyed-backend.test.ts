import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, test } from 'vitest'
import { InvariantViolation } from '../../src/base/assert.ts'
import type { ValueStateSpec } from '../../src/graph/state-spec.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import type { RestoredOperator } from '../../src/state/snapshot.ts'
import { newStore, onEveryBackend } from './backends.ts'

const keyGroups = { start: 0, end: 127 }

function backend(init: { freeze?: boolean; now?: () => number } = {}): KeyedBackend {
  const made = new KeyedBackend({
    maxParallelism: 128, freeze: init.freeze ?? true, now: init.now ?? (() => 0), ...newStore(),
  })
  made.setCurrentKey('k')
  return made
}

function saved(from: KeyedBackend): RestoredOperator {
  const { bytes } = encodeSegment({
    operator: 'op', subtask: 0, keyGroups, snapshot: { keyed: from.snapshot(), lists: [] },
  })
  return restoreOperator([decodeSegment(bytes)], { subtask: 0, parallelism: 1, keyGroups })
}

const value: ValueStateSpec = { kind: 'value', version: 1 }
const code = (text: string): unknown => expect.objectContaining({ code: text })

onEveryBackend(() => {
  test('value state: get, set, update, clear; undefined is nothing; keys do not meet', () => {
    const b = backend()
    const state = b.declare('v', value)
    expect(state.get()).toBeUndefined()
    state.set(0)
    expect(state.update((n) => Number(n) + 1)).toBe(1)
    for (const other of [1, 1n, '1', '']) {
      b.setCurrentKey(other)
      expect(state.get()).toBeUndefined()
      state.set(typeof other)
    }
    b.setCurrentKey(1n)
    expect(state.get()).toBe('bigint')
    state.set(undefined)
    b.setCurrentKey('k')
    expect(state.get()).toBe(1)
    state.clear()
    expect(state.get()).toBeUndefined()
    expect(b.snapshot()[0]?.groups.reduce((n, g) => n + g.entries, 0)).toBe(3)
  })

  test('list state: push, addAll, set, get, length, iteration; all or none where a value is refused', () => {
    const state = backend().declare('l', { kind: 'list', version: 1 })
    expect([state.get(), state.length]).toEqual([[], 0])
    state.push(1)
    state.addAll([2, undefined])
    const copy = state.get()
    state.push(4)
    expect(copy).toEqual([1, 2, undefined])
    expect([...state]).toEqual([1, 2, undefined, 4])
    expect(() => state.addAll([5, () => 1])).toThrow(code('E071'))
    expect(state.length).toBe(4)
    for (const item of state) if (state.length < 8) state.push(item)
    expect(state.length).toBe(8)
    state.set(state)
    expect(state.length).toBe(8)
    state.set([])
    expect(state.length).toBe(0)
  })

  test('map state: order of insertion survives delete, set again and restore', () => {
    const b = backend()
    const state = b.declare('m', { kind: 'map', version: 1 })
    for (const key of ['z', 10, 2, 1n, 'a']) state.set(key, key)
    state.delete(10)
    state.set('z', 'again')
    state.set(10, undefined)
    const order = ['z', 2, 1n, 'a', 10]
    expect([...state.keys()]).toEqual(order)
    expect([...state.values()]).toEqual(['again', 2, 1n, 'a', undefined])
    expect([state.size, state.has(10), state.get(10)]).toEqual([5, true, undefined])
    expect([state.has(99), state.delete(99)]).toEqual([false, false])
    const c = backend()
    c.restore(saved(b))
    expect([...c.declare('m', { kind: 'map', version: 1 })]).toEqual([...state.entries()])
    state.clear()
    expect([state.size, [...state]]).toEqual([0, []])
  })

  test('map keys follow the rules of keys: E072 names the state', () => {
    const state = backend().declare('seen', { kind: 'map', version: 1 })
    for (const bad of [NaN, {}, '\ud800']) {
      expect(() => state.set(bad as string, 1)).toThrow(expect.objectContaining({
        code: 'E072', message: expect.stringContaining('A map key of "seen"') as string,
      }))
    }
    expect(state.size).toBe(0)
  })

  test('reducing and aggregating state hold what was added so far', () => {
    const b = backend()
    const sum = b.declare('r', { kind: 'reducing', version: 1, reduce: (x, y) => Number(x) + Number(y) })
    const mean = b.declare('a', {
      kind: 'aggregating', version: 1,
      aggregate: {
        create: () => ({ n: 0, sum: 0 }),
        add: (acc: { n: number; sum: number }, x: number) => {
          acc.n += 1
          acc.sum += x
          return acc
        },
        result: ({ n, sum: total }) => total / n,
      },
    })
    expect([sum.get(), mean.get()]).toEqual([undefined, undefined])
    for (const x of [1, 2, 6]) {
      sum.add(x)
      mean.add(x)
    }
    expect([sum.get(), mean.get()]).toEqual([9, 3])
    sum.clear()
    mean.clear()
    expect([sum.get(), mean.get()]).toEqual([undefined, undefined])
  })

  test('an accumulator changed in place goes on after restore, also where values are frozen', () => {
    const spec = {
      kind: 'aggregating', version: 1,
      aggregate: {
        create: () => [] as number[],
        add: (acc: number[], x: number) => {
          acc.push(x)
          return acc
        },
        result: (acc: number[]) => acc.length,
      },
    } as const
    const b = backend({ freeze: true })
    b.declare('a', spec).add(1)
    const c = backend({ freeze: true })
    const restored = c.declare('a', spec)
    c.restore(saved(b))
    restored.add(2)
    expect(restored.get()).toBe(2)
  })

  test('E062: no handle works without a current key', () => {
    const b = backend()
    const v = b.declare('v', value)
    const l = b.declare('l', { kind: 'list', version: 1 })
    const m = b.declare('m', { kind: 'map', version: 1 })
    const r = b.declare('r', { kind: 'reducing', version: 1, reduce: (x) => x })
    b.clearCurrentKey()
    const uses = [
      () => v.get(), () => v.set(1), () => v.clear(), () => v.update(() => 1), () => l.push(1), () => l.get(),
      () => l.length, () => m.set('a', 1), () => m.get('a'), () => m.entries(), () => m.size,
      () => r.add(1), () => r.get(),
    ]
    for (const use of uses) expect(use).toThrow(code('E062'))
  })

  test('KB-2: a snapshot is a cut: what is written later is not in it', () => {
    const b = backend({ freeze: false })
    const state = b.declare('v', value)
    const list = b.declare('l', { kind: 'list', version: 1 })
    state.set({ n: 1 })
    list.push(1)
    const restored = saved(b)
    state.set({ n: 2 })
    list.push(2)
    const c = backend()
    c.restore(restored)
    expect(c.declare('v', value).get()).toEqual({ n: 1 })
    expect(c.declare('l', { kind: 'list', version: 1 }).get()).toEqual([1])
  })

  test('with freeze, what goes in and what is restored cannot be changed; without, nothing is touched', () => {
    const frozen = backend({ freeze: true })
    const state = frozen.declare('v', value)
    const given = { deep: { list: [1] } }
    state.set(given)
    expect(Object.isFrozen(given.deep.list)).toBe(true)
    const again = backend({ freeze: true })
    again.restore(saved(frozen))
    const back = again.declare('v', value).get() as typeof given
    expect(() => back.deep.list.push(2)).toThrow(TypeError)
    const free = { deep: {} }
    backend({ freeze: false }).declare('v', value).set(free)
    expect(Object.isFrozen(free)).toBe(false)
  })

  test('E071 comes at the write in dev, and at the snapshot with state and key otherwise', () => {
    const bad = { user: { session: () => 1 } }
    expect(() => backend({ freeze: true }).declare('v', value).set(bad)).toThrow(expect.objectContaining({
      code: 'E071', message: expect.stringContaining('user.session') as string, place: { position: 'state "v"' },
    }))
    const b = backend({ freeze: false })
    b.declare('v', value).set(bad)
    expect(() => b.snapshot()).toThrow(expect.objectContaining({
      code: 'E071', place: { position: 'state "v" of key string k' },
    }))
  })

  const positive: StandardSchemaV1 = {
    '~standard': {
      version: 1, vendor: 'test',
      validate: (v) => (Number(v) > 0 ? { value: v } : { issues: [{ message: 'must be positive' }] }),
    },
  }

  test('E011: a value that the schema refuses changes nothing, in every kind of state', () => {
    const b = backend()
    const v = b.declare('v', { ...value, schema: positive })
    const l = b.declare('l', { kind: 'list', version: 1, schema: positive })
    const m = b.declare('m', { kind: 'map', version: 1, schema: positive, keySchema: positive })
    const reduce = (x: unknown, y: unknown): number => Number(x) + Number(y)
    const r = b.declare('r', { kind: 'reducing', version: 1, schema: positive, reduce })
    v.set(1)
    const bad = [
      () => v.set(-1), () => l.addAll([1, -1]), () => l.set([-1]),
      () => m.set(1, -1), () => m.set(-1, 1), () => r.add(0),
    ]
    for (const use of bad) {
      expect(use).toThrow(expect.objectContaining({
        code: 'E011', message: expect.stringContaining('must be positive') as string,
      }))
    }
    expect([v.get(), l.length, m.size, r.get()]).toEqual([1, 0, 0, undefined])
  })

  test('E012: an asynchronous schema is refused at the first write', () => {
    const schema: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'test', validate: (v) => Promise.resolve({ value: v }) },
    }
    expect(() => backend().declare('v', { ...value, schema }).set(1)).toThrow(code('E012'))
  })

  test('TC-1: nothing that has expired is seen or saved; a write renews it', () => {
    let now = 1_000
    const b = backend({ now: () => now })
    const ttl = { ttlMs: 100 }
    const v = b.declare('v', { ...value, ttl })
    const l = b.declare('l', { kind: 'list', version: 1, ttl })
    const m = b.declare('m', { kind: 'map', version: 1, ttl })
    const r = b.declare('r', { kind: 'reducing', version: 1, ttl, reduce: (x, y) => Number(x) + Number(y) })
    v.set(1)
    l.push('old')
    m.set('old', 1)
    m.set('both', 1)
    r.add(1)
    now += 60
    l.push('new')
    m.set('both', 2)
    m.set('new', 3)
    r.add(1)
    now += 39
    expect([v.get(), l.length, m.size, r.get()]).toEqual([1, 2, 3, 2])
    now += 1
    expect([v.get(), l.get(), [...m.entries()], r.get()]).toEqual([undefined, ['new'], [['both', 2], ['new', 3]], 2])
    expect([m.has('old'), m.get('old'), m.delete('old')]).toEqual([false, undefined, false])
    const restored = saved(b)
    expect([...restored.keyed('v')]).toEqual([])
    const c = backend({ now: () => now })
    c.restore(restored)
    const again = c.declare('m', { kind: 'map', version: 1, ttl })
    expect([...again]).toEqual([['both', 2], ['new', 3]])
    now += 60
    expect([[...again], m.size, l.length, r.get()]).toEqual([[], 0, 0, undefined])
    expect(b.snapshot().flatMap(({ groups }) => groups)).toEqual([])
  })

  test('TC-1: a snapshot leaves out what has expired, also where nobody has read it since', () => {
    let now = 0
    const b = backend({ now: () => now })
    const ttl = { ttlMs: 10 }
    b.declare('v', { ...value, ttl }).set(1)
    b.declare('l', { kind: 'list', version: 1, ttl }).push(1)
    b.declare('m', { kind: 'map', version: 1, ttl }).set('a', 1)
    const entries = (): number[] => b.snapshot().map(({ groups }) => groups.reduce((n, g) => n + g.entries, 0))
    now = 9
    expect(entries()).toEqual([1, 1, 1])
    now = 10
    expect(entries()).toEqual([0, 0, 0])
    now = 0
    // Gone from memory as well: a clock that jumps back brings nothing back.
    expect(entries()).toEqual([0, 0, 0])
  })

  test('a map entry that expired and is set again comes last', () => {
    let now = 0
    const m = backend({ now: () => now }).declare('m', { kind: 'map', version: 1, ttl: { ttlMs: 10 } })
    m.set('a', 1)
    now = 9
    m.set('b', 1)
    now = 10
    m.set('a', 2)
    expect([...m.keys()]).toEqual(['b', 'a'])
  })

  test('a TTL may be added and taken away: values stay, and count from the restore', () => {
    let now = 50
    const plain = backend()
    plain.declare('v', value).set('kept')
    const limited = backend({ now: () => now })
    limited.restore(saved(plain))
    const state = limited.declare('v', { ...value, ttl: { ttlMs: 10 } })
    expect(state.get()).toBe('kept')
    const without = backend()
    without.restore(saved(limited))
    expect(without.declare('v', value).get()).toBe('kept')
    now = 60
    expect(state.get()).toBeUndefined()
  })

  test('E032: a restored state declared as another kind is refused', () => {
    const b = backend()
    b.declare('s', value).set(1)
    const c = backend()
    c.restore(saved(b))
    expect(() => c.declare('s', { kind: 'list', version: 1 })).toThrow(code('E032'))
  })

  test('KB-4: restored state that nobody declares is named', () => {
    const b = backend()
    b.declare('old', value).set(1)
    b.declare('kept', value).set(1)
    const c = backend()
    c.declare('kept', value)
    c.restore(saved(b))
    expect(c.unclaimed()).toEqual(['old'])
    c.snapshot()
    expect(c.unclaimed()).toEqual(['old'])
    expect(() => c.declare('late', value)).toThrow(InvariantViolation)
  })
})
