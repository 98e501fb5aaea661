/**
 * Declared keyed state: kind, schema, TTL. Data only; the backends are in state/.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AggregateCode } from './aggregate-code.ts'
import type { AggregateShape } from './aggregate-shape.ts'
import type { Key } from './key.ts'
import type { TimeDomain } from './window-spec.ts'

export type StateKind = 'value' | 'list' | 'map' | 'reducing' | 'aggregating'

/** What begins the time of a TTL anew: only that nothing was there before, each write, or each read as well. */
export type TtlRefresh = 'create' | 'write' | 'read'

/** When a value is forgotten (state/expiry.ts). */
export interface TtlSpec {
  readonly ttlMs: number
  /** Default 'write'. */
  readonly refreshedBy?: TtlRefresh
  /** Which clock decides. Default 'processing'. */
  readonly time?: TimeDomain
}

/** Which value an upgrade is asked about: plain data, of one key. */
export interface UpgradeContext {
  readonly key: Key
  /** Of a map: which of its values. */
  readonly mapKey?: Key
  /** Of a join: of which side the record is. */
  readonly side?: 'left' | 'right'
}

/** What a state of another kind was, for `fromKind`. */
export interface FormerState {
  readonly kind: StateKind
  readonly version: number
}

/** How what an older version of the job stored becomes what this one declares (state/evolution). */
export interface EvolutionSpec {
  /** Counts the meanings the value has had; part of the snapshot. Default 1. */
  readonly version: number
  /**
   * One stored value of the older version `from` as it is in `version`: the value of a value or reducing state, an
   * accumulator, an item of a list, a value of a map, a record that an operator keeps. Of named aggregates it gets and
   * gives what each of them holds, by name.
   */
  readonly upgrade?: (from: number, value: any, about: UpgradeContext) => unknown
}

interface Declared extends EvolutionSpec {
  readonly ttl?: TtlSpec
  /** Former names of the state. */
  readonly was?: readonly string[]
  /**
   * What one key holds (a value, an array, a Map) made of what a state of another kind held of it; `stored` has the
   * form and the version that it had.
   */
  readonly fromKind?: (former: FormerState, stored: any, about: UpgradeContext) => unknown
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
  /** What the accumulator is made of; undefined: only the aggregate knows. */
  readonly shape?: AggregateShape
  /** Without a shape: accumulators of another form are no accumulators of this aggregate. */
  readonly form?: string
}
