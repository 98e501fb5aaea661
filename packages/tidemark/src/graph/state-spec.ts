/**
 * Declared keyed state: kind, schema, TTL. Data only; the backends are in state/.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AggregateCode } from './aggregate-code.ts'

export type StateKind = 'value' | 'list' | 'map' | 'reducing' | 'aggregating'

export interface TtlSpec {
  readonly ttlMs: number
}

interface Declared {
  /** Survives schema changes; part of the snapshot. Default 1. */
  readonly version: number
  readonly ttl?: TtlSpec
}

export interface ValueStateSpec extends Declared {
  readonly kind: 'value'
  readonly schema?: StandardSchemaV1
}
export interface ListStateSpec extends Declared {
  readonly kind: 'list'
  readonly schema?: StandardSchemaV1
}
export interface MapStateSpec extends Declared {
  readonly kind: 'map'
  readonly keySchema?: StandardSchemaV1
  readonly schema?: StandardSchemaV1
}
export interface ReducingStateSpec extends Declared {
  readonly kind: 'reducing'
  readonly reduce: (a: unknown, b: unknown) => unknown
  readonly schema?: StandardSchemaV1
}
export interface AggregatingStateSpec extends Declared {
  readonly kind: 'aggregating'
  readonly aggregate: AggregateSpec
  readonly schema?: StandardSchemaV1
}
export type StateSpec =
  | ValueStateSpec
  | ListStateSpec
  | MapStateSpec
  | ReducingStateSpec
  | AggregatingStateSpec

/**
 * Flink's AggregateFunction as plain functions. `add` may change and return its accumulator or
 * return a new one; the result must be used.
 *
 * `merge`, if given, must be associative and commutative up to `result`. `exact` says that it is so
 * to the last bit (counts, minima, sums of integers): only then may the engine aggregate in
 * another order (DESIGN §5.2).
 */
export interface AggregateSpec<In = any, Acc = any, Out = any> {
  readonly create: () => Acc
  readonly add: (accumulator: Acc, value: In) => Acc
  readonly result: (accumulator: Acc) => Out
  readonly merge?: (a: Acc, b: Acc) => Acc
  readonly exact?: boolean
  /** Takes back a value that was added, to the last bit; undefined: it cannot. */
  readonly retract?: (accumulator: Acc, value: In) => Acc
  /**
   * Takes back what `merge` added, to the last bit; undefined: it cannot. Only where both change their first
   * argument and return it, and `result` keeps nothing of an accumulator.
   */
  readonly unmerge?: (a: Acc, b: Acc) => Acc
  /** The same as `add`, as data. */
  readonly code?: AggregateCode
}
