/**
 * The keyed state of user functions: declares it, restores it, and gives the handles by name.
 *
 * Called by the process operator and by window functions, once each, before the first record.
 */
import { MIN_TIMESTAMP, NO_TIMESTAMP } from '../base/time.ts'
import { ENGINE_STATES } from '../graph/kept-states.ts'
import type { StateSpec } from '../graph/state-spec.ts'
import { E192_TTL_WITHOUT_EVENT_TIME } from '../state/errors.ts'
import type { EventClock } from '../state/expiry.ts'
import { KeyedBackend } from '../state/keyed-backend.ts'
import { E067_RESERVED_STATE_NAME } from './errors.ts'
import type { OperatorContext } from './operator.ts'

export interface DeclaredState {
  readonly backend: KeyedBackend
  readonly handles: Readonly<Record<string, unknown>>
}

export function declareState(
  states: Readonly<Record<string, StateSpec>>, context: OperatorContext, eventTime: EventClock,
): DeclaredState {
  const { operator, processingTime, restored, pagedStore } = context
  const backend = new KeyedBackend({
    operator, maxParallelism: context.maxParallelism, now: () => processingTime.now(), eventTime,
    freeze: context.freeze, pagedStore,
  })
  const handles: [string, unknown][] = []
  for (const [name, spec] of Object.entries(states)) {
    if (ENGINE_STATES.has(name)) throw E067_RESERVED_STATE_NAME({ operator, name }, { place: { operator } })
    handles.push([name, backend.declare(name, spec)])
  }
  if (restored !== undefined) backend.restore(restored)
  return { backend, handles: Object.freeze(Object.fromEntries(handles)) }
}

/**
 * The event time of an operator, for TTLs by it. `reached`: the watermark, or the time of the timer that fires.
 * `timestamp`: of the present record; undefined where there is no record.
 */
export function eventClock(
  operator: string, reached: () => number, timestamp: () => number | undefined,
): EventClock {
  return {
    now: reached,
    stamp() {
      const [now, own] = [reached(), timestamp()]
      if (own === NO_TIMESTAMP && now === MIN_TIMESTAMP) {
        throw E192_TTL_WITHOUT_EVENT_TIME({ operator }, { place: { operator } })
      }
      return own === undefined ? now : Math.max(now, own)
    },
  }
}
