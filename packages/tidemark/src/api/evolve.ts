/**
 * Upgrades of stored values written as steps: `evolve({ 2: [evolve.add('currency', 'EUR')], 3: … })`.
 *
 * What most changes of a schema come to: a field is added with a default, removed, renamed, or widened. Each version
 * has its steps, and a value of any older version goes through all that follow it. A function of your own is a
 * step, too. Called while a checkpoint is loaded (state/evolution).
 *
 *   EO-1  The steps of a version make a value of it out of one of the version before. None is left out (E008).
 *   EO-2  A step changes nothing of what it is given; it gives a new value.
 *
 * Source: the evolution rules of Avro records (default, alias, promotion), as functions.
 */
import { assertNever } from '../base/assert.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'

/** From one version of a value to the next. */
export type EvolutionStep = (value: any) => unknown

/**
 * An `upgrade` for the options of a state. Its result is what the steps make: the compiler takes your word, the schema
 * of the state, if there is one, does not.
 */
export interface Evolution {
  (from: number, value: unknown): never
  /** The version that the last step leads to. */
  readonly to: number
}

export type WidenTo = 'number' | 'bigint' | 'string' | 'list'

export interface Evolve {
  /** `steps`: by the version that they lead to, from 2 or a later one on without a gap. Throws E008. */
  (steps: Readonly<Record<number, EvolutionStep | readonly EvolutionStep[]>>): Evolution
  /** A field that was not there; `value` may be a function of the rest. One that is there already stays. */
  readonly add: (field: string, value: unknown) => EvolutionStep
  /** A field that is there no more. */
  readonly remove: (field: string) => EvolutionStep
  /** A field under another name. An optional one that a value lacks is lacking still. */
  readonly rename: (field: string, to: string) => EvolutionStep
  /** A field of a wider type, without a loss: whole numbers as bigints, plain ones as strings, one as a list of one. */
  readonly widen: (field: string, to: WidenTo) => EvolutionStep
  /** Steps on a part of the value. */
  readonly within: (field: string, ...steps: readonly EvolutionStep[]) => EvolutionStep
}

const MARK = Symbol.for('tidemark.Evolution')

function fromSteps(steps: Readonly<Record<number, EvolutionStep | readonly EvolutionStep[]>>): Evolution {
  const versions = Object.keys(steps).map(Number).toSorted((a, b) => a - b)
  const [first] = versions
  versions.forEach((version, i) => {
    if (Number.isSafeInteger(version) && version >= 2 && version === (first as number) + i) return
    throw impossible('The versions in evolve are no sequence', versions.join(', '),
      'name the version that each step leads to: { 2: [evolve.add(…)], 3: [evolve.rename(…)] }')
  })
  if (first === undefined) throw impossible('evolve got no step', steps, 'name one: { 2: [evolve.add(…)] }')
  const all = versions.map((version) => [steps[version] as EvolutionStep | readonly EvolutionStep[]].flat())
  for (const step of all.flat()) {
    if (typeof step !== 'function') throw impossible('A step of evolve is no function', step, 'use evolve.add, evolve.remove, evolve.rename …')
  }
  const upgrade = (from: number, value: unknown): unknown => {
    if (from < first - 1) throw new Error(`the oldest version that evolve knows is ${first - 1}`)
    let present = value
    for (const step of all.slice(from - first + 1).flat()) present = step(present)
    return present
  }
  return Object.assign(upgrade as (from: number, value: unknown) => never, { to: first + all.length - 1, [MARK]: true })
}

/** By mark, not by identity: a job file may see another copy of this module. */
export const isEvolution = (upgrade: unknown): upgrade is Evolution => typeof upgrade === 'function' && MARK in upgrade

function add(field: string, value: unknown): EvolutionStep {
  return fieldStep((record) =>
    has(record, field) ? record : { ...record, [field]: typeof value === 'function' ? (value as (rest: Fields) => unknown)(record) : value })
}

function remove(field: string): EvolutionStep {
  return fieldStep((record) => Object.fromEntries(Object.entries(record).filter(([name]) => name !== field)))
}

function rename(field: string, to: string): EvolutionStep {
  return fieldStep((record) => {
    if (!Object.hasOwn(record, field)) return record
    if (Object.hasOwn(record, to)) throw new Error(`there is a field "${to}" already`)
    return Object.fromEntries(Object.entries(record).map(([name, value]) => [name === field ? to : name, value]))
  })
}

function widen(field: string, to: WidenTo): EvolutionStep {
  return fieldStep((record) => {
    const value = has(record, field) ? record[field] : undefined
    return value === undefined || value === null ? record : { ...record, [field]: widened(field, value, to) }
  })
}

function within(field: string, ...steps: readonly EvolutionStep[]): EvolutionStep {
  return fieldStep((record) => {
    if (!has(record, field)) return record
    let part: unknown = record[field]
    for (const step of steps) part = step(part)
    return { ...record, [field]: part }
  })
}

export const evolve: Evolve = Object.freeze(Object.assign(fromSteps, { add, remove, rename, widen, within }))

type Fields = Readonly<Record<string, unknown>>

const has = (record: Fields, field: string): boolean => Object.hasOwn(record, field) && record[field] !== undefined

function fieldStep(change: (record: Fields) => Fields): EvolutionStep {
  return (value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`a value with fields is needed, this is ${value === null ? 'null' : `a ${typeof value}`}`)
    }
    return change(value as Fields)
  }
}

function widened(field: string, value: unknown, to: WidenTo): unknown {
  switch (to) {
    case 'list':
      return Array.isArray(value) ? value : [value]
    case 'string':
      if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return String(value)
      break
    case 'bigint':
      if (typeof value === 'bigint') return value
      if (Number.isSafeInteger(value)) return BigInt(value as number)
      break
    case 'number':
      if (typeof value === 'number') return value
      if (typeof value === 'boolean') return Number(value)
      break
    default:
      return assertNever(to, 'type to widen to')
  }
  throw new Error(`"${field}" is ${typeof value} ${String(value)}, which is no ${to} without a loss`)
}

function impossible(what: string, given: unknown, fix: string): Error {
  return E008_IMPOSSIBLE_OPTION({
    what, given, why: 'A stored value goes from its version to the present one through every step between.', fix,
  })
}
