/**
 * Declaring keyed state: `state.value(Schema)`, `state.map(KeySchema, Schema)`, `state.value<number>()`.
 *
 * With a schema the type comes from it and every value set is checked; without one the type is
 * what you say it is. A declaration is data: the handle appears as `ctx.state.<name>`.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { StateSpec, TtlSpec } from '../graph/state-spec.ts'
import type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../state/handles.ts'
import type { Aggregate } from './aggregates.ts'

export interface StateOptions {
  /** Forgotten this long after it was last written. */
  readonly ttl?: Duration
  /** Raise it when the meaning of the value changes; default 1. */
  readonly version?: number
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
  value<S extends Schema>(schema: S, options?: StateOptions): StateDeclaration<ValueState<OutputOf<S>>>
  value<T>(options?: StateOptions): StateDeclaration<ValueState<T>>
  /** A list per key. */
  list<S extends Schema>(item: S, options?: StateOptions): StateDeclaration<ListState<OutputOf<S>>>
  list<T>(options?: StateOptions): StateDeclaration<ListState<T>>
  /** A map per key; iteration is in order of insertion, also after a restore. */
  map<A extends Schema, B extends Schema>(
    key: A, value: B, options?: StateOptions,
  ): StateDeclaration<MapState<OutputOf<A>, OutputOf<B>>>
  map<K, V>(options?: StateOptions): StateDeclaration<MapState<K, V>>
  /** One value per key, into which each added one is folded. */
  reducing<T>(reduce: (a: T, b: T) => T, options?: StateOptions): StateDeclaration<ReducingState<T>>
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

function declared(options: StateOptions = {}): { readonly version: number; readonly ttl?: TtlSpec } {
  const version = options.version ?? 1
  if (!Number.isSafeInteger(version) || version < 1) {
    throw E008_IMPOSSIBLE_OPTION({
      what: 'The version of a state is impossible', given: version,
      why: 'It counts the meanings the value has had.', fix: 'use a whole number from 1',
    })
  }
  if (options.ttl === undefined) return { version }
  return { version, ttl: { ttlMs: durationMs(options.ttl, 'the ttl of a state', 1) } }
}

function noFunction(what: string, given: unknown): Error {
  return E008_IMPOSSIBLE_OPTION({
    what: `${what} got no function to combine values with`, given,
    why: 'A state of this kind folds each added value into what is there.',
    fix: 'write state.reducing((a, b) => …) or state.aggregating(sum(…))',
  })
}
