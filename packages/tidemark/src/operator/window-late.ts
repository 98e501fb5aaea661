/**
 * What both window operators share: cleanup times and the late output.
 */
import { addSaturating, NO_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import { LATE, type WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import { maxTimestamp, timeDomainOf } from '../time/window-assigner.ts'
import { E023_NO_EVENT_TIME } from './errors.ts'
import type { OperatorContext } from './operator.ts'
import { dateOf } from './process-context.ts'
import { freezing } from './user-code.ts'

/** The one key of windows over all records; never seen by user code. */
export const ALL_KEY: Key = ''

/** A record that came after every window it belongs to was closed. */
export interface LateRecord {
  readonly key: Key | undefined
  readonly record: unknown
  readonly eventTime: Date
  /** How far its timestamp is behind the watermark. */
  readonly lateByMs: number
}

/** When a window and all it holds is forgotten; MAX_TIMESTAMP: never. */
export function cleanupTime(window: Window, spec: WindowSpec): number {
  const end = maxTimestamp(window)
  return timeDomainOf(spec.assigner) === 'event' ? addSaturating(end, spec.latenessMs) : end
}

/** Sends records that no window took to the late output, if they are late (and not just between windows). */
export function lateOutput(
  spec: WindowSpec, context: OperatorContext,
): (key: Key, record: unknown, timestamp: number, watermark: number) => void {
  const collect = freezing(context.output.collector(LATE), context)
  const keyed = spec.keyOf !== undefined
  const recordOf = spec.recordOf ?? ((input: unknown): unknown => input)
  return (key, input, timestamp, watermark) => {
    if (addSaturating(timestamp, spec.latenessMs) > watermark) return
    context.metrics.late += 1
    const late: LateRecord = {
      key: keyed ? key : undefined, record: recordOf(input), eventTime: dateOf(timestamp), lateByMs: watermark - timestamp,
    }
    collect(late, timestamp)
  }
}

export function requireTimestamp(timestamp: number, operator: string): void {
  if (timestamp === NO_TIMESTAMP) throw E023_NO_EVENT_TIME({ operator }, { place: { operator } })
}
