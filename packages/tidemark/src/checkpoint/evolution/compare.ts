/**
 * What becomes of the state of a checkpoint in a job: kept, migrated, new, dropped, incompatible. Pure.
 *
 * Called by the supervisor before anything is deployed, and by `tidemark check`, so that the two can never say
 * different things.
 *
 *   EC-1  Every operator and every state of the checkpoint is in the report, once, and every operator and declared
 *         state of the job. Accumulators and records that the engine keeps for the job are judged as declared
 *         states are (EA-1), where there are any.
 *   EC-2  What would be dropped has a problem unless it was named: an operator by its name, a state as
 *         `operator/state`, an aggregate as `operator/aggregate`. Naming helps nothing else: not output that a dropped sink has still to commit (E171).
 *         A tap (`print`) comes and goes: it keeps no more than how many lines it has printed.
 *   EC-3  What has no problem here is restored without loss. Whether each value can be upgraded is asked of the
 *         values (state/evolution), when they are read.
 *
 * Source: Flink savepoint restore (non-restored state), pain 9; own design.
 */
import type { StreamError } from '../../base/errors.ts'
import { describedStates, isEngineState, keptStates, type KeptState } from '../../graph/kept-states.ts'
import type { LogicalGraph, LogicalOperator } from '../../graph/logical-graph.ts'
import type { StateSpec } from '../../graph/state-spec.ts'
import { inFlightOf, keptChangeOf } from '../../state/evolution/kept.ts'
import { changeOf, storedFor, type MigratedBy, type StateChange } from '../../state/evolution/migrate.ts'
import { isUserState } from '../../state/snapshot.ts'
import { E031_STATE_WITHOUT_OPERATOR, E137_STATE_DROPPED, E169_OPERATOR_CHANGED,
  E171_OUTPUT_OF_DROPPED_SINK } from './errors.ts'
import type { StoredKeyed, StoredOperator } from './stored.ts'
import { likelyName } from './suggest.ts'

export type Verdict = 'kept' | 'migrated' | 'new' | 'dropped' | 'incompatible'

export interface StateFate {
  /** In the job; of a dropped one in the checkpoint. */
  readonly state: string
  readonly verdict: Verdict
  /** Of the declaration, or of what is stored. `list` of an operator's own lists is `operator-list`. */
  readonly kind: string
  readonly was?: string
  /** Entries, or items of a list. */
  readonly entries: number
  /** Versions, where it is migrated or cannot be. */
  readonly from?: number
  readonly to?: number
  readonly by?: MigratedBy
  /** Dropped as it was said. */
  readonly allowed?: true
  readonly suggestion?: string
  readonly problem?: StreamError
}

export interface OperatorFate {
  readonly operator: string
  readonly verdict: Verdict
  readonly kind: string
  /** Name in the checkpoint, if another. */
  readonly was?: string
  /** In the job file. */
  readonly place?: string
  readonly allowed?: true
  readonly suggestion?: string
  readonly problem?: StreamError
  readonly states: readonly StateFate[]
}

export interface Comparison {
  /** Those of the job in its order, then those that are gone. */
  readonly operators: readonly OperatorFate[]
  /** Named as allowed to be dropped, but nothing of that name would be. */
  readonly unused: readonly string[]
}

export interface CompareOptions {
  readonly checkpoint: number
  readonly allowDropped: readonly string[]
  /** Everything that the checkpoint promises was committed. */
  readonly committed: boolean
}

/** They share states and timers, and differ in how many inputs they have. */
const PROCESSES: ReadonlySet<string> = new Set(['process', 'co-process', 'broadcast-process'])
const BROADCAST_LIST = 'broadcast/'

export function compareStates(
  stored: readonly StoredOperator[], graph: LogicalGraph, options: CompareOptions,
): Comparison {
  const sources = new Map(graph.operators.map((operator) => [operator, sourceOf(operator, stored)]))
  const used = new Set<string>()
  const context = { ...options, used }
  const fates: OperatorFate[] = []
  for (const [operator, source] of sources) {
    if (source !== undefined) fates.push(goesOn(operator, source, context))
    else if (operator.named) fates.push(isNew(operator))
  }
  const taken = new Set([...sources.values()].map((source) => source?.name))
  const fresh = [...sources].filter(([operator, source]) => operator.named && source === undefined).map(([one]) => one)
  for (const one of stored) if (!taken.has(one.name)) fates.push(isGone(one, graph, fresh, context))
  return { operators: fates, unused: options.allowDropped.filter((name) => !used.has(name)) }
}

/** The first thing that stands against it, if any. */
export function problemOf({ operators }: Comparison): StreamError | undefined {
  for (const { problem, states } of operators) {
    const found = problem ?? states.find((state) => state.problem !== undefined)?.problem
    if (found !== undefined) return found
  }
  return undefined
}

