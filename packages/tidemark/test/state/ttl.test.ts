import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import { MIN_TIMESTAMP } from '../../src/base/time.ts'
import { keyGroupRange, subtaskOfGroup } from '../../src/graph/key-groups.ts'
import type { Key } from '../../src/graph/key.ts'
import type { TtlSpec } from '../../src/graph/state-spec.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../../src/state/handles.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, encodeSegment, readEntries, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import type { KeyedStateSnapshot } from '../../src/state/snapshot.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'
import { assertUntilSeen } from './until-seen.ts'

const MAX = 8
const TTL_MS = 48
const last = (_: unknown, b: unknown): unknown => b
const concat = {
  create: () => ({ text: '' }),
  add: (acc: { text: string }, x: unknown) => ({ text: `${acc.text}${String(x)}` }),
  result: (acc: { text: string }) => acc.text,
}

/** What a test moves by hand; `timestamp` is that of the record being processed. */
class Clocks {
  wall = 1_000
  watermark = MIN_TIMESTAMP
  timestamp = MIN_TIMESTAMP

  readonly event = {
    now: () => this.watermark,
    stamp: () => Math.max(this.watermark, this.timestamp),
  }
}

class Subtask {
  readonly backend: KeyedBackend
  readonly v: ValueState<unknown>
  readonly l: ListState<unknown>
  readonly m: MapState<Key, unknown>
  readonly r: ReducingState<unknown>
  readonly a: AggregatingState<unknown, unknown>
  readonly #place: { readonly subtask: number; readonly parallelism: number }
  #chain: readonly DecodedSegment[] = []
  #cuts = 0

  constructor(
    clocks: Clocks, ttl: TtlSpec | undefined, subtask = 0, parallelism = 1, segments?: readonly DecodedSegment[],
  ) {
    const keyGroups = keyGroupRange(subtask, parallelism, MAX)
    this.#place = { subtask, parallelism }
    this.backend = new KeyedBackend({
      maxParallelism: MAX, now: () => clocks.wall, eventTime: clocks.event, freeze: true, ...newStore(),
    })
    if (segments !== undefined) this.backend.restore(restoreOperator(segments, { subtask, parallelism, keyGroups }))
    const shared = { version: 1, ...(ttl === undefined ? {} : { ttl }) } as const
    this.v = this.backend.declare('v', { kind: 'value', ...shared })
    this.l = this.backend.declare('l', { kind: 'list', ...shared })
    this.m = this.backend.declare('m', { kind: 'map', ...shared })
    this.r = this.backend.declare('r', { kind: 'reducing', reduce: last, ...shared })
    this.a = this.backend.declare('a', { kind: 'aggregating', aggregate: concat, ...shared })
  }

  /** All there is. */
  whole(): DecodedSegment {
    return this.#encoded(this.backend.snapshot())
  }

