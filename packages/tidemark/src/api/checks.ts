/** Checks of arguments that the compiler makes for TypeScript, again for casts and JavaScript. */
import { E006_BAD_NAME, E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { OutputTag } from '../graph/operator-spec.ts'
import { isName } from '../graph/validate.ts'
import type { SideDeclarations } from './process.ts'

const RESERVED_TAGS = new Set(['main', 'late', 'invalid', '__proto__'])

export function requireFunction<F>(fn: F | undefined, call: string): F {
  if (typeof fn === 'function') return fn
  throw E008_IMPOSSIBLE_OPTION({
    what: `${call}() got no function`, given: fn,
    why: 'What happens to each record is given as a function.', fix: `pass a function to ${call}()`,
  })
}

/** Names of declared side outputs. */
export function checkSides(side: SideDeclarations | undefined): readonly OutputTag[] {
  return Object.keys(side ?? {}).map((name) => {
    if (isName(name) && !RESERVED_TAGS.has(name)) return name
    throw E006_BAD_NAME({ what: 'The name of a side output', name })
  })
}

type Test = (value: unknown) => boolean

export function checkRoutes(routes: Readonly<Record<string, Test>>): readonly { name: string; test: Test }[] {
  return Object.entries(routes ?? {}).map(([name, test]) => {
    if (name === 'rest' || !isName(name)) throw E006_BAD_NAME({ what: 'The name of a route', name })
    return { name, test: requireFunction(test, 'split') }
  })
}
