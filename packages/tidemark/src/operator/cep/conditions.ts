/**
 * Asks the conditions of a pattern about a record, each as rarely as it can.
 *
 * Owned by a matcher. A condition that did not look at the records matched so far says the same for every
 * partial match, so it is asked once a record, however many partial matches there are.
 *
 *   CE-1  A condition is asked about records of the current key only, with the records of the partial match
 *         in question.
 *   CE-2  An answer is kept only if the condition did not read `matched` to give it, and only until the next
 *         record.
 */
import type { PatternCondition } from '../../graph/pattern-spec.ts'
import { userError } from '../errors.ts'
import type { Automaton, Test } from './compile.ts'
import type { Link } from './matched.ts'

export class Conditions {
  readonly #operator: string
  readonly #conditions: readonly PatternCondition[]
  /** Of the answer that is kept: number of the record, and what was said. */
  readonly #asked: Float64Array
  readonly #answers: Uint8Array
  readonly #matched: Readonly<Record<string, readonly unknown[]>>
  #link: Link | undefined
  #looked = false
  #everLooked = false
  /** The condition that says whether a match begins, and its number. */
  readonly #first: PatternCondition | undefined
  readonly #begins: number
  #record = 0

  constructor({ conditions, names, begins }: Automaton, operator: string) {
    this.#operator = operator
    this.#conditions = conditions
    this.#first = conditions[begins]
    this.#begins = begins
    this.#asked = new Float64Array(conditions.length)
    this.#answers = new Uint8Array(conditions.length)
    const matched = {}
    for (const name of names) {
      Object.defineProperty(matched, name, { enumerable: true, get: () => this.#recordsOf(name) })
    }
    this.#matched = Object.freeze(matched)
  }

  /** Questions from here on are about the next record. */
  next(): void {
    this.#record += 1
  }

  /** Some condition has read `matched`; then most answers are not kept. */
  get everLooked(): boolean {
    return this.#everLooked
  }

  /**
   * Whether a match begins, where one condition says that. The call is one of its own, which V8 can inline:
   * nearly every record comes here, and most go no further.
   */
  begins(value: unknown): boolean {
    const first = this.#first
    if (first === undefined) return false
    const condition = this.#begins
    if (this.#asked[condition] === this.#record) return this.#answers[condition] === 1
    this.#link = undefined
    this.#looked = false
    let answer: boolean
    try {
      answer = Boolean(first(value, this.#matched))
    } catch (thrown) {
      throw userError(thrown, this.#operator, 'a condition')
    }
    // Nobody asks again after a no.
    if (answer && !this.#looked) this.#keep(condition, true)
    return answer
  }

  fits({ where, not }: Test, value: unknown, link: Link | undefined): boolean {
    if (where !== undefined && !this.holds(where, value, link)) return false
    for (let i = 0; i < not.length; i++) if (this.holds(not[i] as number, value, link)) return false
    return true
  }

  anyHolds(conditions: readonly number[], value: unknown, link: Link): boolean {
    for (let i = 0; i < conditions.length; i++) {
      if (this.holds(conditions[i] as number, value, link)) return true
    }
    return false
  }

  /** `value`: the present record, the same until `next`. */
  holds(condition: number, value: unknown, link: Link | undefined): boolean {
    if (this.#asked[condition] === this.#record) return this.#answers[condition] === 1
    this.#link = link
    this.#looked = false
    let answer: boolean
    try {
      answer = Boolean((this.#conditions[condition] as PatternCondition)(value, this.#matched))
    } catch (thrown) {
      throw userError(thrown, this.#operator, 'a condition')
    }
    if (!this.#looked) this.#keep(condition, answer)
    return answer
  }

  #keep(condition: number, answer: boolean): void {
    this.#asked[condition] = this.#record
    this.#answers[condition] = answer ? 1 : 0
  }

  #recordsOf(name: string): readonly unknown[] {
    this.#looked = true
    this.#everLooked = true
    const records: unknown[] = []
    for (let each = this.#link; each !== undefined; each = each.before) {
      if (each.position.name === name) records.push(each.event.value)
    }
    return records.reverse()
  }
}
