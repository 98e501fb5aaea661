import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { KeyedBackend } from '../../src/state/keyed-backend.ts'
import { mergeChains } from '../../src/state/segment-chain.ts'
import { decodeSegment, encodeSegment, readEntries, type DecodedSegment } from '../../src/state/snapshot-format.ts'
import { newStore, onEveryBackend, runs } from './backends.ts'

const TTL = { ttlMs: 100 }
const GROUPS = 8

class Sweeping {
  now = 1_000
  readonly backend = new KeyedBackend({ maxParallelism: GROUPS, now: () => this.now, freeze: false, ...newStore() })
  readonly v = this.backend.declare('v', { kind: 'value', version: 1, ttl: TTL })
  readonly l = this.backend.declare('l', { kind: 'list', version: 1, ttl: TTL })
  readonly m = this.backend.declare('m', { kind: 'map', version: 1, ttl: TTL })
  readonly kept = this.backend.declare('kept', { kind: 'value', version: 1 })
  /** Of the newest checkpoint. */
  chain: readonly DecodedSegment[] = []
  #checkpoint = 0

  write(key: number): void {
    this.backend.setCurrentKey(key)
    this.v.set(key)
    this.l.push(key)
    this.m.set(key, key)
    this.kept.set(key)
    this.backend.clearCurrentKey()
  }

  /** A checkpoint that completes; every one so many ms after the one before. */
  checkpoint(): void {
    const id = checkpointId(++this.#checkpoint)
    const slices = this.backend.cut(id)
    while (slices.advance(100));
    const keyed = slices.take()
    const { bytes } = encodeSegment({
      operator: 'op', subtask: 0, keyGroups: keyGroupRange(0, 1, GROUPS), snapshot: { keyed, lists: [] },
    })
    const before = slices.onto === undefined ? [] : this.chain.slice(0, slices.onto.increments)
    this.chain = [...before, decodeSegment(bytes)]
    this.backend.onCheckpointComplete(id)
  }

  /** Keys of each state in the newest checkpoint, expired or not. */
  stored(): Record<string, number[]> {
    const [merged] = mergeChains(this.chain)
    return Object.fromEntries((merged?.snapshot.keyed ?? []).map(({ name, groups }) =>
      [name, groups.flatMap((group) => [...readEntries(group)].map(({ key }) => Number(key))).toSorted((a, b) => a - b)]))
  }
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

onEveryBackend(() => {
  test('TC-5 keys that are never touched again leave the state and its checkpoints, in the background', () => {
    const state = new Sweeping()
    for (const key of upTo(3_000)) state.write(key)
    state.checkpoint()
    expect(state.stored()['v']).toEqual(upTo(3_000))
    state.now += 101
    // One key goes on; no cut is of everything, and nothing else asks for the others.
    for (let i = 0; i < 4; i++) {
      state.write(7)
      state.checkpoint()
    }
    expect(state.stored()).toEqual({ v: [7], l: [7], m: [7], kept: upTo(3_000) })
  })

  test('TC-5 a cut looks at a bounded number of entries while most are alive, and goes round all of them', () => {
    const state = new Sweeping()
    for (const key of upTo(5_000)) state.write(key)
    state.now += 50
    for (const key of upTo(4_999)) state.write(key)
    state.checkpoint()
    state.now += 51
    const held: boolean[] = []
    for (let i = 0; i < 5; i++) {
      state.checkpoint()
      held.push(state.stored()['v']?.includes(4_999) ?? false)
    }
    // 1024 a cut: the last one of 5000 is reached by the fifth cut, the fourth here.
    expect(held).toEqual([true, true, true, false, false])
    expect(state.stored()['v']?.length).toBe(4_999)
  })

  test('TC-5 sweeping takes nothing that is alive, whatever is written when: what a checkpoint holds is what handles see', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), n: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ kind: fc.constant('pass' as const), n: fc.integer({ min: 1, max: 60 }) }),
      fc.record({ kind: fc.constant('checkpoint' as const), n: fc.constant(0) }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const state = new Sweeping()
      const writtenAt = new Map<number, number>()
      for (const { kind, n } of steps) {
        if (kind === 'pass') state.now += n
        else if (kind === 'write') {
          state.write(n)
          writtenAt.set(n, state.now)
        } else {
          state.checkpoint()
          const alive = [...writtenAt].filter(([, at]) => state.now < at + TTL.ttlMs).map(([key]) => key).toSorted((a, b) => a - b)
          // So few entries are swept whole by every cut.
          expect(state.stored()).toEqual({ v: alive, l: alive, m: alive, kept: [...writtenAt.keys()].toSorted((a, b) => a - b) })
        }
      }
    }), { numRuns: runs(200) })
  })
})
