/**
 * Aggregates ahead of a shuffle: rewrites a graph so that parts of windows travel instead of records.
 *
 * Called by chaining.ts for the edges that cross subtasks. Behind each producer of such a window goes an
 * operator that adds records up per key and window (operator/pre-aggregate.ts); the window then merges what
 * comes. It has no state of its own, so that a snapshot does not tell whether it was there.
 *
 *   PA-1  Only where adding up in any order gives the same bits (AG-2), for windows of event time with the
 *         default trigger and no evictor. A float sum or a function over all elements is left as it is.
 *   PA-2  Only where no source upstream may become idle: a channel that comes back from idleness is behind the
 *         merged watermark, and what it held back meanwhile would be late.
 *   PA-3  A record whose window is closed for its own edge travels as it is: lateness is decided, and the late
 *         record is put out, behind the shuffle.
 *
 * Source: DESIGN §5.2; Flink SQL's local-global aggregation and window TVF slices (FLIP-145).
 */
import type { Key } from './key.ts'
import type { LogicalEdge, LogicalGraph, LogicalOperator } from './logical-graph.ts'
import type { PreAggregateSpec, WindowSpec } from './operator-spec.ts'
import type { AggregateSpec } from './state-spec.ts'

/**
 * What travels: of a window (or pane) and key what was added up, or one record. An accumulator that is a few
 * numbers travels as fields of their own, which the codec of the rings takes for columns.
 */
export type Partial =
  | { readonly key: Key; readonly accumulator: unknown; readonly raw?: undefined }
  | { readonly key: Key; readonly raw: { readonly record: unknown } }
  | { readonly key: Key; readonly accumulator?: undefined; readonly raw?: undefined; readonly [cell: `c${number}`]: number }

const MOST_CELLS = 16

/** How the accumulators of an aggregate travel. Both ends make the same of it. */
export class PartialForm {
  readonly #cells: readonly `c${number}`[]

  constructor(aggregate: AggregateSpec) {
    const empty: unknown = aggregate.create()
    const flat = Array.isArray(empty) && empty.length > 0 && empty.length <= MOST_CELLS && empty.every(isNumber)
    this.#cells = flat ? empty.map((_, i) => `c${i}` as const) : []
  }

  pack(key: Key, accumulator: unknown): Partial {
    const cells = this.#cells
    if (cells.length === 0 || !Array.isArray(accumulator) || accumulator.length !== cells.length || !accumulator.every(isNumber)) {
      return { key, accumulator }
    }
    const part: { key: Key; [cell: `c${number}`]: number } = { key }
    for (let i = 0; i < cells.length; i++) part[cells[i] as `c${number}`] = accumulator[i] as number
    return part
  }

  unpack(part: Exclude<Partial, { readonly raw: object }>): unknown {
    if (this.#cells.length === 0 || 'accumulator' in part) return part.accumulator
    return this.#cells.map((cell) => (part as { readonly [cell: `c${number}`]: number })[cell])
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number'

/** PA-1. */
export function mayAggregateAhead({ assigner, trigger, evictor, compute }: WindowSpec): boolean {
  const aligned = assigner.kind === 'tumbling' || assigner.kind === 'calendar' ||
    // A pane belongs to whole windows only if windows begin and end where panes do.
    (assigner.kind === 'sliding' && assigner.sizeMs % assigner.slideMs === 0)
  return aligned && assigner.time === 'event' && (trigger === undefined || trigger.kind === 'event-time') &&
    evictor === undefined && compute.kind === 'aggregate' && compute.aggregate.exact === true &&
    compute.aggregate.merge !== undefined
}

/** `crosses`: whether records change subtask (or thread) on an edge. */
export function aggregateAhead(
  graph: LogicalGraph, crosses: (edge: LogicalEdge, to: LogicalOperator) => boolean,
): LogicalGraph {
  const operators: LogicalOperator[] = []
  const placed: number[] = []
  const mayIdle = idleBelow(graph)
  const names = new Set(graph.operators.map(({ name }) => name))
  for (const operator of graph.operators) {
    const { spec } = operator
    const moved = operator.inputs.map((edge) => ({ ...edge, from: placed[edge.from] as number }))
    if (
      spec.kind !== 'window' || !mayAggregateAhead(spec) || mayIdle.has(operator.index) ||
      !operator.inputs.every((edge) => crosses(edge, operator))
    ) {
      placed.push(operators.push({ ...operator, index: operators.length, inputs: moved }) - 1)
      continue
    }
    const inputs = moved.map((edge): LogicalEdge => {
      const ahead: LogicalOperator = {
        index: operators.length, name: freeName(`${operator.name}.ahead`, names), named: false, was: [],
        spec: { kind: 'pre-aggregate', of: operator.name, ofFormer: operator.was, window: spec } satisfies PreAggregateSpec,
        inputs: [{ from: edge.from, output: edge.output, ship: { kind: 'forward' } }],
        ...fixedParallelism(operators[edge.from]),
      }
      operators.push(ahead)
      const ship = edge.ship.kind === 'hash' ? { kind: 'hash', keyOf: keyOfPartial } as const : edge.ship
      return { ...edge, from: ahead.index, output: 'main', ship }
    })
    placed.push(operators.push({ ...operator, index: operators.length, inputs, spec: mergingWindow(spec) }) - 1)
  }
  return { ...graph, operators }
}

/** Operators that a source with an idleness timeout feeds, however far up. */
function idleBelow({ operators }: LogicalGraph): ReadonlySet<number> {
  const found = new Set<number>()
  for (const { index, spec, inputs } of operators) {
    const own = spec.kind === 'source' && spec.idleAfterMs !== undefined
    if (own || inputs.some(({ from }) => found.has(from))) found.add(index)
  }
  return found
}

const keyOfPartial = (part: Partial): Key => part.key

const fixedParallelism = (producer: LogicalOperator | undefined): { parallelism?: number } =>
  producer?.parallelism === undefined ? {} : { parallelism: producer.parallelism }

function freeName(wanted: string, names: Set<string>): string {
  let name = wanted
  for (let n = 2; names.has(name); n++) name = `${wanted}-${n}`
  names.add(name)
  return name
}

/** The window over parts; state, results and timers are those of the window over records. */
function mergingWindow(spec: WindowSpec): WindowSpec {
  if (spec.compute.kind !== 'aggregate') return spec
  const { create, add, result, merge, exact, unmerge, shape, form: ownForm } = spec.compute.aggregate
  const form = new PartialForm(spec.compute.aggregate)
  const aggregate: AggregateSpec = {
    create, result,
    add: (accumulator, part: Partial) =>
      part.raw === undefined ? merge?.(accumulator, form.unpack(part)) : add(accumulator, part.raw.record),
    ...(merge === undefined ? {} : { merge }),
    ...(exact === undefined ? {} : { exact }),
    ...(unmerge === undefined ? {} : { unmerge }),
    ...(shape === undefined ? {} : { shape }),
    ...(ownForm === undefined ? {} : { form: ownForm }),
  }
  return {
    ...spec, compute: { ...spec.compute, aggregate },
    ...(spec.keyOf === undefined ? {} : { keyOf: keyOfPartial }),
    recordOf: (part: Partial) => part.raw?.record,
  }
}
