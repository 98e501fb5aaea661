/**
 * Where a job spends its time, and what its event time waits for, in one word each.
 *
 * Called by the command line; pure.
 *
 * Back-pressure is felt by everyone above the one that causes it, so the cause is looked for below the last
 * vertex that feels it: there the busiest subtask is what the others wait for (Flink's rule for reading its
 * job graph). If nobody waits, the busiest subtask is told, which would be the next to hold the others up.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { JobRates, SubtaskRates } from './rates.ts'

/** Less than this, ms a second, is the ordinary give and take of a bounded channel. Flink calls it OK up to here. */
const BACK_PRESSURED_FROM = 100

export type Bottleneck =
  | {
      readonly kind: 'held-up'
      /** Who is waited for. */
      readonly by: SubtaskRates
      /** The worst of those that wait for it. */
      readonly waiting: SubtaskRates
    }
  | { readonly kind: 'none'; readonly busiest: SubtaskRates }

/** Undefined: no subtask is deployed. */
export function bottleneckOf({ vertices }: JobRates): Bottleneck | undefined {
  const last = vertices.findLastIndex(({ subtasks }) => subtasks.some(isBackPressured))
  const waiting = most(vertices[last]?.subtasks ?? [], (one) => one.backPressuredTimeMsPerSecond)
  const below = vertices.filter(({ inputs }) => inputs.includes(last)).flatMap(({ subtasks }) => subtasks)
  const by = most(below, (one) => one.busyTimeMsPerSecond)
  if (by !== undefined && waiting !== undefined) return { kind: 'held-up', by, waiting }
  const busiest = most(vertices.flatMap(({ subtasks }) => subtasks), (one) => one.busyTimeMsPerSecond)
  return busiest === undefined ? undefined : { kind: 'none', busiest }
}

export interface EventTime {
  /** Smallest watermark of the last vertices that have one, epoch ms. */
  readonly watermark: number
  /** Subtask whose watermark that is. */
  readonly subtask: SubtaskRates
  /** The split, or subtask, at the beginning of what it waits for; undefined: all are idle or have ended. */
  readonly heldBy: string | undefined
}

/** Follows the holder of the smallest watermark up to the split that it comes from. */
export function eventTimeOf({ vertices }: JobRates): EventTime | undefined {
  const known = vertices.flatMap(({ subtasks }) => subtasks)
    .filter((one) => one.state === 'running' && one.currentInputWatermark !== undefined)
  const slowest = most(known, (one) => -(one.currentInputWatermark as number))
  if (slowest === undefined || (slowest.currentInputWatermark as number) >= MAX_TIMESTAMP) return undefined
  const byName = new Map(vertices.flatMap(({ subtasks }) => subtasks).map((one) => [nameOf(one), one]))
  let heldBy = slowest.watermarkHolder
  // Each step leads a vertex further up; a split may be named as a subtask is.
  for (let step = 0; step < vertices.length; step++) {
    const further: string | undefined = byName.get(heldBy ?? '')?.watermarkHolder
    if (further === undefined) break
    heldBy = further
  }
  return { watermark: slowest.currentInputWatermark as number, subtask: slowest, heldBy }
}

export const nameOf = ({ vertex, subtask }: SubtaskRates): string => `${vertex}[${subtask}]`

const isBackPressured = (one: SubtaskRates): boolean => one.backPressuredTimeMsPerSecond >= BACK_PRESSURED_FROM

/** The first one with the largest measure. */
function most(subtasks: readonly SubtaskRates[], measure: (one: SubtaskRates) => number): SubtaskRates | undefined {
  let best: SubtaskRates | undefined
  for (const one of subtasks) if (best === undefined || measure(one) > measure(best)) best = one
  return best
}
