/**
 * The one table from outcomes to exit codes. docs/guide/reliability.md prints it; a test compares.
 */
import type { ErrorKind } from '../base/errors.ts'

export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  jobFailed: 3,
  stateIncompatible: 4,
  notFound: 5,
  timedOut: 6,
  differences: 7,
  environment: 8,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What each code tells a script; the order is the order of the documentation. */
export const EXIT_MEANING: readonly (readonly [ExitCode, string])[] = [
  [EXIT.ok, 'done; also stopped by a signal after the final checkpoint'],
  [EXIT.internal, 'a bug of the engine'],
  [EXIT.usage, 'the command line or a setting is wrong'],
  [EXIT.jobFailed, 'the job failed: its code, its data, or the disk'],
  [EXIT.stateIncompatible, 'the state directory does not fit this job, or is damaged'],
  [EXIT.notFound, 'a file, directory or checkpoint is not there'],
  [EXIT.timedOut, 'timed out; reserved, no command uses it yet'],
  [EXIT.differences, 'differences found (`checkpoint diff --exit-code`, `replay`)'],
  [EXIT.environment, 'the environment: platform, permission, a lock held by another process'],
  [EXIT.interrupted, 'ended at once by a second SIGINT, without a final checkpoint'],
  [EXIT.terminated, 'ended at once by a second SIGTERM, without a final checkpoint'],
]

const BY_KIND: Readonly<Record<ErrorKind, ExitCode>> = {
  usage: EXIT.usage,
  job: EXIT.jobFailed,
  data: EXIT.jobFailed,
  resource: EXIT.jobFailed,
  state: EXIT.stateIncompatible,
  corrupt: EXIT.stateIncompatible,
  environment: EXIT.environment,
  'not-found': EXIT.notFound,
}

/** Codes that say more than their kind. E084: an invariant of the engine is broken. */
const BY_CODE: ReadonlyMap<string, ExitCode> = new Map([['E084', EXIT.internal]])

export function exitCodeOf(error: { readonly code: string; readonly kind: ErrorKind }): ExitCode {
  return BY_CODE.get(error.code) ?? BY_KIND[error.kind]
}

export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM'): ExitCode {
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated
}
