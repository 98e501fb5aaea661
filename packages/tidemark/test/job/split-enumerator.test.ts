import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unreachable } from '../../src/base/assert.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { ToSubtask } from '../../src/base/protocol.ts'
import type { AnySource, Split } from '../../src/graph/source.ts'
import { SplitEnumerator } from '../../src/job/split-enumerator.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { Scheduler } from '../../src/host/simulator/scheduler.ts'
import { Prng } from '../../src/base/prng.ts'
import { restoreOperator } from '../../src/state/restore.ts'
import { decodeSegment, encodeSegment } from '../../src/state/snapshot-format.ts'
import type { RestoredOperator } from '../../src/state/snapshot.ts'

interface Sent {
  readonly subtask: number
  readonly message: ToSubtask
}

function world(lists: readonly (readonly string[])[], options: Partial<AnySource> = {}) {
  const scheduler = new Scheduler(new Prng(1), 'uniform', 0)
  const ports: Ports = {
    clock: scheduler, timers: scheduler, executor: scheduler, random: new Prng(2),
    storage: new MemoryStorage(), log: () => {}, probe: () => {},
  }
  const source: AnySource = {
    kind: 'test', resource: 'test', rewind: 'can rewind', splitsInTimeOrder: true, assignment: 'pull',
    discoverEveryMs: 100,
    *discover({ state }) {
      const round = (state as number | undefined) ?? 0
      const splits: Split[] = (lists[round] ?? []).map((id) => ({ id }))
      return { splits, state: round + 1, complete: round + 1 >= lists.length }
    },
    openSplit: () => unreachable('nothing is read here'),
    ...options,
  }
  const sent: Sent[] = []
  const errors: unknown[] = []
  const create = (parallelism: number, restored?: RestoredOperator): SplitEnumerator =>
    new SplitEnumerator({
      operator: 'in', source, parallelism, ports, restored,
      send: (subtask, message) => sent.push({ subtask, message }),
      fail: (error) => errors.push(error),
    })
  const run = (): void => {
    while (scheduler.step([]));
  }
  return { create, sent, errors, run, ports }
}

const handedOut = (sent: readonly Sent[]): string[] =>
  sent.flatMap(({ message }) => (message.kind === 'assign' ? message.splits.map(({ split }) => split.id) : []))

const saved = (enumerator: SplitEnumerator): RestoredOperator => {
  const { bytes } = encodeSegment({ operator: 'in', subtask: -1, snapshot: enumerator.snapshot() })
  return restoreOperator([decodeSegment(bytes)], { subtask: 0, parallelism: 1, keyGroups: { start: 0, end: 127 } })
}

describe('pull', () => {
  test('splits go out one a request, in the order of discovery, and each waiting reader is told the end once', () => {
    const { create, sent, run } = world([['a', 'b'], ['c']])
    const enumerator = create(2)
    enumerator.start()
    for (const subtask of [1, 0, 1, 0, 1]) enumerator.onRequest(subtask)
    run()
    expect(handedOut(sent)).toEqual(['a', 'b', 'c'])
    expect(sent.filter(({ message }) => message.kind === 'assign').map(({ subtask }) => subtask)).toEqual([1, 0, 1])
    expect(sent.filter(({ message }) => message.kind === 'no-more-splits').map(({ subtask }) => subtask)).toEqual([0, 1])
  })

  test('a request before discovery waits for it', () => {
    const { create, sent, run } = world([['a']])
    const enumerator = create(1)
    enumerator.onRequest(0)
    expect(sent).toEqual([])
    enumerator.start()
    run()
    expect(handedOut(sent)).toEqual(['a'])
  })

  test('restoring a snapshot gives back exactly what was handed out after it, first and in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(12), fc.nat(12), (splits, before, after) => {
        const ids = Array.from({ length: splits }, (_, i) => `s${i}`)
        const { create, sent, run } = world([ids])
        const enumerator = create(3)
        enumerator.start()
        run()
        for (let i = 0; i < before; i++) enumerator.onRequest(i % 3)
        const restored = saved(enumerator)
        for (let i = 0; i < after; i++) enumerator.onRequest(i % 3)
        const already = handedOut(sent).slice(0, Math.min(before, splits))
        sent.length = 0
        const next = create(2, restored)
        next.start()
        for (let i = 0; i <= splits; i++) next.onRequest(i % 2)
        run()
        expect([...already, ...handedOut(sent)]).toEqual(ids)
      }),
    )
  })
})

describe('spread', () => {
  test('every split goes to the subtask of its number, and all are told the end', () => {
    const { create, sent, run } = world([['a', 'b', 'c', 'd']], { assignment: 'spread' })
    create(3).start()
    run()
    const assigned = sent.flatMap(({ subtask, message }) =>
      message.kind === 'assign' ? message.splits.map(({ split }) => `${split.id}:${subtask}`) : [])
    expect(assigned).toEqual(['a:0', 'b:1', 'c:2', 'd:0'])
    expect(sent.filter(({ message }) => message.kind === 'no-more-splits').map(({ subtask }) => subtask)).toEqual([0, 1, 2])
  })
})

test('discovery that fails ends the attempt and nothing is handed out', () => {
  const { create, sent, errors, run } = world([['a']], {
    *discover() {
      throw new Error('gone')
    },
  })
  const enumerator = create(1)
  enumerator.start()
  enumerator.onRequest(0)
  run()
  expect(String(errors[0])).toContain('gone')
  expect(sent).toEqual([])
})

test('after close nothing is sent any more', () => {
  const { create, sent, run } = world([['a'], ['b']])
  const enumerator = create(1)
  enumerator.start()
  enumerator.onRequest(0)
  enumerator.close()
  run()
  expect(sent).toEqual([])
})
