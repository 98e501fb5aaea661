/** Laws that nothing else would notice being broken: each test here was written for a mutant that survived. */
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { job } from '../../src/api/job.ts'
import { attempt, checkpointId, epoch } from '../../src/base/ids.ts'
import { start } from '../../src/base/io.ts'
import type { FromSubtask } from '../../src/base/protocol.ts'
import type { ChannelItem } from '../../src/channel/items.ts'
import { LocalChannel } from '../../src/channel/local-channel.ts'
import { collect, collection } from '../../src/connector/collection.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import type { JobEdge, JobVertex } from '../../src/graph/job-graph.ts'
import { OK } from '../../src/host/simulator/storage.ts'
import type { SinkOperatorSpec, SourceOperatorSpec } from '../../src/graph/operator-spec.ts'
import type { OperatorContext } from '../../src/operator/operator.ts'
import { SinkOperator } from '../../src/operator/sink-operator.ts'
import { SourceOperator } from '../../src/operator/source-operator.ts'
import { TimerService } from '../../src/operator/timer-service.ts'
import { everythingIn } from '../../src/state/slices.ts'
import type { OperatorSnapshot, RestoredOperator } from '../../src/state/snapshot.ts'
import { InputGate } from '../../src/task/input-gate.ts'
import { OperatorChain } from '../../src/task/operator-chain.ts'
import { RecordWriter } from '../../src/task/record-writer.ts'
import { Subtask } from '../../src/task/subtask.ts'
import { opened, opening, startJob, World } from '../checkpoint/world.ts'

interface Bead {
  readonly at: number
}

const beadsAt = (...times: number[]): Bead[] => times.map((at) => ({ at }))

function graph(parallelism = 1) {
  const sink = collect<Bead>()
  const beadJob = job('beads', (j) => {
    j.from<Bead>('necklace', collection(beadsAt(10, 20, 30)), { eventTime: (bead) => bead.at })
      .rebalance().map((bead) => bead).rebalance().to('box', sink)
  })
  return { sink, graph: toJobGraph(buildGraph(beadJob).graph, { parallelism }) }
}

function contextOf(more: Partial<OperatorContext>): OperatorContext {
  return {
    job: 'beads', operator: 'it', subtask: 0, parallelism: 1, maxParallelism: 128, jobId: 'id', epoch: epoch(1), attempt: attempt(0),
    keyGroups: { start: 0, end: 127 }, restored: undefined, freeze: false, ports: new World().ports(),
    output: { collector: () => () => {}, watermark: () => {}, idle: () => {} },
    processingTime: { now: () => 0, at: () => () => {} },
    metrics: { late: 0, invalid: 0, dropped: 0 },
    wake: () => {}, post: (mail) => mail(), fail: () => {}, *fence() {}, print: () => {},
    ...more,
  }
}

const specOf = <S>(vertices: readonly JobVertex[], kind: string): S =>
  vertices.flatMap((vertex) => vertex.operators).find((one) => one.spec.kind === kind)?.spec as S

function restoredFrom(snapshot: OperatorSnapshot): RestoredOperator {
  return {
    keyed: () => [], keyedStates: [],
    list: (name) => snapshot.lists.find((list) => list.name === name)?.items ?? [],
  }
}

test('SI-5: a sink whose term is over commits nothing and fails', () => {
  for (const mine of [true, false]) {
    const { sink, graph: { vertices } } = graph()
    const failures: unknown[] = []
    const operator = new SinkOperator(specOf<SinkOperatorSpec>(vertices, 'sink'), contextOf({
      *fence() {
        if (!mine) throw new Error('another writer took over')
      },
      fail: (error) => void failures.push(error),
    }))
    operator.collect({ at: 1 }, 1)
    start(operator.snapshot(checkpointId(1)), () => {})
    operator.onCheckpointComplete(checkpointId(1))
    expect(sink.committed.length).toBe(mine ? 1 : 0)
    expect(failures.length).toBe(mine ? 0 : 1)
    expect(operator.committedUpTo()).toBe(mine ? Number.POSITIVE_INFINITY : 0)
  }
})

