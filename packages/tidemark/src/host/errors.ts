/** Errors of the hosts themselves. */
import { defineError } from '../base/errors.ts'

export const E084_ENGINE_BROKEN = defineError<{ thrown: string }>({
  code: 'E084',
  kind: 'job',
  retryable: false,
  title: 'The engine has stopped itself',
  what: (d) => `Something that can never be was found: ${d.thrown}`,
  why: () => 'Going on could give wrong totals. The last completed checkpoint is untouched.',
  fix: () => ['this is a bug of Tidemark: please report it with the stack below', 'run the same command again'],
})
