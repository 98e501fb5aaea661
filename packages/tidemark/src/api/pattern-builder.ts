/**
 * Builds the data of patterns: each call gives a new builder with a longer pattern.
 *
 * Typed by the interfaces of patterns.ts; in here records are `unknown`. What a pattern as a whole must
 * keep is checked with the graph (graph/pattern-spec.ts); what a call says about a step, here.
 */
import { durationMs, type Duration } from '../base/duration.ts'
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import {
  ONCE, repeats, type Contiguity, type GroupSpec, type PatternCondition, type PatternItem, type PatternSpec,
  type Repeat, type SkipSpec, type StepSpec,
} from '../graph/pattern-spec.ts'
import { requireFunction } from './checks.ts'
import type { PatternStart } from './patterns.ts'

/** The start of a pattern over records `T`: `pattern<Login>().begin('failed', (login) => !login.ok)`. */
export function pattern<T>(): PatternStart<T> {
  const start = new PatternBuilder({ items: [], skip: { kind: 'none' } })
  // The interfaces say what the methods do with T and the names; the builder knows neither.
  return { begin: (first: string | PatternBuilder, where?: PatternCondition) => start.next(first, where) } as
    unknown as PatternStart<T>
}

export class PatternBuilder {
  readonly spec: PatternSpec

  constructor(spec: PatternSpec) {
    this.spec = spec
  }

  next(step: string | PatternBuilder, where?: PatternCondition): PatternBuilder {
    return this.#add(step, 'strict', where, 'next')
  }

  followedBy(step: string | PatternBuilder, where?: PatternCondition): PatternBuilder {
    return this.#add(step, 'relaxed', where, 'followedBy')
  }

  followedByAny(step: string | PatternBuilder, where?: PatternCondition): PatternBuilder {
    return this.#add(step, 'any', where, 'followedByAny')
  }

  notNext(name: string, where?: PatternCondition): PatternBuilder {
    return this.#append({ kind: 'absence', name, scope: 'next', ...conditionOf(where, 'notNext') })
  }

  notFollowedBy(name: string, where?: PatternCondition): PatternBuilder {
    return this.#append({ kind: 'absence', name, scope: 'between', ...conditionOf(where, 'notFollowedBy') })
  }