/** As a deployment looks for it (host/deployment.ts). */
function sourceOf({ name, was }: LogicalOperator, stored: readonly StoredOperator[]): StoredOperator | undefined {
  return storedFor(stored, name, { was })
}

interface Context extends CompareOptions {
  readonly used: Set<string>
}

function isNew({ name, spec, place }: LogicalOperator): OperatorFate {
  const states = Object.entries(describedStates(spec) ?? {}).map(([state, declared]) => newState(state, declared))
  return { operator: name, verdict: 'new', kind: spec.kind, states, ...(place === undefined ? {} : { place }) }
}

const newState = (state: string, { kind, version }: StateSpec): StateFate =>
  ({ state, verdict: 'new', kind, entries: 0, to: version })

function goesOn(operator: LogicalOperator, source: StoredOperator, context: Context): OperatorFate {
  const { name, spec, place } = operator
  const about = {
    operator: name, kind: spec.kind,
    ...(source.name === name ? {} : { was: source.name }), ...(place === undefined ? {} : { place }),
  }
  const before = source.kind ?? spec.kind
  if (before !== spec.kind && !(PROCESSES.has(before) && PROCESSES.has(spec.kind))) {
    const details = { checkpoint: context.checkpoint, operator: name, stored: before, now: spec.kind }
    const problem = E169_OPERATOR_CHANGED(details, { place: placeOf(operator) })
    return { ...about, verdict: 'incompatible', problem, states: [] }
  }
  const states = [...keyedFates(operator, source, context), ...listFates(operator, source, context)]
  return { ...about, verdict: worst(states), states }
}

const ORDER: readonly Verdict[] = ['incompatible', 'migrated']

/** Of an operator that is there before and after. */
function worst(states: readonly StateFate[]): Verdict {
  if (states.some(({ problem }) => problem !== undefined)) return 'incompatible'
  return ORDER.find((verdict) => states.some((state) => state.verdict === verdict)) ?? 'kept'
}

function keyedFates(operator: LogicalOperator, source: StoredOperator, context: Context): StateFate[] {
  const described = describedStates(operator.spec)
  const declared = Object.entries(described ?? {})
  const kept = keptStates(operator.spec)
  const taken = new Set<string>()
  const fates: StateFate[] = []
  const fresh: [string, StateSpec][] = []
  for (const [name, spec] of declared) {
    const found = storedFor(source.keyed, name, spec)
    if (found === undefined) {
      fresh.push([name, spec])
      fates.push(newState(name, spec))
      continue
    }
    taken.add(found.name)
    fates.push(...keyedFate(operator, name, spec, found, changeOf(found, { operator: operator.name, name, spec }), context))
  }
  for (const state of source.keyed) {
    if (taken.has(state.name)) continue
    const { name, kind, entries } = state
    const own = Object.hasOwn(kept, name) ? kept[name] as KeptState : undefined
    const change = own === undefined ? undefined : keptChange(operator.name, own, state, source)
    if (own !== undefined && change !== undefined) {
      fates.push(...keyedFate(operator, name, { kind, version: own.spec.version }, state, change, context))
      continue
    }
    const ours = !isUserState(kind) || isEngineState(operator.spec, name)
    if (described === undefined || ours) fates.push({ state: name, verdict: 'kept', kind, entries })
    else fates.push(goneState(operator, source, state, fresh, context))
  }
  return fates
}

/** Undefined: there is nothing that could become anything. */
function keptChange(
  operator: string, own: KeptState, state: StoredKeyed, { lists }: StoredOperator,
): StateChange | undefined {
  const change = keptChangeOf(state, operator, own)
  // Added up ahead of the shuffle, they are accumulators without a description of their own.
  const underWay = own.spec.kind === 'aggregating' && lists.some(({ inFlight, items }) => inFlight === true && items > 0)
  if (change.kind === 'migrated' && underWay) return { kind: 'refused', error: inFlightOf(operator, state.name) }
  return state.entries === 0 ? undefined : change
}

function keyedFate(
  operator: LogicalOperator, name: string, spec: { readonly kind: string; readonly version: number }, found: StoredKeyed,
  change: StateChange, context: Context,
): StateFate[] {
  const about = {
    state: name, kind: spec.kind, entries: found.entries, from: found.version, to: spec.version,
    ...(found.name === name ? {} : { was: found.name }),
  }
  if (change.kind === 'none') return [{ ...about, verdict: 'kept' }]
  if (change.kind === 'refused') return [{ ...about, verdict: 'incompatible', problem: change.error }]
  const lost = (change.lost ?? []).map((part) => goneAggregate(operator, name, part, found, context))
  return [{ ...about, verdict: 'migrated', by: change.by }, ...lost]
}

