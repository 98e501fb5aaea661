/** What can be wrong with a job file: E092, E098, E099. */
import { defineError } from '../../base/errors.ts'

export const E092_NOT_A_JOB = defineError<{ file: string; exportName: string; found: string; jobs: readonly string[] }>({
  code: 'E092', kind: 'usage', retryable: false, title: 'Not a job file',
  what: (d) => `The export "${d.exportName}" of ${d.file} is ${d.found}, not a job.`,
  why: () => 'A job file exports what job(…) returns; nothing in it runs when the file is imported.',
  fix: (d) => [
    ...d.jobs.map((name) => `this file exports the job "${name}": tidemark run ${d.file}#${name}`),
    "write export default job('name', (j) => { … })",
  ],
})

export const E098_JOB_FILE_BROKEN = defineError<{ file: string; reason: string }>({
  code: 'E098', kind: 'job', retryable: false, title: 'The job file does not load',
  what: (d) => `Importing ${d.file} failed: ${d.reason}`,
  fix: () => ['correct the file at the place shown; the state directory was not touched'],
})

export const E099_NOT_FOUND = defineError<{ what: string; path: string; hints: readonly string[] }>({
  code: 'E099', kind: 'not-found', retryable: false, title: 'Not found',
  what: (d) => `There is no ${d.what} at ${d.path}.`,
  fix: (d) => d.hints,
})
