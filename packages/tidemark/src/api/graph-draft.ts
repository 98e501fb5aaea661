/**
 * The graph while the build function runs.
 *
 * Owned by one build; fluent.ts adds to it. Closed when the build function has returned, so that a
 * stream kept for later cannot change a graph that is already running.
 */
import { assert } from '../base/assert.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { LogicalEdge, LogicalOperator } from '../graph/logical-graph.ts'
import type { OperatorSpec } from '../graph/operator-spec.ts'
import { callSite } from './call-site.ts'

export interface OperatorInit {
  /** Absent: stateless, a name is generated. Present but undefined: JavaScript forgot it (E006). */
  readonly name?: string
  readonly spec: OperatorSpec
  readonly inputs: readonly LogicalEdge[]
  readonly parallelism?: number
}

interface DraftOperator extends OperatorInit {
  readonly named: boolean
  readonly was: string[]
  readonly place: string | undefined
}

export class GraphDraft {
  readonly #operators: DraftOperator[] = []
  /** Windows that were opened but compute nothing yet, with their places. */
  readonly #openWindows = new Map<object, { readonly name: string; readonly place: string | undefined }>()
  #closed = false

  /** Index of the new operator. */
  add(init: OperatorInit): number {
    this.#assertOpen()
    const named = Object.hasOwn(init, 'name')
    return this.#operators.push({ ...init, named, was: [], place: callSite() }) - 1
  }

  addFormerName(index: number, name: string): void {
    this.#assertOpen()
    const operator = this.#operators[index]
    assert(operator !== undefined, 'a former name belongs to an operator of this draft')
    operator.was.push(name)
  }

  windowOpened(window: object, name: string): void {
    this.#assertOpen()
    this.#openWindows.set(window, { name, place: callSite() })
  }

  windowComputes(window: object): void {
    this.#openWindows.delete(window)
  }

  /** Ends the draft: generated names get their numbers, per kind, avoiding the user's names. */
  finish(): readonly LogicalOperator[] {
    this.#closed = true
    for (const { name, place } of this.#openWindows.values()) {
      throw E008_IMPOSSIBLE_OPTION({
        what: `The window "${name}" computes nothing`, given: undefined,
        why: 'A window only says which records belong together.',
        fix: 'add what to compute: .count(), .sum(…), .aggregate({…}), .reduce(…) or .process(…)',
      }, place === undefined ? {} : { place: { operator: name, code: place } })
    }
    const taken = new Set<unknown>(this.#operators.flatMap(({ name, was }) => [name, ...was]))
    const counters = new Map<string, number>()
    const generate = (kind: string): string => {
      const n = (counters.get(kind) ?? 0) + 1
      counters.set(kind, n)
      const name = `${kind}-${n}`
      return taken.has(name) ? generate(kind) : name
    }
    return this.#operators.map(({ name, named, was, spec, inputs, parallelism, place }, index) => ({
      index,
      // A name that is no string is refused by validation, which needs to see it as it is.
      name: named ? (name as string) : generate(spec.kind),
      named,
      was,
      spec,
      inputs,
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(place === undefined ? {} : { place }),
    }))
  }

  #assertOpen(): void {
    if (!this.#closed) return
    throw E008_IMPOSSIBLE_OPTION({
      what: 'A stream was used after the build function had returned', given: undefined,
      why: 'The graph is complete then; nothing can be added to a running job.',
      fix: 'make all calls inside the build function, without await and without callbacks that run later',
    })
  }
}
