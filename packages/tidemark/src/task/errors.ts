/** Errors of a running subtask. */
import { defineError } from '../base/errors.ts'

export const E060_SUBTASK_FAILED = defineError<{ subtask: string; reason: string }>({
  code: 'E060',
  kind: 'job',
  retryable: true,
  title: 'A subtask failed',
  what: (d) => `Subtask ${d.subtask} failed: ${d.reason}`,
  why: () => 'The whole job goes back to the last completed checkpoint and tries again.',
  fix: () => ['look at the cause below; if it comes from your function, mend it and start the job again'],
})
