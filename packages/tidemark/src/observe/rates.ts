/**
 * What happened between two samples of a job, under the names and in the units of Flink's metrics.
 *
 * Called by whoever shows samples; pure.
 *
 *   MR-1  busyTimeMsPerSecond + idleTimeMsPerSecond + backPressuredTimeMsPerSecond is 1000 for a subtask that
 *         lived between the two samples, and 0 for one that had ended before.
 *   MR-2  After a restart, and for the first sample, rates are those since the attempt began: a count never
 *         falls, and a rate is never below zero.
 *
 * Source: Flink TaskIOMetricGroup, metrics reference.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { CheckpointSample, JobSample, SubtaskSample } from './job-sample.ts'

export interface SubtaskRates {
  readonly vertex: string
  readonly subtask: number
  /** Thread that runs it. */
  readonly worker: number
  readonly state: 'running' | 'ended'
  readonly busyTimeMsPerSecond: number
  readonly idleTimeMsPerSecond: number
  readonly backPressuredTimeMsPerSecond: number
  /** Since the attempt began; of a source, what it read; of a sink, also what it wrote. */
  readonly numRecordsIn: number
  readonly numRecordsInPerSecond: number
  readonly numRecordsOut: number
  readonly numRecordsOutPerSecond: number
  /** Bytes are there where records cross between threads. */
  readonly numBytesIn?: number
  readonly numBytesInPerSecond?: number
  readonly numBytesOut?: number
  readonly numBytesOutPerSecond?: number
  /** Of the fullest channel; from 1 on its sender waits. */
  readonly inPoolUsage?: number
  readonly outPoolUsage?: number
  /** Epoch ms. */
  readonly currentInputWatermark?: number
  readonly currentOutputWatermark?: number
  /** Wall clock minus input watermark, ms; not for one that has seen the end of its input. */
  readonly watermarkLag?: number
  /** Split or sender that the input watermark waits for. */
  readonly watermarkHolder?: string
}

export interface VertexRates {
  readonly name: string
  readonly operators: readonly string[]
  readonly inputs: readonly number[]
  readonly subtasks: readonly SubtaskRates[]
}

export interface JobRates extends Omit<JobSample, 'schema' | 'vertices' | 'checkpoint'> {
  /** Of the sources, since the sample before. */
  readonly numRecordsInPerSecond: number
  readonly checkpoint: CheckpointSample
  readonly vertices: readonly VertexRates[]
}

/** `before` is an earlier sample of the same job, or undefined. */
export function ratesBetween(before: JobSample | undefined, now: JobSample): JobRates {
  const { schema: _schema, ...job } = now
  // Another process or attempt counts from zero again.
  const earlier = before?.pid === now.pid && before.epoch === now.epoch ? before : undefined
  const vertices = now.vertices.map((vertex, index): VertexRates => ({
    ...vertex,
    subtasks: vertex.subtasks.map((subtask) =>
      ratesOf(vertex.name, partOf(earlier, index, subtask), subtask, now.atMs)),
  }))
  const sources = vertices.filter(({ inputs }) => inputs.length === 0).flatMap(({ subtasks }) => subtasks)
  return {
    ...job, vertices,
    numRecordsInPerSecond: sources.reduce((sum, { numRecordsInPerSecond }) => sum + numRecordsInPerSecond, 0),
  }
}

const NOTHING = { elapsedMs: 0, busyMs: 0, idleMs: 0, backPressuredMs: 0, recordsIn: 0, recordsOut: 0, bytesIn: 0, bytesOut: 0 }

type Totals = { readonly [name in keyof typeof NOTHING]?: number | undefined }

/** Also one whose region was started again counts from zero again. */
function partOf(sample: JobSample | undefined, vertex: number, { subtask, elapsedMs }: SubtaskSample): Totals {
  const part = sample?.vertices[vertex]?.subtasks.find((one) => one.subtask === subtask)
  return part === undefined || part.elapsedMs > elapsedMs ? NOTHING : part
}

function ratesOf(vertex: string, before: Totals, now: SubtaskSample, wallMs: number): SubtaskRates {
  const lived = now.elapsedMs - (before.elapsedMs ?? 0)
  const perSecond = (total: number, earlier: number | undefined): number =>
    lived <= 0 ? 0 : (Math.max(0, total - (earlier ?? 0)) * 1000) / lived
  const { bytesIn, bytesOut, inputFill, outputFill, inputWatermark, outputWatermark, watermarkHolder } = now
  return {
    vertex, subtask: now.subtask, worker: now.worker, state: now.ended ? 'ended' : 'running',
    busyTimeMsPerSecond: perSecond(now.busyMs, before.busyMs),
    idleTimeMsPerSecond: perSecond(now.idleMs, before.idleMs),
    backPressuredTimeMsPerSecond: perSecond(now.backPressuredMs, before.backPressuredMs),
    numRecordsIn: now.recordsIn,
    numRecordsInPerSecond: perSecond(now.recordsIn, before.recordsIn),
    numRecordsOut: now.recordsOut,
    numRecordsOutPerSecond: perSecond(now.recordsOut, before.recordsOut),
    ...(bytesIn === undefined ? {} : { numBytesIn: bytesIn, numBytesInPerSecond: perSecond(bytesIn, before.bytesIn) }),
    ...(bytesOut === undefined ? {} : { numBytesOut: bytesOut, numBytesOutPerSecond: perSecond(bytesOut, before.bytesOut) }),
    ...(inputFill === undefined ? {} : { inPoolUsage: inputFill }),
    ...(outputFill === undefined ? {} : { outPoolUsage: outputFill }),
    ...(inputWatermark === undefined ? {} : { currentInputWatermark: inputWatermark }),
    ...(outputWatermark === undefined ? {} : { currentOutputWatermark: outputWatermark }),
    ...(inputWatermark === undefined || inputWatermark >= MAX_TIMESTAMP ? {} : { watermarkLag: wallMs - inputWatermark }),
    ...(watermarkHolder === undefined ? {} : { watermarkHolder }),
  }
}
