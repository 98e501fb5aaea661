/** Map state, whose increments hold what changed in a map, beside plain Maps; the order of entries counts. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { Key } from '../../src/graph/key.ts'
import type { MapStateSpec } from '../../src/graph/state-spec.ts'
import type { MapState } from '../../src/state/handles.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, encodeSegment, readEntries, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot } from '../../src/state/snapshot.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'
import { IncrementsRig, KEY_GROUPS, nameOf, rigEvent } from './increments-rig.ts'
import { assertUntilSeen } from './until-seen.ts'

const TTL_MS = 10
interface Item { readonly n: number; readonly at: number }
interface Options {
  readonly sliceEntries: number
  readonly segmentBytes: number
  readonly copiedParts: number
  readonly ttl: boolean
}

/** Maps of a few keys, beside a plain model of them. */
class Rig extends IncrementsRig {
  readonly #model: Map<string, Map<Key, Item>>
  readonly #backend: KeyedBackend
  readonly #state: MapState<Key, unknown>
  readonly #clock: { now: number }

  constructor({ ttl, copiedParts, ...options }: Options) {
    const model = new Map<string, Map<Key, Item>>()
    const clock = { now: 1 }
    const backend = new KeyedBackend({
      maxParallelism: KEY_GROUPS, now: () => clock.now, freeze: true, copiedParts, ...newStore(),
    })
    const alive = ({ at }: { readonly at: number }, now: number): boolean => !ttl || now < at + TTL_MS
    super({
      cut: (checkpoint) => ({ keyed: [], lists: [], slices: backend.cut(checkpoint) }),
      confirm: (checkpoint) => backend.onCheckpointComplete(checkpoint),
      abort: (checkpoint) => backend.onCheckpointAborted(checkpoint),
      entries: () => {
        const { now } = clock
        const all = [...model].map(([key, map]) => {
          const shown = [...map].filter(([, item]) => alive(item, now))
          return [nameOf('m', key), new Map(shown.map(([of, { n }]) => [of, n]))] as const
        })
        return { now, ...Object.fromEntries(all.filter(([, map]) => map.size > 0)) }
      },
      // What has expired may be in an increment; a restore does not show it.
      read: (found, expected) => {
        const { now } = expected as { readonly now: number }
        const unwrapped = (stored: readonly (readonly [Key, readonly [number, number]])[]): unknown[] =>
          stored.filter(([, [at]]) => alive({ at }, now)).map(([of, [, n]]) => [of, n])
        const shown = Object.entries(found as Record<string, never[]>).map(([name, value]) =>
          [name, ttl ? unwrapped(value) : value] as const)
        return { now, ...Object.fromEntries(shown.filter(([, entries]) => entries.length > 0)) }
      },
    }, options)
    this.#model = model
    this.#backend = backend
    this.#clock = clock
    const spec: MapStateSpec = { kind: 'map', version: 1, ...(ttl ? { ttl: { ttlMs: TTL_MS, refreshedBy: 'read' } } : {}) }
    this.#state = backend.declare('m', spec)
    this.#alive = alive
  }

  readonly #alive: (item: Item, now: number) => boolean

  pass(ms: number): void {
    this.#clock.now += ms
  }

