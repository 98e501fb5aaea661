/**
 * How an operator is written in line: as statements within one function over a batch of records.
 *
 * Operators write what `collect` does for one record; task/fused puts the statements of a chain together
 * and compiles them. Why: a closure is shared by all operators of its kind in the process, so V8 sees many
 * targets at its calls and inlines none; generated code is seen by one chain alone.
 *
 *   IL-1  The statements do what `collect` does, on the same state: either may take any record.
 *   IL-2  Text consists of the engine's own words and names from `bind` and `local`. What comes from data
 *         (functions, operator names, keys) is bound; field names are written only if `canGenerate` allows
 *         it, as JSON string literals.
 *   IL-3  Statements leave by throwing or at their end: no `return`, no jump out of a loop.
 *
 * Source: Neumann, "Efficiently compiling efficient query plans for modern hardware" (VLDB 2011);
 * DESIGN.md §5, rule 1.
 */
import { MAIN, type OutputTag } from '../graph/operator-spec.ts'
import { deepFreeze } from '../record/freeze.ts'
import { userError } from './errors.ts'

/** What an operator writes with. */
export interface Code {
  /** A name for a thing outside of the code. */
  bind(thing: unknown): string
  /** A name that no other statement uses. */
  local(): string
  /** Statements by which everything behind an output takes the value. */
  next(tag: OutputTag, value: string, time: string): string
}

export type Inline = (code: Code, value: string, time: string) => string

/** Makes a function of statements with `next` behind one operator; undefined where none can be made. */
export type Generate = <F>(parameters: readonly string[], body: (code: Code) => string) => F | undefined

/** Statements that call functions of the job: what they throw becomes an error of this operator. */
export function guarded(code: Code, statements: string, operator: string, fn: string): string {
  const fail = code.bind((thrown: unknown) => userError(thrown, operator, fn))
  return `try { ${statements} } catch (thrown) { throw ${fail}(thrown) }`
}

/** The value as it is handed on: frozen where the context asks for it. */
export const handedOn = (code: Code, value: string, freeze: boolean): string =>
  freeze ? `${code.bind(deepFreeze)}(${value})` : value

/** Statements that hand on what a function gave: the items of an array in line, everything else by `others`. */
export function handedOnEach(
  code: Code, outputs: string, time: string, freeze: boolean, others: (outputs: unknown, timestamp: number) => void,
): string {
  const [i, output] = [code.local(), code.local()]
  return `if (Array.isArray(${outputs})) {
      for (let ${i} = 0; ${i} < ${outputs}.length; ${i}++) {
        const ${output} = ${handedOn(code, `${outputs}[${i}]`, freeze)}
        ${code.next(MAIN, output, time)}
      }
    } else if (${outputs} !== undefined) ${code.bind(others)}(${outputs}, ${time})`
}
