/** Errors of a whole job. */
import { defineError } from '../base/errors.ts'

export const E082_DISCOVERY_FAILED = defineError<{ thrown: string }>({
  code: 'E082',
  kind: 'job',
  retryable: true,
  title: 'A source could not list its splits',
  what: (d) => `Discovery of splits threw ${d.thrown}.`,
  fix: () => ['look at the cause; a source should throw a StreamError that says what to do'],
})

export const E083_JOB_BROKEN = defineError<{ thrown: string }>({
  code: 'E083',
  kind: 'job',
  retryable: true,
  title: 'The job could not be started',
  what: (d) => `Starting the job threw ${d.thrown}.`,
  fix: () => ['look at the cause below'],
})
