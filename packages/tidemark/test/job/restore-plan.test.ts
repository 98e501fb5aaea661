/** What a thread reads of a checkpoint, beside one that reads everything. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyGroupRange } from '../../src/graph/key-groups.ts'
import { readCheckpoint } from '../../src/job/restore.ts'
import { contentOf, ended, graphAt, history, MAX_PARALLELISM, OPERATOR, reading, storedCheckpoint } from './stored-checkpoint.ts'

const ALL = { kind: 'all' } as const

test('SGR-1: a thread that reads what its subtasks own gives them what one gives that reads everything', () => {
  let spared = 0
  fc.assert(fc.property(history, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (given, parallelism, workers) => {
    const { manifest, ports, reads } = storedCheckpoint(given)
    const [vertex] = graphAt(parallelism).vertices
    if (vertex === undefined) throw new Error('there is one')
    const all = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL }))
    const ranges = Array.from({ length: parallelism }, (_, subtask) => keyGroupRange(subtask, parallelism, MAX_PARALLELISM))
    for (let worker = 0; worker < workers; worker++) {
      const mine = [...ranges.keys()].filter((subtask) => subtask % workers === worker)
      const before = reads.count
      const own = ended(readCheckpoint(ports, {
        ...reading, manifest, plan: {
          kind: 'own',
          owns: (operator, { start, end }) => operator === OPERATOR &&
            mine.some((subtask) => (ranges[subtask]?.start ?? 0) <= end && (ranges[subtask]?.end ?? 0) >= start),
        },
      }))
      spared += manifest.segments.length - (reads.count - before)
      for (const subtask of mine) {
        expect(contentOf(own.of(OPERATOR, vertex, subtask))).toEqual(contentOf(all.of(OPERATOR, vertex, subtask)))
      }
    }
  }))
  expect(spared).toBeGreaterThan(100)
})

test('SGR-2: who only wants to know what there is learns of every state and list, and reads no more than one segment a chain and state', () => {
  let inexact = 0
  fc.assert(fc.property(history, (given) => {
    const { manifest, ports, reads } = storedCheckpoint(given)
    const all = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL })).describe()
    const before = reads.count
    const described = ended(readCheckpoint(ports, { ...reading, manifest, plan: { kind: 'described' } })).describe()
    expect(reads.count - before).toBeLessThanOrEqual(given.parallelism * 4)
    const bare = (operators: typeof all): unknown =>
      operators.map(({ keyed, ...rest }) => ({ ...rest, keyed: keyed.map((state) => ({ ...state, entries: 0 })).sort((a, b) => (a.name < b.name ? -1 : 1)) }))
    expect(bare(described)).toEqual(bare(all))
    const entriesOf = (operators: typeof all): Map<string, number> =>
      new Map(operators.flatMap(({ keyed }) => keyed.map(({ name, entries }) => [name, entries])))
    for (const [name, entries] of entriesOf(all)) {
      const said = entriesOf(described).get(name) ?? -1
      expect(said).toBeGreaterThanOrEqual(entries)
      if (said > entries) inexact += 1
    }
  }))
  expect(inexact).toBeGreaterThan(5)
})

test('what was taken is let go: afterwards no entry is there, and the lists are', () => {
  fc.assert(fc.property(history, (given) => {
    const { manifest, ports } = storedCheckpoint(given)
    const all = ended(readCheckpoint(ports, { ...reading, manifest, plan: ALL }))
    const [vertex] = graphAt(1).vertices
    if (vertex === undefined) throw new Error('there is one')
    const taken = all.of(OPERATOR, vertex, 0)
    const numbers = all.listOf(OPERATOR, 'numbers')
    all.forgetKeyed()
    const nothing = ['amount', 'seen', 'told', 'timers/event'].map((name) => [name, []])
    const ofGroups = all.listOf(OPERATOR, 'of groups')
    expect(contentOf(taken)).toEqual({ states: nothing, numbers, ofGroups })
    expect(contentOf(all.of(OPERATOR, vertex, 0))).toEqual({ states: nothing, numbers, ofGroups })
  }))
})
