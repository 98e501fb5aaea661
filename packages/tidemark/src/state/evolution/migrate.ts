/**
 * What becomes of a stored state under the declaration that a job has now, and the values themselves.
 *
 * Called by the keyed backend and the rolling aggregate when they load a checkpoint, and by `tidemark check`,
 * which asks the same questions without running the job.
 *
 *   EV-1  Every value of a state is brought to the declared version while the checkpoint is loaded, before the first
 *         record. So the first snapshot afterwards, which holds everything, is of one version, and so is every chain of
 *         segments: there is no second version to remember beside a value, and what cannot be upgraded is known at
 *         the start, not on some day when its key comes by.
 *   EV-2  An older version needs an upgrade (E139), another kind `fromKind` (E032), a newer version is refused (E138).
 *   EV-3  What comes out has passed the schema and can be stored; it is never undefined and never a promise (E168). A
 *         value of the present version is put through the schema only if the schema's description has changed.
 *         Of named aggregates those that both versions have are carried over, and new ones begin empty; an upgrade is
 *         asked for what each of them holds, by name. Between those and an aggregate of the job's own there is no way
 *         without one (E193).
 *   EV-4  A value keeps the time of its last write. What `fromKind` makes has the latest of those it was made of.
 *   EV-5  Nothing is written here. If one value fails, none of the job has begun.
 *
 * Source: Flink row C12 (heap backend: migrated while the snapshot is read); own design of upgrades.
 */
import { assert } from '../../base/assert.ts'
import { describeThrown, isStreamError, type StreamError } from '../../base/errors.ts'
import { carryOver, describeShape, hasParts, lostParts, ofParts, partsOf, sameShape, shapeIn, shapeOf,
  type AggregateShape } from '../../graph/aggregate-shape.ts'
import type { Key } from '../../graph/key.ts'
import type { AggregatingStateSpec, StateKind, StateSpec, UpgradeContext } from '../../graph/state-spec.ts'
import { checkKey } from '../../record/key-codec.ts'
import { jsonSchemaOf, validateSync } from '../../record/schema.ts'
import { findUnstorable } from '../../record/value-check.ts'
import { E032_STATE_CHANGED, E138_NEWER_STATE, E139_NO_UPGRADE, E168_UPGRADE_FAILED,
  E193_AGGREGATE_CHANGED } from '../errors.ts'
import { isUserState, type StoredDescription } from '../snapshot.ts'

export interface DeclaredState {
  /** For errors. */
  readonly operator: string
  readonly name: string
  readonly spec: StateSpec
}

/** The upgrade, the schema that has changed, `fromKind`, or the names and kinds of aggregates. */
export type MigratedBy = 'upgrade' | 'schema' | 'kind' | 'aggregates'

export type StateChange =
  | { readonly kind: 'none' }
  /** `lost`: names of aggregates that the job does not have any more. */
  | { readonly kind: 'migrated'; readonly by: MigratedBy; readonly lost?: readonly string[] }
  | { readonly kind: 'refused'; readonly error: StreamError }

/** What of one key is stored, to be given to `put` of its cells; undefined: nothing is left of it. */
export type Migration = (key: Key, stored: unknown) => unknown

/** EV-2. */
export function changeOf(stored: StoredDescription, { operator, name, spec }: DeclaredState): StateChange {
  const place = { place: { operator } }
  const versions = { operator, state: name, from: stored.version, to: spec.version }
  if (stored.kind !== spec.kind) {
    if (spec.fromKind !== undefined && isUserState(stored.kind)) return { kind: 'migrated', by: 'kind' }
    const error = E032_STATE_CHANGED({ state: name, stored: stored.kind, declared: spec.kind }, place)
    return { kind: 'refused', error }
  }
  if (stored.version > spec.version) return { kind: 'refused', error: E138_NEWER_STATE(versions, place) }
  if (stored.version < spec.version) {
    if (spec.upgrade !== undefined) return { kind: 'migrated', by: 'upgrade' }
    return { kind: 'refused', error: E139_NO_UPGRADE(versions, place) }
  }
  if (spec.kind !== 'aggregating') return sameSchema(stored, spec) ? { kind: 'none' } : { kind: 'migrated', by: 'schema' }
  const [before, after] = [shapeIn(stored.jsonSchema), shapeOf(spec.aggregate)]
  if (before === undefined || sameShape(before, after)) return { kind: 'none' }
  if (hasParts(before) && hasParts(after)) return { kind: 'migrated', by: 'aggregates', lost: lostParts(before, after) }
  const details = { operator, state: name, stored: describeShape(before), now: describeShape(after) }
  return { kind: 'refused', error: E193_AGGREGATE_CHANGED(details, place) }
}

