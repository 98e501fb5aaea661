/** Errors of asynchronous functions. */
import { defineError } from '../../base/errors.ts'
import { formatDuration } from '../../base/duration.ts'

export const E160_ASYNC_FUNCTION_FAILED = defineError<{
  readonly operator: string
  readonly tries: number
  readonly reason: string
}>({
  code: 'E160',
  kind: 'job',
  retryable: true,
  title: 'An asynchronous function failed',
  what: (d) => `The function of mapAsync "${d.operator}" failed` +
    `${d.tries === 1 ? '' : `, at the last of ${d.tries} tries`}: ${d.reason}`,
  why: () => 'The record has no result; the job goes back to its last checkpoint, which holds every record ' +
    'still in flight, and calls again.',
  fix: () => [
    'let it be tried again: { retry: { attempts: 5, delay: \'100ms\', backoff: 2 } }',
    'or go on without it: { onFailed: \'side\' }, and read the stream .failed',
    'the cause and its stack are part of this error',
  ],
})

export const E161_ASYNC_FUNCTION_TIMED_OUT = defineError<{
  readonly operator: string
  readonly tries: number
  readonly timeoutMs: number
}>({
  code: 'E161',
  kind: 'job',
  retryable: true,
  title: 'An asynchronous function did not answer in time',
  what: (d) => `The function of mapAsync "${d.operator}" gave no result within ` +
    `${formatDuration(d.timeoutMs)}${d.tries === 1 ? '' : ` and ${d.tries} tries`}.`,
  why: () => 'Records behind it, or the next watermark, wait for this one, and in the end the whole stream.',
  fix: () => [
    'allow more time: { timeout: \'5m\' }; the time counts over all tries of a record',
    'give a result instead: { onTimeout: (record) => … }, or { onFailed: \'side\' } and read .failed',
    'pass the signal on (fetch(url, { signal })), so that calls that are given up do not go on',
  ],
})
