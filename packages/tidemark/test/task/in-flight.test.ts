import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointId } from '../../src/base/ids.ts'
import type { ChannelItem } from '../../src/channel/items.ts'
import { LocalChannel } from '../../src/channel/local-channel.ts'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { keyGroupOf } from '../../src/record/key-codec.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import {
  ChannelProgress, restoreInFlight, storeInFlight, type ChannelOrigin, type InFlightItem, type Stage,
} from '../../src/task/in-flight.ts'
import { InputCapture } from '../../src/task/input-capture.ts'
import { Replay } from '../../src/task/replay.ts'

interface Bead { readonly id: number; readonly key: number }

const MAX = 16
const origin: ChannelOrigin = { from: 'necklace', output: 'main', input: 0 }
const beads = (...values: Bead[]): InFlightItem =>
  ({ kind: 'data', values, timestamps: values.map(({ id }) => id) })
const watermark = (at: number): InFlightItem => ({ kind: 'watermark', watermark: at })
/** Each a list of channels, the oldest first. */
const staged = (...stages: readonly Stage['channels'][]): Stage[] =>
  stages.map((channels, i) => ({ age: stages.length - 1 - i, channels }))
const recordsOf = (stages: readonly Stage[]): Bead[] =>
  stages.flatMap(({ channels }) => channels).flatMap(({ items }) => items.flatMap((item) => (item.kind === 'data' ? item.values as Bead[] : [])))

const placeOf = (subtask: number, parallelism: number) =>
  ({ subtask, parallelism, maxParallelism: MAX, keyGroups: keyGroupRange(subtask, parallelism, MAX) })

/** As it comes back from a state file. */
function stored(operator: string, stages: readonly Stage[], subtask: number, parallelism: number): readonly unknown[] {
  const list = storeInFlight(operator, stages, { subtask, parallelism })
  const { bytes } = encodeSegment({ operator, subtask, snapshot: { keyed: [], lists: [list] } })
  return decodeSegment(bytes).snapshot.lists[0]?.items ?? []
}

const anyItem: fc.Arbitrary<InFlightItem> = fc.oneof(
  fc.array(fc.record({ id: fc.nat(), key: fc.nat(40) }), { minLength: 1, maxLength: 5 }).map((list) => beads(...list)),
  fc.nat().map(watermark),
  fc.boolean().map((idle) => ({ kind: 'idle' as const, idle })),
)
const stagesOf = (item: fc.Arbitrary<InFlightItem>): fc.Arbitrary<Stage[]> =>
  fc.array(fc.array(fc.array(item, { maxLength: 6 }), { minLength: 1, maxLength: 3 }), { maxLength: 3 })
    .map((stages) => staged(...stages.map((channels) => channels.map((items) => ({ origin, items })))))
const anyStages = stagesOf(anyItem)
/** An active channel that is behind after idleness holds the watermark back again after an interruption. */
const neverIdle = stagesOf(anyItem.filter(({ kind }) => kind !== 'idle'))