/** The stored one that a declaration goes on from: under its name, else under a former one. */
export function storedFor<S extends { readonly name: string }>(
  stored: readonly S[], name: string, { was = [] }: { readonly was?: readonly string[] },
): S | undefined {
  for (const one of [name, ...was]) {
    const found = stored.find((state) => state.name === one)
    if (found !== undefined) return found
  }
  return undefined
}

/** Undefined: entries are taken as they are. Throws what refuses the state. */
export function migrationOf(stored: StoredDescription, declared: DeclaredState): Migration | undefined {
  const change = changeOf(stored, declared)
  if (change.kind === 'none') return undefined
  if (change.kind === 'refused') throw change.error
  return change.by === 'kind' ? anotherKind(stored, declared) : valueByValue(stored, declared, change.by)
}

function sameSchema({ jsonSchema }: StoredDescription, spec: StateSpec): boolean {
  const now = jsonSchemaOf(spec.schema)
  return now === undefined || JSON.stringify(now) === JSON.stringify(jsonSchema)
}

function valueByValue(stored: StoredDescription, declared: DeclaredState, by: MigratedBy): Migration {
  const { spec } = declared
  const { upgrade } = spec
  const carry = by === 'aggregates' ? carriedBy(stored, spec) : undefined
  const told = spec.kind === 'aggregating' ? partsIn(stored) : undefined
  const renewed = (value: unknown, about: UpgradeContext): unknown => {
    if (carry !== undefined) return carry(value)
    const problem = failure(stored, declared, about)
    if (by !== 'upgrade') return admitted(value, spec, problem)
    const given = told === undefined ? value : partsOf(told, value)
    const made = called(() => upgrade?.(stored.version, given, about), problem)
    return spec.kind === 'aggregating' ? accumulatorOf(made, spec, problem) : admitted(made, spec, problem)
  }
  const one = (wrapped: unknown, about: UpgradeContext): unknown => {
    if (stored.stamped !== true) return renewed(wrapped, about)
    const [at, value] = wrapped as Stamped
    return [at, renewed(value, about)]
  }
  return (key, held) => {
    switch (stored.kind) {
      case 'list':
        return (held as unknown[]).map((item) => one(item, { key }))
      case 'map':
        return new Map([...(held as Map<Key, unknown>)].map(([mapKey, value]) => [mapKey, one(value, { key, mapKey })]))
      default:
        return one(held, { key })
    }
  }
}

function partsIn({ jsonSchema }: StoredDescription): AggregateShape | undefined {
  const shape = shapeIn(jsonSchema)
  return shape !== undefined && hasParts(shape) ? shape : undefined
}

function accumulatorOf(made: unknown, { aggregate: { shape, create } }: AggregatingStateSpec, problem: Problem): unknown {
  if (shape === undefined) return storable(made, problem)
  try {
    return storable(ofParts(shape, made, create()), problem)
  } catch (thrown) {
    throw isStreamError(thrown) ? thrown : problem((thrown as Error).message)
  }
}

function carriedBy(stored: StoredDescription, spec: StateSpec): (accumulator: unknown) => unknown {
  const before = partsIn(stored)
  assert(spec.kind === 'aggregating' && before !== undefined && spec.aggregate.shape !== undefined, 'both shapes are known')
  const { create, shape } = spec.aggregate
  const carry = carryOver(before, shape)
  return (accumulator) => carry(accumulator, create())
}

