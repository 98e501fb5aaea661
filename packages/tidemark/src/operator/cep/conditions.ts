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
  #value: unknown
  #link: Link | undefined
  #looked = false
  #record = 0

  constructor({ conditions, names }: Automaton, operator: string) {
    this.#operator = operator
    this.#conditions = conditions
    this.#asked = new Float64Array(conditions.length)
    this.#answers = new Uint8Array(conditions.length)
    const matched = {}
    for (const name of names) {
      Object.defineProperty(matched, name, { enumerable: true, get: () => this.#recordsOf(name) })
    }
    this.#matched = Object.freeze(matched)
  }

  /** Questions from here on are about this record. */
  about(value: unknown): void {
    this.#value = value
    this.#record += 1
  }

  fits({ where, not }: Test, link: Link | undefined): boolean {
    if (where !== undefined && !this.holds(where, link)) return false
    for (let i = 0; i < not.length; i++) if (this.holds(not[i] as number, link)) return false
    return true
  }

  anyHolds(conditions: readonly number[], link: Link): boolean {
    for (let i = 0; i < conditions.length; i++) if (this.holds(conditions[i] as number, link)) return true
    return false
  }

  holds(condition: number, link: Link | undefined): boolean {
    if (this.#asked[condition] === this.#record) return this.#answers[condition] === 1
    this.#link = link
    this.#looked = false
    let answer: boolean
    try {
      answer = Boolean((this.#conditions[condition] as PatternCondition)(this.#value, this.#matched))
    } catch (thrown) {
      throw userError(thrown, this.#operator, 'a condition')
    }
    if (!this.#looked) {
      this.#asked[condition] = this.#record
      this.#answers[condition] = answer ? 1 : 0
    }
    return answer
  }

  #recordsOf(name: string): readonly unknown[] {
    this.#looked = true
    const records: unknown[] = []
    for (let each = this.#link; each !== undefined; each = each.before) {
      if (each.position.name === name) records.push(each.event.value)
    }
    return records.reverse()
  }
}
