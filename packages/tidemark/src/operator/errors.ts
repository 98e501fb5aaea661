/**
 * Errors of running operators: what user functions throw, and records that do not fit an operator.
 */
import { defineError, describeThrown, isStreamError } from '../base/errors.ts'
import { InvariantViolation } from '../base/assert.ts'

export const E015_MALFORMED_ROW = defineError<{ operator: string; text: string; reason: string }>({
  code: 'E015',
  kind: 'data',
  retryable: false,
  title: 'A row is not a record',
  what: (d) => `Source "${d.operator}" read a row that is no record (${d.reason}): ${shorten(d.text)}`,
  why: () => "The policy onInvalid is 'fail', so the job stops here instead of counting without this row.",
  fix: () => [
    "repair the input, or let the job go on with onInvalid: 'side' (a stream of them) or 'drop' (counted)",
  ],
})

const LONGEST_EXCERPT = 120
const shorten = (text: string): string =>
  text.length <= LONGEST_EXCERPT ? text : `${text.slice(0, LONGEST_EXCERPT)}…`

export const E023_NO_EVENT_TIME = defineError<{ operator: string }>({
  code: 'E023',
  kind: 'job',
  retryable: false,
  title: 'A record without event time reached an event-time window',
  what: (d) => `Window "${d.operator}" goes by event time, but a record that came to it has no timestamp.`,
  why: () => 'A record has a timestamp if its source says how to read it, or if a window or timer made it.',
  fix: () => [
    'give `eventTime` in from(): from(name, source, { eventTime: (record) => record.date })',
    "use a processing-time window: tumbling('1m', { time: 'processing' })",
  ],
})

export const E061_USER_FUNCTION_FAILED = defineError<{ operator: string; fn: string; thrown: string }>({
  code: 'E061',
  kind: 'job',
  retryable: true,
  title: 'A function of the job failed',
  what: (d) => `${d.fn} of operator "${d.operator}" threw: ${d.thrown}`,
  why: () => 'The record cannot be processed; the job goes back to its last checkpoint and tries again.',
  fix: () => [
    'correct the function, or catch the error in it and send the record to a side output',
    'the cause and its stack are part of this error',
  ],
})

export const E063_IMPOSSIBLE_TIMER = defineError<{ operator: string; given: string }>({
  code: 'E063',
  kind: 'job',
  retryable: false,
  title: 'Impossible timer',
  what: (d) => `Operator "${d.operator}" asked for a timer at ${d.given}, which is no point in time.`,
  why: () => 'A timer needs a Date or a whole number of milliseconds since 1970.',
  fix: () => ['check the computation of the time: a missing field often gives NaN'],
})

export const E064_TIMER_WITHOUT_KEY = defineError<{ operator: string }>({
  code: 'E064',
  kind: 'job',
  retryable: false,
  title: 'Timers need a keyed stream',
  what: (d) => `Operator "${d.operator}" asked for a timer, but its stream is not keyed.`,
  why: () => 'A timer belongs to a key: its state and its place after a restart follow the key.',
  fix: () => ['put keyBy() before process()'],
})

export const E065_NOT_ITERABLE = defineError<{ operator: string; fn: string; found: string }>({
  code: 'E065',
  kind: 'job',
  retryable: false,
  title: 'A function must return an iterable of outputs, or nothing',
  what: (d) => `${d.fn} of operator "${d.operator}" returned ${d.found}.`,
  why: () => 'Functions are synchronous; their outputs are what they return as array, or yield as generator.',
  fix: () => ['return [output], or write the function as a generator: function* (record) { yield output }',
    'use mapAsync for a function that waits'],
})

export const E066_PANE_CANNOT_MERGE = defineError<{ operator: string; what: string }>({
  code: 'E066',
  kind: 'job',
  retryable: false,
  title: 'Session windows need what can be merged',
  what: (d) => `Window "${d.operator}" has sessions, but ${d.what}.`,
  why: () => 'Two sessions become one when a record falls between them, and so must what they hold.',
  fix: () => ['give the aggregate a merge function (a, b) => accumulator'],
})

/**
 * What a user function threw, as one StreamError. Errors of the engine that pass through a user
 * function (a refused state value, a broken invariant) keep their own code.
 */
export function userError(thrown: unknown, operator: string, fn: string): Error {
  if (thrown instanceof InvariantViolation) return thrown
  if (isStreamError(thrown)) return thrown.withPlace({ operator })
  const details = { operator, fn, thrown: describeThrown(thrown) }
  return E061_USER_FUNCTION_FAILED(details, { place: { operator }, cause: thrown })
}

export const E067_RESERVED_STATE_NAME = defineError<{ operator: string; name: string }>({
  code: 'E067',
  kind: 'job',
  retryable: false,
  title: 'Reserved name of a state',
  what: (d) => `Operator "${d.operator}" declares a state "${d.name}", a name that the engine uses itself.`,
  why: () => 'Both would be stored under the same name in a checkpoint.',
  fix: () => ['give the state another name'],
})
