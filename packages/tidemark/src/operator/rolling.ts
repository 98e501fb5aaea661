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
import type { Operator, OperatorContext } from './operator.ts'
import { freezing } from './user-code.ts'

const STATE = 'rolling'

export function createRolling(spec: RollingSpec, context: OperatorContext): Operator {
  const { output, operator } = context
  const { keyOf, aggregate, result } = spec
  const next = freezing(output.collector(MAIN), context)
  const cells = new Map<Key, { accumulator: unknown }>()
  for (const entry of context.restored?.keyed(STATE) ?? []) cells.set(entry.key, { accumulator: entry.value })
  return {
    collect(value, timestamp) {
      let out: unknown
      try {
        const key = keyOf(value)
        let cell = cells.get(key)
        if (cell === undefined) {
          cell = { accumulator: aggregate.create() }
          cells.set(checkKey(key, operator), cell)
        }
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
