/**
 * Committed output of two runs, compared sink by sink as multisets: pure.
 */
import { canonical } from './canonical.ts'

export interface Difference {
  readonly sink: string
  /** In the undisturbed run and not in this one. */
  readonly lost: readonly string[]
  /** More often than in the undisturbed run. */
  readonly duplicated: readonly string[]
  /** Never in the undisturbed run. */
  readonly unexpected: readonly string[]
  /** A lost line and an unexpected one that look like the same line with other values. */
  readonly changed: readonly { readonly from: string; readonly to: string }[]
}

export type Counts = ReadonlyMap<string, number>
export type CountedOutputs = ReadonlyMap<string, Counts>

export function countedOutputs(outputs: ReadonlyMap<string, readonly unknown[]>): CountedOutputs {
  return new Map([...outputs].map(([sink, lines]) => [sink, counted(lines)]))
}

function counted(lines: readonly unknown[]): Counts {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const text = canonical(line)
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return counts
}

export function differences(
  wanted: CountedOutputs, found: CountedOutputs, options: { readonly duplicatesAllowed: boolean },
): readonly Difference[] {
  const sinks = new Set([...wanted.keys(), ...found.keys()])
  return [...sinks].flatMap((sink) => {
    const [usual, now] = [wanted.get(sink) ?? new Map(), found.get(sink) ?? new Map()]
    const difference = compare(sink, usual, now, options.duplicatesAllowed)
    return difference === undefined ? [] : [difference]
  })
}

function compare(sink: string, wanted: Counts, found: Counts, duplicatesAllowed: boolean): Difference | undefined {
  const lost: string[] = []
  const duplicated: string[] = []
  const unexpected: string[] = []
  for (const [line, times] of wanted) {
    for (let i = found.get(line) ?? 0; i < times; i++) lost.push(line)
  }
  for (const [line, times] of found) {
    const usual = wanted.get(line) ?? 0
    const into = usual === 0 ? unexpected : duplicated
    if (usual > 0 && duplicatesAllowed) continue
    for (let i = usual; i < times; i++) into.push(line)
  }
  if (lost.length + duplicated.length + unexpected.length === 0) return undefined
  return { sink, duplicated, ...paired(lost, unexpected) }
}

function paired(
  lost: readonly string[], unexpected: readonly string[],
): Pick<Difference, 'lost' | 'unexpected' | 'changed'> {
  const changed: { from: string; to: string }[] = []
  const left = [...unexpected]
  const gone = lost.filter((from) => {
    const at = left.findIndex((to) => alike(from, to))
    if (at < 0) return true
    changed.push({ from, to: left[at] as string })
    left.splice(at, 1)
    return false
  })
  return { lost: gone, unexpected: left, changed }
}

const FIELD = /"[^"]*":("[^"]*"|[^,{}[\]]*)/g

/** The same fields, at least one of them with the same value. */
function alike(a: string, b: string): boolean {
  const fieldsOfA: readonly string[] = a.match(FIELD) ?? []
  const fieldsOfB: readonly string[] = b.match(FIELD) ?? []
  const names = (fields: readonly string[]): string =>
    fields.map((field) => field.slice(0, field.indexOf('":'))).join()
  if (fieldsOfA.length < 2 || names(fieldsOfA) !== names(fieldsOfB)) return false
  return fieldsOfA.some((field) => fieldsOfB.includes(field))
}
