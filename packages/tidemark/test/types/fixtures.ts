/** Connectors that exist only as types, one for each promise, and equality of types. */
import type { SinkSpec } from '../../src/graph/sink.ts'
import type { SourceSpec, Split } from '../../src/graph/source.ts'
import type { Stream } from '../../src/api/streams.ts'

export declare function items<T>(all: readonly T[]): SourceSpec<T, Split & { from: number }, 'can rewind'>
export declare function live<T>(
  all: AsyncIterable<T>,
): SourceSpec<T, Split, 'live: cannot rewind after a failure'>
export declare function stdout<T>(): SinkSpec<T, 'plain: can neither roll back nor de-duplicate'>
export declare function upsert<T>(options: { key: (value: T) => string }): SinkSpec<T, 'idempotent'>
export declare function parts<T>(options: { path: string }): SinkSpec<T, 'transactional'>

export type Equal<A, B> =
  (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false
export declare function is<T extends true>(): T
export type RecordOf<S> = S extends Stream<infer T> ? T : never

export interface Flight {
  origin: string
  date: Date
  delay: number
}
export declare const flights: readonly Flight[]
