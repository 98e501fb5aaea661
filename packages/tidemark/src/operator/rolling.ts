/**
 * Rolling aggregate: for every record the aggregate of its key so far.
 *
 * Called by create.ts. Owns one accumulator per key; the result carries the record's timestamp.
 * Source: Flink StreamGroupedReduceOperator, generalised to aggregates.
 */
import type { Key } from '../graph/key.ts'
import { MAIN, type RollingSpec } from '../graph/operator-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import { userError } from './errors.ts'
import { addCode, rowCode } from './aggregate-code.ts'
import { guarded, handedOn, type Inline } from './inline.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { freezing } from './user-code.ts'

const STATE = 'rolling'

export function createRolling(spec: RollingSpec, context: OperatorContext): Operator {
  const { output, operator } = context
  const { keyOf, aggregate, result } = spec
  const next = freezing(output.collector(MAIN), context)
  const cells = new Map<Key, { accumulator: unknown }>()
  for (const entry of context.restored?.keyed(STATE) ?? []) cells.set(entry.key, { accumulator: entry.value })
  const newCell = (given: unknown): { accumulator: unknown } => {
    const cell = { accumulator: aggregate.create() as unknown }
    cells.set(checkKey(given, operator), cell)
    return cell
  }
  const inline: Inline = (code, value, time) => {
    const [key, cell, accumulator, out] = [code.local(), code.local(), code.local(), code.local()]
    const add = addCode(aggregate, code, accumulator, value, (after) => `${cell}.accumulator = ${after}`)
    const held = `${cell}.accumulator`
    const row = rowCode(spec.row, code, { key, accumulator: held })
    const given = row?.row ?? `${code.bind(result)}(${key}, ${code.bind(aggregate.result)}(${held}))`
    return `let ${out}; ${guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
      let ${cell} = ${code.bind(cells)}.get(${key})
      if (${cell} === undefined) ${cell} = ${code.bind(newCell)}(${key})
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
        cell.accumulator = aggregate.add(cell.accumulator, value)
        out = result(key, aggregate.result(cell.accumulator))
      } catch (thrown) {
        throw userError(thrown, operator, 'rolling aggregate')
      }
      next(out, timestamp)
    },
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot() {
      const builder = new KeyedSnapshotBuilder({
        name: STATE, kind: 'aggregating', version: 1, maxParallelism: context.maxParallelism,
      })
      for (const [key, cell] of cells) builder.put(key, undefined, cell.accumulator)
      return { keyed: [builder.build()], lists: [] }
    },
  }
}
