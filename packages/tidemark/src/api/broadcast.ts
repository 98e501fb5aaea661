/**
 * Broadcast state: a stream whose records every subtask gets, and the maps they fill.
 *
 * Types are those of `broadcast` and `connect` (streams.ts); the classes are made by fluent.ts.
 */
import type { BroadcastProcessSpec } from '../graph/broadcast-spec.ts'
import { E006_BAD_NAME, E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { Guarantee, LogicalEdge } from '../graph/logical-graph.ts'
import type { MapStateSpec } from '../graph/state-spec.ts'
import { isName } from '../graph/validate.ts'
import type { MapState } from '../state/handles.ts'
import { checkSides, requireFunction } from './checks.ts'
import { bothInputs, type Half, type Made } from './connect.ts'
import type { GraphDraft } from './graph-draft.ts'
import type { NoSides, NoState, ProcessContext, ProcessOptions, SideDeclarations,
  StreamProcessContext } from './process.ts'
import { stateSpecs, type StateDeclaration, type StateDeclarations, type StateHandles } from './state.ts'
import type { ProcessedStream } from './streams.ts'

/** Maps, declared by `state.map(…)` without a TTL. */
export type BroadcastDeclarations = Readonly<Record<string, StateDeclaration<MapState<unknown, unknown>>>>

/** A map that only the broadcast side may change. */
export type ReadonlyMapState<K, V> = Omit<MapState<K, V>, 'set' | 'delete' | 'clear'>

/** What the stream's side sees of broadcast state. */
export type BroadcastViews<B> = {
  readonly [P in keyof B]:
    B[P] extends StateDeclaration<MapState<infer K, infer V>> ? ReadonlyMapState<K, V> : never
}

/** A stream on its way to every subtask of whatever is connected with it. */
export interface BroadcastStream<R, B, G extends Guarantee = Guarantee> {
  /** Phantom. */
  readonly '~broadcast'?: { readonly record: R; readonly state: B; readonly guarantee: G }
  readonly kind: 'broadcast'
}

/** What `onBroadcast` sees besides the record: broadcast state to write, and no key. */
export interface BroadcastContext<B, Side> extends StreamProcessContext<Side> {
  readonly broadcast: StateHandles<B>
}

export interface KeyedBroadcastContext<K, B, S, Side> extends BroadcastContext<B, Side> {
  /**
   * Calls `visit` for each key of this subtask that has something stored in `state`. The order of the
   * keys has no meaning.
   */
  applyToKeyedState<P extends keyof S & string>(
    state: P, visit: (key: K, handle: StateHandles<S>[P]) => void,
  ): void
}

interface Views<B> {
  /** Broadcast state as it is now: to be read. */
  readonly broadcast: BroadcastViews<B>
}

export interface KeyedBroadcastHandlers<K, T, R, B, O, S, Side> {
  onRecord(record: T, context: ProcessContext<K, S, Side> & Views<B>): Iterable<O> | void
  /** Must do the same in every subtask: no chance, no clock, no keyed state but by applyToKeyedState. */
  onBroadcast(record: R, context: KeyedBroadcastContext<K, B, S, Side>): Iterable<O> | void
  onTimer?(time: Date, context: ProcessContext<K, S, Side> & Views<B>): Iterable<O> | void
}

export interface BroadcastHandlers<T, R, B, O, Side> {
  onRecord(record: T, context: StreamProcessContext<Side> & Views<B>): Iterable<O> | void
  /** Must do the same in every subtask: no chance, no clock. */
  onBroadcast(record: R, context: BroadcastContext<B, Side>): Iterable<O> | void
}

/** A stream without keys and broadcast state. */
export interface BroadcastConnected<T, R, B, G extends Guarantee = Guarantee> {
  process<O = never, const Side extends SideDeclarations = NoSides>(
    name: string, options: { readonly side?: Side }, handlers: BroadcastHandlers<T, R, B, O, Side>,
  ): ProcessedStream<O, Side, G>
}

/** A keyed stream and broadcast state. */
export interface KeyedBroadcastConnected<K, T, R, B, G extends Guarantee = Guarantee> {
  process<
    O = never,
    const S extends StateDeclarations = NoState,
    const Side extends SideDeclarations = NoSides,
  >(
    name: string, options: ProcessOptions<S, Side>, handlers: KeyedBroadcastHandlers<K, T, R, B, O, S, Side>,
  ): ProcessedStream<O, Side, G>
}

type Options = ProcessOptions<StateDeclarations, SideDeclarations>

interface Handlers {
  onRecord: BroadcastProcessSpec['onRecord']
  onBroadcast: BroadcastProcessSpec['onBroadcast']
  onTimer?: NonNullable<BroadcastProcessSpec['onTimer']>
}

export class FluentBroadcast {
  readonly kind = 'broadcast'
  readonly draft: GraphDraft
  readonly edges: readonly LogicalEdge[]
  readonly states: Readonly<Record<string, MapStateSpec>>

  constructor(draft: GraphDraft, edges: readonly LogicalEdge[], declared: BroadcastDeclarations) {
    this.draft = draft
    this.edges = edges.map((edge) => ({ ...edge, ship: { kind: 'broadcast' } }))
    this.states = mapStates(declared)
  }
}

export class FluentBroadcastConnected<M> {
  readonly #main: Half
  readonly #broadcast: FluentBroadcast
  readonly #made: Made<M>

  constructor(main: Half, broadcast: FluentBroadcast, made: Made<M>) {
    this.#main = main
    this.#broadcast = broadcast
    this.#made = made
  }

  process(name: string, options: Options, handlers: Handlers): M {
    const { draft, states } = this.#broadcast
    const { keyOf } = this.#main
    const sides = checkSides(options?.side)
    const keyed = keyOf !== undefined
    const spec: BroadcastProcessSpec = {
      kind: 'broadcast-process',
      keysOf: [keyOf, undefined],
      state: keyed ? stateSpecs(options?.state) : {},
      broadcast: states,
      sides,
      onRecord: requireFunction(handlers?.onRecord?.bind(handlers), 'process'),
      onBroadcast: requireFunction(handlers?.onBroadcast?.bind(handlers), 'process'),
      ...(keyed && handlers.onTimer !== undefined ? { onTimer: handlers.onTimer.bind(handlers) } : {}),
    }
    return this.#made(draft.add({ name, spec, inputs: bothInputs(this.#main, this.#broadcast) }), sides)
  }
}

function mapStates(declared: BroadcastDeclarations): Readonly<Record<string, MapStateSpec>> {
  const entries = Object.entries(stateSpecs(declared)).map(([name, spec]) => {
    if (!isName(name)) throw E006_BAD_NAME({ what: 'The name of a broadcast state', name })
    if (spec.version !== 1 || spec.was !== undefined || spec.fromKind !== undefined) {
      throw E008_IMPOSSIBLE_OPTION({
        what: `The broadcast state "${name}" cannot be evolved`, given: undefined,
        why: 'Snapshots of broadcast state carry no version, so that nobody could tell old values from new ones.',
        fix: 'give what has a new meaning a new name, and fill it from the broadcast stream',
      })
    }
    if (spec.kind === 'map' && spec.ttl === undefined) return [name, spec] as const
    const found = spec.kind === 'map' ? 'map with a ttl' : spec.kind
    throw E008_IMPOSSIBLE_OPTION({
      what: `The broadcast state "${name}" cannot be a ${found}`,
      given: undefined,
      why: 'Every subtask must hold the same, whatever its clock shows; what is broadcast is kept in maps.',
      fix: 'declare it as state.map(…) without ttl, and delete entries in onBroadcast',
    })
  })
  if (entries.length > 0) return Object.fromEntries(entries)
  throw E008_IMPOSSIBLE_OPTION({
    what: 'broadcast() got no state', given: declared,
    why: 'The records of a broadcast stream fill maps that the other stream reads.',
    fix: 'declare one: rules.broadcast({ rules: state.map<string, Rule>() })',
  })
}
