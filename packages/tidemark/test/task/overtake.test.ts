/** One subtask between a sender that is far ahead and a receiver that takes nothing. */
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import { attempt, checkpointId, epoch } from '../../src/base/ids.ts'
import type { FromSubtask } from '../../src/base/protocol.ts'
import type { ChannelItem } from '../../src/channel/items.ts'
import type { ChannelReceiver } from '../../src/channel/channel.ts'
import { LocalChannel } from '../../src/channel/local-channel.ts'
import { RingReceiver, ringMemory, RingSender } from '../../src/channel/ring.ts'
import { collect, collection } from '../../src/connector/collection.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobEdge, JobVertex } from '../../src/graph/job-graph.ts'
import { decodeSegment } from '../../src/state/snapshot-format.ts'
import { IN_FLIGHT, restoreInFlight, type Stage } from '../../src/task/in-flight.ts'
import { InputGate } from '../../src/task/input-gate.ts'
import { OperatorChain } from '../../src/task/operator-chain.ts'
import { RecordWriter } from '../../src/task/record-writer.ts'
import { Subtask } from '../../src/task/subtask.ts'
import { World } from '../checkpoint/world.ts'

const origin = { from: 'before', output: 'main', input: 0 }
const barrier = (id: number) => ({ id: checkpointId(id), timestampMs: 0 })
const barrierItem = (id: number): ChannelItem => ({ kind: 'barrier', barrier: barrier(id) })
const batch = (...values: unknown[]): ChannelItem => ({ kind: 'data', values, timestamps: values.map(() => 0) })

/** Inputs that are rings: what is pushed waits on the sender's side until `turn`, as on another thread. */
function rings() {
  const ends = ['a[0]', 'b[0]'].map((sender) => {
    const memory = ringMemory(256)
    return {
      sender: new RingSender({ memory, sender, published: () => {} }),
      receiver: new RingReceiver({ memory, sender, freed: () => {} }),
    }
  })
  return {
    receivers: ends.map(({ receiver }) => receiver),
    senders: ends.map(({ sender }) => sender) as [RingSender, RingSender],
    turn: () => ends.filter(({ sender }) => sender.pending).forEach(({ sender }) => sender.drain()),
  }
}

function middle(stages: readonly Stage[] = [], channels?: readonly ChannelReceiver[]) {
  const handled: unknown[] = []
  const passes = job('beads', (j) => {
    j.from<unknown>('necklace', collection<unknown>([]))
      .rebalance().map((bead) => {
        handled.push(bead)
        return bead
      }).rebalance().to('box', collect<unknown>())
  })
  const { vertices } = toJobGraph(buildGraph(passes).graph, { parallelism: 2 })
  const vertex = vertices.find((one) => one.inputs.length > 0 && one.outputs.length > 0) as JobVertex
  const inputs = [new LocalChannel('a', 4), new LocalChannel('b', 4)]
  const output = new LocalChannel('middle', 4)
  const pressure = { full: false }
  const sent: FromSubtask[] = []
  const written: Uint8Array[] = []
  const ports = new World().ports()
  const [edge] = vertex.outputs as [JobEdge]
  const head = vertex.operators[0]?.name as string
  const writer = new RecordWriter({
    ship: edge.ship, channels: [output], operator: 'middle', maxParallelism: 128, batchRecords: 1, pressure, firstTarget: 0,
  })
  const subtask = new Subtask({
    name: 'middle[0]', index: 0, keyGroups: { start: 0, end: 127 }, ports, pressure,
    gate: new InputGate((channels ?? inputs).map((channel) => ({ channel, input: 0, origin, recordable: true })), undefined),
    options: { batchRecords: 1, sourceBatchRecords: 1, channelBatches: 4, freeze: false, pick: 'in-turn' },
    restoredCheckpoint: 0, parallelism: 1, head, replay: stages.length === 0 ? [] : [{ operator: head, position: 0, stages }],
    host: {
      awake: () => {}, send: (message) => void sent.push(message),
      segments: {
        *append(_checkpoint, bytes) {
          written.push(bytes)
          return { file: 'state', offset: 0, length: bytes.length, crc32: 0 }
        },
      },
    },
  }, () => new OperatorChain(
    vertex, [{ fromOperator: edge.fromOperator, output: edge.output, writer }],
    (operator, wired) => ({
      job: 'beads', operator: operator.name, subtask: 0, parallelism: 1, maxParallelism: 128, jobId: 'id', epoch: epoch(1), attempt: attempt(0),
      keyGroups: { start: 0, end: 127 }, restored: undefined, freeze: false, ports, output: wired,
      processingTime: { now: () => 0, at: () => () => {} }, metrics: { late: 0, invalid: 0, dropped: 0 },
      wake: () => {}, post: (mail) => mail(), fail: () => {}, *fence() {}, print: () => {},
    }),
  ))
  const run = (): void => {
    while (subtask.runnable) subtask.step()
  }
  const recordedStages = (): Stage[] => {
    const lists = written.flatMap((bytes) => decodeSegment(bytes).snapshot.lists).filter(({ name }) => name === IN_FLIGHT)
    const place = { subtask: 0, parallelism: 1, maxParallelism: 128, keyGroups: { start: 0, end: 127 } }
    return restoreInFlight(head, lists.flatMap(({ items }) => items), place, () => ({}))
  }
  const recorded = (): unknown[][] => recordedStages().flatMap(({ channels }) => channels)
    .map(({ items }) => items.flatMap((item) => (item.kind === 'data' ? item.values : [item])))
  const passed = (): ChannelItem[] => {
    const items: ChannelItem[] = []
    for (let item = output.pull(); item !== undefined; item = output.pull()) items.push(item)
    return items
  }
  return { subtask, inputs: inputs as [LocalChannel, LocalChannel], handled, sent, run, recorded, recordedStages, passed }
}

