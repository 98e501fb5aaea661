/** Operator descriptions that several tests use. */
import type { WindowSpec } from '../../src/graph/operator-spec.ts'
import type { AggregateSpec } from '../../src/graph/state-spec.ts'
import type { Window } from '../../src/graph/window-spec.ts'

export type Row = readonly [key: string, value: number]

/** Changes its accumulator in place, as the built-in ones do. */
export const countAndSum: AggregateSpec<Row, { count: number; sum: number }, readonly number[]> = {
  create: () => ({ count: 0, sum: 0 }),
  add(accumulator, row) {
    accumulator.count += 1
    accumulator.sum += row[1]
    return accumulator
  },
  result: ({ count, sum }) => [count, sum],
  merge: (a, b) => ({ count: a.count + b.count, sum: a.sum + b.sum }),
}

/** The same, declared exact, which it is for whole numbers: sliding windows of it share panes. */
export const exactCountAndSum: typeof countAndSum = {
  ...countAndSum,
  exact: true,
  merge(a, b) {
    a.count += b.count
    a.sum += b.sum
    return a
  },
}

export const keyOfRow = (row: Row): string => row[0]

export function aggregateWindow(
  assigner: WindowSpec['assigner'], more: Partial<WindowSpec> = {},
): WindowSpec {
  return {
    kind: 'window', keyOf: keyOfRow, assigner, latenessMs: 0, sides: [],
    compute: {
      kind: 'aggregate', aggregate: countAndSum,
      result: (key: string, window: Window, value: readonly number[]) => [key, window.start, window.end, ...value],
    },
    ...more,
  }
}

/** A window of `exactCountAndSum`. */
export function exactWindow(assigner: WindowSpec['assigner'], more: Partial<WindowSpec> = {}): WindowSpec {
  const window = aggregateWindow(assigner, more)
  if (window.compute.kind !== 'aggregate') throw new Error('an aggregate window aggregates')
  return { ...window, compute: { ...window.compute, aggregate: exactCountAndSum } }
}

export const tumbling = (sizeMs: number, offsetMs = 0): WindowSpec['assigner'] =>
  ({ kind: 'tumbling', time: 'event', sizeMs, offsetMs })
export const sliding = (sizeMs: number, slideMs: number, offsetMs = 0): WindowSpec['assigner'] =>
  ({ kind: 'sliding', time: 'event', sizeMs, slideMs, offsetMs })
export const session = (gap: number): WindowSpec['assigner'] =>
  ({ kind: 'session', time: 'event', gapMs: () => gap })
