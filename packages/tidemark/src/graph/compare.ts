/**
 * The first difference between two graphs of the same job file, in words.
 *
 * Every process that runs a job builds its graph anew, so a job file must build the same one each
 * time. Used by api/build.ts, which builds twice.
 */
import { describe, optionsOf } from './describe.ts'
import type { LogicalGraph, LogicalOperator } from './logical-graph.ts'

export interface GraphDifference {
  readonly operator: string
  readonly field: string
  readonly first: string
  readonly second: string
}

const SHOWN_CHARACTERS = 160

export function firstDifference(a: LogicalGraph, b: LogicalGraph): GraphDifference | undefined {
  const length = Math.max(a.operators.length, b.operators.length)
  for (let i = 0; i < length; i++) {
    const difference = differenceOf(a.operators[i], b.operators[i], i)
    if (difference !== undefined) return difference
  }
  return undefined
}

function differenceOf(
  a: LogicalOperator | undefined,
  b: LogicalOperator | undefined,
  index: number,
): GraphDifference | undefined {
  if (a === undefined || b === undefined) {
    return { operator: `operator ${index}`, field: 'existence', first: headline(a), second: headline(b) }
  }
  const first = optionsOf(a)
  const second = optionsOf(b)
  for (const field of new Set([...first.keys(), ...second.keys()])) {
    const [x, y] = [first.get(field) ?? 'absent', second.get(field) ?? 'absent']
    if (x !== y) return { operator: `"${a.name}"`, field, ...excerpts(x, y) }
  }
  return undefined
}

function headline(operator: LogicalOperator | undefined): string {
  return operator === undefined ? 'none' : `"${operator.name}" (${describe(operator.spec)})`
}

/** Long texts (functions) are cut so that the part that differs is seen. */
function excerpts(a: string, b: string): { first: string; second: string } {
  let same = 0
  while (same < a.length && a[same] === b[same]) same += 1
  const from = Math.max(0, same - SHOWN_CHARACTERS / 4)
  const cut = (text: string): string => {
    const part = text.slice(from, from + SHOWN_CHARACTERS).replaceAll(/\s+/g, ' ')
    const more = from + SHOWN_CHARACTERS < text.length
    return `${from > 0 ? '…' : ''}${part}${more ? '…' : ''}` || '(nothing)'
  }
  return { first: cut(a), second: cut(b) }
}
