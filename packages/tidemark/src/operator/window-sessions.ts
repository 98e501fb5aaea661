/**
 * The window operator for event-time sessions with a fixed gap and an aggregate, which end by the watermark.
 *
 * Called by window.ts. What a session needs otherwise (another trigger, an evictor, a gap that differs from
 * record to record, elements, processing time) is done by the general operator.
 *
 *   WS-1  Results, late records and their times are those of the general operator; of results with equal
 *         times the order is not.
 *   WS-2  A record that falls into the only session of its key costs one look-up and one call of `add`: no
 *         window is made, no timer is touched (OS-2).
 *   WS-3  Either operator goes on from the snapshot of the other (OS-4).
 *
 * Source: the semantics are those of Flink's WindowOperator with EventTimeSessionWindows and EventTimeTrigger:
 * sessions that touch are one.
 */
import { assert } from '../base/assert.ts'
import { NO_TIMESTAMP } from '../base/time.ts'
import type { Key } from '../graph/key.ts'
import { MAIN, type WindowSpec } from '../graph/operator-spec.ts'
import { checkAssigner, makeWindow } from '../time/window-assigner.ts'
import { userError } from './errors.ts'
import { NOTHING, OpenSessions, type Session } from './open-sessions.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { freezing, keyFrom } from './user-code.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import { ALL_KEY, lateOutput, requireTimestamp } from './window-late.ts'

/** Whether `createSessionWindow` may run this window. */
export function isPlainSession({ assigner, trigger, evictor, compute }: WindowSpec): boolean {
  return assigner.kind === 'session' && assigner.time === 'event' && (assigner.fixedGapMs ?? 0) > 0 &&
    (trigger === undefined || trigger.kind === 'event-time') && evictor === undefined &&
    compute.kind === 'aggregate' && compute.aggregate.merge !== undefined
}

export function createSessionWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, maxParallelism, restored } = context
  const { assigner, compute, keyOf } = spec
  checkAssigner(assigner)
  assert(assigner.kind === 'session' && compute.kind === 'aggregate', 'plain sessions aggregate')
  const { aggregate, result } = compute
  const { create, add, merge } = aggregate
  const gapMs = assigner.fixedGapMs
  assert(gapMs !== undefined && merge !== undefined, 'plain sessions have one gap, and merge')
  const mergeOf = merge
  const gap: number = gapMs
  const next = freezing(output.collector(MAIN), context)
  const late = lateOutput(spec, context)
  const open = new OpenSessions(spec.latenessMs)
  let watermark = restoredWatermark(restored)
  if (restored !== undefined) open.restore(restored)

  function fire({ key, start, end, accumulator }: Session): void {
    if (accumulator === NOTHING) return
    let value: unknown
    try {
      value = result(keyOf === undefined ? undefined : key, makeWindow(start, end), aggregate.result(accumulator))
    } catch (thrown) {
      throw userError(thrown, operator, 'aggregate')
    }
    next(value, end - 1)
  }

  function added(accumulator: unknown, value: unknown): unknown {
    try {
      return add(accumulator === NOTHING ? create() : accumulator, value)
    } catch (thrown) {
      throw userError(thrown, operator, 'aggregate')
    }
  }

  /** Makes one session of all that the window of a record touches; undefined: it touches none. */
  function joined(ofKey: readonly Session[], start: number, end: number): Session | undefined {
    const touched = ofKey.filter((each) => start <= each.end && end >= each.start)
    const [first, ...others] = touched
    if (first === undefined) return undefined
    for (const each of others) {
      try {
        if (first.accumulator === NOTHING) first.accumulator = each.accumulator
        else if (each.accumulator !== NOTHING) first.accumulator = mergeOf(first.accumulator, each.accumulator)
      } catch (thrown) {
        throw userError(thrown, operator, 'merge of the aggregate')
      }
      first.start = Math.min(first.start, each.start)
      first.end = Math.max(first.end, each.end)
    }
    if (others.length > 0) open.absorb(first, others)
    return first
  }

  /** A record that does not fall into the only session of its key, or one of a window that has fired. */
  function addSlowly(key: Key, value: unknown, timestamp: number, ofKey: readonly Session[]): void {
    const end = timestamp + gap
    let session = joined(ofKey, timestamp, end)
    if (session === undefined) {
      if (open.cleanupOf(end) <= watermark) {
        late(key, value, timestamp, watermark)
        return
      }
      session = open.open(key, timestamp, end)
    }
    if (timestamp < session.start) session.start = timestamp
    if (end > session.end) session.end = end
    session.accumulator = added(session.accumulator, value)
    session.waits = session.end - 1 > watermark
    if (!session.waits) fire(session)
    open.schedule(session)
  }

  return {
    collect(value, timestamp) {
      const key = keyOf === undefined ? ALL_KEY : keyFrom(keyOf, value, operator)
      if (timestamp === NO_TIMESTAMP) requireTimestamp(timestamp, operator)
      const ofKey = open.of(key)
      const only = ofKey?.length === 1 ? ofKey[0] as Session : undefined
      if (only === undefined || timestamp < only.start || timestamp > only.end || !only.waits) {
        addSlowly(key, value, timestamp, ofKey ?? [])
        return
      }
      const end = timestamp + gap
      if (end > only.end) only.end = end
      only.accumulator = added(only.accumulator, value)
    },
    onWatermark(now) {
      if (now <= watermark) return
      watermark = now
      open.advance(watermark, fire)
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: () => ({ keyed: open.snapshot(maxParallelism), lists: [watermarkState(watermark)] }),
  }
}
