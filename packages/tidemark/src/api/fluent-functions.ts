/**
 * The methods of functions.ts: what fluent streams and fluent keyed streams inherit.
 *
 * The classes of fluent.ts extend these two and say what they are made of and how results are made, so
 * that neither file imports the other.
 */
import type { LogicalEdge, Ship } from '../graph/logical-graph.ts'
import type { KeySelector, OperatorSpec, OutputTag, RollingSpec } from '../graph/operator-spec.ts'
import { max, min } from './aggregates.ts'
import { asyncSpec, type AsyncFunction, type AsyncOptions } from './async.ts'
import { FluentBroadcast, FluentBroadcastConnected, type BroadcastDeclarations } from './broadcast.ts'
import { latestBySpec, normalizeSpec, type KeyingSpec, type LatestOptions } from './changelog.ts'
import { FluentGroups } from './changelog-groups.ts'
import { requireFunction } from './checks.ts'
import { cannotConnect, FluentConnected, FluentConnectedStreams, type Half } from './connect.ts'
import { dedupeSpec, type DedupeOptions } from './dedupe.ts'
import type { GraphDraft } from './graph-draft.ts'
import { extremeBy, larger, smaller, type Sortable } from './sorting.ts'
import { topNSpec, type TopOptions } from './top-n.ts'

/** What a stream is made of. */
export interface Origin extends Half {
  readonly draft: GraphDraft
}

/** The main output of a named operator, with its side outputs. */
type Made<N> = (index: number, sides: readonly OutputTag[]) => N

abstract class Functions<N> {
  abstract get origin(): Origin
  abstract madeOf(index: number, sides: readonly OutputTag[]): N

  protected get made(): Made<N> {
    return (index, sides) => this.madeOf(index, sides)
  }

  protected add(name: string, spec: OperatorSpec, edges: readonly LogicalEdge[] = this.origin.edges): number {
    return this.origin.draft.add({ name, spec, inputs: edges })
  }

  /** The other side if it is a stream of this job and of this kind. */
  protected sideOf(other: unknown, wanted: string): Origin | FluentBroadcast {
    const { draft } = this.origin
    const streams = other instanceof Functions && ('keyOf' in other.origin) === ('keyOf' in this.origin)
    const side = other instanceof FluentBroadcast ? other : streams ? (other.origin as Origin) : undefined
    if (side?.draft === draft) return side
    throw cannotConnect(other, wanted, side !== undefined)
  }
}

export abstract class StreamFluentFunctions<N> extends Functions<N> {
  abstract map(fn: (value: unknown) => unknown): StreamFluentFunctions<N>
  abstract flatMap(fn: (value: unknown) => Iterable<unknown>): StreamFluentFunctions<N>
  abstract union(other: StreamFluentFunctions<N>): StreamFluentFunctions<N>
  abstract asyncOf(index: number): N

  connect(other: unknown): object {
    const side = this.sideOf(other, 'stream')
    if (side instanceof FluentBroadcast) return new FluentBroadcastConnected(this.origin, side, this.made)
    const streams = [this, other as StreamFluentFunctions<N>] as const
    return new FluentConnectedStreams(this.origin.draft, streams, [this.origin, side], this.made)
  }

  broadcast(states: BroadcastDeclarations): FluentBroadcast {
    return new FluentBroadcast(this.origin.draft, this.origin.edges, states)
  }

  mapAsync(name: string, fn: AsyncFunction<unknown, unknown>, options?: AsyncOptions<unknown, unknown>): N {
    return this.asyncOf(this.add(name, asyncSpec(name, fn, options)))
  }

  latestBy(name: string, keyOf: KeySelector, options?: LatestOptions<unknown>): N {
    return this.#keyed(name, latestBySpec(keyOf, options))
  }

  asChangelog(): this {
    return this
  }

  normalize(name: string, keyOf: KeySelector): N {
    return this.#keyed(name, normalizeSpec(name, keyOf))
  }

  /** Typed for changelogs alone. */
  groupBy(keyOf: KeySelector): FluentGroups<N> {
    return new FluentGroups(this.origin.draft, this.origin.edges, keyOf, this.made)
  }

  #keyed(name: string, spec: KeyingSpec): N {
    const ship: Ship = { kind: 'hash', keyOf: spec.keyOf }
    return this.madeOf(this.add(name, spec, this.origin.edges.map((edge) => ({ ...edge, ship }))), [])
  }
}

export abstract class KeyedFluentFunctions<N> extends Functions<N> {
  abstract override get origin(): Origin & { readonly keyOf: KeySelector }

  connect(other: unknown): object {
    const side = this.sideOf(other, 'keyed stream')
    if (side instanceof FluentBroadcast) return new FluentBroadcastConnected(this.origin, side, this.made)
    return new FluentConnected(this.origin.draft, this.origin, side, this.made)
  }

  dedupe(name: string, options?: DedupeOptions<unknown>): N {
    return this.madeOf(this.add(name, dedupeSpec(name, this.origin.keyOf, options)), [])
  }

  topN(name: string, n: number, options: TopOptions<unknown>): N {
    return this.madeOf(this.add(name, topNSpec(name, this.origin.keyOf, n, options, false)), [])
  }

  min(name: string, fn: (value: unknown) => number): N {
    return this.#rolling(name, min(requireFunction(fn, 'min')))
  }

  max(name: string, fn: (value: unknown) => number): N {
    return this.#rolling(name, max(requireFunction(fn, 'max')))
  }

  minBy(name: string, fn: (value: unknown) => Sortable): N {
    return this.#rolling(name, extremeBy(requireFunction(fn, 'minBy'), 'minBy', smaller))
  }

  maxBy(name: string, fn: (value: unknown) => Sortable): N {
    return this.#rolling(name, extremeBy(requireFunction(fn, 'maxBy'), 'maxBy', larger))
  }

  #rolling(name: string, aggregate: RollingSpec['aggregate']): N {
    const { keyOf } = this.origin
    const result: RollingSpec['result'] = (key, value) => ({ key, value })
    return this.madeOf(this.add(name, { kind: 'rolling', keyOf, aggregate, result }), [])
  }
}