describe('what was in flight', () => {
  test('IF-1: at the same parallelism it comes back as it was, from a state file', () => {
    fc.assert(fc.property(anyStages, (stages) => {
      const back = restoreInFlight('box', stored('box', stages, 1, 2), placeOf(1, 2), () => ({}))
      expect(back).toEqual(stages)
      expect(restoreInFlight('box', stored('box', stages, 1, 2), placeOf(0, 2), () => ({}))).toEqual([])
    }))
  })

  test.each([[1, 3], [2, 3], [3, 2], [4, 1], [2, 16]])(
    'IF-2: from %i to %i subtasks each record goes to the owner of its key, once, in the order of its channel', (from, to) => {
      const all = Array.from({ length: 60 }, (_, id) => ({ id, key: (id * 7) % 23 }))
      const ownerAt = (key: number, parallelism: number): number =>
        Math.floor((keyGroupOf(key, MAX) * parallelism) / MAX)
      const everything = Array.from({ length: from }, (_, s) => {
        const mine = all.filter(({ key }) => ownerAt(key, from) === s)
        return stored('box', staged([{ origin, items: [watermark(5), ...mine.map((bead) => beads(bead)), watermark(9)] }]), s, from)
      }).flat()
      const keyed = () => ({ keyOf: ({ key }: Bead) => key })
      const got = Array.from({ length: to }, (_, s) => recordsOf(restoreInFlight('box', everything, placeOf(s, to), keyed)))
      for (const [s, mine] of got.entries()) {
        for (const { key } of mine) expect(ownerAt(key, to)).toBe(s)
        for (const key of new Set(mine.map((bead) => bead.key))) {
          const ids = mine.filter((bead) => bead.key === key).map(({ id }) => id)
          expect(ids).toEqual(ids.toSorted((a, b) => a - b))
        }
      }
      expect(got.flat().map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(all.map(({ id }) => id))
      const unkeyed = Array.from({ length: to }, (_, s) => recordsOf(restoreInFlight('box', everything, placeOf(s, to), () => ({}))))
      expect(unkeyed.flat().map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(all.map(({ id }) => id))
    })

  test('IF-2: watermarks go to everybody whose key groups overlap those of the recording subtask', () => {
    const one = stored('box', staged([{ origin, items: [watermark(5)] }]), 0, 2)
    const reached = [0, 1, 2, 3].map((s) => restoreInFlight('box', one, placeOf(s, 4), () => ({})).length)
    expect(reached).toEqual([1, 1, 0, 0])
  })

  test('IF-2: a subtask that had come further holds nobody back: what is left of one attempt comes before the next', () => {
    const behind = stored('box', staged([{ origin, items: [watermark(3), watermark(5)] }], [{ origin, items: [] }]), 0, 2)
    const further = stored('box', staged([{ origin, items: [] }]), 1, 2)
    const merged = restoreInFlight('box', [...further, ...behind], placeOf(0, 1), () => ({}))
    expect(merged.map(({ age, channels }) => [age, channels.length])).toEqual([[1, 1], [0, 2]])
  })

  test('IF-3: what is no plain data is refused with E114, and another codec with E058', () => {
    const bad = staged([{ origin, items: [{ kind: 'data' as const, values: [() => 1], timestamps: [0] }] }])
    expect(() => storeInFlight('box', bad, { subtask: 0, parallelism: 1 })).toThrow(expect.objectContaining({ code: 'E114' }))
    const [channel] = stored('box', staged([{ origin, items: [watermark(1)] }]), 0, 1)
    const newer = [{ ...(channel as object), codec: 'batch/3' }]
    expect(() => restoreInFlight('box', newer, placeOf(0, 1), () => ({}))).toThrow(expect.objectContaining({ code: 'E058' }))
  })
})

describe('recording', () => {
  const barrier = (id: number): ChannelItem => ({ kind: 'barrier', barrier: { id: checkpointId(id), timestampMs: 0 } })

  test('IC-1: records, once and in order, what lies between the cut and the barrier, however it is read meanwhile', () => {
    fc.assert(fc.property(
      fc.array(anyItem, { maxLength: 8 }), fc.array(anyItem, { maxLength: 8 }), fc.array(anyItem, { maxLength: 3 }),
      fc.array(fc.nat(4), { maxLength: 20 }), (before, after, behind, reads) => {
        const channel = new LocalChannel('a', 4)
        for (const item of before) channel.push(item)
        const capture = new InputCapture(checkpointId(3), [channel], [0], [[watermark(1)]])
        const late = [...after, barrier(3), ...behind]
        const taken: ChannelItem[] = []
        for (const turn of [...reads, ...late.map(() => 0)]) {
          const next = turn === 0 || turn === 4 ? late.shift() : undefined
          if (next !== undefined && turn === 0) channel.push(next)
          expect(capture.advance()).toBe(undefined)
          // Another thread sends between the look and the taking.
          if (next !== undefined && turn === 4) channel.push(next)
          if ((turn !== 2 && turn !== 4) || !channel.ready) continue
          const item = channel.pull() as ChannelItem
          taken.push(item)
          expect(capture.taken(0, item)).toBe(undefined)
        }
        expect(capture.advance()).toBe(undefined)
        expect(capture.done).toBe(true)
        expect(capture.items).toEqual([[watermark(1), ...before, ...after]])
        expect(capture.overtaken).toBe(before.length + after.length)
        while (channel.ready) taken.push(channel.pull() as ChannelItem)
        expect(taken).toEqual([...before, ...after, barrier(3), ...behind])
      },
    ))
  })

  test('IC-2: the end of a channel stands for its barrier; a cancel mark or a newer barrier ends the recording', () => {
    const recorded = (...items: ChannelItem[]) => {
      const channel = new LocalChannel('a', 4)
      for (const item of items) channel.push(item)
      const capture = new InputCapture(checkpointId(3), [channel], [0], [[]])
      return [capture.advance(), capture.done]
    }
    expect(recorded({ kind: 'end-of-data' }, { kind: 'end-of-partition' })).toEqual([undefined, true])
    expect(recorded({ kind: 'cancel', id: checkpointId(2) }, barrier(2), barrier(3))).toEqual([undefined, true])
    expect(recorded({ kind: 'cancel', id: checkpointId(3) })).toEqual(['cancelled-by-upstream', false])
    expect(recorded(barrier(4))).toEqual(['subsumed', false])
  })

  test('IC-1, IC-2: what is taken before anybody has looked at it counts as looked at', () => {
    const taken = (item: ChannelItem) => {
      const capture = new InputCapture(checkpointId(3), [new LocalChannel('a', 4)], [0], [[]])
      return [capture.taken(0, item), capture.done, capture.items[0]?.length]
    }
    expect(taken(watermark(7))).toEqual([undefined, false, 1])
    expect(taken(barrier(3))).toEqual([undefined, true, 0])
    expect(taken({ kind: 'end-of-partition' })).toEqual([undefined, true, 0])
    expect(taken({ kind: 'cancel', id: checkpointId(3) })).toEqual(['cancelled-by-upstream', false, 0])
    expect(taken(barrier(4))).toEqual(['subsumed', false, 0])
    expect(taken(barrier(2))).toEqual([undefined, false, 0])
  })
})

describe('giving back', () => {
  function replay(stages: readonly Stage[]) {
    const got: (Bead | number)[] = []
    const target = { collectOf: () => (value: Bead) => void got.push(value), onWatermark: (at: number) => void got.push(at) }
    return { got, subject: new Replay([{ operator: 'box', target, stages }]) }
  }
  const bead = (id: number): Bead => ({ id, key: 0 })
  const runs = (subject: Replay, most = 10): void => {
    while (!subject.done) subject.step(most, () => false)
  }

  test('RN-3: two halves of what one sender sent are read in step, so that each record meets its watermark', () => {
    const { got, subject } = replay(staged([
      { origin, items: [watermark(20), beads(bead(1)), watermark(30)] },
      { origin, items: [watermark(10), beads(bead(2)), watermark(20), beads(bead(3)), watermark(30)] },
    ]))
    runs(subject)
    expect(got).toEqual([10, bead(2), 20, bead(1), bead(3), 30])
  })

  test('RN-2, RN-4: stages one after the other, each with watermarks of its own; idleness counts and stays here', () => {
    const { got, subject } = replay(staged(
      [{ origin, items: [{ kind: 'idle', idle: true }] }, { origin, items: [watermark(7), beads(bead(1))] }],
      [{ origin, items: [beads(bead(2)), { kind: 'end-of-data' }] }],
    ))
    runs(subject)
    expect(got.slice(0, 3)).toEqual([7, bead(1), bead(2)])
    expect(got.slice(3)).toEqual([Number.MAX_SAFE_INTEGER])
  })

  test('RN-1, RN-5: interrupted after any number of steps, what is left is what was not given, and it resumes the same', () => {
    fc.assert(fc.property(neverIdle, fc.nat(12), fc.integer({ min: 1, max: 3 }), (stages, steps, most) => {
      const whole = replay(stages)
      runs(whole.subject)
      const first = replay(stages)
      for (let i = 0; i < steps && !first.subject.done; i++) first.subject.step(most, () => false)
      const second = replay(first.subject.left().get('box') ?? [])
      runs(second.subject)
      const ids = (got: readonly (Bead | number)[]): number[] => got.flatMap((one) => (typeof one === 'number' ? [] : [one.id]))
      expect([...ids(first.got), ...ids(second.got)]).toEqual(ids(whole.got))
      const last = (got: readonly (Bead | number)[]): unknown => got.filter((one) => typeof one === 'number').at(-1)
      expect(last([...first.got, ...second.got])).toBe(last(whole.got))
    }))
  })

  test('a record stops it where an output is full', () => {
    const { got, subject } = replay(staged([{ origin, items: [beads(bead(1), bead(2))] }]))
    expect(subject.step(10, () => true)).toBe(1)
    expect(got).toEqual([bead(1)])
    expect(subject.done).toBe(false)
    runs(subject)
    expect(got).toEqual([bead(1), bead(2)])
  })

  test('what is known of a channel brings another receiver to the same knowledge', () => {
    fc.assert(fc.property(fc.array(anyItem), (items) => {
      const first = new ChannelProgress()
      for (const item of items) first.take(item)
      const second = new ChannelProgress()
      for (const item of first.asItems()) second.take(item)
      expect(second.asItems()).toEqual(first.asItems())
    }))
  })
})
