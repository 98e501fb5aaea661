/**
 * How the world of the checkpoint protocol keeps its sums: as a running aggregate of each key, or all in one map.
 *
 * Used by protocol-world.ts. In the map each change moves an entry behind the others, and most entries rest, so that
 * increments remove and set a few entries of a map.
 */
import type { KeySelector, OperatorSpec } from '../../graph/operator-spec.ts'
import type { MapState } from '../../state/handles.ts'
import type { Counted } from './counting-source.ts'
import type { Cut } from './cut.ts'

export interface Sum { readonly n: number; readonly sum: number }

export interface Sums {
  readonly keyOf: KeySelector
  readonly spec: OperatorSpec
  /** By key; a text says what is wrong. */
  in(cut: Cut, operator: string): Map<number, Sum> | string
}

type Add = (sum: Sum, record: Counted) => Sum

const NOTHING: Sum = { n: 0, sum: 0 }
/** Every other sum of a key is under the key and this. */
const AWAY = 1000
/** What comes into the map first, and stays as it is: under -1 and below. */
const RESTING = 24
const RESTING_PLACES = Array.from({ length: RESTING }, (_, i) => -1 - i).join()

export function rollingSums(add: Add): Sums {
  const keyOf = ({ key }: Counted): number => key
  const aggregate = { create: () => NOTHING, add, result: (sum: Sum): Sum => sum }
  return {
    keyOf,
    spec: { kind: 'rolling', keyOf, aggregate, result: (key, value) => ({ key, n: (value as Sum).n }) },
    in: (cut, operator) => cut.keyed(operator, 'rolling') as Map<number, Sum>,
  }
}

export function sumsInOneMap(add: Add): Sums {
  const keyOf = (): string => 'all'
  return {
    keyOf,
    spec: {
      kind: 'process', keyOf, sides: [], state: { sums: { kind: 'map', version: 1 } },
      onRecord(record, { state }) {
        const sums = state['sums'] as MapState<number, Sum>
        const { key } = record as Counted
        if (sums.size === 0) for (let i = 1; i <= RESTING; i++) sums.set(-i, NOTHING)
        const [from, to] = sums.has(key) ? [key, key + AWAY] : [key + AWAY, key]
        const sum = add(sums.get(from) ?? NOTHING, record as Counted)
        sums.delete(from)
        sums.set(to, sum)
        return [{ key, n: sum.n }]
      },
    },
    in(cut, operator) {
      const sums = new Map<number, Sum>()
      const held = [...(cut.keyed(operator, 'sums').get('all') ?? []) as Map<number, Sum>]
      const resting = held.splice(0, RESTING)
      if (resting.length > 0 && resting.map(([place]) => place).join() !== RESTING_PLACES) return 'what rests has moved'
      for (const [place, sum] of held) {
        const key = place % AWAY
        if (sums.has(key)) return `key ${key} has two sums`
        sums.set(key, sum)
      }
      return sums
    },
  }
}
