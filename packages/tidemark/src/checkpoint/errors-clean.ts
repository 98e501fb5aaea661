/** Errors of cleaning up a state directory by hand: E177-E179. */
import { defineError } from '../base/errors.ts'

export const E177_NOTHING_TO_CLEAN = defineError<{ directory: string; found: string }>({
  code: 'E177', kind: 'usage', retryable: false, title: 'Only the state directory of a job is cleaned up',
  what: (d) => `${d.directory} is none: ${d.found}.`,
  why: () => 'Elsewhere nobody can tell what is still needed, so that nothing is removed.',
  fix: () => [
    'give the directory that `tidemark run` was given as --state; its default is .tidemark/<job>',
    'a savepoint is one piece: remove its directory when nobody needs it',
  ],
})

export const E178_NOT_CLEANED = defineError<{ directory: string; problem: string }>({
  code: 'E178', kind: 'state', retryable: false, title: 'Nothing was removed',
  what: (d) => `${d.directory} is left as it is: ${d.problem}.`,
  why: () => 'Where a start could not go on from the newest checkpoint, what looks superfluous may be all there is.',
  fix: (d) => [
    `see which checkpoints are whole: tidemark checkpoint verify ${d.directory} latest, then latest-1`,
    'put the damaged file back from a copy, or run the job from an older checkpoint first',
  ],
})

export const E179_JOB_AT_WORK = defineError<{ directory: string; problem: string }>({
  code: 'E179', kind: 'environment', retryable: true, title: 'A job works in this directory',
  what: (d) => `Nothing was removed: ${d.problem}.`,
  why: () => 'A running job removes what it no longer needs itself, after each checkpoint.',
  fix: (d) => [
    'see what would go: the same command with --dry-run',
    `stop the job first: tidemark stop ${d.directory}; it goes on where it stopped`,
  ],
})
