/**
 * Implementation of the fluent API: each call adds an operator to the draft.
 *
 * Streams are typed by the interfaces of streams.ts; in here all records are `unknown`. The cast
 * between the two is made in `job-builder.ts` and nowhere else. A stream is the set of edges that
 * whoever consumes it will have as inputs, so union, keyBy and rebalance add no operator.
 */
import { durationMs } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import { E150_NOTHING_TO_JOIN_WITH } from '../graph/join-errors.ts'
import { LATE_LEFT, LATE_RIGHT, type JoinSpec } from '../graph/join-spec.ts'
import type { Guarantee, LogicalEdge, Ship } from '../graph/logical-graph.ts'
import { FAILED, INVALID, LATE, MAIN, TIMED_OUT } from '../graph/operator-spec.ts'
import type { KeySelector, OperatorSpec, OutputTag, ProcessSpec } from '../graph/operator-spec.ts'
import type { AnySink } from '../graph/sink.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import { count, max, min, sum, type Aggregate, type SumOptions } from './aggregates.ts'
import { combine, valueRow, type Fields, type Row } from './combine.ts'
import { KeyedFluentFunctions, StreamFluentFunctions, type Origin } from './fluent-functions.ts'
import type { GraphDraft } from './graph-draft.ts'
import { checkRoutes, checkSides, requireFunction } from './checks.ts'
import { coGroupSpec, intervalJoinSpec, joinSpec, lookupJoinSpec, temporalJoinSpec } from './joins.ts'
import { pattern, PatternBuilder } from './pattern-builder.ts'
import type { MatchOptions } from './patterns.ts'
import type { ProcessOptions, SideDeclarations } from './process.ts'
import { keptEvolution, stateSpecs, type EvolutionOptions, type StateDeclarations } from './state.ts'
import type { KeyedStream, Stream, WindowedStream, WindowOptions } from './streams.ts'
import { lastDates, triggerOf, windowFunction } from './window-function.ts'
import type { WindowAssigner } from './windows.ts'

type JoinKeys = JoinSpec['keysOf']
/** What follows the name (and the keys) of a join: options and function. */
type After<F, First extends unknown[] = [string, JoinKeys]> =
  F extends (...args: [...First, ...infer A]) => unknown ? A : never
type Fn<R = unknown> = (value: unknown) => R
type Options = ProcessOptions<StateDeclarations, SideDeclarations>
type Named = Readonly<Record<string, Aggregate<never, unknown>>>
type Windows = WindowAssigner<never>
type WindowOperatorSpec = Extract<OperatorSpec, { kind: 'window' }>
type Handlers = Pick<ProcessSpec, 'onRecord' | 'onTimer'>
type Result = (key: unknown, value: unknown) => unknown

const FORWARD: Ship = { kind: 'forward' }

