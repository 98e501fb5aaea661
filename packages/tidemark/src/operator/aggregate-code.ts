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
  return cells.before + stepsCode(own.steps, code, cells, accumulator, value)
}

/** Statements that add `value` to cells among others. */
export const addToCells = (steps: readonly AggregateStep[], code: Code, cells: Cells, value: string): string =>
  stepsCode(steps, code, cells, cells.name, value)

/** An array of numbers. */
export interface Cells {
  readonly name: string
  /** A name for where the first one is; absent: at the beginning. */
  readonly from?: string
}

interface CellsCode extends Cells {
  readonly before: string
}

const cellCode = ({ name, from }: Cells, at: number): string => `${name}[${from === undefined ? '' : `${from} + `}${at}]`

const stepsCode = (
  steps: readonly AggregateStep[], code: Code, cells: Cells, accumulator: string, value: string,
): string => steps.map((step) => stepCode(step, code, cells, accumulator, value)).join('; ')

function cellsOf(where: AggregateCode['cells'], code: Code, accumulator: string): CellsCode {
  if (where === 'accumulator') return { name: accumulator, before: '' }
  const name = code.local()
  return { name, before: `const ${name} = ${accumulator}[0]; ` }
}

function stepCode(
  step: AggregateStep, code: Code, cells: Cells, accumulator: string, value: string,
): string {
  const cell = step.kind === 'fold' ? `${accumulator}[${step.at}]` : cellCode(cells, step.at)
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

/** An expression for the row; undefined if its names cannot stand in source. An accumulator that is cells among others has no folds. */
export function rowCode(
  row: RowCode | undefined, code: Code, names: { key: string; accumulator: string | Cells; window?: string },
): { readonly before: string; readonly row: string } | undefined {
  if (row === undefined || !canGenerate(row.fields.map(({ name }) => name))) return undefined
  const { key, accumulator, window } = names
  const cells = typeof accumulator === 'string' ? cellsOf(row.cells, code, accumulator) : { ...accumulator, before: '' }
  const whole = typeof accumulator === 'string' ? accumulator : accumulator.name
  const fields = row.keyed ? [`"key": ${key}`] : []
  let { before } = cells
  if (row.dates !== undefined && window !== undefined) {
    const dates = code.local()
    before += `const ${dates} = ${code.bind(row.dates)}(${window}); `
    fields.push(`"start": ${dates}.start`, `"end": ${dates}.end`)
  }
  const own = row.fields.map((field) =>
    `${JSON.stringify(field.name)}: ${fieldCode(field, code, cells, whole)}`)
  return { before, row: `{ ${[...fields, ...own].join(', ')} }` }
}

function fieldCode(field: RowField, code: Code, cells: Cells, accumulator: string): string {
  const { at } = field
  if (field.kind === 'fold') return `${code.bind(field.result)}(${accumulator}[${at}])`
  return field.kind === 'cell' ? cellCode(cells, at) : `${cellCode(cells, at)} / ${cellCode(cells, at + 1)}`
}
