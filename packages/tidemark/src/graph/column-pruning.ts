/**
 * Columns instead of records over a keyed edge: rewrites a graph so that only what is read behind it travels.
 *
 * Called by chaining.ts for the edges that cross subtasks. Behind each producer of such an operator goes one that reads
 * what the aggregates would read (operator/prune-columns.ts) and sends these values with the key. Nothing is guessed
 * from the source text of a function: the functions themselves run in front of the edge, where the whole record is,
 * and behind it nobody has a function that takes the record. ADR 7.
 *
 *   CP-1  Only where every function over the record is the key or the reading of an aggregate made of steps
 *         (AC-1), and nothing else is given the record: no trigger or gap that looks at it, no evictor, nobody behind
 *         the late output.
 *   CP-2  What a column holds is what the function gives, a number; where it throws or gives anything else the
 *         record travels whole, so that it fails behind the edge, or is late there, as without pruning.
 *   CP-3  The state behind the edge is the same with and without.
 *   CP-4  Columns are named after the aggregate that reads them, so that one that is in flight in a checkpoint is
 *         found again or missed (E211), never taken for another.
 *
 * Source: DESIGN §5.2; projection push-down of columnar stores.
 */
import { assert } from '../base/assert.ts'
import type { AggregateStep } from './aggregate-code.ts'
import type { Key } from './key.ts'
import type { LogicalEdge, LogicalGraph, LogicalOperator } from './logical-graph.ts'
import { LATE, type KeySelector, type OperatorSpec, type PruneColumnsSpec, type RollingSpec, type WindowSpec } from './operator-spec.ts'
import type { AggregateSpec } from './state-spec.ts'
import type { TriggerSpec } from './window-spec.ts'

/** What travels: the columns of a record beside its key, or the record. No column is called `raw` or `key` (CP-4). */
export type Pruned =
  | { readonly key: Key; readonly raw?: undefined; readonly [column: string]: unknown }
  | { readonly key: Key; readonly raw: { readonly record: unknown } }

type Reading = Exclude<AggregateStep, { readonly kind: 'count' | 'fold' }>

export interface Column {
  /** Contains `_`. */
  readonly name: string
  readonly read: (record: any) => unknown
}

/** An operator that reads columns only. */
export type Prunable = (RollingSpec | WindowSpec) & { readonly keyOf: KeySelector }

/** What is read of a record behind the edge; undefined if that is not known (CP-1, without the late output). */
export function columnsOf(spec: OperatorSpec): readonly Column[] | undefined {
  return isPrunable(spec) ? readingsOf(aggregateOf(spec))?.map(({ column, step }) => ({ name: column, read: step.read })) : undefined
}

export function isPrunable(spec: OperatorSpec): spec is Prunable {
  if (spec.kind === 'rolling') return readingsOf(spec.aggregate) !== undefined
  if (spec.kind !== 'window' || spec.keyOf === undefined || spec.evictor !== undefined) return false
  const { assigner, trigger, compute, recordOf } = spec
  return (assigner.kind !== 'session' || assigner.fixedGapMs !== undefined) && (trigger === undefined || !looksAtRecords(trigger)) &&
    recordOf === undefined && compute.kind === 'aggregate' && readingsOf(compute.aggregate) !== undefined
}

function looksAtRecords(trigger: TriggerSpec): boolean {
  if (trigger.kind === 'purging') return looksAtRecords(trigger.inner)
  return trigger.kind === 'custom' || trigger.kind === 'delta'
}

function aggregateOf(spec: Prunable): AggregateSpec {
  if (spec.kind === 'rolling') return spec.aggregate
  assert(spec.compute.kind === 'aggregate', 'a window that is pruned aggregates')
  return spec.compute.aggregate
}

/** Steps that read, with the names of their columns: each part of the shape has one at most. */
function readingsOf({ code, shape }: AggregateSpec): readonly { readonly column: string; readonly step: Reading }[] | undefined {
  if (code?.cells !== 'accumulator' || shape === undefined) return undefined
  const found: { column: string; step: Reading }[] = []
  let first = 0
  for (const { name, what, cells } of shape) {
    for (const step of code.steps) {
      if (step.kind === 'fold') return undefined
      if (step.kind === 'count' || step.at < first || step.at >= first + cells) continue
      found.push({ column: `${name}_${what.replaceAll('+', '_')}`, step })
    }
    first += cells
  }
  return new Set(found.map(({ column }) => column)).size === found.length ? found : undefined
}

