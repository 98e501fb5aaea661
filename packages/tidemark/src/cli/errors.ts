/**
 * Errors of the command line: E091-E099.
 *
 * Everything a user can get wrong before a job runs, and what the platform cannot give us.
 */
import { defineError } from '../base/errors.ts'

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

export const E091_UNKNOWN_SETTING = defineError<{
  key: string
  suggestion: string | undefined
  ofJob: readonly string[]
  ofEngine: readonly string[]
}>({
  code: 'E091', kind: 'usage', retryable: false, title: 'Unknown setting',
  what: (d) => `-c ${d.key}=… was given, but neither the job nor the engine reads "${d.key}".` +
    (d.suggestion === undefined ? '' : ` Did you mean "${d.suggestion}"?`),
  why: () => 'A setting that nobody reads is nearly always a typing mistake, so the job does not start.',
  fix: (d) => [
    d.ofJob.length === 0 ? 'this job reads no settings of its own' : `this job reads ${quoted(d.ofJob)}`,
    `the engine reads ${quoted(d.ofEngine)}`,
  ],
})

export const E092_NOT_A_JOB = defineError<{ file: string; exportName: string; found: string; jobs: readonly string[] }>({
  code: 'E092', kind: 'usage', retryable: false, title: 'Not a job file',
  what: (d) => `The export "${d.exportName}" of ${d.file} is ${d.found}, not a job.`,
  why: () => 'A job file exports what job(…) returns; nothing in it runs when the file is imported.',
  fix: (d) => [
    ...d.jobs.map((name) => `this file exports the job "${name}": tidemark run ${d.file}#${name}`),
    "write export default job('name', (j) => { … })",
  ],
})

export const E093_UNSUPPORTED_PLATFORM = defineError<{ platform: string }>({
  code: 'E093', kind: 'environment', retryable: false, title: 'This platform is not supported',
  what: (d) => `Tidemark does not run on ${d.platform}.`,
  why: () => 'Its checkpoints rest on link() and on syncing directories, which Windows does not offer ' +
    'with the meaning that POSIX gives them: a crash could lose a completed checkpoint.',
  fix: () => ['use Linux or macOS; on Windows use WSL 2, with the state directory inside WSL'],
})

export const E094_NODE_TOO_OLD = defineError<{ version: string; needed: string }>({
  code: 'E094', kind: 'environment', retryable: false, title: 'Node.js is too old',
  what: (d) => `This is Node.js ${d.version}; Tidemark needs ${d.needed} or newer.`,
  fix: (d) => [`install Node.js ${d.needed} or newer (20, 22 and 24 are tested)`],
})

export const E095_COMMAND_LINE = defineError<{ problem: string; hints: readonly string[] }>({
  code: 'E095', kind: 'usage', retryable: false, title: 'The command line was not understood',
  what: (d) => d.problem,
  fix: (d) => d.hints,
})

export const E096_BAD_SETTING = defineError<{ given: string; expected: string; example: string }>({
  code: 'E096', kind: 'usage', retryable: false, title: 'A setting has no usable value',
  what: (d) => `-c ${d.given} cannot be used: ${d.expected}.`,
  fix: (d) => [`write for example -c ${d.example}`],
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
