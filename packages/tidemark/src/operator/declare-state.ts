/**
 * The keyed state of user functions: declares it, restores it, and gives the handles by name.
 *
 * Called by the process operator and by window functions, once each, before the first record.
 */
import type { StateSpec } from '../graph/state-spec.ts'
import { KeyedBackend } from '../state/keyed-backend.ts'
import { E067_RESERVED_STATE_NAME } from './errors.ts'
import type { OperatorContext } from './operator.ts'

/** What the engine keeps under its own names, in the same snapshot. */
const RESERVED: ReadonlySet<string> = new Set(['window', 'trigger', 'sessions', 'timers/event', 'timers/processing'])

export interface DeclaredState {
  readonly backend: KeyedBackend
  readonly handles: Readonly<Record<string, unknown>>
}

export function declareState(
  states: Readonly<Record<string, StateSpec>>, context: OperatorContext,
): DeclaredState {
  const { operator, processingTime, restored } = context
  const backend = new KeyedBackend({
    maxParallelism: context.maxParallelism, now: () => processingTime.now(), freeze: context.freeze,
  })
  const handles: [string, unknown][] = []
  for (const [name, spec] of Object.entries(states)) {
    if (RESERVED.has(name)) throw E067_RESERVED_STATE_NAME({ operator, name }, { place: { operator } })
    handles.push([name, backend.declare(name, spec)])
  }
  if (restored !== undefined) backend.restore(restored)
  return { backend, handles: Object.freeze(Object.fromEntries(handles)) }
}