  where(where: PatternCondition): PatternBuilder {
    const added = requireFunction(where, 'where')
    return this.#condition('where', (before) => (before === undefined
      ? added
      : (record, matched) => before(record, matched) && added(record, matched)))
  }

  or(where: PatternCondition): PatternBuilder {
    const added = requireFunction(where, 'or')
    return this.#condition('or', (before) => (before === undefined
      ? undefined
      : (record, matched) => before(record, matched) || added(record, matched)))
  }

  times(from: number, to: number = from): PatternBuilder {
    return this.#times('times', from, to)
  }

  timesOrMore(from: number): PatternBuilder {
    return this.#times('timesOrMore', from, Infinity)
  }

  oneOrMore(): PatternBuilder {
    return this.#times('oneOrMore', 1, Infinity)
  }

  optional(): PatternBuilder {
    return this.#last('optional', (item) => ({ ...item, optional: true }))
  }

  greedy(): PatternBuilder {
    return this.#repeat('greedy', false, { greedy: true })
  }

  consecutive(): PatternBuilder {
    return this.#repeat('consecutive', true, { inner: 'strict' })
  }

  allowCombinations(): PatternBuilder {
    return this.#repeat('allowCombinations', true, { inner: 'any' })
  }

  until(where: PatternCondition): PatternBuilder {
    return this.#repeat('until', true, { until: requireFunction(where, 'until') })
  }

  within(duration: Duration, since: 'first' | 'previous' = 'first'): PatternBuilder {
    const withinMs = durationMs(duration, 'within of a pattern', 1)
    if (since === 'first') return new PatternBuilder({ ...this.spec, withinMs })
    if (since !== 'previous') {
      throw E008_IMPOSSIBLE_OPTION({
        what: 'within() has an impossible start', given: since, why: 'Time runs from one record of the match.',
        fix: "use 'first' or 'previous'",
      })
    }
    const items = this.spec.items.map((item, i, { length }) => (i === length - 1 ? { ...item, withinMs } : item))
    return new PatternBuilder({ ...this.spec, items })
  }

  noSkip(): PatternBuilder {
    return this.#skip({ kind: 'none' })
  }

  skipToNext(): PatternBuilder {
    return this.#skip({ kind: 'to-next' })
  }

  skipPastLastEvent(): PatternBuilder {
    return this.#skip({ kind: 'past-last' })
  }

  skipToFirst(step: string): PatternBuilder {
    return this.#skip({ kind: 'to-first', step })
  }

  skipToLast(step: string): PatternBuilder {
    return this.#skip({ kind: 'to-last', step })
  }

  #add(
    step: string | PatternBuilder, contiguity: Contiguity, where: PatternCondition | undefined, call: string,
  ): PatternBuilder {
    const common = { contiguity, optional: false, repeat: ONCE }
    if (!(step instanceof PatternBuilder)) {
      return this.#append({ kind: 'step', name: step, ...common, ...conditionOf(where, call) })
    }
    const { items, withinMs, skip } = step.spec
    if (withinMs !== undefined || skip.kind !== 'none') {
      throw E008_IMPOSSIBLE_OPTION({
        what: 'A group of steps has within() or a skip strategy of its own', given: undefined,
        why: 'Both belong to the match as a whole.', fix: 'move them to the pattern that holds the group',
      })
    }
    return this.#append({ kind: 'group', items, ...common })
  }

  #append(item: PatternItem): PatternBuilder {
    return new PatternBuilder({ ...this.spec, items: [...this.spec.items, item] })
  }

  #skip(skip: SkipSpec): PatternBuilder {
    return new PatternBuilder({ ...this.spec, skip })
  }

  #last(call: string, change: (item: StepSpec | GroupSpec) => StepSpec | GroupSpec): PatternBuilder {
    const { items } = this.spec
    const last = items.at(-1)
    if (last === undefined || last.kind === 'absence') {
      throw misplaced(call, 'It says something about a step that takes records.', 'put it right after such a step')
    }
    return new PatternBuilder({ ...this.spec, items: [...items.slice(0, -1), change(last)] })
  }

  #condition(
    call: string, change: (before: PatternCondition | undefined) => PatternCondition | undefined,
  ): PatternBuilder {
    return this.#last(call, (item) => {
      if (item.kind === 'group') {
        throw misplaced(call, 'A group has no condition of its own.', 'give the condition to its steps')
      }
      const { where: before, ...rest } = item
      const where = change(before)
      return where === undefined ? rest : { ...rest, where }
    })
  }

  #times(call: string, from: number, to: number): PatternBuilder {
    return this.#last(call, (item) => {
      if (repeats(item.repeat)) throw misplaced(call, 'The step repeats already.', 'say it once')
      return { ...item, repeat: { ...item.repeat, from, to } }
    })
  }

  #repeat(call: string, looping: boolean, change: Partial<Repeat>): PatternBuilder {
    return this.#last(call, (item) => {
      if (looping && !repeats(item.repeat)) {
        throw misplaced(call, 'It is about repetitions.', 'put it after oneOrMore() or times()')
      }
      return { ...item, repeat: { ...item.repeat, ...change } }
    })
  }
}

function conditionOf(where: PatternCondition | undefined, call: string): { readonly where?: PatternCondition } {
  return where === undefined ? {} : { where: requireFunction(where, call) }
}

function misplaced(call: string, why: string, fix: string): Error {
  return E008_IMPOSSIBLE_OPTION({ what: `${call}() has no place there`, given: undefined, why, fix })
}
