/**
 * Window join and co-group: the records of both sides of one key and window, given to one function.
 *
 * Called by create.ts. It is the window operator over the union of both sides, whose elements say of which
 * side they are; there is no second implementation of windows.
 *
 *   WJ-1  Everything a window does (lateness, triggers, evictors, merging, what is restored) is the window
 *         operator's; a late record goes to the late output of its side.
 *   WJ-2  The function sees the records of each side in order of arrival.
 *
 * Source: Flink CoGroupedStreams, JoinedStreams (a union of tagged records in one window operator).
 */
import { LATE_LEFT, LATE_RIGHT, type WindowJoinSpec } from '../../graph/join-spec.ts'
import { LATE, type WindowSpec } from '../../graph/operator-spec.ts'
import type { EvictorSpec, TriggerSpec, WindowAssignerSpec } from '../../graph/window-spec.ts'
import type { Collect, Operator, OperatorContext } from '../operator.ts'
import { freezing } from '../user-code.ts'
import type { LateRecord } from '../window-late.ts'
import { createWindow } from '../window.ts'

/** An element of the window: side (0 is left) and record. */
type Tagged = readonly [side: 0 | 1, record: unknown]

const recordOf = (element: unknown): unknown => (element as Tagged)[1]

export function createWindowJoin(spec: WindowJoinSpec, context: OperatorContext): Operator {
  const { keysOf: [leftKey, rightKey], group, state, assigner, evictor, trigger, latenessMs, sides } = spec
  const window: WindowSpec = {
    kind: 'window',
    keyOf: ([side, record]: Tagged) => (side === 0 ? leftKey(record) : rightKey(record)),
    assigner: assignerOfTagged(assigner),
    ...(trigger === undefined ? {} : { trigger: triggerOfTagged(trigger) }),
    ...(evictor === undefined ? {} : { evictor: evictorOfTagged(evictor) }),
    latenessMs,
    sides,
    compute: {
      kind: 'elements', state,
      fn(key, of, elements: readonly Tagged[], ctx) {
        const lefts: unknown[] = []
        const rights: unknown[] = []
        for (const [side, record] of elements) (side === 0 ? lefts : rights).push(record)
        return group(key, of, lefts, rights, ctx)
      },
    },
  }
  const operator = createWindow(window, withLateOutputs(context))
  const entry = (side: 0 | 1): Collect => (value, timestamp) => operator.collect([side, value], timestamp)
  const inputs = [entry(0), entry(1)] as const
  return { ...operator, collect: inputs[0], inputs }
}

/** What the window operator puts out as late is a tagged record. */
function withLateOutputs(context: OperatorContext): OperatorContext {
  const { output } = context
  const late = [LATE_LEFT, LATE_RIGHT].map((tag) => freezing(output.collector(tag), context))
  const untagged: Collect = (value: LateRecord, timestamp) => {
    const [side, record] = value.record as Tagged
    late[side]?.({ ...value, record }, timestamp)
  }
  return {
    ...context,
    output: {
      collector: (tag) => (tag === LATE ? untagged : output.collector(tag)),
      watermark: (watermark) => output.watermark(watermark),
      idle: (idle) => output.idle(idle),
    },
  }
}

function assignerOfTagged(assigner: WindowAssignerSpec): WindowAssignerSpec {
  if (assigner.kind !== 'session') return assigner
  const { gapMs } = assigner
  return { ...assigner, gapMs: (element) => gapMs(recordOf(element)) }
}

/** Functions of triggers see the records as the user wrote them. */
function triggerOfTagged(trigger: TriggerSpec): TriggerSpec {
  switch (trigger.kind) {
    case 'purging':
      return { ...trigger, inner: triggerOfTagged(trigger.inner) }
    case 'delta': {
      const { delta } = trigger
      return { ...trigger, delta: (last, element) => delta(recordOf(last), recordOf(element)) }
    }
    case 'custom': {
      const { onElement } = trigger
      return { ...trigger, onElement: (element, context) => onElement(recordOf(element), context) }
    }
    default:
      return trigger
  }
}

function evictorOfTagged(evictor: EvictorSpec): EvictorSpec {
  if (evictor.kind !== 'delta') return evictor
  const { delta } = evictor
  return { ...evictor, delta: (element, last) => delta(recordOf(element), recordOf(last)) }
}
