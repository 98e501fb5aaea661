/**
 * Rolling aggregate: for every record the aggregate of its key so far.
 *
 * Called by create.ts. Owns one accumulator per key; the result carries the record's timestamp. Snapshots are
 * incremental (state/incremental.ts): an accumulator is told to the log before it changes.
 * Source: Flink StreamGroupedReduceOperator, generalised to aggregates.
 */
import { shapeSchema } from '../graph/aggregate-shape.ts'
import { ROLLING_STATE, rollingState } from '../graph/kept-states.ts'
import { MAIN, type RollingSpec } from '../graph/operator-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { HeapCells, type CellForm, type CellTable } from '../state/cell-table.ts'
import type { Slot } from '../state/change-log.ts'
import { migrationOf } from '../state/evolution/migrate.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import { PagedCells } from '../state/paged/paged-cells.ts'
import { tableNameOf } from '../state/paged/paged-store.ts'
import { everythingIn, type TrackedTable } from '../state/slices.ts'
import { userError } from './errors.ts'
import { addCode, rowCode } from './aggregate-code.ts'
import { guarded, handedOn, type Inline } from './inline.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { freezing } from './user-code.ts'

interface Cell extends Slot {
  accumulator: unknown
}

export function createRolling(spec: RollingSpec, context: OperatorContext): Operator {
  const { output, operator } = context
  const { keyOf, aggregate, result } = spec
  const next = freezing(output.collector(MAIN), context)
  const state = rollingState(spec)
  const form: CellForm<Cell> = {
    stored: ({ accumulator }) => accumulator,
    slotOf: (accumulator) => ({ touched: 0, accumulator }),
  }
  const { pagedStore: store } = context
  const paged = store === undefined ? undefined : new PagedCells({ store, operator, state: ROLLING_STATE, form })
  const table: CellTable<Cell> = paged ?? new HeapCells(form)
  const stored = context.restored?.keyedStates.find(({ name }) => name === ROLLING_STATE)
  const migrate = stored === undefined
    ? undefined
    : migrationOf(stored, { operator, name: ROLLING_STATE, spec: state })
  const landed = context.restored?.landed?.(ROLLING_STATE) === true
  if (stored !== undefined && paged?.begin(landed, migrate === undefined) !== true) {
    for (const { key, value } of context.restored?.keyed(ROLLING_STATE) ?? []) {
      table.load(key, { touched: 0, accumulator: migrate === undefined ? value : migrate(key, value) })
    }
    if (landed) store?.table(tableNameOf(ROLLING_STATE)).clear()
  }
  const { log } = table
  // A store asks for the bytes of a key, so it has to be one; a Map has nothing under what is none.
  const cells: Pick<CellTable<Cell>, 'get'> = paged === undefined ? table : { get: (key) => paged.get(checkKey(key, operator)) }
  const newCell = (given: unknown): Cell => {
    const key = checkKey(given, operator)
    const cell = { touched: 0, accumulator: aggregate.create() as unknown }
    table.add(key, cell)
    return cell
  }
  const touch = (key: unknown, cell: Cell): void => log.touch(checkKey(key, operator), cell)
  const tracked: TrackedTable = {
    log,
    get count() {
      return table.size
    },
    builder: (extent) => new KeyedSnapshotBuilder({
      name: ROLLING_STATE, kind: state.kind, version: state.version, jsonSchema: shapeSchema(aggregate), extent, maxParallelism: context.maxParallelism,
    }),
    slots: (as) => table.slots(as),
    write: (builder, key, cell, asks) => table.write(builder, key, cell, asks),
    drop: (key) => table.drop(key),
  }
  const increments = new IncrementalSnapshots([tracked])
  const inline: Inline = (code, value, time) => {
    const [key, cell, accumulator, out] = [code.local(), code.local(), code.local(), code.local()]
    const add = addCode(aggregate, code, accumulator, value, (after) => `${cell}.accumulator = ${after}`)
    const held = `${cell}.accumulator`
    const row = rowCode(spec.row, code, { key, accumulator: held })
    const given = row?.row ?? `${code.bind(result)}(${key}, ${code.bind(aggregate.result)}(${held}))`
    return `let ${out}; ${guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
      let ${cell} = ${code.bind(cells)}.get(${key})
      if (${cell} === undefined) ${cell} = ${code.bind(newCell)}(${key})
      else if (${cell}.touched !== ${code.bind(log)}.epoch) ${code.bind(touch)}(${key}, ${cell})
      const ${accumulator} = ${held}
      ${add}
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
        const cell = cells.get(key) ?? newCell(key)
        if (cell.touched !== log.epoch) touch(key, cell)
        cell.accumulator = aggregate.add(cell.accumulator, value)
        out = result(key, aggregate.result(cell.accumulator))
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
