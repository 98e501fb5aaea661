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

export const E031_STATE_WITHOUT_OPERATOR = defineError<{
  checkpoint: number
  operator: string
  operators: readonly string[]
}>({
  code: 'E031',
  kind: 'state',
  retryable: false,
  title: 'A checkpoint holds state for an operator that the job does not have',
  what: (d) =>
    `Checkpoint #${d.checkpoint} holds state for "${d.operator}", but this job has no such operator ` +
    `(it has ${d.operators.map((name) => `"${name}"`).join(', ')}).`,
  why: () => 'Going on would drop that state silently.',
  fix: (d) => [
    `if it was renamed: give the new operator .was('${d.operator}')`,
    'if it is gone on purpose: start with --fresh or another --state directory',
  ],
})
