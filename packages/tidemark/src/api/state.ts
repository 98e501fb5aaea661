/**
 * Declaring keyed state: `state.value(Schema)`, `state.map(KeySchema, Schema)`, `state.value<number>()`.
 *
 * With a schema the type comes from it and every value set is checked; without one the type is
 * what you say it is. A declaration is data: the handle appears as `ctx.state.<name>`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '../base/duration.ts'
import { E006_BAD_NAME, E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { EvolutionSpec, FormerState, StateSpec, UpgradeContext } from '../graph/state-spec.ts'
import { isName } from '../graph/validate.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../state/handles.ts'
import type { Aggregate } from './aggregates.ts'
import { requireFunction } from './checks.ts'
import { isEvolution } from './evolve.ts'
import { ttlSpec, type TtlOptions } from './ttl.ts'

/**
 * How values that an older version of the job stored become those of this one. `T`: one value: what a declared state holds,
 * an accumulator, or a record that a window, a join or a pattern keeps.
 */
export interface EvolutionOptions<T = unknown> {
  /** Raise it when the meaning of the value changes; default 1, or what `evolve` says. */
  readonly version?: number
  /**
   * One stored value of any older version `from` as it is in this version: of a list each item, of a map each value, of
   * aggregates like `{ n: count(), mean: avg(…) }` what each of them holds: `{ n: 3, mean: [sum, count] }`; those that it
   * leaves out begin empty.
   * Or the steps of `evolve`. It is called for every value while a checkpoint is loaded; if it throws (E168) the
   * job does not start, and the checkpoint stays as it is.
   */
  upgrade?(from: number, value: unknown, about: UpgradeContext): T
}

export interface StateOptions<T = unknown> extends EvolutionOptions<T> {
  /** Forgotten this long after it was last written, by the machine's clock; or as the options say. */
  readonly ttl?: Duration | TtlOptions
  /** Former names of the state: what is stored under one of them is taken over. */
  readonly was?: string | readonly string[]
  /**
   * For a state whose kind has changed: what one key holds (a value, an array, a Map) of what it held, which is of
   * the kind and the version that `former` says. Without it another kind is refused (E032).
   */
  fromKind?(former: FormerState, stored: unknown, about: UpgradeContext): unknown
}

/** A state that `ctx.state` will have a handle `H` for. */
export interface StateDeclaration<H> {
  readonly spec: StateSpec
  /** Phantom. */
  readonly '~handle'?: H
}

export type StateDeclarations = Readonly<Record<string, StateDeclaration<unknown>>>

/** `ctx.state` for declarations `S`. */
export type StateHandles<S> = { readonly [P in keyof S]: S[P] extends StateDeclaration<infer H> ? H : never }

export type Schema = StandardSchemaV1
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>

export interface StateFactory {
  /** One value per key. */
  value<S extends Schema>(schema: S, options?: StateOptions<OutputOf<S>>): StateDeclaration<ValueState<OutputOf<S>>>
  value<T>(options?: StateOptions<T>): StateDeclaration<ValueState<T>>
  /** A list per key. */
  list<S extends Schema>(item: S, options?: StateOptions<OutputOf<S>>): StateDeclaration<ListState<OutputOf<S>>>
  list<T>(options?: StateOptions<T>): StateDeclaration<ListState<T>>
  /** A map per key; iteration is in order of insertion, also after a restore. */
  map<A extends Schema, B extends Schema>(
    key: A, value: B, options?: StateOptions<OutputOf<B>>,
  ): StateDeclaration<MapState<OutputOf<A>, OutputOf<B>>>
  map<K, V>(options?: StateOptions<V>): StateDeclaration<MapState<K, V>>
  /** One value per key, into which each added one is folded. */
  reducing<T>(reduce: (a: T, b: T) => T, options?: StateOptions<T>): StateDeclaration<ReducingState<T>>
  /** An aggregate per key: `state.aggregating(avg((r: Reading) => r.value))`. */
  aggregating<In, Out>(
    aggregate: Aggregate<In, Out>, options?: StateOptions,
  ): StateDeclaration<AggregatingState<In, Out>>
}

type Untyped = StateDeclaration<never>

