/** Errors of the definition of a join. Thrown by api/joins.ts and api/fluent.ts. */
import { defineError } from '../base/errors.ts'
import { show } from './errors.ts'

export const E150_NOTHING_TO_JOIN_WITH = defineError<{ name: string; call: string; foreign: boolean }>({
  code: 'E150', kind: 'job', retryable: false, title: 'There is nothing to join with',
  what: (d) => d.foreign
    ? `${d.call}(${show(d.name)}, …) got a stream of another job.`
    : `${d.call}(${show(d.name)}, …) got no keyed stream as its second argument.`,
  why: () => 'A join is of two keyed streams of one job: records with equal keys meet in one subtask.',
  fix: (d) => [`write left.keyBy(…).${d.call}(name, right.keyBy(…), …)`],
})

export const E151_EMPTY_INTERVAL = defineError<{ name: string; lowerMs: number; upperMs: number }>({
  code: 'E151', kind: 'job', retryable: false, title: 'The interval of a join is empty',
  what: (d) => `The interval join "${d.name}" wants right records ` +
    `from ${d.lowerMs} ms to ${d.upperMs} ms after the left one (both included): there are none.`,
  why: () => 'between: [lower, upper] counts from the time of the left record; the lower bound comes first.',
  fix: () => ["order the bounds: between: ['-5m', '1h'] is from 5 minutes before to an hour after",
    'an exclusive bound leaves nothing of an interval whose ends are equal'],
})

export const E152_UNKNOWN_JOIN_TYPE = defineError<{
  name: string
  given: unknown
  known: readonly string[]
}>({
  code: 'E152', kind: 'job', retryable: false, title: 'There is no such type of join',
  what: (d) => `The type of the join "${d.name}" is ${show(d.given)}.`,
  why: (d) => d.known.includes('full')
    ? 'It says of which side a record without a partner is put out, too.'
    : 'What is looked up waits for records for ever, so it is never known that it has found none.',
  fix: (d) => [`use one of ${d.known.join(', ')}`],
})
