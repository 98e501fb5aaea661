/**
 * Rolling aggregate: for every record the aggregate of its key so far.
 *
 * Called by create.ts. Owns one accumulator per key (rolling-table.ts); the result carries the record's timestamp.
 * Snapshots are incremental (state/incremental.ts): an accumulator is told to the log before it changes.
 * Source: Flink StreamGroupedReduceOperator, generalised to aggregates.
 */
import { describeShape, shapeOf, shapeSchema } from '../graph/aggregate-shape.ts'
import { ROLLING_STATE, rollingState } from '../graph/kept-states.ts'
import { MAIN, type RollingSpec } from '../graph/operator-spec.ts'
import { E193_AGGREGATE_CHANGED } from '../state/errors.ts'
import { migrationOf } from '../state/evolution/migrate.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import { PagedCells } from '../state/paged/paged-cells.ts'
import { tableNameOf } from '../state/paged/paged-store.ts'
import { everythingIn } from '../state/slices.ts'
import { rowCode } from './aggregate-code.ts'
import { userError } from './errors.ts'
import { guarded, handedOn, type Inline } from './inline.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { cellForm, tableOfCells, tableOfNumbers } from './rolling-table.ts'
import { freezing } from './user-code.ts'

export function createRolling(spec: RollingSpec, context: OperatorContext): Operator {
  const { output, operator } = context
  const { keyOf, aggregate, result } = spec
  const next = freezing(output.collector(MAIN), context)
  const state = rollingState(spec)
  const { pagedStore: store } = context
  const paged = store === undefined ? undefined : new PagedCells({ store, operator, state: ROLLING_STATE, form: cellForm })
  const table = (paged === undefined ? tableOfNumbers(aggregate, operator) : undefined) ?? tableOfCells(aggregate, operator, paged)
  const stored = context.restored?.keyedStates.find(({ name }) => name === ROLLING_STATE)
  const migrate = stored === undefined
    ? undefined
    : migrationOf(stored, { operator, name: ROLLING_STATE, spec: state })
  const landed = context.restored?.landed?.(ROLLING_STATE) === true
  if (stored !== undefined && paged?.begin(landed, migrate === undefined) !== true) {
    for (const { key, value } of context.restored?.keyed(ROLLING_STATE) ?? []) {
      if (table.load(key, migrate === undefined ? value : migrate(key, value))) continue
      const now = describeShape(shapeOf(aggregate))
      throw E193_AGGREGATE_CHANGED({ operator, state: ROLLING_STATE, stored: 'of another form', now }, { place: { operator } })
    }
    if (landed) store?.table(tableNameOf(ROLLING_STATE)).clear()
  }
  const tracked = table.tracked((extent) => new KeyedSnapshotBuilder({
    name: ROLLING_STATE, kind: state.kind, version: state.version, jsonSchema: shapeSchema(aggregate), extent, maxParallelism: context.maxParallelism,
  }))
  const increments = new IncrementalSnapshots([tracked])
  const inline: Inline = (code, value, time) => {
    const [key, out] = [code.local(), code.local()]
    const { statements, accumulator, held } = table.code(code, key, value)
    const row = rowCode(spec.row, code, { key, accumulator: held })
    const given = row?.row ?? `${code.bind(result)}(${key}, ${code.bind(aggregate.result)}(${accumulator}))`
    return `let ${out}; ${guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
      ${statements}
      ${row?.before ?? ''}
      ${out} = ${handedOn(code, given, context.freeze)}`, operator, 'rolling aggregate')}
    ${code.next(MAIN, out, time)}`
  }
  return {
    inline,
    collect(value, timestamp) {
      let out: unknown
      try {
        const key = keyOf(value)
        const accumulator = table.add(key, value)
        out = result(key, aggregate.result(accumulator))
      } catch (thrown) {
        throw userError(thrown, operator, 'rolling aggregate')
      }
      next(out, timestamp)
    },
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({ keyed: [], lists: [], slices: increments.cut(checkpoint) }),
    look: () => ({ keyed: everythingIn([tracked]), lists: [] }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}
