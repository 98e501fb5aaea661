/**
 * The window operator for event-time sessions with a fixed gap and an aggregate, which end by the watermark.
 *
 * Called by window.ts. What a session needs otherwise (another trigger, an evictor, a gap that differs from
 * record to record, elements, processing time) is done by the general operator.
 *
 *   WS-1  Results, late records and their times are those of the general operator; of results with equal
 *         times the order is not.
 *   WS-2  A record that falls into the latest session of its key costs one look-up, a few compares and one
 *         call of `add`: no window is made, no timer is touched (OS-2, OS-5).
 *   WS-3  Either operator goes on from the snapshot of the other (OS-4).
 *
 * Source: the semantics are those of Flink's WindowOperator with EventTimeSessionWindows and EventTimeTrigger:
 * sessions that touch are one.
 */
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { checkAssigner, makeWindow } from '../time/window-assigner.ts'
import { addCode } from './aggregate-code.ts'
import { userError } from './errors.ts'
import { guarded, type Inline } from './inline.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { everythingIn } from '../state/slices.ts'
import { OpenSessions, type Session } from './open-sessions.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { NOTHING } from './session-form.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import { ALL_KEY, lateOutput, requireTimestamp } from './window-late.ts'
import { windowResults } from './window-results.ts'

/** Whether `createSessionWindow` may run this window. */
export function isPlainSession({ assigner, trigger, evictor, compute }: WindowSpec): boolean {
  return assigner.kind === 'session' && assigner.time === 'event' && (assigner.fixedGapMs ?? 0) > 0 &&
    (trigger === undefined || trigger.kind === 'event-time') && evictor === undefined &&
    compute.kind === 'aggregate' && compute.aggregate.merge !== undefined
}

export function createSessionWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, restored } = context
  const { assigner, compute } = spec
  checkAssigner(assigner)
  assert(assigner.kind === 'session' && compute.kind === 'aggregate', 'plain sessions aggregate')
  const { aggregate } = compute
  const { create, add, merge } = aggregate
  const gapMs = assigner.fixedGapMs
  assert(gapMs !== undefined && merge !== undefined, 'plain sessions have one gap, and merge')
  const gap: number = gapMs
  const keyOf = spec.keyOf ?? ((): Key => ALL_KEY)
  const send = windowResults(spec, compute, context)
  const late = lateOutput(spec, context)
  const open = new OpenSessions(gap, spec.latenessMs, context.maxParallelism)
  const { latest, log } = open
  const increments = new IncrementalSnapshots([open])
  let watermark = restoredWatermark(restored)
  if (restored !== undefined) open.restore(restored)

  function fire({ key, start, end, accumulator }: Session): void {
    if (accumulator !== NOTHING) send(key, makeWindow(start, end), accumulator)
  }

  function mergeOf(into: unknown, from: unknown): unknown {
    try {
      return merge?.(into, from)
    } catch (thrown) {
      throw userError(thrown, operator, 'merge of the aggregate')
    }
  }

  function addTo(session: Session, value: unknown): void {
    const { accumulator } = session
    try {
      session.accumulator = add(accumulator === NOTHING ? create() : accumulator, value)
    } catch (thrown) {
      throw userError(thrown, operator, 'aggregate')
    }
  }

  /** A record that does not fall into the latest session of its key, or into one that has fired. */
  function addSlowly(given: unknown, value: unknown, timestamp: number): void {
    const key = checkKey(given, operator)
    requireTimestamp(timestamp, operator)
    open.touch(key)
    const end = timestamp + gap
    let session = open.joined(key, timestamp, end, mergeOf)
    if (session === undefined) {
      if (open.cleanupOf(end) <= watermark) {
        late(key, value, timestamp, watermark)
        return
      }
      session = open.open(key, timestamp, end)
    }
    if (timestamp < session.start) session.start = timestamp
    if (end > session.end) session.end = end
    addTo(session, value)
    session.waits = session.end - 1 > watermark
    if (!session.waits) fire(session)
    open.changed(session)
  }

  const touch = (session: Session): void => log.touch(session.key, session)

  const inline: Inline = (code, value, time) => {
    const [key, session, end, accumulator] = [code.local(), code.local(), code.local(), code.local()]
    const added = addCode(aggregate, code, accumulator, value, (after) => `${session}.accumulator = ${after}`)
    return `let ${key}
      ${guarded(code, `${key} = ${code.bind(keyOf)}(${value})`, operator, 'keyBy')}
      const ${session} = ${code.bind(latest)}.get(${key})
      if (${session} !== undefined && ${session}.plain &&
        ${time} >= ${session}.start && ${time} <= ${session}.end) {
        if (${session}.touched !== ${code.bind(log)}.epoch) ${code.bind(touch)}(${session})
        const ${end} = ${time} + ${gap}
        if (${end} > ${session}.end) ${session}.end = ${end}
        const ${accumulator} = ${session}.accumulator
        ${guarded(code, added, operator, 'aggregate')}
      } else ${code.bind(addSlowly)}(${key}, ${value}, ${time})`
  }

  return {
    inline,
    collect(value, timestamp) {
      let key: Key
      try {
        key = keyOf(value)
      } catch (thrown) {
        throw userError(thrown, operator, 'keyBy')
      }
      const session = latest.get(key)
      if (session?.plain !== true || timestamp < session.start || timestamp > session.end) {
        addSlowly(key, value, timestamp)
        return
      }
      if (session.touched !== log.epoch) touch(session)
      const end = timestamp + gap
      if (end > session.end) session.end = end
      addTo(session, value)
    },
    onWatermark(now) {
      if (now <= watermark) return
      watermark = now
      open.advance(watermark, fire)
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({ keyed: [], lists: [watermarkState(watermark)], slices: increments.cut(checkpoint) }),
    look: () => ({ keyed: everythingIn([open]), lists: [watermarkState(watermark)] }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}