  apply(kind: string, key: string, of: Key, n: number): void {
    const { now } = this.#clock
    const map = this.#model.get(key) ?? new Map<Key, Item>()
    this.#model.set(key, map)
    for (const [each, item] of map) if (!this.#alive(item, now)) map.delete(each)
    this.#backend.setCurrentKey(key)
    const state = this.#state
    if (kind === 'set') {
      state.set(of, n)
      map.set(of, { n, at: now })
    } else if (kind === 'delete') {
      expect(state.delete(of)).toBe(map.delete(of))
    } else if (kind === 'again') {
      state.delete(of)
      state.set(of, n)
      map.delete(of)
      map.set(of, { n, at: now })
    } else if (kind === 'clear') {
      state.clear()
      map.clear()
    } else if (kind === 'get') {
      expect(state.get(of)).toBe(map.get(of)?.n)
      this.#wasRead(map, of)
    } else {
      this.#through(map, of, n)
    }
    expect([...state]).toEqual([...map].map(([each, item]) => [each, item.n]))
    for (const each of map.keys()) this.#wasRead(map, each)
    expect(state.size).toBe(map.size)
    this.#backend.clearCurrentKey()
  }

  /** Both are gone through while they change in the same way; the cut is written on in the midst of it. */
  #through(map: Map<Key, Item>, of: Key, n: number): void {
    const seen: unknown[] = []
    const expected: unknown[] = []
    for (const each of map.keys()) this.#wasRead(map, each)
    const walk = this.#state[Symbol.iterator]()
    let turn = 0
    for (const [each, item] of map) {
      expected.push([each, item.n])
      const next = walk.next()
      seen.push(next.value)
      turn += 1
      if (turn === 1 + (n % 4)) {
        this.step()
        this.#state.delete(of)
        map.delete(of)
      }
      if (turn === 2 + (n % 3)) {
        this.#state.set(`new ${n % 5}`, n)
        map.set(`new ${n % 5}`, { n, at: this.#clock.now })
        this.step()
      }
      if (turn === 3 + (n % 7)) {
        const again = [...map.keys()][0] ?? of
        this.#state.delete(again)
        map.delete(again)
        this.step()
        this.#state.set(again, -n)
        map.set(again, { n: -n, at: this.#clock.now })
      }
      if (turn > 200) throw new Error('it does not end')
    }
    for (let next = walk.next(); next.done !== true; next = walk.next()) seen.push(next.value)
    expect(seen).toEqual(expected)
  }

  #wasRead(map: Map<Key, Item>, of: Key): void {
    const item = map.get(of)
    if (item !== undefined) map.set(of, { n: item.n, at: this.#clock.now })
  }
}

const key = fc.nat(2).map((n) => `k${n}`)
const of = fc.oneof(fc.nat(20), fc.nat(20).map((n) => `${n}`), fc.nat(4).map(BigInt), fc.constant(0.5), fc.constant('\u20ac'))
const change = fc.record({
  key, of, n: fc.nat(100),
  kind: fc.constantFrom('set', 'set', 'set', 'set', 'set', 'set', 'delete', 'delete', 'again', 'get', 'through', 'clear'),
})
const event = fc.oneof(
  { weight: 8, arbitrary: change }, { weight: 3, arbitrary: rigEvent },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), n: fc.nat(4) }) },
)

onEveryBackend(() => {
  test('HM-1, MV-2, MK-1, IS-1: a checkpoint holds each map as it was at its cut, in its order, whatever changes in it meanwhile', () => {
    let increments = 0
    const law = fc.property(
      fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000), fc.constantFrom(0, 3, 64), fc.boolean(),
      fc.array(event, { minLength: 10, maxLength: 120 }),
      (sliceEntries, segmentBytes, copiedParts, ttl, events) => {
        const rig = new Rig({ sliceEntries, segmentBytes, copiedParts, ttl })
        for (let i = 0; i < 70; i++) rig.apply('set', `k${i % 3 === 0 ? 0 : i % 3}`, i % 2 === 0 ? i : `${i}`, i)
        rig.playThrough(events, (each) => {
          if ('key' in each) rig.apply(each.kind, each.key, each.of, each.n)
          else if (each.kind === 'pass') rig.pass(each.n)
          else return each
          return undefined
        })
        increments += rig.increments
      },
    )
    assertUntilSeen(law, runs(150), () => increments > runs(100))
  })
})

const GROUPS = { start: 0, end: KEY_GROUPS - 1 }
const segment = (keyed: readonly KeyedStateSnapshot[]): DecodedSegment =>
  decodeSegment(encodeSegment({ operator: 'op', subtask: 0, keyGroups: GROUPS, snapshot: { keyed, lists: [] } }).bytes)

