/** Errors of checkpoint storage, recovery and the coordinator. */
import { defineError } from '../base/errors.ts'

export const E034_MAX_PARALLELISM_CHANGED = defineError<{ directory: string; stored: number; now: number }>({
  code: 'E034', kind: 'state', retryable: false, title: 'Max parallelism has changed',
  what: (d) => `The state in ${d.directory} is cut into ${d.stored} key groups, this job asks for ${d.now}.`,
  why: () => 'Keys would belong to other groups than their state, so every total would start again in silence.',
  fix: (d) => [
    `set maxParallelism back to ${d.stored}`,
    'use another state directory (--state), or start without the old state (--fresh)',
  ],
})

export interface ResourceChange {
  readonly directory: string
  readonly operator: string
  readonly role: 'source' | 'sink'
  readonly stored: string
  readonly now: string
}

export const E035_RESOURCE_CHANGED = defineError<ResourceChange>({
  code: 'E035', kind: 'state', retryable: false, title: 'Another input or output on the same state directory',
  what: (d) =>
    d.role === 'source'
      ? `"${d.operator}" has read ${d.stored} so far; now it is to read ${d.now}, with the state in ${d.directory}.`
      : `"${d.operator}" has written to ${d.stored} so far; now it is to write to ${d.now}, ` +
        `with the state in ${d.directory}.`,
  why: (d) =>
    d.role === 'source'
      ? 'Positions in one input mean nothing in another: records would be skipped or counted twice.'
      : 'The results up to the checkpoint lie in the old place: the new one would hold only the rest.',
  fix: (d) => [
    `use ${d.stored} again`,
    'use another state directory for this run (--state)',
    'start from the beginning without the old state (--fresh)',
  ],
})

export const E036_OTHER_JOB = defineError<{ directory: string; stored: string; now: string }>({
  code: 'E036', kind: 'state', retryable: false, title: 'The state directory belongs to another job',
  what: (d) => `${d.directory} holds the state of job "${d.stored}", this is job "${d.now}".`,
  why: () => 'State is found by the names of a job and its operators: one directory serves one job.',
  fix: (d) => ['use a state directory of its own (--state)', `rename the job back to "${d.stored}"`],
})

export const E041_CHECKPOINTS_FAIL = defineError<{ failures: number; last: number; reason: string; why: string }>({
  code: 'E041', kind: 'resource', retryable: true, title: 'Checkpoints keep failing',
  what: (d) => `${d.failures} ${d.failures === 1 ? 'checkpoint' : 'checkpoints'} in a row failed, ` +
    `the last one is #${d.last}: ${d.reason}.`,
  why: (d) => (d.why === '' ? 'Without checkpoints a crash would replay more and more, and no output is committed.' : d.why),
  fix: (d) =>
    d.reason.startsWith('expired')
      ? [
          'raise the timeout (-c checkpointTimeout=30m) if the state is large',
          'look which subtask was last: tidemark checkpoint list, and trace.jsonl of that checkpoint',
        ]
      : ['look at the cause above and at the disk of the state directory, then run the same command again'],
})

export const E043_CHECKPOINT_ABANDONED = defineError<{ checkpoint: number }>({
  code: 'E043', kind: 'resource', retryable: true, title: 'The checkpoint was given up',
  what: (d) => `Checkpoint #${d.checkpoint} was given up before this part of it was written.`,
  why: () => 'It was declined, timed out or overtaken; nothing is lost, the next one holds everything.',
  fix: () => ['nothing to do if it happens now and then; otherwise see why checkpoints fail'],
})

export const E044_STATE_GONE = defineError<{ directory: string; trace: string }>({
  code: 'E044', kind: 'state', retryable: false, title: 'The checkpoints of this job are gone',
  what: (d) => `${d.directory} holds no checkpoint to go on from, although the job completed one before (${d.trace}).`,
  why: () => 'Starting empty would count everything again on top of the output that is already committed.',
  fix: (d) => [
    `put ${d.directory}/checkpoints back from a copy`,
    'start from the beginning on purpose: --fresh (and remove the old output first)',
  ],
})

