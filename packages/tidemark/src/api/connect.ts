/**
 * Two connected streams: one function each, with shared state and timers.
 *
 * Types are those of `connect` (streams.ts); the class makes the operator and is made by fluent.ts.
 */
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { Guarantee, LogicalEdge } from '../graph/logical-graph.ts'
import type { CoProcessSpec, KeySelector, OutputTag } from '../graph/operator-spec.ts'
import { checkSides, requireFunction } from './checks.ts'
import type { GraphDraft } from './graph-draft.ts'
import type { NoSides, NoState, ProcessContext, ProcessOptions, SideDeclarations,
  StreamProcessContext } from './process.ts'
import { stateSpecs, type StateDeclarations } from './state.ts'
import type { ProcessedStream, Stream } from './streams.ts'

/** Functions of two connected keyed streams: equal keys of both sides share state and timers. */
export interface CoProcessHandlers<K, A, B, O, S, Side> {
  onLeft(record: A, context: ProcessContext<K, S, Side>): Iterable<O> | void
  onRight(record: B, context: ProcessContext<K, S, Side>): Iterable<O> | void
  onTimer?(time: Date, context: ProcessContext<K, S, Side>): Iterable<O> | void
}

/** Functions of two connected streams without keys: no state, no timers. */
export interface StreamCoProcessHandlers<A, B, O, Side> {
  onLeft(record: A, context: StreamProcessContext<Side>): Iterable<O> | void
  onRight(record: B, context: StreamProcessContext<Side>): Iterable<O> | void
}

export interface ConnectedStreams<A, B, G extends Guarantee = Guarantee> {
  map<U, V>(left: (record: A) => U, right: (record: B) => V): Stream<U | V, G>
  flatMap<U, V>(left: (record: A) => Iterable<U>, right: (record: B) => Iterable<V>): Stream<U | V, G>
  /** Functions that see the watermark of both streams, which is the smaller of the two, and side outputs. */
  process<O = never, const Side extends SideDeclarations = NoSides>(
    name: string, options: { readonly side?: Side }, handlers: StreamCoProcessHandlers<A, B, O, Side>,
  ): ProcessedStream<O, Side, G>
}

export interface ConnectedKeyedStreams<K, A, B, G extends Guarantee = Guarantee> {
  /** Your own state machine per key over both streams. */
  process<
    O = never,
    const S extends StateDeclarations = NoState,
    const Side extends SideDeclarations = NoSides,
  >(
    name: string, options: ProcessOptions<S, Side>, handlers: CoProcessHandlers<K, A, B, O, S, Side>,
  ): ProcessedStream<O, Side, G>
}

/** A stream as one side of an operator with several inputs. */
export interface Half {
  readonly edges: readonly LogicalEdge[]
  /** Undefined: not keyed. */
  readonly keyOf?: KeySelector
}

/** Makes the stream that an operator puts out. */
export type Made<M> = (index: number, sides: readonly OutputTag[]) => M

type Options = ProcessOptions<StateDeclarations, SideDeclarations>
type Handler = CoProcessSpec['onRecord'][0]

interface Handlers {
  onLeft: Handler
  onRight: Handler
  onTimer?: NonNullable<CoProcessSpec['onTimer']>
}

export class FluentConnected<M> {
  readonly #draft: GraphDraft
  readonly #left: Half
  readonly #right: Half
  readonly #made: Made<M>

  constructor(draft: GraphDraft, left: Half, right: Half, made: Made<M>) {
    this.#draft = draft
    this.#left = left
    this.#right = right
    this.#made = made
  }

  process(name: string, options: Options, handlers: Handlers): M {
    const { keyOf: left } = this.#left
    const { keyOf: right } = this.#right
    const keyed = left !== undefined && right !== undefined
    const onRecord = [
      requireFunction(handlers?.onLeft?.bind(handlers), 'process'),
      requireFunction(handlers?.onRight?.bind(handlers), 'process'),
    ] as const
    const sides = checkSides(options?.side)
    const spec: CoProcessSpec = {
      kind: 'co-process',
      keysOf: keyed ? [left, right] : [undefined, undefined],
      state: keyed ? stateSpecs(options?.state) : {},
      sides,
      onRecord,
      ...(keyed && handlers.onTimer !== undefined ? { onTimer: handlers.onTimer.bind(handlers) } : {}),
    }
    return this.#made(this.#draft.add({ name, spec, inputs: bothInputs(this.#left, this.#right) }), sides)
  }
}

interface Mappable<M> {
  map(fn: (value: unknown) => unknown): M
  flatMap(fn: (value: unknown) => Iterable<unknown>): M
  union(other: M): M
}

/** Without keys. A connected map is two maps and a union: it needs no operator of its own. */
export class FluentConnectedStreams<S extends Mappable<S>, M> extends FluentConnected<M> {
  readonly #streams: readonly [S, S]

  constructor(draft: GraphDraft, streams: readonly [S, S], halves: readonly [Half, Half], made: Made<M>) {
    super(draft, ...halves, made)
    this.#streams = streams
  }

  map(left: (value: unknown) => unknown, right: (value: unknown) => unknown): S {
    const [a, b] = this.#streams
    return a.map(left).union(b.map(right))
  }

  flatMap(left: (value: unknown) => Iterable<unknown>, right: (value: unknown) => Iterable<unknown>): S {
    const [a, b] = this.#streams
    return a.flatMap(left).union(b.flatMap(right))
  }
}

export function bothInputs(left: Half, right: Half): LogicalEdge[] {
  return [left, right].flatMap(({ edges }, input) => edges.map((edge) => ({ ...edge, input })))
}

/** Where `connect` gets something that is no fitting stream of this job. */
export function cannotConnect(given: unknown, wanted: string, foreign: boolean): Error {
  if (foreign) {
    return E008_IMPOSSIBLE_OPTION({
      what: 'connect() got a stream of another job', given: undefined,
      why: 'Streams of one job cannot flow into another one.',
      fix: 'connect only streams made in the same call of the build function',
    })
  }
  return E008_IMPOSSIBLE_OPTION({
    what: `connect() got no ${wanted}`, given,
    why: 'Both sides are keyed, so that equal keys meet, or neither is; a broadcast stream goes with both.',
    fix: 'a.keyBy(…).connect(b.keyBy(…)), a.connect(b), or either with rules.broadcast({ … })',
  })
}
