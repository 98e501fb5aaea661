/**
 * What user functions see of keyed state: one handle a declared state, always about the current key.
 *
 * Values are immutable: change state through the methods. In dev and tests what goes in is frozen.
 */
export interface ValueState<T> {
  /** Undefined if nothing is stored for this key. */
  get(): T | undefined
  /** Storing `undefined` is the same as `clear`. */
  set(value: T): void
  /** Stores what `change` makes of the present value, and returns it. */
  update(change: (present: T | undefined) => T): T
  clear(): void
}

export interface ListState<T> extends Iterable<T> {
  readonly length: number
  push(value: T): void
  addAll(values: Iterable<T>): void
  /** Replaces the whole list. */
  set(values: Iterable<T>): void
  /** A copy; empty if nothing is stored. */
  get(): readonly T[]
  clear(): void
}

/** Iterates in the order in which the keys were first set, also after a restore. */
export interface MapState<K, V> extends Iterable<[K, V]> {
  readonly size: number
  get(key: K): V | undefined
  set(key: K, value: V): void
  has(key: K): boolean
  /** True if it was there. */
  delete(key: K): boolean
  entries(): Iterable<[K, V]>
  keys(): Iterable<K>
  values(): Iterable<V>
  clear(): void
}

/** Keeps one value: everything added, reduced. */
export interface ReducingState<T> {
  add(value: T): void
  get(): T | undefined
  clear(): void
}

/** Keeps an accumulator; `get` is its result, undefined if nothing was added. */
export interface AggregatingState<In, Out> {
  add(value: In): void
  get(): Out | undefined
  clear(): void
}
