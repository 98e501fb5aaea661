/**
 * Which keyed states of an operator hold what is of the job's making, so that those of a checkpoint can be compared with
 * them: states that the job declares, and values of the job inside states that the engine keeps.
 *
 * Called by operators, by state/evolution and by checkpoint/evolution.
 *
 *   EA-1  Whatever of a user's records or accumulators is in keyed state is in `describedStates` or in `keptStates`. Not in
 *         them: results that a keyed join has put out and may take back, which have to stay as they were put out, and
 *         numbers of the engine.
 */
import { declaredStates } from './describe.ts'
import type { KeyedJoinSpec } from './join-spec.ts'
import type { OperatorSpec, RollingSpec } from './operator-spec.ts'
import type {
  AggregatingStateSpec, EvolutionSpec, ListStateSpec, StateSpec, UpgradeContext, ValueStateSpec,
} from './state-spec.ts'

/** Under which a rolling aggregate keeps its accumulators. */
export const ROLLING_STATE = 'rolling'

/** What the engine keeps for an operator under its own names, beside the states that the job declares. */
export const ENGINE_STATES: ReadonlySet<string> =
  new Set(['window', 'trigger', 'sessions', 'timers/event', 'timers/processing'])

/** Of a keyed join: what was put out for records that are alone. */
export const ALONE_STATES = ['alone left', 'alone right'] as const

/** Not declared by the job, though of a kind that a job may declare. */
export const isEngineState = ({ kind }: OperatorSpec, state: string): boolean =>
  ENGINE_STATES.has(state) || (kind === 'keyed-join' && ALONE_STATES.some((name) => name === state))

export const rollingState = ({ aggregate, evolution }: RollingSpec): AggregatingStateSpec =>
  ({ kind: 'aggregating', aggregate, version: 1, ...evolution })

/** Of the records of both sides of a join without windows. */
export function keyedJoinStates({ ttl, evolution }: KeyedJoinSpec): Readonly<Record<'left' | 'right', ListStateSpec>> {
  const shared = { kind: 'list', ...(ttl === undefined ? {} : { ttl }) } as const
  return { left: { ...shared, ...ofSide(evolution, 'left') }, right: { ...shared, ...ofSide(evolution, 'right') } }
}

/** By name. Undefined: whatever the operator keeps is the engine's affair. */
export function describedStates(spec: OperatorSpec): Readonly<Record<string, StateSpec>> | undefined {
  if (spec.kind === 'rolling') return { [ROLLING_STATE]: rollingState(spec) }
  if (spec.kind === 'keyed-join') return { ...keyedJoinStates(spec) }
  return 'state' in spec || spec.kind === 'window' ? declaredStates(spec) : undefined
}

/**
 * How the job's values lie in an entry: the entry is one; it is a list of [time, value, …], of
 * [time, [side, record]], or of [start, end, waits, value?]; it is a set of partial matches, whose second part is a
 * list of [time, number, value].
 */
export type KeptLayout = 'value' | 'timed' | 'tagged' | 'sessions' | 'matches'

/** A state of the engine with values of the job in it: accumulators, or records. */
export interface KeptState {
  readonly layout: KeptLayout
  /** As if one value were a state of its own. */
  readonly spec: AggregatingStateSpec | ValueStateSpec
  /** Of 'tagged': the records of the right side, `spec` is that of the left. */
  readonly right?: ValueStateSpec
}

/** By the name that the state has in a snapshot. */
export function keptStates(spec: OperatorSpec): Readonly<Record<string, KeptState>> {
  switch (spec.kind) {
    case 'window': {
      const { compute, evictor, evolution } = spec
      if (compute.kind === 'aggregate' && evictor === undefined) {
        const { aggregate } = compute
        const accumulator: AggregatingStateSpec = { kind: 'aggregating', aggregate, version: 1, ...evolution }
        const whole = { layout: 'value', spec: accumulator } as const
        return { window: whole, panes: whole, 'sessions/open': { layout: 'sessions', spec: accumulator } }
      }
      return records(spec, { layout: 'timed', spec: ofRecords(evolution) })
    }
    case 'window-join': {
      const { evolution } = spec
      return records(spec, { layout: 'tagged', spec: ofRecords(evolution, 'left'), right: ofRecords(evolution, 'right') })
    }
    case 'interval-join':
    case 'temporal-join':
      return {
        left: { layout: 'timed', spec: ofRecords(spec.evolution, 'left') },
        right: { layout: 'timed', spec: ofRecords(spec.evolution, 'right') },
      }
    case 'match': {
      const record = ofRecords(spec.evolution)
      return { matches: { layout: 'matches', spec: record }, waiting: { layout: 'timed', spec: record } }
    }
    default:
      return {}
  }
}

/**
 * Other forms of a window's state are those of accumulators: what is in them becomes no records. A state of the window
 * function may be called like one of them.
 */
function records(spec: OperatorSpec, window: KeptState): Readonly<Record<string, KeptState>> {
  const names = ['window', 'panes', 'sessions/open'].filter((name) => !Object.hasOwn(declaredStates(spec), name))
  return Object.fromEntries(names.map((name) => [name, window]))
}

const KEYWORD = 'x-keeps'

export type KeptForm = 'accumulators' | 'records'

/** For the description of a state, as a keyword that no JSON Schema has. */
export const keptSchema = (form: KeptForm): object => ({ [KEYWORD]: form })

/** The reverse; undefined where nothing is said. */
export function keptFormIn(jsonSchema: unknown): KeptForm | undefined {
  if (typeof jsonSchema !== 'object' || jsonSchema === null || !(KEYWORD in jsonSchema)) return undefined
  return jsonSchema[KEYWORD] as KeptForm
}

const ofRecords = (evolution: EvolutionSpec | undefined, side?: 'left' | 'right'): ValueStateSpec =>
  ({ kind: 'value', ...(side === undefined ? { version: 1, ...evolution } : ofSide(evolution, side)) })

function ofSide(evolution: EvolutionSpec | undefined, side: 'left' | 'right'): EvolutionSpec {
  if (evolution?.upgrade === undefined) return { version: 1, ...evolution }
  const { version, upgrade } = evolution
  return { version, upgrade: (from, value, about: UpgradeContext) => upgrade(from, value, { ...about, side }) }
}