test('SO-1: a source goes on from its watermark, also when none of its splits is left', () => {
  const { graph: { vertices } } = graph()
  const spec = specOf<SourceOperatorSpec>(vertices, 'source')
  const first = new SourceOperator(spec, contextOf({}))
  start(spec.source.discover({ storage: new World().disk.mount(), parallelism: 1, state: undefined }), (outcome) => {
    if (!outcome.ok) throw outcome.error as Error
    first.addSplits(outcome.value.splits.map((split: { readonly id: string }, order: number) => ({ split, order })))
  })
  first.poll(10)
  first.poll(10)
  expect(first.watermark).toBe(29)
  const sent: number[] = []
  const output = { collector: () => () => {}, watermark: (watermark: number) => void sent.push(watermark), idle: () => {} }
  const second = new SourceOperator(spec, contextOf({ output, restored: restoredFrom(first.snapshot()) }))
  second.open()
  expect(sent).toEqual([29])
})

test('TS-6: a timer service never falls behind its restored watermark', () => {
  const service = (restored: RestoredOperator | undefined): TimerService => new TimerService({
    clock: { now: () => 0, at: () => () => {} }, maxParallelism: 128, restored,
    target: { onEventTimer: () => {}, onProcessingTimer: () => {} },
  })
  const first = service(undefined)
  expect(first.advance(70)).toBe(true)
  const second = service(restoredFrom({ keyed: everythingIn(first.tables), lists: first.snapshotLists() }))
  expect(second.watermark).toBe(70)
  expect(second.advance(60)).toBe(false)
  expect(second.advance(80)).toBe(true)
})

test('a checkpoint that is given up at an input is given up by everybody behind it', () => {
  const { graph: { vertices } } = graph(2)
  const middle = vertices.find((vertex) => vertex.inputs.length > 0 && vertex.outputs.length > 0) as JobVertex
  const inputs = [new LocalChannel('a', 4), new LocalChannel('b', 4)]
  const output = new LocalChannel('middle', 4)
  const pressure = { full: false }
  const sent: FromSubtask[] = []
  const ports = new World().ports()
  const [edge] = middle.outputs as [JobEdge]
  const writer = new RecordWriter({
    ship: edge.ship, channels: [output], operator: 'middle', maxParallelism: 128, batchRecords: 1, pressure, firstTarget: 0,
  })
  const subtask = new Subtask({
    name: 'middle[0]', index: 0, keyGroups: { start: 0, end: 127 }, ports, pressure,
    gate: new InputGate(inputs.map((channel) => (
      { channel, input: 0, origin: { from: 'before', output: 'main', input: 0 }, recordable: true }
    )), undefined),
    options: { batchRecords: 1, sourceBatchRecords: 1, channelBatches: 4, freeze: false, pick: 'in-turn' },
    restoredCheckpoint: 0, parallelism: 1, head: 'middle', replay: [],
    host: {
      awake: () => {}, send: (message) => void sent.push(message),
      segments: { *append() { throw new Error('nothing is written') } },
    },
  }, () => new OperatorChain(
    middle, [{ fromOperator: edge.fromOperator, output: edge.output, writer }],
    (operator, wired) => contextOf({ operator: operator.name, output: wired }),
  ))
  subtask.start()
  inputs[0]?.push({ kind: 'barrier', barrier: { id: checkpointId(1), timestampMs: 0 } })
  inputs[1]?.push({ kind: 'cancel', id: checkpointId(1) })
  while (subtask.runnable) subtask.step()
  const items: ChannelItem[] = []
  for (let item = output.pull(); item !== undefined; item = output.pull()) items.push(item)
  expect(items).toEqual([{ kind: 'cancel', id: 1 }])
  expect(sent.at(-1)).toMatchObject({ kind: 'decline', id: 1, reason: 'cancelled-by-upstream' })
  expect(inputs.some((channel) => channel.blocked)).toBe(false)
})

test('CM-2: a writer that is succeeded while it links its manifest tells nobody that it is complete', () => {
  const world = new World()
  const job = startJob(world, { everyMs: 0 })
  let heir: number | undefined
  world.disk.onOperation = ({ operation, path }) => {
    if (heir === undefined && operation === 'link' && path.endsWith('/1.manifest')) {
      heir = 0
      heir = opened(opening(world, world.disk.mount())).epoch
    }
    return OK
  }
  job.coordinator.request('user')
  expect(heir).toBe(2)
  expect(job.completions).toEqual([])
  expect(job.messages('complete')).toEqual([])
  expect(job.failures.map(({ code }) => code)).toEqual(['E046'])
})
