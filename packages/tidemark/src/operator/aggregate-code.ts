/**
 * Writes aggregates and result rows in line, from their data (graph/aggregate-code.ts).
 *
 * Called by the operators that aggregate.
 */
import { canGenerate } from '../base/generated-code.ts'
import type { AggregateCode, AggregateStep, RowCode, RowField } from '../graph/aggregate-code.ts'
import type { AggregateSpec } from '../graph/state-spec.ts'
import type { Code } from './inline.ts'

/**
 * Statements that add `value` to an accumulator, in place if the aggregate has steps; `otherwise` gets what
 * `add` returns.
 */
export function addCode(
  aggregate: AggregateSpec, code: Code, accumulator: string, value: string, otherwise: (after: string) => string,
): string {
  const { code: own, add } = aggregate
  if (own === undefined) return otherwise(`${code.bind(add)}(${accumulator}, ${value})`)
  const cells = cellsOf(own.cells, code, accumulator)
  return cells.before + own.steps.map((step) => stepCode(step, code, cells.name, accumulator, value)).join('; ')
}

interface CellsCode {
  readonly name: string
  readonly before: string
}

function cellsOf(where: AggregateCode['cells'], code: Code, accumulator: string): CellsCode {
  if (where === 'accumulator') return { name: accumulator, before: '' }
  const name = code.local()
  return { name, before: `const ${name} = ${accumulator}[0]; ` }
}

function stepCode(
  step: AggregateStep, code: Code, cells: string, accumulator: string, value: string,
): string {
  const cell = `${step.kind === 'fold' ? accumulator : cells}[${step.at}]`
  if (step.kind === 'count') return `${cell} = ${cell} + 1`
  if (step.kind === 'fold') return `${cell} = ${code.bind(step.add)}(${cell}, ${value})`
  const given = code.local()
  const read = `const ${given} = ${readCode(step, code, value)}`
  const unless = (test: string, found: string): string => `if (!${test}) throw ${code.bind(step.refuse)}(${found})`
  const isNumber = unless(`(typeof ${given} === 'number')`, given)
  if (step.kind !== 'sum') return `${read}; ${isNumber}; ${cell} = Math.${step.kind}(${cell}, ${given})`
  if (!step.integers) return `${read}; ${isNumber}; ${cell} = ${cell} + ${given}`
  const total = code.local()
  return `${read}; ${unless(`Number.isSafeInteger(${given})`, given)}
    const ${total} = ${cell} + ${given}; ${unless(`Number.isSafeInteger(${total})`, total)}; ${cell} = ${total}`
}

function readCode({ read, column }: Exclude<AggregateStep, { kind: 'count' | 'fold' }>, code: Code, value: string): string {
  if (column === undefined || !canGenerate([column.name])) return `${code.bind(read)}(${value})`
  return `${value}.raw === undefined ? ${value}[${JSON.stringify(column.name)}] : ${code.bind(column.read)}(${value}.raw.record)`
}

/** An expression for the row; undefined if its names cannot stand in source. */
export function rowCode(
  row: RowCode | undefined, code: Code, names: { key: string; accumulator: string; window?: string },
): { readonly before: string; readonly row: string } | undefined {
  if (row === undefined || !canGenerate(row.fields.map(({ name }) => name))) return undefined
  const { key, accumulator, window } = names
  const cells = cellsOf(row.cells, code, accumulator)
  const fields = row.keyed ? [`"key": ${key}`] : []
  let { before } = cells
  if (row.dates !== undefined && window !== undefined) {
    const dates = code.local()
    before += `const ${dates} = ${code.bind(row.dates)}(${window}); `
    fields.push(`"start": ${dates}.start`, `"end": ${dates}.end`)
  }
  const own = row.fields.map((field) =>
    `${JSON.stringify(field.name)}: ${fieldCode(field, code, cells.name, accumulator)}`)
  return { before, row: `{ ${[...fields, ...own].join(', ')} }` }
}

function fieldCode(field: RowField, code: Code, cells: string, accumulator: string): string {
  const { at } = field
  if (field.kind === 'fold') return `${code.bind(field.result)}(${accumulator}[${at}])`
  return field.kind === 'cell' ? `${cells}[${at}]` : `${cells}[${at}] / ${cells}[${at + 1}]`
}
