import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { Key } from '../../src/graph/key.ts'
import type { ListState, MapState, ValueState } from '../../src/state/handles.ts'
import { IncrementalSnapshots } from '../../src/state/incremental.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'
import { IncrementsRig, KEY_GROUPS, nameOf, rigEvent } from './increments-rig.ts'
import { assertUntilSeen } from './until-seen.ts'

interface Cell { v?: number; l?: number[]; m?: Map<Key, number> }
type Model = Map<string, Cell>

/** The keyed backend, beside a plain model of it. */
class Rig extends IncrementsRig {
  readonly model: Model
  readonly #backend: KeyedBackend
  readonly #v: ValueState<unknown>
  readonly #l: ListState<unknown>
  readonly #m: MapState<Key, unknown>

  constructor(options: { readonly sliceEntries: number; readonly segmentBytes: number }) {
    const model: Model = new Map()
    const backend = new KeyedBackend({ maxParallelism: KEY_GROUPS, now: () => 0, freeze: false, mapLimit: 8, ...newStore() })
    super({
      cut: (checkpoint) => ({ keyed: [], lists: [], slices: backend.cut(checkpoint) }),
      confirm: (checkpoint) => backend.onCheckpointComplete(checkpoint),
      abort: (checkpoint) => backend.onCheckpointAborted(checkpoint),
      entries: () => plain(model),
    }, options)
    this.model = model
    this.#backend = backend
    this.#v = backend.declare('v', { kind: 'value', version: 1 })
    this.#l = backend.declare('l', { kind: 'list', version: 1 })
    this.#m = backend.declare('m', { kind: 'map', version: 1 })
  }

  apply(kind: string, key: string, n: number): void {
    this.#backend.setCurrentKey(key)
    const cell = this.model.get(key) ?? {}
    this.model.set(key, cell)
    if (kind === 'v.set') {
      this.#v.set(n)
      cell.v = n
    } else if (kind === 'v.clear') {
      this.#v.clear()
      delete cell.v
    } else if (kind === 'l.push') {
      this.#l.push(n)
      cell.l = [...(cell.l ?? []), n]
    } else if (kind === 'l.clear') {
      this.#l.clear()
      delete cell.l
    } else if (kind === 'm.set') {
      this.#m.set(n % 3, n)
      cell.m = new Map(cell.m ?? []).set(n % 3, n)
    } else {
      this.#m.delete(n % 3)
      cell.m?.delete(n % 3)
      if (cell.m?.size === 0) delete cell.m
    }
    this.#backend.clearCurrentKey()
  }
}

function plain(model: Model): Record<string, unknown> {
  const entries = [...model].flatMap(([key, { v, l, m }]) => [
    ...(v === undefined ? [] : [[nameOf('v', key), v]]), ...(l === undefined ? [] : [[nameOf('l', key), l]]),
    ...(m === undefined ? [] : [[nameOf('m', key), new Map(m)]]),
  ])
  return Object.fromEntries(entries) as Record<string, unknown>
}

const change = fc.record({
  kind: fc.constantFrom('v.set', 'v.set', 'v.clear', 'l.push', 'l.clear', 'm.set', 'm.delete'),
  key: fc.nat(60).map((n) => `k${n}`), n: fc.nat(100),
})
const event = fc.oneof(
  { weight: 6, arbitrary: change },
  { weight: 2, arbitrary: rigEvent },
)

