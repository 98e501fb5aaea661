/** Errors of looking at a running job: E120, E121, E135, E136. */
import { defineError } from '../base/errors.ts'

export const E120_NO_JOB_HERE = defineError<{ directory: string }>({
  code: 'E120', kind: 'not-found', retryable: false, title: 'No job in this directory',
  what: (d) => `${d.directory} is not the state directory of a job, or its job has not begun yet.`,
  fix: () => [
    'give the directory that `tidemark run` was given as --state; its default is .tidemark/<job>',
    'if the job is just starting, try again in a moment',
  ],
})

export const E121_JOB_NOT_RUNNING = defineError<{ directory: string; job: string; last: string }>({
  code: 'E121', kind: 'not-found', retryable: false, title: 'The job is not running',
  what: (d) => `No process runs the job "${d.job}" of ${d.directory}: ${d.last}.`,
  why: () => 'What subtasks do now can only be told by their process; checkpoints are files, and stay.',
  fix: (d) => [
    `see what the job left: tidemark checkpoint list --state ${d.directory}`,
    'start it again with the command that started it: it goes on from its last checkpoint',
  ],
})

export const E135_JOB_DOES_NOT_ANSWER = defineError<{ directory: string; pid: number; withinMs: number }>({
  code: 'E135', kind: 'environment', retryable: true, title: 'The job does not answer',
  what: (d) => `Process ${d.pid} holds ${d.directory}, but has not answered within ${d.withinMs} ms.`,
  why: () => 'It is stopped (SIGSTOP, a debugger), or one call of a user function has kept its thread all this time.',
  fix: (d) => [
    `see its state: ps -o pid,stat,etime,time -p ${d.pid}; a T in STAT means stopped, and kill -CONT ${d.pid} lets it go on`,
    'if a function computes for long, give the job worker threads (--workers 2): the process then answers meanwhile',
  ],
})

export const E136_UNKNOWN_METRICS = defineError<{ directory: string; given: string; expected: string }>({
  code: 'E136', kind: 'environment', retryable: false, title: 'The job answers in another form',
  what: (d) => `The process that runs the job of ${d.directory} answered with ${d.given} instead of ${d.expected}.`,
  why: () => 'It was started by another version of tidemark than this command.',
  fix: () => ['use the version that runs the job: its `tidemark version` and this one are to be the same'],
})
