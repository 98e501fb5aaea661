/**
 * Which keyed states of an operator are described by its job, so that those of a checkpoint can be compared with them.
 *
 * Called by the rolling aggregate and by checkpoint/evolution.
 */
import { declaredStates } from './describe.ts'
import type { OperatorSpec, RollingSpec } from './operator-spec.ts'
import type { AggregatingStateSpec, StateSpec } from './state-spec.ts'

/** Under which a rolling aggregate keeps its accumulators. */
export const ROLLING_STATE = 'rolling'

/** What the engine keeps for an operator under its own names, beside the states that the job declares. */
export const ENGINE_STATES: ReadonlySet<string> =
  new Set(['window', 'trigger', 'sessions', 'timers/event', 'timers/processing'])

export const rollingState = ({ aggregate, evolution }: RollingSpec): AggregatingStateSpec =>
  ({ kind: 'aggregating', aggregate, version: 1, ...evolution })

/** By name. Undefined: whatever the operator keeps is the engine's affair. */
export function describedStates(spec: OperatorSpec): Readonly<Record<string, StateSpec>> | undefined {
  if (spec.kind === 'rolling') return { [ROLLING_STATE]: rollingState(spec) }
  return 'state' in spec || spec.kind === 'window' ? declaredStates(spec) : undefined
}
