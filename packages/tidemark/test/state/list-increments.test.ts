/** List state, whose increments hold what was added to a list, beside plain arrays. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { ListStateSpec } from '../../src/graph/state-spec.ts'
import type { ListState } from '../../src/state/handles.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import type { KeyedStateSnapshot } from '../../src/state/snapshot.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'
import { IncrementsRig, KEY_GROUPS, nameOf, rigEvent } from './increments-rig.ts'
import { assertUntilSeen } from './until-seen.ts'

const TTL_MS = 10
interface Item { readonly n: number; readonly at: number }
type Refreshed = 'write' | 'read'
interface Options { readonly sliceEntries: number; readonly segmentBytes: number; readonly ttl: Refreshed | undefined }

/** Lists of a few keys, beside a plain model of them. */
class Rig extends IncrementsRig {
  readonly #model: Map<string, Item[]>
  readonly #backend: KeyedBackend
  readonly #state: ListState<unknown>
  readonly #clock: { now: number }
  readonly #ttl: Refreshed | undefined

  constructor({ ttl, ...options }: Options) {
    const model = new Map<string, Item[]>()
    const clock = { now: 1 }
    const backend = new KeyedBackend({ maxParallelism: KEY_GROUPS, now: () => clock.now, freeze: true, ...newStore() })
    super({
      cut: (checkpoint) => ({ keyed: [], lists: [], slices: backend.cut(checkpoint) }),
      confirm: (checkpoint) => backend.onCheckpointComplete(checkpoint),
      abort: (checkpoint) => backend.onCheckpointAborted(checkpoint),
      entries: () => {
        const { now } = clock
        const all = [...model].map(([key, items]) =>
          [nameOf('l', key), items.filter((item) => ttl === undefined || now < item.at + TTL_MS).map(({ n }) => n)] as const)
        return { now, ...Object.fromEntries(all.filter(([, items]) => items.length > 0)) }
      },
      // What has expired may be in an increment; a restore does not show it.
      read: (found, expected) => {
        const { now } = expected as { readonly now: number }
        const shown = Object.entries(found).map(([name, value]) => [name, ttl === undefined ? value : (value as [number, number][])
          .filter(([at]) => now < at + TTL_MS).map(([, n]) => n)] as const)
        return { now, ...Object.fromEntries(shown.filter(([, items]) => (items as unknown[]).length > 0)) }
      },
    }, options)
    this.#model = model
    this.#backend = backend
    this.#clock = clock
    this.#ttl = ttl
    const spec: ListStateSpec = { kind: 'list', version: 1, ...(ttl === undefined ? {} : { ttl: { ttlMs: TTL_MS, refreshedBy: ttl } }) }
    this.#state = backend.declare('l', spec)
  }

  pass(ms: number): void {
    this.#clock.now += ms
  }

  apply(kind: string, key: string, n: number): void {
    const { now } = this.#clock
    const state = this.#state
    let items = this.#model.get(key) ?? []
    this.#backend.setCurrentKey(key)
    if (kind === 'push') {
      state.push(n)
      items = [...items, { n, at: now }]
    } else if (kind === 'addAll') {
      state.addAll([n, -n])
      items = [...items, { n, at: now }, { n: -n, at: now }]
    } else if (kind === 'set') {
      const values = Array.from({ length: n % 4 }, (_, i) => n + i)
      state.set(values)
      items = values.map((each) => ({ n: each, at: now }))
    } else if (kind === 'clear') {
      state.clear()
      items = []
    } else {
      items = items.filter(({ at }) => this.#ttl === undefined || now < at + TTL_MS)
      expect(state.length).toBe(items.length)
      expect(state.get()).toEqual(items.map(({ n: each }) => each))
      if (this.#ttl === 'read') items = items.map(({ n: each }) => ({ n: each, at: now }))
    }
    this.#model.set(key, items)
    this.#backend.clearCurrentKey()
  }
}

const change = fc.record({
  key: fc.nat(2).map((n) => `k${n}`), n: fc.nat(100),
  kind: fc.constantFrom('push', 'push', 'push', 'push', 'push', 'addAll', 'get', 'get', 'set', 'clear'),
})
const event = fc.oneof(
  { weight: 8, arbitrary: change }, { weight: 3, arbitrary: rigEvent },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), n: fc.nat(4) }) },
)

