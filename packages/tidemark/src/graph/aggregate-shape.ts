/**
 * What an accumulator is made of, as data that a snapshot can carry: which aggregates, under which names.
 *
 * `api` says it of the aggregates it makes, state/evolution compares what was stored with what the job has now. An
 * aggregate written by hand has no shape: its accumulator is its own affair, and that is all a snapshot says of it.
 *
 *   AS-1  Parts of the same name and the same steps hold the same numbers, wherever they lie in the accumulator.
 *   AS-2  Parts that a user sees (`partsOf`) are numbers, arrays of numbers, or what a fold keeps; `ofParts` of them gives
 *         the same accumulator.
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

/** What a snapshot says: parts, or `form` of an aggregate that has none. */
export type StoredShape = AggregateShape | { readonly own: string }

type Shaped = Readonly<{ shape?: AggregateShape; form?: string }>

const KEYWORD = 'x-aggregates'

export const cellPart = (name: string, steps: readonly AggregateStep[], cells: number): AggregatePart =>
  ({ name, what: steps.map(({ kind }) => kind).join('+'), cells })

export const foldPart = (name: string): AggregatePart => ({ name, what: 'fold', cells: 0 })

/** For the description of a state, as a keyword that no JSON Schema has. */
export const shapeSchema = (aggregate: Shaped): object => ({ [KEYWORD]: shapeOf(aggregate) })

export const shapeOf = ({ shape, form = '' }: Shaped): StoredShape => shape ?? { own: form }

/** The reverse; undefined where nothing is said, as in snapshots of before there was this keyword. */
export function shapeIn(jsonSchema: unknown): StoredShape | undefined {
  if (typeof jsonSchema !== 'object' || jsonSchema === null || !(KEYWORD in jsonSchema)) return undefined
  return jsonSchema[KEYWORD] as StoredShape
}

export const hasParts = (shape: StoredShape): shape is AggregateShape => Array.isArray(shape)

export const sameShape = (a: StoredShape, b: StoredShape): boolean => JSON.stringify(a) === JSON.stringify(b)

/** In words, for errors and lists. */
export function describeShape(shape: StoredShape): string {
  if (hasParts(shape)) return `of ${shape.map(({ name, what }) => `${name} (${what})`).join(', ')}`
  return shape.own === '' ? 'of a function of the job' : `of the form ${shape.own}`
}

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

/** What each part holds, by name: a number, numbers, or what a fold keeps. */
export function partsOf(shape: AggregateShape, accumulator: unknown): Record<string, unknown> {
  const { mixed, at } = placesOf(shape)
  const whole = accumulator as readonly unknown[]
  assert(Array.isArray(whole), 'an accumulator that has a shape is an array')
  const cells = (mixed ? whole[0] : whole) as readonly number[]
  return Object.fromEntries(shape.map(({ name, cells: count }, i) => {
    const place = at[i] as number
    if (count === 0) return [name, whole[place]]
    return [name, count === 1 ? cells[place] : cells.slice(place, place + count)]
  }))
}

/** Puts parts into a new accumulator; those that are not given stay as they are there. Throws what is wrong, as a clause. */
export function ofParts(shape: AggregateShape, parts: unknown, fresh: unknown): unknown {
  if (typeof parts !== 'object' || parts === null || Array.isArray(parts)) {
    throw new Error('the upgrade of aggregates gives an object with what each of them holds, by name')
  }
  const { mixed, at } = placesOf(shape)
  const whole = fresh as unknown[]
  const cells = (mixed ? whole[0] : whole) as number[]
  for (const [name, given] of Object.entries(parts)) {
    const i = shape.findIndex((part) => part.name === name)
    const part = shape[i]
    if (part === undefined) throw new Error(`there is no aggregate "${name}"`)
    const place = at[i] as number
    if (part.cells === 0) {
      whole[place] = given
      continue
    }
    const numbers: unknown[] = part.cells === 1 ? [given] : Array.isArray(given) ? given : []
    if (numbers.length !== part.cells || numbers.some((each) => typeof each !== 'number')) {
      throw new Error(`"${name}" (${part.what}) holds ${part.cells === 1 ? 'a number' : `${part.cells} numbers`}`)
    }
    numbers.forEach((each, cell) => { cells[place + cell] = each as number })
  }
  return whole
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