const mapsIn = (keyed: readonly KeyedStateSnapshot[]): unknown[] =>
  keyed.flatMap(({ groups }) => groups).flatMap((group) => [...readEntries(group)])
    .map(({ value }) => [...value as Map<Key, unknown>])

interface OneMap { readonly backend: KeyedBackend; readonly state: MapState<Key, unknown>; readonly base: DecodedSegment }

/** Of so many entries, after its first checkpoint. */
function oneLargeMap(entries: number): OneMap {
  const backend = new KeyedBackend({ maxParallelism: KEY_GROUPS, now: () => 0, freeze: false })
  const state = backend.declare('m', { kind: 'map', version: 1 })
  backend.setCurrentKey('only')
  for (let i = 0; i < entries; i++) state.set(`user ${i}`, i)
  const slices = backend.cut(checkpointId(1))
  while (slices.advance(1000));
  backend.onCheckpointComplete(checkpointId(1))
  return { backend, state, base: segment(slices.take()) }
}

test('HM-1: of a map of 20,000 entries of which one changes, an increment holds that one', () => {
  const { backend, state, base } = oneLargeMap(20_000)
  const chain = [base]
  for (let checkpoint = 2; checkpoint <= 40; checkpoint++) {
    state.set(`user ${checkpoint * 7}`, -1)
    if (checkpoint % 10 === 0) state.delete('user 5000')
    const slices = backend.cut(checkpointId(checkpoint))
    expect(slices.onto).toBeDefined()
    while (slices.advance(1000));
    backend.onCheckpointComplete(checkpointId(checkpoint))
    const written = slices.take()
    const bytes = written.flatMap(({ groups }) => groups)
      .reduce((sum, group) => sum + group.bytes.length + (group.patched?.bytes.length ?? 0), 0)
    expect(bytes).toBeLessThan(16 * 40)
    chain.splice((slices.onto?.increments ?? 0) === 0 ? 0 : slices.onto?.increments as number, Infinity, segment(written))
  }
  const [merged] = mergeChains(chain)
  expect(mapsIn(merged?.snapshot.keyed ?? [])).toEqual([[...state]])
})

test('HM-2: a large map is encoded some entries a step, also as a whole, and read and changed beside it', () => {
  const { backend, state } = oneLargeMap(0)
  backend.setCurrentKey('only')
  for (let i = 0; i < 5000; i++) state.set(i, i)
  const expected = [...state]
  const slices = backend.cut(checkpointId(2))
  let steps = 0
  while (slices.advance(1)) {
    state.set(steps % 5000, -steps)
    if (steps % 3 === 0) state.delete(steps)
    steps += 1
  }
  expect(steps).toBeGreaterThan(300)
  expect(mapsIn(slices.take())).toEqual([expected])
})

test('HM-1: a map that changed by half is written as a whole, and one that is cleared is one removal', () => {
  const { backend, state } = oneLargeMap(1000)
  backend.setCurrentKey('other')
  for (let i = 0; i < 4000; i++) state.set(i, 0)
  const cutNow = (checkpoint: number): KeyedStateSnapshot[] => {
    const slices = backend.cut(checkpointId(checkpoint))
    while (slices.advance(1000));
    backend.onCheckpointComplete(checkpointId(checkpoint))
    return [...slices.take()]
  }
  cutNow(2)
  backend.setCurrentKey('only')
  for (let i = 0; i < 600; i++) state.set(`user ${i}`, -1)
  const [half] = cutNow(3)
  expect(half?.extent).toBe('changes')
  expect(half?.groups.map(({ entries, patched }) => [entries, patched])).toEqual([[1, undefined]])
  state.clear()
  const [cleared] = cutNow(4)
  expect(cleared?.groups.map(({ entries, removed, patched }) => [entries, removed?.entries, patched])).toEqual([[0, 1, undefined]])
})
