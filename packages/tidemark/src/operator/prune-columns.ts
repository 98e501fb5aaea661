/**
 * Reads of each record what is read of it behind a keyed edge, and sends that instead.
 *
 * Inserted by graph/column-pruning.ts, always at the end of a chain. Has no state, and changes neither order nor
 * timestamps.
 *
 *   PY-1  One value for each record: its key and one number a column, or its key and the record (CP-2).
 *   PY-2  All that are columns have one shape: the same fields in the same order, which the codec of the rings takes
 *         for columns.
 */
import { canGenerate, setField } from '../base/generated-code.ts'
import { columnsOf, type Pruned } from '../graph/column-pruning.ts'
import type { Key } from '../graph/key.ts'
import { MAIN, type PruneColumnsSpec } from '../graph/operator-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { userError } from './errors.ts'
import { guarded, type Inline } from './inline.ts'
import type { Operator, OperatorContext } from './operator.ts'

export function createPruneColumns({ of: operator, consumer }: PruneColumnsSpec, { output }: OperatorContext): Operator {
  const { keyOf } = consumer
  const columns = columnsOf(consumer) ?? []
  const next = output.collector(MAIN)
  const check = (given: unknown): Key => checkKey(given, operator)

  function prune(key: Key, record: unknown): Pruned {
    const pruned: Record<string, unknown> = { key }
    try {
      for (const { name, read } of columns) {
        const given = read(record)
        if (typeof given !== 'number') return { key, raw: { record } }
        setField(pruned, name, given)
      }
    } catch {
      // Whether it fails there, and with what, is decided behind the edge.
      return { key, raw: { record } }
    }
    return pruned as Pruned
  }

  const inline: Inline = (code, value, time) => {
    const [key, pruned] = [code.local(), code.local()]
    const before = `let ${key}; ${guarded(code, `${key} = ${code.bind(keyOf)}(${value})`, operator, 'keyBy')}
      ${key} = ${code.bind(check)}(${key})`
    if (!canGenerate(columns.map(({ name }) => name))) {
      return `${before}; const ${pruned} = ${code.bind(prune)}(${key}, ${value}); ${code.next(MAIN, pruned, time)}`
    }
    const given = columns.map(() => code.local())
    const reads = columns.map(({ read }, i) => `${given[i]} = ${code.bind(read)}(${value})`)
    const fields = columns.map(({ name }, i) => `${JSON.stringify(name)}: ${given[i]}`)
    const all = given.map((name) => `typeof ${name} === 'number'`)
    return `${before}
      ${given.map((name) => `let ${name};`).join(' ')}
      ${reads.length === 0 ? '' : `try { ${reads.join('; ')} } catch { ${given[0]} = undefined }`}
      const ${pruned} = ${all.length === 0 ? 'true' : all.join(' && ')}
        ? { ${['"key": ' + key, ...fields].join(', ')} } : { "key": ${key}, "raw": { "record": ${value} } }
      ${code.next(MAIN, pruned, time)}`
  }

  return {
    inline,
    collect(value, timestamp) {
      let key: unknown
      try {
        key = keyOf(value)
      } catch (thrown) {
        throw userError(thrown, operator, 'keyBy')
      }
      next(prune(check(key), value), timestamp)
    },
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot: () => undefined,
  }
}
