/** Errors of the fluent API that are no property of the finished graph. */
import { describeThrown, defineError } from '../base/errors.ts'
import { show } from '../graph/errors.ts'

export const E009_NO_NUMBER = defineError<{ aggregate: string; given: unknown; integers: boolean }>({
  code: 'E009', kind: 'data', retryable: false, title: 'An aggregate got no number',
  what: (d) => `The function of ${d.aggregate} returned ${show(d.given)}, ` +
    `which is no ${d.integers ? 'safe integer' : 'number'}.`,
  why: (d) => d.integers
    ? 'A sum of integers is promised to be exact, so every value and the sum must be within ±(2^53 - 1).'
    : 'Adding a string or null would give a wrong total without a word.',
  fix: (d) => d.integers
    ? [`use ${d.aggregate} without { integers: true }, or round the value in the function`]
    : ['convert the field in the function, e.g. sum((r) => Number(r.amount))',
        'or give the source a schema, and let rows that do not fit go to .invalid'],
})

export const E010_SETTING = defineError<{ key: string; given: string | undefined; wanted: string }>({
  code: 'E010', kind: 'usage', retryable: false, title: 'A setting of the job is missing or wrong',
  what: (d) => d.given === undefined
    ? `The job asks for the setting "${d.key}" (${d.wanted}), which was not given.`
    : `The setting "${d.key}" is ${JSON.stringify(d.given)}, which is no ${d.wanted}.`,
  fix: (d) => [`add -c ${d.key}=<${d.wanted}>`, ...(d.given === undefined
    ? [`or give it a default in the job file: j.config….('${d.key}', default)`]
    : [])],
})

export const E014_BUILD_THREW = defineError<{ job: string; thrown: unknown }>({
  code: 'E014', kind: 'job', retryable: false, title: 'The build function threw',
  what: (d) => `Building the job "${d.job}" failed: ${describeThrown(d.thrown)}`,
  fix: () => ['correct the build function of the job file; nothing has run yet'],
})
