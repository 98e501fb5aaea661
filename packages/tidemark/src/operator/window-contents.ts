/**
 * What a window holds and what it gives: an accumulator, or its elements.
 *
 * Used by the general window operator, which keeps one content value per key and state window.
 *
 *   WC-1  With an evictor the elements are kept even if the result is an aggregate: it is computed anew.
 *   WC-2  Elements stay in order of arrival; after a merge, those of the earlier session come first.
 */
import type { AggregateSpec } from '../graph/state-spec.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import { E066_PANE_CANNOT_MERGE } from './errors.ts'
import type { Element } from './evictor.ts'

export interface Contents {
  readonly keepsElements: boolean
  create(): unknown
  /** May change `content`; the result is to be kept. */
  add(content: unknown, value: unknown, timestamp: number): unknown
  merge(a: unknown, b: unknown): unknown
  encode(content: unknown): unknown
  decode(stored: unknown): unknown
}

export function createContents(spec: WindowSpec, operator: string): Contents {
  const { compute } = spec
  return compute.kind === 'aggregate' && spec.evictor === undefined
    ? accumulatorContents(compute.aggregate, operator, spec.assigner.kind === 'session')
    : elementContents()
}

function accumulatorContents(aggregate: AggregateSpec, operator: string, merges: boolean): Contents {
  const { merge } = aggregate
  if (merges && merge === undefined) {
    throw E066_PANE_CANNOT_MERGE({ operator, what: 'its aggregate has no merge function' }, { place: { operator } })
  }
  return {
    keepsElements: false,
    create: () => aggregate.create(),
    add: (content, value) => aggregate.add(content, value),
    merge: (a, b) => (merge as NonNullable<typeof merge>)(a, b),
    encode: (content) => content,
    decode: (stored) => stored,
  }
}

function elementContents(): Contents {
  return {
    keepsElements: true,
    create: () => [],
    add(content, value, timestamp) {
      const elements = content as Element[]
      elements.push({ value, timestamp })
      return elements
    },
    merge: (a, b) => [...(a as Element[]), ...(b as Element[])],
    encode: (content) => (content as Element[]).map(({ value, timestamp }) => [timestamp, value]),
    decode: (stored) => (stored as [number, unknown][]).map(([timestamp, value]) => ({ value, timestamp })),
  }
}

/** An aggregate over elements: what an evicting window with an aggregate gives. */
export function aggregateOf(aggregate: AggregateSpec, elements: readonly Element[]): unknown {
  let accumulator = aggregate.create()
  for (const { value } of elements) accumulator = aggregate.add(accumulator, value)
  return aggregate.result(accumulator)
}
