/**
 * Evictors: which elements a window forgets, before or after its function sees them.
 *
 * Called by the general window operator with the elements in order of arrival; returns those that stay.
 * Source: Flink CountEvictor, TimeEvictor, DeltaEvictor.
 */
import { NO_TIMESTAMP } from '../base/time.ts'
import type { EvictorSpec } from '../graph/window-spec.ts'

export interface Element {
  readonly value: unknown
  readonly timestamp: number
}

export function evict(spec: EvictorSpec, elements: readonly Element[]): readonly Element[] {
  const first = elements[0]
  const last = elements.at(-1)
  if (first === undefined || last === undefined) return elements
  switch (spec.kind) {
    case 'count':
      return elements.length <= spec.count ? elements : elements.slice(elements.length - spec.count)
    case 'time': {
      // Elements without a time cannot be too old.
      if (first.timestamp === NO_TIMESTAMP) return elements
      let newest = first.timestamp
      for (const { timestamp } of elements) if (timestamp > newest) newest = timestamp
      const cutOff = newest - spec.ms
      return elements.filter(({ timestamp }) => timestamp > cutOff)
    }
    case 'delta':
      return elements.filter(({ value }) => !(spec.delta(value, last.value) >= spec.threshold))
  }
}
