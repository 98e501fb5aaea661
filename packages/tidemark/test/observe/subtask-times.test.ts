/**
 * Where the time of a real job goes: real supervisor, deployment and subtasks, and a clock that only a user
 * function moves, so that every millisecond has a known owner.
 */
import { expect, test } from 'vitest'
import { buildGraph } from '../../src/api/build.ts'
import { collect, collection, job, type Job } from '../../src/index.ts'
import { attempt } from '../../src/base/ids.ts'
import { Prng } from '../../src/base/prng.ts'
import type { Clock } from '../../src/base/ports.ts'
import { toJobGraph } from '../../src/graph/chaining.ts'
import { Deployment, tableOf } from '../../src/host/deployment.ts'
import { MemoryStorage } from '../../src/host/memory-storage.ts'
import { JobSupervisor } from '../../src/job/job-supervisor.ts'
import { bottleneckOf } from '../../src/observe/diagnosis.ts'
import { SAMPLE_SCHEMA, sampleVertices, type JobSample } from '../../src/observe/job-sample.ts'
import { ratesBetween } from '../../src/observe/rates.ts'
import { ManualLoop } from '../../src/testing/manual-loop.ts'

const STARTED_MS = 1234

class WorkClock implements Clock {
  nowMs = STARTED_MS

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs
  }
}

/** Runs a job to its end; `look` is given the means to sample it at any step of a user function. */
function run(made: Job, clock: WorkClock, parallelism: number, onSample: (take: () => JobSample) => void): JobSample {
  const graph = toJobGraph(buildGraph(made).graph, { parallelism })
  const loop = new ManualLoop(0)
  const table = tableOf(graph)
  const ports = {
    clock, timers: loop, executor: loop, random: new Prng(1), storage: new MemoryStorage(), log: () => {}, probe: () => {},
  }
  const options = { batchRecords: 10, sourceBatchRecords: 10, channelBatches: 2, freeze: false, pick: 'in-turn' } as const
  let deployment: Deployment | undefined
  let end = ''
  const supervisor = new JobSupervisor({
    graph, ports, directory: '/state', engine: 'test', pid: 1, host: 'test', fresh: false,
    onStarted: () => {}, onCheckpoint: () => {}, onCheckpointFailed: () => {},
    onRestart: ({ error }) => {
      throw error
    },
    onEnd: ({ kind }) => {
      end = kind
    },
    deploy: ({ opened, restored, files, fromSubtask, fence }) => {
      deployment = new Deployment({
        graph, jobId: opened.jobId, epoch: opened.epoch, ports, options, segments: files,
        part: { attempt: attempt(0), restored }, fence, fromSubtask,
        print: () => {}, awake: () => {}, metrics: { table, zeroMs: 0 },
      })
      return deployment
    },
  })
  const take = (): JobSample => {
    deployment?.publish()
    return {
      schema: SAMPLE_SCHEMA, job: made.name, engine: 'test', pid: 1, epoch: 1, phase: 'running', atMs: clock.nowMs,
      uptimeMs: 0, workers: 1, restarts: 0, recordsIn: 0, recordsOut: 0, late: 0, invalid: 0,
      checkpoint: { completed: 0, failed: 0 }, vertices: sampleVertices(graph, table, clock.nowMs, 1),
    }
  }
  onSample(take)
  supervisor.start()
  loop.run(() => deployment?.subtasks ?? [], () => false)
  expect(end).toBe('finished')
  return take()
}

const RECORDS = 400

/** numbers → light → heavy, three vertices; every record costs `heavy` a millisecond. */
function threeStages(clock: WorkClock, onRecord: () => void) {
  const out = collect<number>()
  const made = job('stages', { checkpoint: { every: '1h' } }, (j) => {
    j.from('numbers', collection(Array.from({ length: RECORDS }, (_, n) => n)))
      .keyBy((n) => n)
      .process('light', {}, { * onRecord(n) { yield n } })
      .keyBy((n) => n + 1)
      .process('heavy', {}, {
        * onRecord(n) {
          clock.nowMs += 1
          onRecord()
          yield n
        },
      })
      .to('out', out)
  })
  return { made, out }
}

