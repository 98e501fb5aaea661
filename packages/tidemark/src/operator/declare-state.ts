/**
 * The keyed state of user functions: declares it, restores it, and gives the handles by name.
 *
 * Called by the process operator and by window functions, once each, before the first record.
 */
import { ENGINE_STATES } from '../graph/kept-states.ts'
import type { StateSpec } from '../graph/state-spec.ts'
import { KeyedBackend } from '../state/keyed-backend.ts'
import { E067_RESERVED_STATE_NAME } from './errors.ts'
import type { OperatorContext } from './operator.ts'

export interface DeclaredState {
  readonly backend: KeyedBackend
  readonly handles: Readonly<Record<string, unknown>>
}

export function declareState(
  states: Readonly<Record<string, StateSpec>>, context: OperatorContext,
): DeclaredState {
  const { operator, processingTime, restored } = context
  const backend = new KeyedBackend({
    operator, maxParallelism: context.maxParallelism, now: () => processingTime.now(), freeze: context.freeze,
  })
  const handles: [string, unknown][] = []
  for (const [name, spec] of Object.entries(states)) {
    if (ENGINE_STATES.has(name)) throw E067_RESERVED_STATE_NAME({ operator, name }, { place: { operator } })
    handles.push([name, backend.declare(name, spec)])
  }
  if (restored !== undefined) backend.restore(restored)
  return { backend, handles: Object.freeze(Object.fromEntries(handles)) }
}
