/**
 * Errors of the command line: E091-E097, E157.
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

export const E157_NOBODY_RUNS = defineError<{ directory: string }>({
  code: 'E157', kind: 'not-found', retryable: false, title: 'Nobody runs this job',
  what: (d) => `No process runs the job of ${d.directory}.`,
  fix: () => ['see what it has: tidemark checkpoint list DIR', 'for a copy of its state: tidemark savepoint DIR'],
})

export const E096_BAD_SETTING = defineError<{ given: string; expected: string; example: string }>({
  code: 'E096', kind: 'usage', retryable: false, title: 'A setting has no usable value',
  what: (d) => `-c ${d.given} cannot be used: ${d.expected}.`,
  fix: (d) => [`write for example -c ${d.example}`],
})
