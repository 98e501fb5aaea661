/**
 * What an accumulator is made of, as data that a snapshot can carry: which aggregates, under which names.
 *
 * `api` says it of the aggregates it makes, state/evolution compares what was stored with what the job has now. An
 * aggregate written by hand has no shape: its accumulator is its own affair.
 *
 *   AS-1  Parts of the same name and the same steps hold the same numbers, wherever they lie in the accumulator.
 */
import { assert } from '../base/assert.ts'
import type { AggregateStep } from './aggregate-code.ts'

export interface AggregatePart {
  /** As in the job; `value` of an aggregate that stands alone. */
  readonly name: string
  /** Its steps, e.g. `sum+count`; `fold` for an aggregate that keeps an accumulator of its own. */
  readonly what: string
  /** Cells in the array of numbers; 0 for a fold, which has an element of its own behind that array. */
  readonly cells: number
}

export type AggregateShape = readonly AggregatePart[]

const KEYWORD = 'x-aggregates'

export const cellPart = (name: string, steps: readonly AggregateStep[], cells: number): AggregatePart =>
  ({ name, what: steps.map(({ kind }) => kind).join('+'), cells })

export const foldPart = (name: string): AggregatePart => ({ name, what: 'fold', cells: 0 })

/** For the description of a state, as a keyword that no JSON Schema has. */
export const shapeSchema = ({ shape }: { readonly shape?: AggregateShape }): unknown =>
  shape === undefined ? undefined : { [KEYWORD]: shape }

/** The reverse; undefined where nothing is said. */
export function shapeIn(jsonSchema: unknown): AggregateShape | undefined {
  if (typeof jsonSchema !== 'object' || jsonSchema === null || !(KEYWORD in jsonSchema)) return undefined
  return jsonSchema[KEYWORD] as AggregateShape
}

export const sameShape = (a: AggregateShape, b: AggregateShape): boolean => JSON.stringify(a) === JSON.stringify(b)

const same = (a: AggregatePart) => (b: AggregatePart): boolean => a.name === b.name && a.what === b.what && a.cells === b.cells

/** Names of what `to` does not have, or has as something else. */
export const lostParts = (from: AggregateShape, to: AggregateShape): readonly string[] =>
  from.filter((part) => !to.some(same(part))).map(({ name }) => name)

/** Makes accumulators of shape `to` out of one of shape `from` and a new one, which takes what both have. */
export function carryOver(from: AggregateShape, to: AggregateShape): (accumulator: unknown, fresh: unknown) => unknown {
  const [before, after] = [placesOf(from), placesOf(to)]
  const moves = to.flatMap((part, i) => {
    const found = from.findIndex(same(part))
    return found < 0 ? [] : [{ part, source: before.at[found] as number, target: after.at[i] as number }]
  })
  return (accumulator, fresh) => {
    const [old, made] = [accumulator as readonly unknown[], fresh as unknown[]]
    assert(Array.isArray(old) && Array.isArray(made), 'an accumulator that has a shape is an array')
    const oldCells = (before.mixed ? old[0] : old) as readonly number[]
    const cells = (after.mixed ? made[0] : made) as number[]
    for (const { part, source, target } of moves) {
      if (part.cells === 0) made[target] = old[source]
      else for (let i = 0; i < part.cells; i++) cells[target + i] = oldCells[source + i] as number
    }
    return made
  }
}

/** Cells one after another, and behind their array one element a fold. */
function placesOf(shape: AggregateShape): { readonly mixed: boolean; readonly at: readonly number[] } {
  let cell = 0
  let fold = 1
  const at = shape.map(({ cells }) => {
    if (cells === 0) return fold++
    cell += cells
    return cell - cells
  })
  return { mixed: shape.some(({ cells }) => cells === 0), at }
}
