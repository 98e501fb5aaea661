/** Errors of worker threads: E085-E088. */
import { defineError } from '../../base/errors.ts'

export const E085_WORKERS_NEED_A_FILE = defineError<{ workers: number; missing: 'module' | 'state' }>({
  code: 'E085', kind: 'usage', retryable: false, title: 'Worker threads cannot be used here',
  what: (d) => d.missing === 'module'
    ? `${d.workers} worker threads were asked for, but not where the job file is.`
    : `${d.workers} worker threads were asked for without a state directory.`,
  why: (d) => d.missing === 'module'
    ? 'Functions cannot be sent to another thread: every worker imports the job file itself.'
    : 'Every worker writes its own part of a checkpoint, so checkpoints must be files.',
  fix: (d) => [
    d.missing === 'module'
      ? "give the file: startJob(job, { workers: 2, module: { file: '/path/job.ts', exportName: 'default' } })"
      : 'give a state directory',
    'or leave out `workers`: all subtasks then run in this thread',
  ],
})

export const E086_WORKER_DIED = defineError<{ worker: number; subtasks: string; reason: string; hint: string }>({
  code: 'E086', kind: 'job', retryable: true, title: 'A worker thread has died',
  what: (d) => `Worker ${d.worker}, which ran the subtasks ${d.subtasks}, ended: ${d.reason}.`,
  why: () => 'The job goes back to its last completed checkpoint; nothing is lost and nothing is counted twice.',
  fix: (d) => [d.hint],
})

export const E087_OTHER_GRAPH = defineError<{ file: string; here: string; there: string }>({
  code: 'E087', kind: 'job', retryable: false, title: 'The job file gives another graph in a worker thread',
  what: (d) => `${d.file} was imported again by a worker, and the graph it built differs: ` +
    `"${d.here.trim()}" where the starting thread has "${d.there.trim()}".`,
  why: () => 'State and records are exchanged between threads by operator and position, so all must have one graph.',
  fix: () => [
    'build the graph from the settings (-c key=value) and the environment alone, not from time, chance or the thread',
    'if the file was edited while the job started, start it again',
  ],
})
