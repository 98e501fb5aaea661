/**
 * A pattern over the records of one key, as data: which records in which order make a match.
 *
 * `api/patterns.ts` produces it, `operator/cep/compile.ts` turns it into an automaton. Nothing here runs.
 *
 *   PT-1  Names of steps are unique in the whole pattern, groups included: they are the names under which
 *         a match holds its records.
 *   PT-2  A pattern that passes `checkPattern` can match something, and every wait in it has an end that
 *         records or its own duration bring about.
 *
 * Source: Flink Pattern, GroupPattern, Quantifier, AfterMatchSkipStrategy.
 */
import { E130_IMPOSSIBLE_PATTERN, E131_DUPLICATE_STEP, E134_NO_SUCH_STEP } from './errors.ts'

/**
 * What may stand between a record and the one before it in the match: nothing (Flink's next), records that
 * do not fit the step (followedBy), anything (followedByAny).
 */
export type Contiguity = 'strict' | 'relaxed' | 'any'

/** `matched` holds the records matched so far, by name of their step. */
export type PatternCondition = (record: any, matched: any) => boolean

/** How often a step or a group repeats. */
export interface Repeat {
  readonly from: number
  /** `Infinity`: no upper bound. */
  readonly to: number
  /** Between the repetitions. */
  readonly inner: Contiguity
  /** As many as there are, before what follows may begin. Steps only. */
  readonly greedy: boolean
  /** The first record for which it holds ends the repetitions, and is not one of them. */
  readonly until?: PatternCondition
}

interface Taking {
  /** Of no meaning for the first item of a pattern. */
  readonly contiguity: Contiguity
  readonly optional: boolean
  readonly repeat: Repeat
  /** The record must be less than this after the one before it in the match. */
  readonly withinMs?: number
}

export interface StepSpec extends Taking {
  readonly kind: 'step'
  readonly name: string
  /** Undefined: every record. */
  readonly where?: PatternCondition
}

export interface GroupSpec extends Taking {
  readonly kind: 'group'
  readonly items: readonly PatternItem[]
}

/** What must not be there: as the very next record, or anywhere before the next record of the match. */
export interface AbsenceSpec {
  readonly kind: 'absence'
  readonly name: string
  readonly scope: 'next' | 'between'
  readonly where?: PatternCondition
  /** For the last item: the match is complete if nothing came for so long after its last record. */
  readonly withinMs?: number
}

export type PatternItem = StepSpec | GroupSpec | AbsenceSpec

/** What a match takes away from other matches (Flink's AfterMatchSkipStrategy). */
export type SkipSpec =
  | { readonly kind: 'none' | 'to-next' | 'past-last' }
  | { readonly kind: 'to-first' | 'to-last'; readonly step: string }

export interface PatternSpec {
  readonly items: readonly PatternItem[]
  /** The last record of a match must be less than this after its first. */
  readonly withinMs?: number
  readonly skip: SkipSpec
}

export const ONCE: Repeat = { from: 1, to: 1, inner: 'relaxed', greedy: false }

export const repeats = ({ to }: Repeat): boolean => to > 1

/** Names of the steps that take records, in order. */
export function stepNames(items: readonly PatternItem[]): string[] {
  return items.flatMap((item) => {
    if (item.kind === 'absence') return []
    return item.kind === 'step' ? [item.name] : stepNames(item.items)
  })
}

/** A number of repetitions is written out, state by state: past this the automaton would be too large. */
const LARGEST = 10_000

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Throws E130, E131 or E134, each once and for the first fault. */
export function checkPattern(operator: string, spec: PatternSpec): void {
  const names = new Set<string>()
  checkItems(operator, spec.items, names)
  const refuse = refusal(operator)
  if (sizeOf(spec.items) > LARGEST) {
    throw refuse(`has more than ${LARGEST} repetitions`, 'Each repetition is a state of its own.',
      'use timesOrMore(n) with a smaller n, or count with process()')
  }
  if (endsInAbsence(spec.items, { absent: false, limitMs: spec.withinMs ?? Infinity })) {
    throw refuse('may end with notFollowedBy() and has no within()',
      'That something never comes can be said only when a time is over.', "add .within('10s')")
  }
  const { skip } = spec
  if ((skip.kind === 'to-first' || skip.kind === 'to-last') && !stepNames(spec.items).includes(skip.step)) {
    const known = stepNames(spec.items)
    throw E134_NO_SUCH_STEP({ operator, step: skip.step, known }, { place: { operator } })
  }
}