function goneAggregate(
  operator: LogicalOperator, state: string, part: string, { entries }: StoredKeyed, context: Context,
): StateFate {
  const name = `${state}/${part}`
  const about = { state: name, verdict: 'dropped', kind: 'aggregate', entries } as const
  if (allowed([`${operator.name}/${part}`, `${operator.name}/${name}`], context)) return { ...about, allowed: true }
  const details = { checkpoint: context.checkpoint, operator: operator.name, states: [name], aggregate: part }
  return { ...about, problem: E137_STATE_DROPPED(details, { place: placeOf(operator) }) }
}

function goneState(
  operator: LogicalOperator, source: StoredOperator, { name, kind, entries, version }: StoredKeyed,
  fresh: readonly [string, StateSpec][], context: Context,
): StateFate {
  const about = { state: name, verdict: 'dropped', kind, entries, from: version } as const
  if (allowed([`${source.name}/${name}`, `${operator.name}/${name}`], context)) return { ...about, allowed: true }
  const likely = likelyName(name, fresh.filter(([, spec]) => spec.kind === kind).map(([one]) => one))
  const details = { checkpoint: context.checkpoint, operator: operator.name, states: [name] }
  const problem = E137_STATE_DROPPED(details, { place: placeOf(operator) })
  return {
    ...about, problem,
    ...(likely === undefined ? {} : { suggestion: `"${name}" renamed? give "${likely}" { was: '${name}' }` }),
  }
}

/** Lists are the engine's own, but for broadcast state. */
function listFates(operator: LogicalOperator, source: StoredOperator, context: Context): StateFate[] {
  const { spec } = operator
  const maps = new Set(Object.keys(spec.kind === 'broadcast-process' ? spec.broadcast : {}))
  return source.lists.map(({ name, items }): StateFate => {
    const about = { state: name, kind: 'operator-list', entries: items }
    const map = name.startsWith(BROADCAST_LIST) ? name.slice(BROADCAST_LIST.length) : undefined
    if (map === undefined || maps.has(map)) return { ...about, verdict: 'kept' }
    if (allowed([`${source.name}/${map}`, `${operator.name}/${map}`], context)) {
      return { ...about, verdict: 'dropped', allowed: true }
    }
    const details = { checkpoint: context.checkpoint, operator: operator.name, states: [map] }
    return { ...about, verdict: 'dropped', problem: E137_STATE_DROPPED(details, { place: placeOf(operator) }) }
  })
}

function isGone(
  source: StoredOperator, graph: LogicalGraph, fresh: readonly LogicalOperator[], context: Context,
): OperatorFate {
  const { name, kind = 'operator' } = source
  const { checkpoint } = context
  const states = [
    ...source.keyed.map((state): StateFate =>
      ({ state: state.name, verdict: 'dropped', kind: state.kind, entries: state.entries, from: state.version })),
    ...source.lists.map((list): StateFate =>
      ({ state: list.name, verdict: 'dropped', kind: 'operator-list', entries: list.items })),
  ]
  const about = { operator: name, verdict: 'dropped', kind, states } as const
  const named = allowed([name], context) || kind === 'print'
  const commits = kind === 'sink' && !context.committed
    ? (source.lists.find((list) => list.name === 'pending')?.items ?? 0)
    : 0
  if (commits > 0) return { ...about, problem: E171_OUTPUT_OF_DROPPED_SINK({ checkpoint, operator: name, commits }) }
  if (named) return { ...about, allowed: true }
  const heir = graph.operators.find(({ was }) => was.includes(name))
  if (heir !== undefined) {
    const shadowedBy = heir.name
    const details = { checkpoint, operator: name, states: states.map(({ state }) => state), shadowedBy }
    return { ...about, problem: E137_STATE_DROPPED(details, { place: placeOf(heir) }) }
  }
  const likely = likelyName(name, fresh.filter(({ spec }) => spec.kind === kind).map((one) => one.name))
  const operators = graph.operators.filter((operator) => operator.named).map((operator) => operator.name)
  return {
    ...about,
    problem: E031_STATE_WITHOUT_OPERATOR({ checkpoint, operator: name, operators, likely }, { place: { operator: name } }),
    ...(likely === undefined ? {} : { suggestion: `"${name}" renamed? give "${likely}" .was('${name}')` }),
  }
}

function allowed(names: readonly string[], { allowDropped, used }: Context): boolean {
  const found = names.filter((name) => allowDropped.includes(name))
  for (const name of found) used.add(name)
  return found.length > 0
}

const placeOf = ({ name, place }: LogicalOperator): { operator: string; code?: string } =>
  ({ operator: name, ...(place === undefined ? {} : { code: place }) })
