/**
 * Helpers that all operators share for calling the functions of the job.
 *
 * A `try` never spans a call to the next operator: what that one throws is not this one's error.
 */
import type { Key } from '../graph/key.ts'
import { checkKey } from '../record/key-codec.ts'
import { deepFreeze } from '../record/freeze.ts'
import { E065_NOT_ITERABLE, userError } from './errors.ts'
import type { Collect, OperatorContext } from './operator.ts'

/** `collect` that deep-freezes what user code hands over, where the context asks for it. */
export function freezing(collect: Collect, context: OperatorContext): Collect {
  if (!context.freeze) return collect
  return (value, timestamp) => collect(deepFreeze(value), timestamp)
}

/** Sends every output of a function on. Strings and promises are refused: both are mistakes. */
export function collectAll(
  outputs: unknown, timestamp: number, collect: Collect, operator: string, fn: string,
): void {
  if (outputs === undefined) return
  if (Array.isArray(outputs)) {
    for (let i = 0; i < outputs.length; i++) collect(outputs[i], timestamp)
    return
  }
  const iterator = iteratorOf(outputs, operator, fn)
  for (;;) {
    let step: IteratorResult<unknown>
    try {
      step = iterator.next()
    } catch (thrown) {
      throw userError(thrown, operator, fn)
    }
    if (step.done === true) return
    collect(step.value, timestamp)
  }
}

function iteratorOf(outputs: unknown, operator: string, fn: string): Iterator<unknown> {
  if (typeof outputs === 'object' && outputs !== null && Symbol.iterator in outputs) {
    return (outputs as Iterable<unknown>)[Symbol.iterator]()
  }
  throw E065_NOT_ITERABLE({ operator, fn, found: describe(outputs) }, { place: { operator } })
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  if ('then' in value) return 'a promise'
  return 'an object that cannot be iterated'
}

/** The key of a record, checked. */
export function keyFrom(keyOf: (value: any) => Key, value: unknown, operator: string): Key {
  let key: unknown
  try {
    key = keyOf(value)
  } catch (thrown) {
    throw userError(thrown, operator, 'keyBy')
  }
  return checkKey(key, operator)
}
