/**
 * Rolling aggregate: for every record the aggregate of its key so far.
 *
 * Called by create.ts. Owns one accumulator per key; the result carries the record's timestamp. Snapshots are
 * incremental (state/incremental.ts): an accumulator is told to the log before it changes.
 * Source: Flink StreamGroupedReduceOperator, generalised to aggregates.
 */
import type { Key } from '../graph/key.ts'
import { shapeSchema } from '../graph/aggregate-shape.ts'
import { ROLLING_STATE, rollingState } from '../graph/kept-states.ts'
import { MAIN, type RollingSpec } from '../graph/operator-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { ChangeLog, type Slot } from '../state/change-log.ts'
import { migrationOf } from '../state/evolution/migrate.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
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
  const cells = new Map<Key, Cell>()
  const state = rollingState(spec)
  const stored = context.restored?.keyedStates.find(({ name }) => name === ROLLING_STATE)
  const migrate = stored === undefined
    ? undefined
    : migrationOf(stored, { operator, name: ROLLING_STATE, spec: state })
  for (const { key, value } of context.restored?.keyed(ROLLING_STATE) ?? []) {
    cells.set(key, { touched: 0, accumulator: migrate === undefined ? value : migrate(key, value) })
  }
  const log = new ChangeLog<Cell>()
  const newCell = (given: unknown): Cell => {
    const key = checkKey(given, operator)
    const cell = { touched: 0, accumulator: aggregate.create() as unknown }
    cells.set(key, cell)
    log.created(key, cell)
    return cell
  }
  const touch = (key: unknown, cell: Cell): void => log.touch(checkKey(key, operator), cell)
  const table: TrackedTable = {
    log,
    get count() {
      return cells.size
    },
    builder: (extent) => new KeyedSnapshotBuilder({
      name: ROLLING_STATE, kind: state.kind, version: state.version, jsonSchema: shapeSchema(aggregate), extent, maxParallelism: context.maxParallelism,
    }),
    slots: () => cells.entries(),
    write(builder, key, cell) {
      builder.put(key, undefined, (cell as Cell).accumulator)
      return true
    },
    drop: (key) => void cells.delete(key),
  }
  const increments = new IncrementalSnapshots([table])
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
    look: () => ({ keyed: everythingIn([table]), lists: [] }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}
