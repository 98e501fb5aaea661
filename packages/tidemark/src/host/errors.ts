/** Errors of the hosts themselves. */
import { defineError, describeThrown, isStreamError, type StreamError } from '../base/errors.ts'

export const E084_ENGINE_BROKEN = defineError<{ thrown: string }>({
  code: 'E084',
  kind: 'job',
  retryable: false,
  title: 'The engine has stopped itself',
  what: (d) => `Something that can never be was found: ${d.thrown}`,
  why: () => 'Going on could give wrong totals. The last completed checkpoint is untouched.',
  fix: () => ['this is a bug of Tidemark: please report it with the stack below', 'run the same command again'],
})

export const E156_ORDER_REFUSED = defineError<{ problem: string }>({
  code: 'E156',
  kind: 'environment',
  retryable: false,
  title: 'The running job does not take the order',
  what: (d) => `Nothing was done: ${d.problem}.`,
  why: () => 'Whatever changes a running job needs the token in its state directory, which only its owner may read.',
  fix: () => [
    'run the command as the user who runs the job, with the same version of Tidemark',
    'if its process does not answer: end it, and use the state directory as it is',
  ],
})

export const E199_ORDER_LOST = defineError<{ pid: number }>({
  code: 'E199',
  kind: 'environment',
  retryable: false,
  title: 'What came of the order is not known',
  what: (d) => `Process ${d.pid} had taken the order, and ended before it answered.`,
  why: () => 'It may have been carried out before the end, or in part: a stop that was complete, a savepoint whose last file is missing.',
  fix: () => [
    'look at what there is: tidemark checkpoint list DIR, and the place of the savepoint, which is whole if its commands read it',
    'give the order again, to the next process of the job or to the state directory as it is',
  ],
})

export const E184_NOT_RESCALED = defineError<{ to: number; problem: string }>({
  code: 'E184',
  kind: 'job',
  retryable: true,
  title: 'The parallelism was not changed',
  what: (d) => `The job was not moved to parallelism ${d.to}: ${d.problem}.`,
  why: () => 'It is moved by a complete last checkpoint, from which it goes on. Without one it goes on as it was.',
  fix: (d) => [
    `once it runs undisturbed, again: tidemark rescale DIR --to ${d.to} --live`,
    `or stop it and start it with --parallelism ${d.to}`,
  ],
})

/** What escaped: an error that explains itself, or a broken invariant of ours. */
export function engineError(thrown: unknown): StreamError {
  return isStreamError(thrown) ? thrown : E084_ENGINE_BROKEN({ thrown: describeThrown(thrown) }, { cause: thrown })
}