type Stamped = readonly [at: number, value: unknown]

function anotherKind(stored: StoredDescription, declared: DeclaredState): Migration {
  const { spec, name } = declared
  const former = { kind: stored.kind as StateKind, version: stored.version }
  return (key, held) => {
    const about = { key }
    const problem = failure(stored, declared, about)
    const { at, plain } = withoutStamps(former.kind, held, stored.stamped === true)
    const made = called(() => spec.fromKind?.(former, plain, about), problem)
    const wrap = (value: unknown): unknown => {
      const good = admitted(value, spec, problem)
      return at === undefined ? good : [at, good]
    }
    switch (spec.kind) {
      case 'list':
        if (!Array.isArray(made)) throw problem('fromKind gave no array, and this is list state now')
        return made.length === 0 ? undefined : made.map(wrap)
      case 'map': {
        if (!(made instanceof Map)) throw problem('fromKind gave no Map, and this is map state now')
        const entries = [...made].map(([mapKey, value]) => [checkKey(mapKey, name, 'A map key'), wrap(value)] as const)
        return entries.length === 0 ? undefined : new Map(entries)
      }
      default:
        return wrap(made)
    }
  }
}

/** EV-4. */
function withoutStamps(kind: StateKind, held: unknown, stamped: boolean): { at: number | undefined; plain: unknown } {
  if (!stamped) return { at: undefined, plain: held }
  const latest = (all: Iterable<Stamped>): number => {
    let at = Number.NEGATIVE_INFINITY
    for (const [written] of all) at = Math.max(at, written)
    return at
  }
  if (kind === 'list') {
    const items = held as readonly Stamped[]
    return { at: latest(items), plain: items.map(([, value]) => value) }
  }
  if (kind === 'map') {
    const entries = held as ReadonlyMap<Key, Stamped>
    return { at: latest(entries.values()), plain: new Map([...entries].map(([key, [, value]]) => [key, value])) }
  }
  const [at, plain] = held as Stamped
  return { at, plain }
}

type Problem = (what: string, cause?: unknown) => Error

function failure(stored: StoredDescription, { operator, name, spec }: DeclaredState, about: UpgradeContext): Problem {
  return (problem, cause) => {
    const key = [about.key, about.mapKey].filter((one) => one !== undefined).map(keyText).join(', map key ')
    const details = { operator, state: name, key, from: stored.version, to: spec.version, problem }
    return E168_UPGRADE_FAILED(details, { place: { operator }, ...(cause === undefined ? {} : { cause }) })
  }
}

const keyText = (key: Key): string =>
  typeof key === 'string' ? JSON.stringify(key) : typeof key === 'bigint' ? `${key}n` : String(key)

/** EV-3: of a function of the job. Undefined is nearly always a return that was forgotten. */
function called(fn: () => unknown, problem: Problem): unknown {
  let made: unknown
  try {
    made = fn()
  } catch (thrown) {
    throw problem(`the upgrade threw ${describeThrown(thrown)}`, thrown)
  }
  if (made === undefined) throw problem('the upgrade gave undefined')
  if (typeof (made as { then?: unknown } | null)?.then === 'function') throw problem('the upgrade gave a promise')
  return made
}

/** EV-3. */
function admitted(value: unknown, spec: StateSpec, problem: Problem): unknown {
  const schema = spec.kind === 'aggregating' ? undefined : spec.schema
  let good = value
  if (schema !== undefined) {
    const result = validateSync(schema, value, 'stored values')
    if (!result.ok) {
      throw problem(`it does not fit the schema${result.path === '' ? '' : ` at ${result.path}`}: ${result.issue}`)
    }
    good = result.value
  }
  return storable(good, problem)
}

function storable(value: unknown, problem: Problem): unknown {
  const bad = findUnstorable(value)
  if (bad === undefined) return value
  throw problem(`it cannot be stored: ${bad.path === '' ? 'it is' : `at ${bad.path} it holds`} ${bad.found}`)
}