export const state: StateFactory = Object.freeze({
  value: (first?: Schema | StateOptions, second?: StateOptions): Untyped => {
    const [schema, options] = schemaAndOptions(first, second)
    return { spec: { kind: 'value', ...declared(options), ...schema } }
  },
  list: (first?: Schema | StateOptions, second?: StateOptions): Untyped => {
    const [schema, options] = schemaAndOptions(first, second)
    return { spec: { kind: 'list', ...declared(options), ...schema } }
  },
  map: (first?: Schema | StateOptions, value?: Schema, third?: StateOptions): Untyped => {
    const [key, options] = schemaAndOptions(first, third)
    const plain = { kind: 'map', ...declared(options) } as const
    if (key.schema === undefined || value === undefined) return { spec: plain }
    return { spec: { ...plain, keySchema: key.schema, schema: value } }
  },
  reducing: <T>(reduce: (a: T, b: T) => T, options?: StateOptions): Untyped => {
    if (typeof reduce !== 'function') throw noFunction('state.reducing', reduce)
    // The state holds what was added to it, which the handle's type has checked.
    const untyped = reduce as (a: unknown, b: unknown) => unknown
    return { spec: { kind: 'reducing', reduce: untyped, ...declared(options) } }
  },
  aggregating: <In, Out>(aggregate: Aggregate<In, Out>, options?: StateOptions): Untyped => {
    if (typeof aggregate?.add !== 'function') throw noFunction('state.aggregating', aggregate)
    return { spec: { kind: 'aggregating', aggregate, ...declared(options) } }
  },
})

/** Plain specs of declarations, for the graph. */
export function stateSpecs(declarations: StateDeclarations | undefined): Readonly<Record<string, StateSpec>> {
  return Object.fromEntries(Object.entries(declarations ?? {}).map(([name, { spec }]) => [name, spec]))
}

export function isSchema(value: unknown): value is Schema {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && '~standard' in value
}

function schemaAndOptions(
  first: Schema | StateOptions | undefined,
  second: StateOptions | undefined,
): [{ readonly schema?: Schema }, StateOptions | undefined] {
  if (isSchema(first)) return [{ schema: first }, second]
  return [{}, first as StateOptions | undefined]
}

/** A function as it was written, to be looked at and not called: it may want its `this`. */
const given = (options: object, name: string): unknown => (options as Readonly<Record<string, unknown>>)[name]

type Plain = EvolutionSpec & Pick<StateSpec, 'ttl' | 'was' | 'fromKind'>

function declared(options: StateOptions = {}): Plain {
  const { ttl } = options
  const fromKind = given(options, 'fromKind')
  if (fromKind !== undefined) requireFunction(fromKind, 'fromKind')
  const was = typeof options.was === 'string' ? [options.was] : options.was ?? []
  for (const name of was) {
    if (!isName(name)) throw E006_BAD_NAME({ what: 'A former name of a state', name })
  }
  return {
    ...evolutionSpec(options),
    ...(ttl === undefined ? {} : { ttl: ttlSpec(ttl, 'the ttl of a state') }),
    ...(was.length === 0 ? {} : { was }),
    ...(fromKind === undefined ? {} : {
      fromKind: (former: FormerState, stored: unknown, about: UpgradeContext) => options.fromKind?.(former, stored, about),
    }),
  }
}

/** For the description of an operator that keeps accumulators or records of the job. */
export function keptEvolution(options: EvolutionOptions | undefined): { readonly evolution?: EvolutionSpec } {
  if (options?.version === undefined && options?.upgrade === undefined) return {}
  return { evolution: evolutionSpec(options) }
}

/** Also of states that the engine keeps for an aggregate of the job. */
export function evolutionSpec(options: EvolutionOptions = {}): EvolutionSpec {
  const steps = given(options, 'upgrade')
  const version = options.version ?? (isEvolution(steps) ? steps.to : 1)
  if (!Number.isSafeInteger(version) || version < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'The version of a state is impossible', given: version,
      why: 'It counts the meanings the value has had.', fix: 'use a whole number from 1',
    })
  }
  if (steps === undefined) return { version }
  if (isEvolution(steps) && steps.to !== version) {
    throw E008_IMPOSSIBLE_OPTION({
      what: `The steps of evolve lead to version ${steps.to} of a state, not to its version`, given: version,
      why: 'The last step makes values of the present version.', fix: 'leave the version away, or add the step to it',
    })
  }
  requireFunction(steps, 'upgrade')
  return { version, upgrade: (from, value, about) => options.upgrade?.(from, value, about) }
}

function noFunction(what: string, given: unknown): Error {
  return E008_IMPOSSIBLE_OPTION({
    what: `${what} got no function to combine values with`, given,
    why: 'A state of this kind folds each added value into what is there.',
    fix: 'write state.reducing((a, b) => …) or state.aggregating(sum(…))',
  })
}