  /** A checkpoint that completes; what a restore from it would read. `beside`: what goes on while it is written. */
  checkpoint(beside?: () => void): DecodedSegment {
    const id = checkpointId(++this.#cuts)
    const slices = this.backend.cut(id)
    while (slices.advance(beside === undefined ? 100 : 1)) beside?.()
    const kept = slices.onto === undefined ? [] : this.#chain.slice(0, slices.onto.increments)
    this.#chain = [...kept, this.#encoded(slices.take())]
    this.backend.onCheckpointComplete(id)
    return mergeChains(this.#chain)[0] as DecodedSegment
  }

  /** Of how many parts the last checkpoint was, and how many entries the newest of them holds. */
  get chain(): { readonly parts: number; readonly newest: number } {
    return { parts: this.#chain.length, newest: stored(this.#chain.at(-1)?.snapshot.keyed ?? []).length }
  }

  #encoded(keyed: readonly KeyedStateSnapshot[]): DecodedSegment {
    const { subtask, parallelism } = this.#place
    const keyGroups = keyGroupRange(subtask, parallelism, MAX)
    return decodeSegment(encodeSegment({ operator: 'op', subtask, keyGroups, snapshot: { keyed, lists: [] } }).bytes)
  }
}

/** `state key` and what is stored, with stamps. */
const stored = (keyed: readonly KeyedStateSnapshot[]): [string, unknown][] =>
  keyed.flatMap(({ name, groups }) =>
    groups.flatMap((group) => [...readEntries(group)].map(({ key, value }): [string, unknown] => [`${name} ${String(key)}`, value])))

class Cluster {
  readonly #clocks: Clocks
  readonly #ttl: TtlSpec
  subtasks: readonly Subtask[]

  constructor(clocks: Clocks, ttl: TtlSpec) {
    this.#clocks = clocks
    this.#ttl = ttl
    this.subtasks = [new Subtask(clocks, ttl)]
  }

  on(key: Key): Subtask {
    const subtask = this.subtasks[subtaskOfGroup(keyGroupOf(key, MAX), this.subtasks.length, MAX)] as Subtask
    subtask.backend.setCurrentKey(key)
    return subtask
  }

  restore(parallelism: number, segments = this.subtasks.map((subtask) => subtask.whole())): void {
    this.subtasks = Array.from({ length: parallelism }, (_, i) => new Subtask(this.#clocks, this.#ttl, i, parallelism, segments))
  }

  /** Everything alive; looking is no reading. */
  alive(): ReadonlyMap<string, unknown> {
    return new Map(this.subtasks.flatMap((subtask) => stored(subtask.whole().snapshot.keyed)))
  }
}

type Pair = [at: number, value: unknown]

/** The rules of expiry.ts over plain Maps, with nothing ever cleaned. */
class Model {
  readonly #clocks: Clocks
  readonly #ttl: TtlSpec
  readonly single = new Map<string, Pair>()
  readonly lists = new Map<string, Pair[]>()
  readonly maps = new Map<string, Map<Key, Pair>>()

  constructor(clocks: Clocks, ttl: TtlSpec) {
    this.#clocks = clocks
    this.#ttl = ttl
  }

  isAlive(pair: Pair | undefined): pair is Pair {
    const now = this.#ttl.time === 'event' ? this.#clocks.watermark : this.#clocks.wall
    return pair !== undefined && now < pair[0] + this.#ttl.ttlMs
  }

  /** A sixteenth of 48 is 3. */
  #stamp(): number {
    const at = this.#ttl.time === 'event' ? this.#clocks.event.stamp() : this.#clocks.wall
    return this.#ttl.refreshedBy === 'read' ? Math.ceil(at / 3) * 3 : at
  }

  written(before: Pair | undefined, value: unknown): Pair {
    if (!this.isAlive(before)) return [this.#stamp(), value]
    if (this.#ttl.refreshedBy === 'create') return [before[0], value]
    return [this.#ttl.time === 'event' ? Math.max(before[0], this.#stamp()) : this.#stamp(), value]
  }

  /** The value, if it is alive; a read may begin its time anew. */
  read(pair: Pair | undefined): unknown {
    if (!this.isAlive(pair)) return undefined
    if (this.#ttl.refreshedBy === 'read') pair[0] = Math.max(pair[0], this.#stamp())
    return pair[1]
  }

  alive(): ReadonlyMap<string, unknown> {
    const all = new Map<string, unknown>()
    for (const [name, pair] of this.single) if (this.isAlive(pair)) all.set(name, pair)
    for (const [name, pairs] of this.lists) {
      const left = pairs.filter((pair) => this.isAlive(pair))
      if (left.length > 0) all.set(name, left)
    }
    for (const [name, pairs] of this.maps) {
      const left = [...pairs].filter(([, pair]) => this.isAlive(pair))
      if (left.length > 0) all.set(name, new Map(left))
    }
    return all
  }
}

const KINDS = [
  'v.set', 'v.update', 'v.get', 'v.clear', 'l.push', 'l.set', 'l.get', 'm.set', 'm.get', 'm.has', 'm.delete', 'm.each',
  'r.add', 'r.get', 'a.add', 'a.get', 'sizes',
] as const
type Kind = (typeof KINDS)[number]

/** Does one thing to both, and gives what each of them says. */
function act(kind: Kind, key: number, field: number, n: number, { v, l, m, r, a }: Subtask, model: Model): [unknown, unknown] {
  const [list, map] = [model.lists.get(`l ${key}`) ?? [], model.maps.get(`m ${key}`) ?? new Map<Key, Pair>()]
  const single = (name: string): Pair | undefined => model.single.get(`${name} ${key}`)
  const write = (name: string, value: unknown): void => void model.single.set(`${name} ${key}`, model.written(single(name), value))
  const living = [...map].filter(([, pair]) => model.isAlive(pair))
  switch (kind) {
    case 'v.set':
      write('v', n)
      return [v.set(n), undefined]
    case 'v.update': {
      const next = Number(model.read(single('v')) ?? 0) + 1
      write('v', next)
      return [v.update((now) => Number(now ?? 0) + 1), next]
    }
    case 'v.get':
      return [v.get(), model.read(single('v'))]
    case 'v.clear':
      model.single.delete(`v ${key}`)
      return [v.clear(), undefined]
    case 'l.push':
      model.lists.set(`l ${key}`, [...list, model.written(undefined, n)])
      return [l.push(n), undefined]
    case 'l.set':
      model.lists.set(`l ${key}`, [model.written(undefined, n), model.written(undefined, -n)])
      return [l.set([n, -n]), undefined]
    case 'l.get':
      return [[...l], list.filter((pair) => model.isAlive(pair)).map((pair) => model.read(pair))]
    case 'm.set': {
      const pair = model.written(map.get(field), n)
      if (!model.isAlive(map.get(field))) map.delete(field)
      model.maps.set(`m ${key}`, map.set(field, pair))
      return [m.set(field, n), undefined]
    }
    case 'm.get':
      return [m.get(field), model.read(map.get(field))]
    case 'm.has':
      return [m.has(field), model.read(map.get(field)) !== undefined]
    case 'm.delete': {
      const was = model.isAlive(map.get(field))
      map.delete(field)
      return [m.delete(field), was]
    }
    case 'm.each':
      return [[...m], living.map(([each, pair]) => [each, model.read(pair)])]
    case 'r.add':
      write('r', n)
      return [r.add(n), undefined]
    case 'r.get':
      return [r.get(), model.read(single('r'))]
    case 'a.add': {
      const before = single('a')
      const text = model.isAlive(before) ? (before[1] as { text: string }).text : ''
      model.read(before)
      write('a', { text: `${text}${n}` })
      return [a.add(n), undefined]
    }
    case 'a.get':
      return [a.get(), (model.read(single('a')) as { text: string } | undefined)?.text]
    default:
      return [[l.length, m.size], [list.filter((pair) => model.isAlive(pair)).length, living.length]]
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({
    kind: fc.constantFrom(...KINDS), key: fc.nat(3), field: fc.nat(1), n: fc.integer({ min: 1, max: 9 }),
    /** After the watermark; negative is late. */
    ahead: fc.integer({ min: -20, max: 30 }),
  }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), n: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const), n: fc.constant(0) }) },
)

onEveryBackend(() => {
  describe.each(['create', 'write', 'read'] as const)('TE-1 to TE-4: refreshed by %s', (refreshedBy) => {
    test.each(['processing', 'event'] as const)(
      'by %s time every kind of state is what plain Maps with stamps are, restored after every step or in increments',
      (time) => {
        const ttl = { ttlMs: TTL_MS, refreshedBy, time }
        let increments = 0
        const law = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const clocks = new Clocks()
          clocks.watermark = 500
          const [one, two] = [new Model(clocks, ttl), new Model(clocks, ttl)]
          const [restored, going] = [new Cluster(clocks, ttl), new Cluster(clocks, ttl)]
          let restores = 0
          clocks.timestamp = clocks.watermark
          // So that what follows is less than half of it, which makes increments.
          for (let key = 10; key < 40; key++) act('v.set', key, 0, key, going.on(key), two)
          going.subtasks[0]?.checkpoint()
          for (const now of steps) {
            if (now.kind === 'pass') {
              clocks.wall += now.n
              clocks.watermark += now.n
            } else if (now.kind === 'checkpoint') {
              const [subtask] = going.subtasks
              const elsewhere = new Cluster(clocks, ttl)
              elsewhere.restore(2, [subtask?.checkpoint() as DecodedSegment])
              if ((subtask?.chain.parts ?? 0) > 1) increments += 1
              expect(elsewhere.alive()).toEqual(two.alive())
            } else {
              clocks.timestamp = clocks.watermark + now.ahead
              for (const [cluster, model] of [[restored, one], [going, two]] as const) {
                const [said, expected] = act(now.kind, now.key, now.field, now.n, cluster.on(now.key), model)
                expect(said).toEqual(expected)
              }
            }
            restored.restore([2, 3, 1][restores++ % 3] as number)
            expect(restored.alive()).toEqual(one.alive())
          }
        })
        assertUntilSeen(law, runs(60), () => increments > 0)
      },
    )
  })

  test('TC-1: what expires while a cut is written is in it: event time goes back to the cut when it is restored', () => {
    const clocks = new Clocks()
    clocks.watermark = clocks.timestamp = 1_000
    const cluster = new Cluster(clocks, { ttlMs: 100, time: 'event' })
    const [subtask] = cluster.subtasks as [Subtask]
    for (let key = 0; key < 20; key++) {
      const { v, l, m } = cluster.on(key)
      clocks.timestamp = 1_000 - (key % 2) * 90
      v.set(key)
      l.push(key)
      m.set(0, key)
    }
    clocks.watermark = 1_005
    const alive = cluster.alive()
    const checkpoint = subtask.checkpoint(() => { clocks.watermark += 8 })
    expect([clocks.watermark > 1_100, cluster.alive().size, alive.size]).toEqual([true, 0, 60])
    clocks.watermark = 1_005
    cluster.restore(2, [checkpoint])
    expect(cluster.alive()).toEqual(alive)
  })

  /** One subtask with one clock by hand, and a key. */
  function alone(ttl: TtlSpec | undefined, clocks = new Clocks(), segments?: readonly DecodedSegment[]): Subtask {
    const subtask = new Subtask(clocks, ttl, 0, 1, segments)
    subtask.backend.setCurrentKey('k')
    return subtask
  }

  describe('TE-3 by event time', () => {
    const ttl = { ttlMs: 100, time: 'event' } as const

    test('the wall clock decides nothing, and the watermark the moment at which a value is over', () => {
      const clocks = new Clocks()
      const { v } = alone(ttl, clocks)
      clocks.watermark = 1_000
      clocks.timestamp = 1_010
      v.set('x')
      clocks.wall += 1e9
      clocks.watermark = 1_109
      expect(v.get()).toBe('x')
      clocks.watermark = 1_110
      expect(v.get()).toBeUndefined()
    })

    test('what is alive does not depend on the order of records that are in time, and a late one lives as long', () => {
      const stampAfter = (...timestamps: readonly number[]): unknown => {
        const clocks = new Clocks()
        const subtask = alone(ttl, clocks)
        clocks.watermark = 1_000
        for (const timestamp of timestamps) {
          clocks.timestamp = timestamp
          subtask.v.set('x')
        }
        return stored(subtask.whole().snapshot.keyed)
      }
      expect(stampAfter(1_030, 1_010, 1_020)).toEqual(stampAfter(1_010, 1_020, 1_030))
      expect(stampAfter(3)).toEqual([['v k', [1_000, 'x']]])
    })
  })

  describe('TE-4 reading', () => {
    const ttl = { ttlMs: 1_600, refreshedBy: 'read' } as const

    test('puts a value into an increment sixteen times a TTL at most, and not into each', () => {
      const clocks = new Clocks()
      clocks.wall = 0
      const subtask = alone(ttl, clocks)
      for (let key = 0; key < 50; key++) {
        subtask.backend.setCurrentKey(key)
        subtask.v.set(key)
      }
      subtask.checkpoint()
      let written = 0
      for (let ms = 1; ms <= 1_600; ms++) {
        clocks.wall = ms
        subtask.backend.setCurrentKey(7)
        expect(subtask.v.get()).toBe(7)
        if (ms % 10 !== 0) continue
        subtask.checkpoint()
        if (subtask.chain.parts > 1) written += subtask.chain.newest
      }
      // A merge of increments (IS-3) writes an entry of several once more.
      expect(written).toBeGreaterThanOrEqual(8)
      expect(written).toBeLessThanOrEqual(16 * 2)
    })

    test('keeps a value as long as it is read within the TTL, and never for less than the TTL', () => {
      const clocks = new Clocks()
      const { v, m } = alone(ttl, clocks)
      v.set(1)
      m.set('a', 1)
      m.set('b', 1)
      for (let i = 0; i < 20; i++) {
        clocks.wall += 1_599
        expect([v.get(), m.get('a')]).toEqual([1, 1])
      }
      expect(m.has('b')).toBe(false)
      clocks.wall += 1_599
      expect(v.get()).toBe(1)
      clocks.wall += 1_700
      expect([v.get(), m.has('a')]).toEqual([undefined, false])
    })

    test('is neither a snapshot, nor a size, nor a sweep', () => {
      const clocks = new Clocks()
      const subtask = alone(ttl, clocks)
      subtask.l.push('x')
      clocks.wall += 1_000
      subtask.whole()
      subtask.checkpoint()
      expect([subtask.l.length, subtask.m.size]).toEqual([1, 0])
      clocks.wall += 650
      expect(subtask.l.length).toBe(0)
    })
  })

  describe('TE-5 what has no time yet', () => {
    const ttl = { ttlMs: 100, time: 'event' } as const

    test('is alive until a cut finds it with a watermark, counts from that, and is in the increment', () => {
      const clocks = new Clocks()
      const subtask = alone(ttl, clocks)
      for (let key = 0; key < 50; key++) {
        subtask.backend.setCurrentKey(key)
        subtask.v.set('x')
        subtask.l.push('x')
        subtask.m.set('f', 'x')
      }
      subtask.checkpoint()
      expect(stored([...subtask.whole().snapshot.keyed])).toContainEqual(['v 7', [MIN_TIMESTAMP, 'x']])
      clocks.watermark = 10_000
      const dated = subtask.checkpoint()
      expect(stored(dated.snapshot.keyed).filter(([name]) => name.endsWith(' 7'))).toEqual([
        ['v 7', [10_000, 'x']], ['l 7', [[10_000, 'x']]], ['m 7', new Map([['f', [10_000, 'x']]])],
      ])
      clocks.watermark = 10_099
      subtask.backend.setCurrentKey(7)
      expect([subtask.v.get(), subtask.l.length, subtask.m.size]).toEqual(['x', 1, 1])
      clocks.watermark = 10_100
      expect([subtask.v.get(), subtask.l.length, subtask.m.size]).toEqual([undefined, 0, 0])
    })

    test('is dated after a restore, too', () => {
      const clocks = new Clocks()
      const before = alone(ttl, clocks)
      before.v.set('x')
      const after = alone(ttl, clocks, [before.checkpoint()])
      clocks.watermark = 10_000
      after.checkpoint()
      clocks.watermark = 10_100
      expect(after.v.get()).toBeUndefined()
    })

    test('is dated by a restore that knows the watermark', () => {
      const clocks = new Clocks()
      const before = alone(ttl, clocks)
      before.v.set('x')
      const checkpoint = before.checkpoint()
      clocks.watermark = 10_000
      const after = alone(ttl, clocks, [checkpoint])
      expect(stored(after.whole().snapshot.keyed)).toEqual([['v k', [10_000, 'x']]])
    })
  })

  describe('TE-6 a restore with another TTL', () => {
    const declarations: Readonly<Record<string, TtlSpec | undefined>> = {
      none: undefined,
      'processing, write': { ttlMs: 100 },
      'processing, create': { ttlMs: 100, refreshedBy: 'create' },
      'processing, read': { ttlMs: 100, refreshedBy: 'read' },
      'processing, longer': { ttlMs: 300 },
      'event, write': { ttlMs: 100, time: 'event' },
      'event, create, longer': { ttlMs: 300, refreshedBy: 'create', time: 'event' },
    }
    const timeOf = (ttl: TtlSpec | undefined): string => (ttl === undefined ? 'none' : ttl.time ?? 'processing')
    const names = Object.keys(declarations)

    test.each(names.flatMap((from) => names.map((to) => [from, to] as const)))(
      'from %s to %s: nothing is lost or read as something else, and time counts on only by the same clock', (from, to) => {
        const [old, now] = [declarations[from], declarations[to]]
        const clocks = new Clocks()
        clocks.watermark = clocks.timestamp = 1_000
        const before = alone(old, clocks)
        before.v.set('x')
        before.l.push('x')
        before.m.set('f', 'x')
        clocks.wall += 60
        clocks.watermark += 60
        const after = alone(now, clocks, [before.checkpoint()])
        const here = (): unknown[] => [after.v.get(), [...after.l], [...after.m]]
        const all = ['x', ['x'], [['f', 'x']]]
        const gone = [undefined, [], []]
        if (now === undefined) {
          clocks.wall += 1e9
          clocks.watermark += 1e9
          expect(here()).toEqual(all)
          return
        }
        // By 'read' stamps are rounded up, to 6 ms here.
        const left = now.ttlMs - (timeOf(old) === timeOf(now) ? 60 : 0)
        const check = alone(now, clocks, [after.checkpoint()])
        clocks.wall += left - 1
        clocks.watermark += left - 1
        expect([check.v.get(), check.l.length, check.m.size]).toEqual(['x', 1, 1])
        clocks.wall += 6
        clocks.watermark += 6
        expect(now.refreshedBy === 'read' ? [after.v.get(), [...after.l], [...after.m]] : here()).toEqual(gone)
      },
    )
  })
})
