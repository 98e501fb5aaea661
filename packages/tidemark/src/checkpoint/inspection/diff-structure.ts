/** What the manifests of two checkpoints say differently about operators, states and parallelism. */
import type { Manifest } from '../manifest.ts'
import { statesIn, type StateName } from './open.ts'

export interface StructureChange {
  readonly what:
    'job' | 'max parallelism' | 'operator' | 'parallelism' | 'kind of operator' | 'state' | 'kind of state'
  readonly operator?: string
  readonly state?: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly before?: string | number
  readonly after?: string | number
}

interface OperatorFacts {
  readonly kind: string
  readonly parallelism: number
}

/** By operator, of the first and then what only the second has. */
export function structureChanges(
  a: Manifest, b: Manifest, only: { readonly operator?: string; readonly state?: string },
): readonly StructureChange[] {
  const changes: StructureChange[] = [
    ...changed({ what: 'job' }, a.job, b.job),
    ...changed({ what: 'max parallelism' }, a.maxParallelism, b.maxParallelism),
  ]
  const [before, after] = [operatorsOf(a), operatorsOf(b)]
  for (const operator of new Set([...before.keys(), ...after.keys()])) {
    if (only.operator !== undefined && operator !== only.operator) continue
    const [old, fresh] = [before.get(operator), after.get(operator)]
    if (old === undefined) changes.push({ what: 'operator', operator, change: 'added' })
    else if (fresh === undefined) changes.push({ what: 'operator', operator, change: 'removed' })
    else {
      changes.push(...changed({ what: 'kind of operator', operator }, old.kind, fresh.kind))
      changes.push(...changed({ what: 'parallelism', operator }, old.parallelism, fresh.parallelism))
      changes.push(...stateChanges(operator, statesIn(a, operator), statesIn(b, operator), only.state))
    }
  }
  return changes
}

function changed(
  about: Pick<StructureChange, 'what' | 'operator' | 'state'>, before: string | number, after: string | number,
): StructureChange[] {
  return before === after ? [] : [{ ...about, change: 'changed', before, after }]
}

function stateChanges(
  operator: string, before: readonly StateName[], after: readonly StateName[], only: string | undefined,
): StructureChange[] {
  const changes: StructureChange[] = []
  for (const name of new Set([...before, ...after].map((state) => state.name))) {
    if (only !== undefined && name !== only) continue
    const kinds = (states: readonly StateName[]): string =>
      states.filter((state) => state.name === name).map((state) => state.kind).toSorted().join(', ')
    const [old, fresh] = [kinds(before), kinds(after)]
    if (old === '') changes.push({ what: 'state', operator, state: name, change: 'added', after: fresh })
    else if (fresh === '') changes.push({ what: 'state', operator, state: name, change: 'removed', before: old })
    else changes.push(...changed({ what: 'kind of state', operator, state: name }, old, fresh))
  }
  return changes
}

/** Every operator of the graph, and those that are known only by their state. */
function operatorsOf(manifest: Manifest): ReadonlyMap<string, OperatorFacts> {
  const operators = new Map<string, OperatorFacts>()
  for (const { parallelism, operators: chained } of manifest.vertices) {
    for (const { name, kind } of chained) operators.set(name, { kind, parallelism })
  }
  for (const { operator } of manifest.segments) {
    if (!operators.has(operator)) operators.set(operator, { kind: '', parallelism: manifest.parallelism })
  }
  return operators
}