// At parallelism 1 all is one chain, and one subtask.
test.each([2, 3])(
  'MT-2 at every record busy, idle and waiting time of every subtask add up to the clock, at parallelism %i', (parallelism) => {
    const clock = new WorkClock()
    let take: (() => JobSample) | undefined
    let looks = 0
    const check = (sample: JobSample | undefined): void => {
      for (const { subtasks } of sample?.vertices ?? []) {
        for (const { elapsedMs, busyMs, idleMs, backPressuredMs, ended } of subtasks) {
          expect(busyMs + idleMs + backPressuredMs).toBe(elapsedMs)
          if (!ended) expect(elapsedMs).toBe(clock.nowMs - STARTED_MS)
        }
      }
    }
    const { made, out } = threeStages(clock, () => {
      looks += 1
      if (looks % 7 === 0) check(take?.())
    })
    const last = run(made, clock, parallelism, (given) => {
      take = given
    })
    check(last)
    expect(out.committed.length).toBe(RECORDS)
    // All time there is was spent in `heavy`: nobody else was busy for longer than somebody worked there.
    const heavy = last.vertices[2]?.subtasks ?? []
    expect(clock.nowMs - STARTED_MS).toBe(RECORDS)
    expect(heavy.length).toBe(parallelism)
    expect(Math.max(...heavy.map(({ busyMs }) => busyMs))).toBeGreaterThanOrEqual(RECORDS / parallelism)
    for (const { ended } of last.vertices.flatMap(({ subtasks }) => subtasks)) expect(ended).toBe(true)
  })

test('back-pressure is felt above the slow subtask and told of it, and not of what is below or beside', () => {
  const clock = new WorkClock()
  let take: (() => JobSample) | undefined
  let looks = 0
  let found: ReturnType<typeof bottleneckOf>
  let vertices: JobSample['vertices'] = []
  let before: JobSample | undefined
  const { made } = threeStages(clock, () => {
    looks += 1
    if (looks === 100) before = take?.()
    if (looks !== 300) return
    const now = take?.() as JobSample
    vertices = now.vertices
    found = bottleneckOf(ratesBetween(before, now))
  })
  run(made, clock, 2, (given) => {
    take = given
  })
  expect(found).toMatchObject({
    kind: 'held-up',
    by: { vertex: 'heavy', busyTimeMsPerSecond: 1000, backPressuredTimeMsPerSecond: 0, idleTimeMsPerSecond: 0 },
    waiting: { vertex: 'light' },
  })
  const [numbers, light, heavy] = vertices.map(({ subtasks }) => subtasks)
  // The source has one split: its other subtask has nothing to give.
  expect(numbers?.map(({ waitsFor }) => waitsFor)).toEqual(['output', 'input'])
  for (const { waitsFor, outputFill } of light ?? []) {
    expect(waitsFor).toBe('output')
    expect(outputFill).toBeGreaterThanOrEqual(1)
  }
  for (const { backPressuredMs, outputFill } of heavy ?? []) expect([backPressuredMs, outputFill]).toEqual([0, undefined])
  expect(heavy?.filter(({ waitsFor, inputFill = 0 }) => waitsFor === undefined && inputFill > 0).length).toBeGreaterThan(0)
})

test('counters are those of what flowed, exactly', () => {
  const clock = new WorkClock()
  const { made } = threeStages(clock, () => {})
  const { vertices } = run(made, clock, 3, () => {})
  const sums = vertices.map(({ name, subtasks }) => ({
    name,
    recordsIn: subtasks.reduce((sum, { recordsIn }) => sum + recordsIn, 0),
    recordsOut: subtasks.reduce((sum, { recordsOut }) => sum + recordsOut, 0),
  }))
  expect(sums).toEqual(['numbers', 'light', 'heavy'].map((name) => ({ name, recordsIn: RECORDS, recordsOut: RECORDS })))
  for (const { bytesIn, bytesOut } of vertices.flatMap(({ subtasks }) => subtasks)) {
    expect([bytesIn, bytesOut]).toEqual([undefined, undefined])
  }
})
