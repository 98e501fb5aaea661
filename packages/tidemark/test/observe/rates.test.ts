import { describe, expect, test } from 'vitest'
import { MAX_TIMESTAMP } from '../../src/base/time.ts'
import { bottleneckOf, eventTimeOf } from '../../src/observe/diagnosis.ts'
import { SAMPLE_SCHEMA, type JobSample, type SubtaskSample } from '../../src/observe/job-sample.ts'
import { ratesBetween } from '../../src/observe/rates.ts'

/** A subtask that has lived for `elapsedMs`, of which it was busy for what is not said to be waiting. */
function subtask(said: Partial<SubtaskSample> = {}): SubtaskSample {
  const { elapsedMs = 1000, idleMs = 0, backPressuredMs = 0 } = said
  return {
    subtask: 0, worker: 0, elapsedMs, idleMs, backPressuredMs, busyMs: elapsedMs - idleMs - backPressuredMs,
    waitsFor: undefined, ended: false, recordsIn: 0, recordsOut: 0, bytesIn: undefined, bytesOut: undefined,
    inputFill: undefined, outputFill: undefined, inputWatermark: undefined, outputWatermark: undefined,
    eventTimeIdle: false, watermarkHolder: undefined, ...said,
  }
}

/** Vertices v0 → v1 → …, a line. */
function sample(vertices: readonly (readonly SubtaskSample[])[], said: Partial<JobSample> = {}): JobSample {
  return {
    schema: SAMPLE_SCHEMA, job: 'test', engine: '0', pid: 1, epoch: 1, phase: 'running', atMs: 100_000, uptimeMs: 0,
    workers: 1, restarts: 0, recordsIn: 0, recordsOut: 0, late: 0, invalid: 0,
    checkpoint: { completed: 0, failed: 0 },
    vertices: vertices.map((subtasks, i) => ({
      name: `v${i}`, operators: [`v${i}`], inputs: i === 0 ? [] : [i - 1], subtasks,
    })),
    ...said,
  }
}

const first = (job: ReturnType<typeof ratesBetween>) => job.vertices[0]?.subtasks[0]

describe('rates', () => {
  test('MR-1 the three times of a second are of the time between the samples, and add up to it', () => {
    const before = sample([[subtask({ elapsedMs: 10_000, idleMs: 9_000 })]])
    const now = sample([[subtask({ elapsedMs: 12_000, idleMs: 9_500, backPressuredMs: 700, recordsIn: 300 })]])
    expect(first(ratesBetween(before, now))).toMatchObject({
      idleTimeMsPerSecond: 250, backPressuredTimeMsPerSecond: 350, busyTimeMsPerSecond: 400, numRecordsInPerSecond: 150,
    })
  })

  test('MR-1 a subtask that had ended before has no rates', () => {
    const ended = sample([[subtask({ ended: true, recordsIn: 9 })]])
    expect(first(ratesBetween(ended, ended))).toMatchObject({
      state: 'ended', busyTimeMsPerSecond: 0, idleTimeMsPerSecond: 0, backPressuredTimeMsPerSecond: 0, numRecordsIn: 9,
      numRecordsInPerSecond: 0,
    })
  })

  test.each([['epoch', { epoch: 2 }], ['process', { pid: 2 }]])(
    'MR-2 after a new %s rates are those since it began, and never below zero', (_what, changed) => {
      const before = sample([[subtask({ elapsedMs: 60_000, recordsIn: 5_000 })]])
      const now = sample([[subtask({ elapsedMs: 2_000, recordsIn: 40 })]], changed)
      expect(first(ratesBetween(before, now))).toMatchObject({ numRecordsInPerSecond: 20, busyTimeMsPerSecond: 1000 })
    })

  test('what the sources read makes the rate of the job; lag is the clock minus the watermark, until the end', () => {
    const now = sample([
      [subtask({ recordsIn: 10, inputWatermark: 60_000 }), subtask({ subtask: 1, recordsIn: 20 })],
      [subtask({ recordsIn: 500, inputWatermark: MAX_TIMESTAMP })],
    ])
    const rates = ratesBetween(undefined, now)
    expect(rates.numRecordsInPerSecond).toBe(30)
    expect(first(rates)?.watermarkLag).toBe(40_000)
    expect(rates.vertices[1]?.subtasks[0]?.watermarkLag).toBeUndefined()
  })
})

describe('the bottleneck', () => {
  const waiting = subtask({ backPressuredMs: 900 })
  const idle = subtask({ idleMs: 990 })

  test('is the busiest subtask below the last one that waits for room', () => {
    const busy = subtask({ subtask: 1, idleMs: 10 })
    const rates = ratesBetween(undefined, sample([[waiting], [waiting], [idle, busy], [subtask({ idleMs: 1 })]]))
    expect(bottleneckOf(rates)).toMatchObject({
      kind: 'held-up', by: { vertex: 'v2', subtask: 1 }, waiting: { vertex: 'v1', subtask: 0 },
    })
  })

  test('is nobody if nobody waits for room, and then the busiest is named', () => {
    const rates = ratesBetween(undefined, sample([[idle], [subtask({ idleMs: 300, backPressuredMs: 50 })]]))
    expect(bottleneckOf(rates)).toMatchObject({ kind: 'none', busiest: { vertex: 'v1' } })
    expect(bottleneckOf(ratesBetween(undefined, sample([])))).toBeUndefined()
  })
})

describe('event time', () => {
  test('waits for the split at the beginning of the chain of holders', () => {
    const rates = ratesBetween(undefined, sample([
      [subtask({ inputWatermark: 50, watermarkHolder: 'b.jsonl' }), subtask({ subtask: 1, inputWatermark: 90, watermarkHolder: 'a.jsonl' })],
      [subtask({ inputWatermark: 50, watermarkHolder: 'v0[0]' })],
      [subtask({ inputWatermark: 40, watermarkHolder: 'v1[0]' }), subtask({ subtask: 1, ended: true, inputWatermark: 1 })],
    ]))
    expect(eventTimeOf(rates)).toMatchObject({ watermark: 40, subtask: { vertex: 'v2', subtask: 0 }, heldBy: 'b.jsonl' })
  })

  test('is not spoken of before the first watermark nor after the last, and a split may be named as a subtask', () => {
    expect(eventTimeOf(ratesBetween(undefined, sample([[subtask()]])))).toBeUndefined()
    expect(eventTimeOf(ratesBetween(undefined, sample([[subtask({ inputWatermark: MAX_TIMESTAMP })]])))).toBeUndefined()
    const named = sample([[subtask({ inputWatermark: 1, watermarkHolder: 'v0[0]' })]])
    expect(eventTimeOf(ratesBetween(undefined, named))?.heldBy).toBe('v0[0]')
  })
})
