/**
 * Tagged JSON that people wrote, as the value it stands for: exactly, or not at all.
 *
 * Called by whatever writes state from outside: `tidemark state edit` and `import`.
 *
 *   RE-1  What `toTaggedJson` wrote comes back equal. Anything else that would come back as something else (an
 *         unknown tag, a number that no number can hold, items of a set that are equal) is refused with its path.
 */
import { describeThrown } from '../../base/errors.ts'
import { differingPath } from './json-path.ts'
import { E182_NO_STATE_VALUE } from './errors.ts'
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts'

/** Strings, which are passed over, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const WHOLE = /^-?\d+$/

/** JSON; `what` names the text in errors: `--set`, `line 7`. Throws E182. */
export function parseJson(text: string, what: string): unknown {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw E182_NO_STATE_VALUE({ what, path: '', problem: `it is no JSON (${describeThrown(error)})` })
  }
  for (const [token] of text.matchAll(TOKENS)) {
    const number = Number(token)
    // Numbers are printed with the digits that tell them apart: those of a large one need not be all it has.
    const exact = !WHOLE.test(token) || String(number) === token || !Number.isFinite(number)
    if (exact || BigInt(token) === BigInt(number)) continue
    const problem = `${token} is no number that can be held; the nearest is ${BigInt(number)}`
    throw E182_NO_STATE_VALUE({ what, path: '', problem })
  }
  return json
}

/** The value of parsed tagged JSON. Throws E182. */
export function readValue(json: unknown, what: string): unknown {
  let value: unknown
  try {
    value = fromTaggedJson(json)
  } catch (error) {
    const { path, problem } = culprit(json, error)
    throw E182_NO_STATE_VALUE({ what, path, problem })
  }
  const path = differingPath(json, toTaggedJson(value))
  if (path === undefined) return value
  throw E182_NO_STATE_VALUE({ what, path: path === '' ? 'its top' : path, problem: 'it would be read as something else' })
}

/** The innermost part that cannot be read by itself. */
function culprit(json: unknown, error: unknown): { readonly path: string; readonly problem: string } {
  const children: (readonly [step: string, child: unknown])[] = Array.isArray(json)
    ? json.map((item, i) => [`[${i}]`, item])
    : typeof json === 'object' && json !== null
      ? Object.entries(json).map(([key, item]) => [`.${key}`, item])
      : []
  for (const [step, child] of children) {
    try {
      fromTaggedJson(child)
    } catch (inner) {
      const { path, problem } = culprit(child, inner)
      return { path: `${step}${path}`, problem }
    }
  }
  return { path: '', problem: describeThrown(error) }
}
