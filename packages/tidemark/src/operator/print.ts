/**
 * `print`: writes one line per record and passes the record on.
 *
 * Called by create.ts. Owns the number of lines this subtask has written, as state, so that a host can
 * tell a line that is written again after a restart from a new one.
 */
import { MAIN, type PrintSpec } from '../graph/operator-spec.ts'
import type { Operator, OperatorContext } from './operator.ts'

const LINES = 'lines'

export function createPrint(spec: PrintSpec, context: OperatorContext): Operator {
  const { output } = context
  const next = output.collector(MAIN)
  let lines = 0
  for (const item of context.restored?.list(LINES) ?? []) lines += typeof item === 'number' ? item : 0
  return {
    collect(value, timestamp) {
      context.print(spec.label, lines, formatRecord(value))
      lines += 1
      next(value, timestamp)
    },
    onWatermark: (watermark) => output.watermark(watermark),
    onIdle: (idle) => output.idle(idle),
    snapshot: () => ({ keyed: [], lists: [{ name: LINES, redistribute: 'split', items: [lines] }] }),
  }
}

/** One line: strings as they are, everything else like JSON, with bigints, maps and sets readable. */
export function formatRecord(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('\n', '\\n')
  try {
    return JSON.stringify(value, readable) ?? String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

function readable(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(k), v]))
  if (value instanceof Set) return [...value]
  return value
}