export const E045_NEWEST_UNREADABLE = defineError<{
  directory: string; checkpoint: number; problem: string; older: number | undefined
}>({
  code: 'E045', kind: 'corrupt', retryable: false, title: 'The newest checkpoint cannot be read',
  what: (d) => `Checkpoint #${d.checkpoint} in ${d.directory} is damaged: ${d.problem}`,
  why: () => 'Its output may be committed already, so going on from an older one could write results twice.',
  fix: (d) => [
    `put checkpoints/${d.checkpoint}.manifest and checkpoints/${d.checkpoint}/ back from a copy`,
    ...(d.older === undefined
      ? []
      : [
          `go on from checkpoint #${d.older} and accept that output after it may appear twice: ` +
            `move checkpoints/${d.checkpoint}.manifest and checkpoints/${d.checkpoint}/ out of ${d.directory}`,
        ]),
    'start from the beginning: --fresh (and remove the old output first)',
  ],
})

export const E046_FENCED = defineError<{ directory: string; mine: number; newest: number; holder: string }>({
  code: 'E046', kind: 'environment', retryable: false, title: 'Another process has taken over this job',
  what: (d) => `This process holds term ${d.mine} on ${d.directory}, but term ${d.newest} was claimed by ${d.holder}.`,
  why: () => 'Two writers would commit the same output twice, so the older one stops at once.',
  fix: () => ['let the other process run, or stop it and start this one again'],
})

export const E047_NO_SUCH_CHECKPOINT = defineError<{ directory: string; ref: string; present: readonly number[] }>({
  code: 'E047', kind: 'not-found', retryable: false, title: 'No such checkpoint',
  what: (d) => `${d.directory} has no checkpoint "${d.ref}".`,
  why: (d) => (d.present.length === 0 ? 'It holds no completed checkpoint at all.' : `It holds ${d.present.join(', ')}.`),
  fix: () => ['give a number, latest or latest-1; tidemark checkpoint list shows what is there'],
})

export const E048_LOCK_PATH_TOO_LONG = defineError<{ directory: string }>({
  code: 'E048', kind: 'environment', retryable: false, title: 'The path of the state directory is too long',
  what: (d) => `No socket can be made in ${d.directory}: its path is longer than this system allows.`,
  why: () => 'The lock on a state directory is a unix socket inside it.',
  fix: () => ['use a shorter --state path, or run from a directory nearer to it'],
})

export const E049_NO_HARD_LINKS = defineError<{ directory: string; errno: string }>({
  code: 'E049', kind: 'environment', retryable: false, title: 'The file system has no hard links',
  what: (d) => `link() in ${d.directory} failed with ${d.errno}.`,
  why: () => 'Checkpoints are claimed by link(), which fails when another writer was first; a rename would overwrite it.',
  fix: () => ['put the state directory on a local file system such as ext4, xfs, btrfs, zfs, tmpfs or apfs'],
})

export const E050_DOCUMENT_DAMAGED = defineError<{ file: string; offset: number; problem: string }>({
  code: 'E050', kind: 'corrupt', retryable: false, title: 'A file of the state directory is damaged',
  what: (d) => `${d.file} is damaged at byte ${d.offset}: ${d.problem}.`,
  why: () => 'Every file carries its length and a checksum; this one does not match, so nothing in it is believed.',
  fix: (d) => [`put ${d.file} back from a copy`, 'tidemark checkpoint verify shows which checkpoints are whole'],
})

export const E051_STATE_LOCKED = defineError<{ directory: string; pid: number | undefined; answers: boolean }>({
  code: 'E051', kind: 'environment', retryable: true, title: 'The state directory is in use',
  what: (d) => `${d.directory} is held by ${d.pid === undefined ? 'another process' : `process ${d.pid}`}` +
    `${d.answers ? '' : ', which does not answer (is it stopped?)'}.`,
  why: () => 'One directory has one writer: a second one would commit the same output twice.',
  fix: (d) => [
    'wait until it ends, or use another state directory (--state)',
    ...(d.pid === undefined ? [] : [`end it: kill ${d.pid}`]),
    ...(d.answers ? [] : ['if it hangs for good: --take-over (the other one is shut out by its older term)']),
  ],
})

export const E059_NEWER_FORMAT = defineError<{ file: string; kind: string; found: number; known: number }>({
  code: 'E059', kind: 'state', retryable: false, title: 'Written by a newer version',
  what: (d) => `${d.file} has ${d.kind} format ${d.found}; this version of Tidemark knows formats up to ${d.known}.`,
  why: () => 'A newer version has worked on this state directory; an older one could misread it.',
  fix: () => ['run it with the newer version again', 'use another state directory (--state)'],
})