const acknowledged = (sent: readonly FromSubtask[]): boolean => sent.some(({ kind }) => kind === 'acknowledge')

test('behind a receiver that takes nothing, an aligned checkpoint waits for ever and an overtaken one for no record', () => {
  const { subtask, inputs: [a, b], handled, sent, run, recorded } = middle()
  subtask.start()
  for (let i = 0; i < 100; i++) a.push(batch(i))
  a.push(barrierItem(1))
  b.push(barrierItem(1))
  run()
  const atFull = handled.length
  expect(atFull).toBeLessThan(10)
  expect(acknowledged(sent)).toBe(false)
  subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
  run()
  expect(acknowledged(sent)).toBe(true)
  expect(handled).toHaveLength(atFull)
  expect(recorded()[0]).toEqual(Array.from({ length: 100 - atFull }, (_, i) => atFull + i))
  expect(b.blocked).toBe(false)
})

test('the same through rings, also where records and barrier wait outside a full ring', () => {
  const { receivers, senders: [a, b], turn } = rings()
  const { subtask, handled, sent, run, recorded } = middle([], receivers)
  subtask.start()
  for (let i = 0; i < 100; i++) a.push(batch(i))
  a.push(barrierItem(1))
  b.push(barrierItem(1))
  expect(a.pending).toBe(true)
  run()
  const atFull = handled.length
  subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
  for (let i = 0; i < 200 && !acknowledged(sent); i++) {
    turn()
    run()
  }
  expect(acknowledged(sent)).toBe(true)
  expect(handled).toHaveLength(atFull)
  expect(recorded()[0]).toEqual(Array.from({ length: 100 - atFull }, (_, i) => atFull + i))
  expect(a.full).toBe(true)
})

test('ST-9: each record is processed before the cut, recorded, or behind the barrier; the rest of a batch is recorded', () => {
  const { subtask, inputs: [a, b], handled, run, recorded, passed } = middle()
  subtask.start()
  a.push(batch(0, 1, 2, 3, 4, 5, 6, 7))
  a.push({ kind: 'watermark', watermark: 9 })
  run()
  const before = handled.length
  expect(before).toBeLessThan(8)
  subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
  a.push(barrierItem(1))
  a.push(batch(100))
  b.push(batch(50))
  run()
  b.push(batch(51))
  b.push(barrierItem(1))
  run()
  const [fromA, fromB] = recorded()
  expect(fromA).toEqual([...[0, 1, 2, 3, 4, 5, 6, 7].slice(before), { kind: 'watermark', watermark: 9 }])
  expect(fromB).toEqual([50, 51])
  const ahead = passed().map((item) => (item.kind === 'data' ? item.values[0] : item.kind))
  expect(ahead).toEqual([...[0, 1, 2, 3, 4, 5, 6, 7].slice(0, before), 'barrier'])
})

test('ST-8: what was in flight is processed before new input, and is in a checkpoint that is cut meanwhile', () => {
  const items = [batch(1, 2, 3, 4, 5, 6) as never, { kind: 'watermark' as const, watermark: 4 }]
  const restored: Stage[] = [{ age: 0, channels: [{ origin, items }] }]
  const { subtask, inputs: [a, b], handled, run, recorded, recordedStages, passed } = middle(restored)
  a.push(batch(100))
  subtask.start()
  run()
  const before = handled.length
  expect(handled).toEqual([1, 2, 3, 4, 5, 6].slice(0, before))
  expect(before).toBeLessThan(6)
  subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
  for (const channel of [a, b]) channel.push(barrierItem(1))
  run()
  expect(recorded()).toEqual([
    [...[1, 2, 3, 4, 5, 6].slice(before), { kind: 'watermark', watermark: 4 }], [100], [],
  ])
  expect(recordedStages().map(({ age, channels }) => [age, channels.length])).toEqual([[1, 1], [0, 2]])
  for (let i = 0; i < 20; i++) {
    passed()
    run()
  }
  expect(handled).toEqual([1, 2, 3, 4, 5, 6, 100])
})

test('a newer barrier or a cancel mark while something is recorded gives the checkpoint up, and processing goes on', () => {
  for (const end of [barrierItem(2), { kind: 'cancel', id: checkpointId(1) } as const]) {
    const { subtask, inputs: [a, b], handled, sent, run } = middle()
    subtask.start()
    subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
    a.push(batch(1))
    a.push(end)
    run()
    b.push(batch(2))
    run()
    expect(acknowledged(sent)).toBe(false)
    expect(sent.find(({ kind }) => kind === 'decline')).toMatchObject({ id: 1 })
    expect(handled).toEqual([1, 2])
  }
})

test('E114: a record that is no plain data declines the checkpoint as not recordable', () => {
  const { subtask, inputs: [a, b], sent, run } = middle()
  subtask.start()
  for (let i = 0; i < 20; i++) a.push(batch(() => i))
  for (const channel of [a, b]) channel.push(barrierItem(1))
  run()
  subtask.deliver({ kind: 'overtake', barrier: barrier(1) })
  run()
  expect(sent.find(({ kind }) => kind === 'decline')).toMatchObject({ id: 1, reason: 'not-recordable', error: { code: 'E114' } })
})