onEveryBackend(() => {
  test('HM-1, MV-2, LX-1, IS-1: a checkpoint holds each list as it was at its cut, whatever is added to it meanwhile', () => {
    let increments = 0
    const law = fc.property(
      fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000), fc.constantFrom(undefined, 'write' as const, 'read' as const),
      fc.array(event, { minLength: 10, maxLength: 120 }),
      (sliceEntries, segmentBytes, ttl, events) => {
        const rig = new Rig({ sliceEntries, segmentBytes, ttl })
        for (let i = 0; i < 70; i++) rig.apply('push', `k${i % 3}`, i)
        rig.playThrough(events, (each) => {
          if ('key' in each) rig.apply(each.kind, each.key, each.n)
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

interface OneList { readonly state: ListState<unknown>; readonly cut: () => readonly KeyedStateSnapshot[] }

/** Of so many items, after its first checkpoint. */
function oneLongList(length: number, ttlMs?: number, now = (): number => 0): OneList {
  const backend = new KeyedBackend({ maxParallelism: KEY_GROUPS, now, freeze: false })
  const state = backend.declare('l', { kind: 'list', version: 1, ...(ttlMs === undefined ? {} : { ttl: { ttlMs, refreshedBy: 'write' } }) })
  backend.setCurrentKey('only')
  state.addAll(Array.from({ length }, (_, i) => `item ${i}`))
  let checkpoint = 0
  const cut = (): readonly KeyedStateSnapshot[] => {
    const slices = backend.cut(checkpointId(++checkpoint))
    while (slices.advance(1000));
    backend.onCheckpointComplete(checkpointId(checkpoint))
    return slices.take()
  }
  cut()
  return { state, cut }
}

const partsOf = (keyed: readonly KeyedStateSnapshot[]): unknown =>
  keyed.flatMap(({ groups }) => groups).map(({ entries, patched }) => [entries, patched?.entries ?? 0])
const bytesOf = (keyed: readonly KeyedStateSnapshot[]): number => keyed.flatMap(({ groups }) => groups)
  .reduce((sum, group) => sum + group.bytes.length + (group.patched?.bytes.length ?? 0), 0)

test('HM-1: of a list of 20,000 items to which one is added, an increment holds that one', () => {
  const { state, cut } = oneLongList(20_000)
  for (let n = 0; n < 40; n++) {
    state.push('one more')
    const written = cut()
    expect(partsOf(written)).toEqual([[0, 1]])
    // Sixteen increments become one.
    expect(bytesOf(written)).toBeLessThan(17 * 10 + 20)
  }
})

test('HM-1: a list that is set anew, or has doubled, is written as a whole', () => {
  const { state, cut } = oneLongList(100)
  const other = oneLongList(100)
  state.set(['a', 'b', 'c', 'd'])
  expect(partsOf(cut())).toEqual([[1, 0]])
  other.state.addAll(Array.from({ length: 100 }, () => 'more'))
  expect(partsOf(other.cut())).toEqual([[1, 0]])
})

test('PH-2: a list of which a base lacks what had expired is written as a whole, until its items are others', () => {
  let now = 0
  const { state, cut } = oneLongList(10, 100, () => now)
  now = 50
  state.addAll(Array.from({ length: 40 }, () => 'second'))
  now = 120
  // So much has changed that a base is due, which lacks the first ten.
  const whole = cut()
  now = 130
  state.push('third')
  const after = cut()
  expect([partsOf(whole), whole[0]?.extent]).toEqual([[[1, 0]], undefined])
  expect([partsOf(after), after[0]?.extent]).toEqual([[[1, 0]], 'changes'])
  expect(state.length).toBe(41)
  state.push('fourth')
  cut()
  state.push('fifth')
  expect(partsOf(cut())).toEqual([[0, 1]])
})