onEveryBackend(() => {
  test('IS-1, SL-1, CG-2: a checkpoint is the state at its cut, whatever changes while it is written, completes or is aborted', () => {
    let increments = 0
    const law = fc.property(
      fc.constantFrom(1, 2, 7), fc.constantFrom(1, 60, 100_000), fc.array(event, { minLength: 10, maxLength: 160 }),
      (sliceEntries, segmentBytes, events) => {
        const rig = new Rig({ sliceEntries, segmentBytes })
        for (let i = 0; i < 60; i++) rig.apply(i % 2 === 0 ? 'v.set' : 'l.push', `k${i}`, i)
        rig.playThrough(events, (each) => {
          if (!('key' in each)) return each
          rig.apply(each.kind, each.key, each.n)
          return undefined
        })
        increments += rig.increments
      },
    )
    assertUntilSeen(law, runs(120), () => increments > runs(50))
  })

  test('IS-2, IS-3: small changes are written as small increments, in a chain that stays short', () => {
    const rig = new Rig({ sliceEntries: 1000, segmentBytes: 100_000 })
    const keys = 2000
    for (let i = 0; i < keys; i++) rig.apply('v.set', `k${i}`, i)
    let written = 0
    let longest = 0
    for (let n = 1; n <= 600; n++) {
      for (let i = 0; i < 3; i++) rig.apply('v.set', `k${(n * 7 + i * 501) % keys}`, n)
      rig.cut()
      rig.finishWriting()
      rig.complete(0)
      const segments = rig.segmentsOfLast()
      longest = Math.max(longest, segments.length)
      for (const { checkpoint, states } of segments) if (checkpoint === undefined) for (const { entries } of states) written += entries
    }
    expect(rig.increments).toBeGreaterThan(590)
    expect(longest).toBeLessThan(100)
    // 1,800 changes; the first base; each merge writes what it merges once more.
    expect(written).toBeLessThan(keys + 3 * 1800 + keys)
  })

  test('IS-4: changes that are remembered are those of the newest increments; older ones are merged no more', () => {
    const written = (keptChanges: number | undefined): number[] => {
      const backend = new KeyedBackend({ maxParallelism: KEY_GROUPS, now: () => 0, freeze: false, ...newStore() })
      const state = backend.declare('v', { kind: 'value', version: 1 })
      const set = (key: number): void => {
        backend.setCurrentKey(key)
        state.set(key)
      }
      for (let key = 0; key < 2000; key++) set(key)
      const increments = new IncrementalSnapshots(backend.tables(), keptChanges)
      return Array.from({ length: 40 }, (_, n) => {
        const slices = increments.cut(checkpointId(n + 1))
        while (slices.advance(1000));
        const entries = slices.take().flatMap(({ groups }) => groups).reduce((sum, group) => sum + group.entries, 0)
        increments.confirm(checkpointId(n + 1))
        for (let i = 0; i < 3; i++) set(n * 3 + i)
        return entries
      })
    }
    const merges = (counts: readonly number[]): number => counts.slice(1).filter((entries) => entries > 3).length
    expect([merges(written(undefined)), merges(written(45)), merges(written(44)), merges(written(0))]).toEqual([2, 2, 0, 0])
    expect(written(0).slice(1)).toEqual(Array.from({ length: 39 }, () => 3))
  })

  test('XM-3: a chain that begins with changes is refused', () => {
    const rig = new Rig({ sliceEntries: 1000, segmentBytes: 100_000 })
    for (let i = 0; i < 20; i++) rig.apply('v.set', `k${i}`, i)
    rig.cut()
    rig.finishWriting()
    rig.complete(0)
    rig.apply('v.set', 'k1', 5)
    rig.cut()
    rig.finishWriting()
    const state = { name: 'v', kind: 'value' as const, version: 1, groups: [], extent: 'changes' as const }
    expect(() => mergeChains([{ format: 2, operator: 'op', subtask: 0, snapshot: { keyed: [state], lists: [] } }]))
      .toThrow(expect.objectContaining({ code: 'E057' }))
    expect(rig.segmentsOfLast().some(({ checkpoint }) => checkpoint === 1)).toBe(true)
  })

  test('SL-3: a key that is removed and set again before the cut is set, whatever is encoded first', () => {
    const rig = new Rig({ sliceEntries: 1, segmentBytes: 1 })
    for (let i = 0; i < 40; i++) rig.apply('v.set', `k${i}`, i)
    rig.cut()
    rig.finishWriting()
    rig.complete(0)
    for (const key of ['k1', 'k2', 'k3']) rig.apply('v.clear', key, 0)
    for (const key of ['k3', 'k2']) rig.apply('v.set', key, 7)
    rig.cut()
    // Changes again before its removal was encoded: the pre-image must not come first.
    rig.apply('v.set', 'k3', 8)
    rig.step()
    rig.apply('v.clear', 'k2', 0)
    rig.finishWriting()
    expect([rig.checked, rig.increments]).toEqual([2, 1])
  })

  test('IS-1: parts that an unconfirmed cut replaced are not kept by the next one', () => {
    const rig = new Rig({ sliceEntries: 10, segmentBytes: 100_000 })
    for (let i = 0; i < 200; i++) rig.apply('v.set', `k${i}`, i)
    for (let n = 0; n < 16; n++) {
      rig.apply('v.set', `k${n}`, -n)
      rig.cut()
      rig.finishWriting()
      rig.complete(0)
    }
    // This one merges the increments; the next, which is too large for that, is cut before it completes.
    rig.apply('v.set', 'k50', 1)
    rig.cut()
    rig.finishWriting()
    for (let i = 60; i < 90; i++) rig.apply('v.set', `k${i}`, -i)
    rig.cut()
    rig.complete(0)
    rig.finishWriting()
    expect(rig.checked).toBe(18)
  })
})
