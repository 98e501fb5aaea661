/**
 * Compiles a chain of operators into functions over batches, from the statements that they write.
 *
 * Used by the operator chain, once for each function it needs. A function begins at a batch (of a source or
 * of an input channel) or at the output of an operator that speaks out of turn (a window that fires), and
 * goes as far as operators can write themselves in line; the others are called.
 *
 *   FS-1  Every generated function does for each record what the chain of `collect` calls does.
 *   FS-2  Without generated code (it is disallowed, or switched off) there is no function, and callers use
 *         `collect`.
 *   FS-3  A function has at most MOST_IN_LINE operators in line, so that V8 still optimises it.
 *
 * Source: see operator/inline.ts.
 */
import { generate } from '../../base/generated-code.ts'
import type { OutputTag } from '../../graph/operator-spec.ts'
import type { Code, Generate, Inline } from '../../operator/inline.ts'
import type { Collect } from '../../operator/operator.ts'
import { keyHash } from '../../record/key-codec.ts'

/** Something that takes records: an operator, or the writer of an edge. */
export interface Stage {
  readonly collect: Collect
  readonly inline?: Inline | undefined
  /** Who takes what it puts out. */
  next(tag: OutputTag): readonly Stage[]
}

const MOST_IN_LINE = 24

/** Names of what is bound, and numbers for variables; shared by all statements of a function. */
class Names {
  readonly #bound = new Map<unknown, string>()
  #locals = 0
  inLine = 0

  bind(thing: unknown): string {
    const known = this.#bound.get(thing)
    if (known !== undefined) return known
    const name = `c${this.#bound.size}`
    this.#bound.set(thing, name)
    return name
  }

  local(): string {
    return `v${this.#locals++}`
  }

  get names(): readonly string[] {
    return [...this.#bound.values()]
  }

  get things(): readonly unknown[] {
    return [...this.#bound.keys()]
  }
}

/**
 * `owner`: a text that tells this chain from others. A number made of it keeps V8 from taking the code of
 * another chain that reads the same, and with it what was learned there.
 */
export function generator(next: Stage['next'], owner: string): Generate {
  const salt = keyHash(owner) >>> 0
  return (parameters, body) => {
    const names = new Names()
    const text = body(codeFor(next, names))
    const source = `/* ${salt} */ return function (${parameters.join(', ')}) { ${text} }`
    return generate<(...things: readonly unknown[]) => never>(names.names, source)?.(...names.things)
  }
}

function codeFor(next: Stage['next'], names: Names): Code {
  return {
    bind: (thing) => names.bind(thing),
    local: () => names.local(),
    next: (tag, value, time) => next(tag).map((stage) => stageCode(stage, names, value, time)).join('\n'),
  }
}

function stageCode(stage: Stage, names: Names, value: string, time: string): string {
  const { inline, collect } = stage
  if (inline === undefined || names.inLine >= MOST_IN_LINE) return `${names.bind(collect)}(${value}, ${time})`
  names.inLine += 1
  return `{ ${inline(codeFor((tag) => stage.next(tag), names), value, time)} }`
}