/** `crosses`: whether records change subtask (or thread) on an edge. */
export function pruneColumns(
  graph: LogicalGraph, crosses: (edge: LogicalEdge, to: LogicalOperator) => boolean,
): LogicalGraph {
  const operators: LogicalOperator[] = []
  const placed: number[] = []
  const names = new Set(graph.operators.map(({ name }) => name))
  for (const operator of graph.operators) {
    const { spec } = operator
    const moved = operator.inputs.map((edge) => ({ ...edge, from: placed[edge.from] as number }))
    const name = prunedName(operator.name)
    if (
      !isPrunable(spec) || lateIsRead(graph, operator) || names.has(name) ||
      !operator.inputs.every((edge) => edge.ship.kind === 'hash' && crosses(edge, operator))
    ) {
      placed.push(operators.push({ ...operator, index: operators.length, inputs: moved }) - 1)
      continue
    }
    const inputs = moved.map((edge, i): LogicalEdge => {
      const parallelism = operators[edge.from]?.parallelism
      const reader: LogicalOperator = {
        // Of a union each stream has one; their names differ, what is in flight from any of them is the same.
        index: operators.length, name: i === 0 ? name : `${name}-${i + 1}`, named: false, was: operator.was.map(prunedName),
        spec: { kind: 'prune-columns', of: operator.name, consumer: spec } satisfies PruneColumnsSpec,
        inputs: [{ from: edge.from, output: edge.output, ship: { kind: 'forward' } }],
        ...(parallelism === undefined ? {} : { parallelism }),
      }
      operators.push(reader)
      return { ...edge, from: reader.index, output: 'main', ship: { kind: 'hash', keyOf: keyOfPruned } }
    })
    placed.push(operators.push({ ...operator, index: operators.length, inputs, spec: overColumns(spec) }) - 1)
  }
  return { ...graph, operators }
}

/** True if something gets the records that come too late for the operator. */
export const lateIsRead = ({ operators }: LogicalGraph, { index }: LogicalOperator): boolean =>
  operators.some(({ inputs }) => inputs.some(({ from, output }) => from === index && output === LATE))

/** Name of the operator that reads columns for the one called `name`. */
export const prunedName = (name: string): string => `${name}.columns`

export const keyOfPruned = (pruned: Pruned): Key => pruned.key

/** The record, in an array of its own; undefined for columns. */
const wholeOf = (pruned: Pruned): readonly [unknown] | undefined =>
  (pruned.raw === undefined ? undefined : [(pruned.raw as { readonly record: unknown }).record])

/** The same operator over what travels. */
function overColumns(spec: Prunable): OperatorSpec {
  const aggregate = aggregateOver(aggregateOf(spec), wholeOf)
  if (spec.kind === 'rolling') return { ...spec, keyOf: keyOfPruned, aggregate }
  return {
    ...spec, keyOf: keyOfPruned, compute: { ...spec.compute, aggregate } as WindowSpec['compute'],
    recordOf: (pruned: Pruned) => wholeOf(pruned)?.[0],
  }
}

/**
 * The operator over records, among which is what was in flight when the job ran with pruning. `isPruned` says which.
 */
export function alsoOverColumns(spec: Prunable, isPruned: (value: unknown) => value is Pruned): OperatorSpec {
  const keyOf = (value: unknown): unknown => (isPruned(value) ? value.key : spec.keyOf(value))
  const plain = aggregateOver(aggregateOf(spec), (value: unknown) => (isPruned(value) ? wholeOf(value) : [value]))
  const { code, ...aggregate } = plain
  assert(code !== undefined, 'an aggregate that is pruned has steps')
  // Without the steps: they would look for columns in every record.
  const late = { recordOf: (value: unknown) => (isPruned(value) ? wholeOf(value)?.[0] : value) }
  if (spec.kind === 'rolling') return { ...spec, keyOf: keyOf as KeySelector, aggregate }
  return { ...spec, ...late, keyOf: keyOf as KeySelector, compute: { ...spec.compute, aggregate } as WindowSpec['compute'] }
}

/** `recordIn` is `wholeOf` for the values that come. */
function aggregateOver(
  { retract: _none, ...aggregate }: AggregateSpec, recordIn: (value: any) => readonly [unknown] | undefined,
): AggregateSpec {
  const { code } = aggregate
  const readings = readingsOf(aggregate)
  assert(code !== undefined && readings !== undefined, 'an aggregate that is pruned has steps')
  const columns = new Map(readings.map(({ column, step }) => [step, column]))
  const steps = code.steps.map((step): AggregateStep => {
    const column = columns.get(step as Reading)
    if (column === undefined || step.kind === 'count' || step.kind === 'fold') return step
    const { read } = step
    const readOf = (value: any): unknown => {
      const whole = recordIn(value)
      return whole === undefined ? value[column] : read(whole[0])
    }
    return { ...step, read: readOf, column: { name: column, read } }
  })
  return {
    ...aggregate, code: { ...code, steps },
    add(accumulator: number[], value: any) {
      const whole = recordIn(value)
      if (whole !== undefined) return aggregate.add(accumulator, whole[0])
      for (const step of steps) addStep(accumulator, step, value)
      return accumulator
    },
  }
}

/** One step of `add` (AC-1). */
function addStep(cells: number[], step: AggregateStep, value: unknown): void {
  assert(step.kind !== 'fold', 'no fold reads columns')
  const before = cells[step.at] as number
  if (step.kind === 'count') {
    cells[step.at] = before + 1
    return
  }
  const given = step.read(value)
  if (typeof given !== 'number') throw step.refuse(given)
  if (step.kind !== 'sum') {
    cells[step.at] = Math[step.kind](before, given)
    return
  }
  if (step.integers && !Number.isSafeInteger(given)) throw step.refuse(given)
  const total = before + given
  if (step.integers && !Number.isSafeInteger(total)) throw step.refuse(total)
  cells[step.at] = total
}
