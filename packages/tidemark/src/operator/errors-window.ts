/**
 * Errors of triggers and watermark generators that the job brings along.
 */
import { defineError } from '../base/errors.ts'

export const E141_NO_TRIGGER_RESULT = defineError<{ trigger: string; given: string }>({
  code: 'E141',
  kind: 'job',
  retryable: false,
  title: 'A trigger gave no answer',
  what: (d) => `The trigger "${d.trigger}" returned ${d.given}.`,
  why: () => 'A trigger says what becomes of its window after each record and timer.',
  fix: () => ["return 'continue', 'fire', 'purge' or 'fire-and-purge' from each of its functions"],
})

export const E142_NOT_A_WATERMARK = defineError<{ operator: string; given: string }>({
  code: 'E142',
  kind: 'job',
  retryable: false,
  title: 'A watermark is not a time',
  what: (d) => `The watermark generator of source "${d.operator}" gave ${d.given}.`,
  why: () => 'A watermark is a Date or a number of milliseconds: no earlier record is expected after it.',
  fix: () => ['return a number, a valid Date, or undefined while nothing is known yet'],
})