function refusal(operator: string) {
  return (what: string, why: string, fix: string): Error =>
    E130_IMPOSSIBLE_PATTERN({ operator, what, why, fix }, { place: { operator } })
}

function checkItems(operator: string, items: readonly PatternItem[], names: Set<string>): void {
  const refuse = refusal(operator)
  if (!items.some((item) => item.kind !== 'absence')) {
    throw refuse('has no step that takes a record', 'A match is made of records.',
      "add one: .begin('name', …)")
  }
  if (items[0]?.kind === 'absence') {
    throw refuse(`begins with the absence of "${items[0].name}"`,
      'There is no record before which it could be.', 'begin with a step that takes a record')
  }
  for (const item of items) {
    if (item.kind !== 'group') checkName(operator, item.name, names)
    if (item.kind === 'absence') {
      if (item.withinMs === undefined || item === items.at(-1)) continue
      throw refuse(`limits the time since the record before the absence of "${item.name}", which is not last`,
        'What comes after it decides when it is over.', 'give the limit to the step that follows')
    }
    checkRepeat(operator, item)
    if (item.kind === 'group') checkItems(operator, item.items, names)
  }
}

function checkName(operator: string, name: unknown, names: Set<string>): void {
  if (typeof name !== 'string' || !NAME.test(name) || RESERVED.has(name)) {
    throw refusal(operator)(`has a step named ${JSON.stringify(name) ?? String(name)}`,
      'A name of a step is a field of every match: letters, digits, _ and -, not beginning with a digit.',
      'choose a name like "failed"')
  }
  if (names.has(name)) throw E131_DUPLICATE_STEP({ operator, step: name }, { place: { operator } })
  names.add(name)
}

function checkRepeat(operator: string, item: StepSpec | GroupSpec): void {
  const refuse = refusal(operator)
  const { repeat } = item
  const what = item.kind === 'step' ? `the step "${item.name}"` : 'a group'
  const whole = Number.isSafeInteger(repeat.from) && (repeat.to === Infinity || Number.isSafeInteger(repeat.to))
  if (!whole || repeat.from < 1 || repeat.to < repeat.from) {
    throw refuse(`repeats ${what} ${repeat.from} to ${repeat.to} times`, 'These are no numbers of repetitions.',
      'use whole numbers from 1, the smaller one first; optional() for none')
  }
  if (repeat.until !== undefined && !repeats(repeat)) {
    throw refuse(`has until() on ${what}, which does not repeat`, 'until() ends repetitions.',
      'add oneOrMore() or times() before it')
  }
  if (repeat.greedy && (item.kind === 'group' || !(repeats(repeat) || item.optional))) {
    throw refuse(`has greedy() on ${what}`,
      'Only a single step that repeats or is optional can take more or less.', 'remove greedy()')
  }
  if (item.kind === 'group' && mayBeEmpty(item.items) && (repeats(repeat) || item.optional)) {
    throw refuse('repeats or leaves out a group that may match nothing by itself',
      'There would be two ways to match nothing, or endless ones.', 'make one of its steps required')
  }
}

function mayBeEmpty(items: readonly PatternItem[]): boolean {
  return items.every((item) =>
    item.kind === 'absence' || item.optional || (item.kind === 'group' && mayBeEmpty(item.items)))
}

/** Whether the last record of a match may be one after which an absence would have to last for ever. */
function endsInAbsence(
  items: readonly PatternItem[], after: { readonly absent: boolean; readonly limitMs: number },
): boolean {
  let { absent, limitMs } = after
  for (const item of items.toReversed()) {
    if (item.kind === 'absence') {
      absent ||= item.scope === 'between'
      limitMs = Math.min(limitMs, item.withinMs ?? Infinity)
      continue
    }
    const unending = item.kind === 'group'
      ? endsInAbsence(item.items, { absent, limitMs })
      : absent && limitMs === Infinity
    if (unending) return true
    if (!mayBeEmpty([item])) return false
  }
  return false
}

function sizeOf(items: readonly PatternItem[]): number {
  return items.reduce((sum, item) => {
    if (item.kind === 'absence') return sum
    const copies = item.repeat.to === Infinity ? item.repeat.from : item.repeat.to
    return sum + copies * (item.kind === 'step' ? 1 : sizeOf(item.items))
  }, 0)
}
