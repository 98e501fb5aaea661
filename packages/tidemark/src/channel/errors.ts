/** Errors of channels. */
import { defineError } from '../base/errors.ts'

export const E170_RECORD_TOO_LARGE = defineError<{
  readonly bytes: number
  readonly most: number
}>({
  code: 'E170',
  kind: 'data',
  retryable: false,
  title: 'A record is too large to cross to another thread',
  what: (d) => `A record takes ${d.bytes} bytes between threads; ${d.most} is the most.`,
  why: () => 'Records cross between threads as bytes in one piece, and each is in memory on both sides.',
  fix: () => [
    'carry large data by reference: a file name, an address and an offset',
    'cut it into several records before the operator that sends it on',
  ],
})