/** A stream of which only the edges are known. */
export class FluentStream extends StreamFluentFunctions<FluentProcessed>
  implements Record<keyof Omit<Stream<unknown>, '~record'>, unknown> {
  readonly #draft: GraphDraft
  readonly #edges: readonly LogicalEdge[]

  constructor(draft: GraphDraft, edges: readonly LogicalEdge[]) {
    super()
    this.#draft = draft
    this.#edges = edges
  }

  get origin(): Origin {
    return { draft: this.#draft, edges: this.#edges }
  }

  madeOf(index: number, sides: readonly OutputTag[]): FluentProcessed {
    return new FluentProcessed(this.#draft, index, sides)
  }

  asyncOf(index: number): FluentAsync {
    return new FluentAsync(this.#draft, index)
  }

  map(fn: Fn): FluentStream {
    return this.#then({ kind: 'map', fn: requireFunction(fn, 'map') })
  }

  filter(fn: Fn<boolean>): FluentStream {
    return this.#then({ kind: 'filter', fn: requireFunction(fn, 'filter') })
  }

  flatMap(fn: Fn<Iterable<unknown>>): FluentStream {
    return this.#then({ kind: 'flat-map', fn: requireFunction(fn, 'flatMap') })
  }

  union(other: FluentStream): FluentStream {
    if (!(other instanceof FluentStream) || other.#draft !== this.#draft) throw foreignStream()
    return new FluentStream(this.#draft, [...this.#edges, ...other.#edges])
  }

  split(routes: Readonly<Record<string, Fn<boolean>>>): Readonly<Record<string, FluentStream>> {
    const list = checkRoutes(routes)
    const index = this.#draft.add({ spec: { kind: 'split', routes: list }, inputs: this.#edges })
    const names = [...list.map(({ name }) => name), 'rest']
    return Object.freeze(Object.fromEntries(names.map((name) => [name, streamOf(this.#draft, index, name)])))
  }

  keyBy(fn: KeySelector): FluentKeyed {
    const ship: Ship = { kind: 'hash', keyOf: requireFunction(fn, 'keyBy') }
    return new FluentKeyed(this.#draft, this.#shipped(ship), fn)
  }

  rebalance(): FluentStream {
    return new FluentStream(this.#draft, this.#shipped({ kind: 'rebalance' }))
  }

  windowAll(name: string, windows: Windows, options: WindowOptions<never> = {}): FluentWindowed {
    return new FluentWindowed(this.#draft, this.#shipped({ kind: 'rebalance' }), { name, windows, options })
  }

  process(name: string, options: Options, handlers: Pick<ProcessSpec, 'onRecord'>): FluentProcessed {
    const onRecord = requireFunction(handlers?.onRecord?.bind(handlers), 'process')
    const sides = checkSides(options?.side)
    const spec: ProcessSpec = { kind: 'process', state: {}, sides, onRecord }
    return new FluentProcessed(this.#draft, this.#draft.add({ name, spec, inputs: this.#edges }), sides)
  }

  lookupJoin(name: string, ...how: After<typeof lookupJoinSpec, [string]>): FluentNamed {
    return this.asyncOf(this.#draft.add({ name, spec: lookupJoinSpec(name, ...how), inputs: this.#edges }))
  }

  print(label = ''): this {
    this.#draft.add({ spec: { kind: 'print', label: String(label) }, inputs: this.#edges })
    return this
  }

  to(name: string, sink: AnySink): FluentRenamed {
    if (typeof sink?.createWriter !== 'function') throw notA('sink', 'to', sink)
    const spec: OperatorSpec = { kind: 'sink', sink }
    return new FluentRenamed(this.#draft, this.#draft.add({ name, spec, inputs: this.#edges }))
  }

  #then(spec: OperatorSpec): FluentStream {
    return streamOf(this.#draft, this.#draft.add({ spec, inputs: this.#edges }), MAIN)
  }

  #shipped(ship: Ship): readonly LogicalEdge[] {
    return this.#edges.map((edge) => ({ ...edge, ship }))
  }
}

export class FluentRenamed {
  readonly #draft: GraphDraft
  readonly #index: number

  constructor(draft: GraphDraft, index: number) {
    this.#draft = draft
    this.#index = index
  }

  was(name: string): this {
    this.#draft.addFormerName(this.#index, name)
    return this
  }
}

/** The main output of a named operator. */
export class FluentNamed extends FluentStream {
  readonly #renamed: FluentRenamed

  constructor(draft: GraphDraft, index: number) {
    super(draft, [{ from: index, output: MAIN, ship: FORWARD }])
    this.#renamed = new FluentRenamed(draft, index)
  }

  was(name: string): this {
    this.#renamed.was(name)
    return this
  }
}

export class FluentSource extends FluentNamed {
  readonly invalid: FluentStream

  constructor(draft: GraphDraft, index: number) {
    super(draft, index)
    this.invalid = streamOf(draft, index, INVALID)
  }
}

export class FluentProcessed extends FluentNamed {
  readonly side: Readonly<Record<string, FluentStream>>

  constructor(draft: GraphDraft, index: number, sides: readonly OutputTag[]) {
    super(draft, index)
    this.side = Object.freeze(Object.fromEntries(sides.map((tag) => [tag, streamOf(draft, index, tag)])))
  }
}

/** Results of windows; `side` is empty unless a window function declared some. */
export class FluentWindowResult extends FluentProcessed {
  readonly late: FluentStream

  constructor(draft: GraphDraft, index: number, sides: readonly OutputTag[]) {
    super(draft, index, sides)
    this.late = streamOf(draft, index, LATE)
  }
}

/** Results of an asynchronous function, and what failed. */
export class FluentAsync extends FluentProcessed {
  readonly failed: FluentStream

  constructor(draft: GraphDraft, index: number) {
    super(draft, index, [])
    this.failed = streamOf(draft, index, FAILED)
  }
}

/** Matches of a pattern, and what timed out or came too late. */
export class FluentMatches extends FluentNamed {
  readonly timedOut: FluentStream
  readonly late: FluentStream

  constructor(draft: GraphDraft, index: number) {
    super(draft, index)
    this.timedOut = streamOf(draft, index, TIMED_OUT)
    this.late = streamOf(draft, index, LATE)
  }
}

/** Results of a join, and what came too late to be joined. */
export class FluentJoined extends FluentProcessed {
  readonly late: { readonly left: FluentStream; readonly right: FluentStream }

  constructor(draft: GraphDraft, index: number, sides: readonly OutputTag[]) {
    super(draft, index, sides)
    this.late = Object.freeze({
      left: streamOf(draft, index, LATE_LEFT), right: streamOf(draft, index, LATE_RIGHT),
    })
  }
}

export class FluentKeyed extends KeyedFluentFunctions<FluentProcessed>
  implements Record<keyof KeyedStream<unknown, unknown>, unknown> {
  readonly #draft: GraphDraft
  readonly #edges: readonly LogicalEdge[]
  readonly #keyOf: KeySelector

  constructor(draft: GraphDraft, edges: readonly LogicalEdge[], keyOf: KeySelector) {
    super()
    this.#draft = draft
    this.#edges = edges
    this.#keyOf = keyOf
  }

  get origin(): Origin & { readonly keyOf: KeySelector } {
    return { draft: this.#draft, edges: this.#edges, keyOf: this.#keyOf }
  }

  madeOf(index: number, sides: readonly OutputTag[]): FluentProcessed {
    return new FluentProcessed(this.#draft, index, sides)
  }

  window(name: string, windows: Windows, options: WindowOptions<never> = {}): FluentWindowed {
    return new FluentWindowed(this.#draft, this.#edges, { name, windows, options, keyOf: this.#keyOf })
  }

  process(name: string, options: Options, handlers: Handlers): FluentProcessed {
    const onRecord = requireFunction(handlers?.onRecord?.bind(handlers), 'process')
    const onTimer = handlers.onTimer === undefined ? {} : { onTimer: handlers.onTimer.bind(handlers) }
    const sides = checkSides(options?.side)
    const state = stateSpecs(options?.state)
    const spec: ProcessSpec = { kind: 'process', keyOf: this.#keyOf, state, sides, onRecord, ...onTimer }
    return new FluentProcessed(this.#draft, this.#draft.add({ name, spec, inputs: this.#edges }), sides)
  }

  match(name: string, given: unknown, options: MatchOptions<unknown> = {}): FluentMatches {
    const { compare } = options
    const made: unknown = typeof given === 'function' ? given(pattern()) : given
    if (!(made instanceof PatternBuilder)) throw notA('pattern', 'match', made)
    const ordered = compare === undefined ? {} : { compare: requireFunction(compare, 'compare') }
    const spec: OperatorSpec = {
      kind: 'match', keyOf: this.#keyOf, pattern: made.spec, ...ordered, ...keptEvolution(options),
    }
    return new FluentMatches(this.#draft, this.#draft.add({ name, spec, inputs: this.#edges }))
  }

  reduce(
    name: string, init: () => unknown, step: (value: unknown, record: unknown) => unknown, options?: EvolutionOptions,
  ): FluentNamed {
    return this.#rolling(name, reducer(init, step, undefined), (key, value) => ({ key, value }), undefined, options)
  }

  count(name: string): FluentNamed {
    return this.#rolling(name, count(), (key, value) => ({ key, value }))
  }

  sum(name: string, fn: Fn<number>, options?: SumOptions): FluentNamed {
    return this.#rolling(name, sum(requireFunction(fn, 'sum'), options), (key, value) => ({ key, value }))
  }

  aggregate(name: string, aggregates: Named, options?: EvolutionOptions): FluentNamed {
    const { aggregate, fill, row } = combine(aggregates)
    return this.#rolling(name, aggregate, (key, accumulator) => fill({ key }, accumulator), row, options)
  }

  intervalJoin(name: string, right: FluentKeyed, ...how: After<typeof intervalJoinSpec>): FluentNamed {
    return this.#joined('intervalJoin', name, right, (keysOf) => intervalJoinSpec(name, keysOf, ...how))
  }

  join(name: string, right: FluentKeyed, ...how: After<typeof joinSpec>): FluentNamed {
    return this.#joined('join', name, right, (keysOf) => joinSpec(name, keysOf, ...how))
  }

  coGroup(name: string, right: FluentKeyed, ...how: After<typeof coGroupSpec>): FluentNamed {
    return this.#joined('coGroup', name, right, (keysOf) => coGroupSpec(name, keysOf, ...how))
  }

  temporalJoin(name: string, versions: FluentKeyed, ...how: After<typeof temporalJoinSpec>): FluentNamed {
    return this.#joined('temporalJoin', name, versions, (keysOf) => temporalJoinSpec(name, keysOf, ...how))
  }

  #joined(
    call: string, name: string, right: FluentKeyed, specOf: (keysOf: JoinKeys) => JoinSpec,
  ): FluentNamed {
    if (!(right instanceof FluentKeyed) || right.#draft !== this.#draft) {
      throw E150_NOTHING_TO_JOIN_WITH({ name, call, foreign: right instanceof FluentKeyed })
    }
    const spec = specOf([this.#keyOf, right.#keyOf])
    const inputs = [this.#edges, right.#edges]
      .flatMap((edges, input) => edges.map((edge) => ({ ...edge, input })))
    const index = this.#draft.add({ name, spec, inputs })
    if (spec.kind === 'keyed-join') return new FluentNamed(this.#draft, index)
    return new FluentJoined(this.#draft, index, spec.kind === 'window-join' ? spec.sides : [])
  }

  #rolling(
    name: string, aggregate: AggregateSpec, result: Result, row = valueRow(aggregate), options?: EvolutionOptions,
  ): FluentNamed {
    const spec: OperatorSpec = {
      kind: 'rolling', keyOf: this.#keyOf, aggregate, result,
      ...keptEvolution(options),
      ...(row === undefined ? {} : { row: { ...row, keyed: true } }),
    }
    return new FluentNamed(this.#draft, this.#draft.add({ name, spec, inputs: this.#edges }))
  }
}

interface WindowInit {
  readonly name: string
  readonly windows: Windows
  readonly options: WindowOptions<never>
  readonly keyOf?: KeySelector
}

export class FluentWindowed implements Record<keyof WindowedStream<unknown, unknown>, unknown> {
  readonly #draft: GraphDraft
  readonly #edges: readonly LogicalEdge[]
  readonly #init: WindowInit
  readonly #latenessMs: number

  constructor(draft: GraphDraft, edges: readonly LogicalEdge[], init: WindowInit) {
    if (typeof init.windows?.spec?.kind !== 'string') throw notA('window', 'window', init.windows)
    this.#draft = draft
    this.#edges = edges
    this.#init = init
    this.#latenessMs = durationMs(init.options.lateness ?? 0, `lateness of the window "${init.name}"`)
    draft.windowOpened(this, init.name)
  }

  count(): FluentWindowResult {
    return this.#value(count())
  }

  sum(fn: Fn<number>, options?: SumOptions): FluentWindowResult {
    return this.#value(sum(requireFunction(fn, 'sum'), options))
  }

  min(fn: Fn<number>): FluentWindowResult {
    return this.#value(min(requireFunction(fn, 'min')))
  }

  max(fn: Fn<number>): FluentWindowResult {
    return this.#value(max(requireFunction(fn, 'max')))
  }

  reduce(
    init: () => unknown,
    step: (value: unknown, record: unknown) => unknown,
    merge?: (a: unknown, b: unknown) => unknown,
  ): FluentWindowResult {
    return this.#value(reducer(init, step, merge))
  }

  aggregate(aggregates: Named): FluentWindowResult {
    const { aggregate, fill, row } = combine(aggregates)
    return this.#aggregate(aggregate, fill, row)
  }

  process(fn: Parameters<typeof windowFunction>[0], options: Options = {}): FluentWindowResult {
    const keyed = this.#init.keyOf !== undefined
    const compute = windowFunction(requireFunction(fn, 'process'), keyed)
    const state = stateSpecs(options.state)
    return this.#add({ kind: 'elements', fn: compute, state }, checkSides(options.side))
  }

  #value(aggregate: AggregateSpec): FluentWindowResult {
    return this.#aggregate(aggregate, (row, value) => {
      row['value'] = value
      return row
    }, valueRow(aggregate))
  }

  #aggregate(
    aggregate: AggregateSpec, fill: (row: Row, value: unknown) => Row, row: Fields | undefined,
  ): FluentWindowResult {
    const keyed = this.#init.keyOf !== undefined
    const dates = lastDates()
    return this.#add({
      kind: 'aggregate',
      aggregate,
      result: (key: unknown, window, value) => {
        const { start, end } = dates(window)
        return fill(keyed ? { key, start, end } : { start, end }, value)
      },
      ...(row === undefined ? {} : { row: { ...row, keyed, dates } }),
    }, [])
  }

  #add(compute: WindowOperatorSpec['compute'], sides: readonly OutputTag[]): FluentWindowResult {
    const { name, windows, options, keyOf } = this.#init
    const trigger = triggerOf(name, windows, options)
    const evictor = options.evictor?.spec ?? windows.evictor
    this.#draft.windowComputes(this)
    const spec: OperatorSpec = {
      kind: 'window',
      ...(keyOf === undefined ? {} : { keyOf }),
      assigner: windows.spec,
      ...(trigger === undefined ? {} : { trigger }),
      ...(evictor === undefined ? {} : { evictor }),
      latenessMs: this.#latenessMs,
      ...keptEvolution(options),
      compute,
      sides,
    }
    const parallelism = keyOf === undefined ? { parallelism: 1 } : {}
    const index = this.#draft.add({ name, spec, inputs: this.#edges, ...parallelism })
    return new FluentWindowResult(this.#draft, index, sides)
  }
}

/** The guarantee is in the types alone; see streams.ts. */
export type AnyStream = Stream<unknown, Guarantee>

export function streamOf(draft: GraphDraft, from: number, output: OutputTag): FluentStream {
  return new FluentStream(draft, [{ from, output, ship: FORWARD }])
}

function reducer(
  init: () => unknown,
  step: (value: unknown, record: unknown) => unknown,
  merge: ((a: unknown, b: unknown) => unknown) | undefined,
): AggregateSpec {
  return {
    create: requireFunction(init, 'reduce'),
    add: requireFunction(step, 'reduce'),
    result: (value: unknown) => value,
    ...(merge === undefined ? {} : { merge }),
  }
}

function foreignStream(): Error {
  return E008_IMPOSSIBLE_OPTION({
    what: 'union() got a stream of another job', given: undefined,
    why: 'Streams of one job cannot flow into another one.',
    fix: 'unite only streams made in the same call of the build function',
  })
}

export function notA(what: string, call: string, given: unknown): Error {
  return E008_IMPOSSIBLE_OPTION({
    what: `${call}() got no ${what}`, given,
    why: `It needs a ${what} object.`, fix: `pass what one of the ${what} functions returns`,
  })
}
