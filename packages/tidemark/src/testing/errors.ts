/** Errors of harness and exploration. What an exploration finds is an ExploreFailure (explore-report.ts). */
import { defineError } from '../base/errors.ts'

export const E122_NOT_IN_THE_JOB = defineError<{ what: string; name: string; known: readonly string[] }>({
  code: 'E122',
  kind: 'usage',
  retryable: false,
  title: 'The job has nothing of this name',
  what: (d) => `There is no ${d.what} called "${d.name}".`,
  why: () => 'Sources, sinks, operators and states are addressed in a test by the names that the job gives them.',
  fix: (d) => [d.known.length === 0 ? 'there is none at all' : `use one of: ${d.known.join(', ')}`],
})

export const E123_TEST_STEP_REFUSED = defineError<{ what: string; why: string; fix: string }>({
  code: 'E123',
  kind: 'usage',
  retryable: false,
  title: 'A step of the test is not possible now',
  what: (d) => d.what,
  why: (d) => d.why,
  fix: (d) => [d.fix],
})
