/** Errors of savepoints (E116, E117), of beginning from one (E118, E119, E154, E158, E159, E185, E186), of stopping (E155). */
import { defineError } from '../base/errors.ts'

export const E116_SAVEPOINT_FAILED = defineError<{ path: string; problem: string }>({
  code: 'E116', kind: 'resource', retryable: true, title: 'The savepoint was not taken',
  what: (d) => `No savepoint was written to ${d.path}: ${d.problem}.`,
  why: () => 'The job itself is as it was: its checkpoints do not depend on savepoints.',
  fix: () => ['take it again: tidemark savepoint DIR', 'see the cause above: the disk of the target, or the job'],
})

export const E117_TARGET_IN_USE = defineError<{ path: string; holds: string }>({
  code: 'E117', kind: 'usage', retryable: false, title: 'The place for the savepoint is not empty',
  what: (d) => `${d.path} holds ${d.holds}.`,
  why: () => 'A savepoint is never mixed with anything else, and nothing is ever overwritten.',
  fix: (d) => ['give another path', `remove ${d.path} if nobody needs it`],
})

export const E118_OTHER_LINE = defineError<{ directory: string; from: string; begunFrom: string | undefined }>({
  code: 'E118', kind: 'state', retryable: false, title: 'The state directory has a line of its own',
  what: (d) => `${d.directory} was begun ${d.begunFrom === undefined ? 'by itself' : `from ${d.begunFrom}`}, ` +
    `so that it cannot begin from ${d.from}.`,
  why: () => '--from begins a new line of checkpoints: on top of another one, results would be lost or come twice.',
  fix: () => [
    'give an empty state directory: --state DIR',
    'to go on with what is there, leave --from away',
  ],
})

export const E119_BEGIN_AGAIN = defineError<{ directory: string }>({
  code: 'E119', kind: 'state', retryable: false, title: 'The start from a savepoint was cut short',
  what: (d) => `${d.directory} was to begin from a savepoint or another state directory, ` +
    'and does not hold its state yet.',
  why: () => 'Starting now would start empty.',
  fix: (d) => [
    'run the same command again with its --from',
    `remove ${d.directory}, or start from the beginning on purpose: --fresh`,
  ],
})

export const E154_NOT_A_SAVEPOINT = defineError<{ path: string; found: string }>({
  code: 'E154', kind: 'not-found', retryable: false, title: 'No savepoint',
  what: (d) => `${d.path} is neither a savepoint nor a state directory: ${d.found}.`,
  fix: () => [
    'give the directory that `tidemark savepoint` or `tidemark stop` named, or the state directory of a job',
    'one that was cut short has no savepoint.json: remove it and take another',
    'an older checkpoint of a job is named behind the directory: --from DIR#latest-1',
  ],
})

export const E155_NOT_STOPPED = defineError<{ problem: string }>({
  code: 'E155', kind: 'job', retryable: true, title: 'The job was not stopped',
  what: (d) => `The job goes on from its last checkpoint: ${d.problem}.`,
  why: () => 'A job is stopped only with a complete last checkpoint whose output is committed.',
  fix: () => ['stop it again', 'a second Ctrl-C, or kill -9, ends it without a last checkpoint'],
})

export const E158_DRAINED = defineError<{ path: string; checkpoint: number }>({
  code: 'E158', kind: 'state', retryable: false, title: 'The job was drained',
  what: (d) => `Checkpoint #${d.checkpoint} in ${d.path} was taken after the job was told ` +
    'that no more input would come.',
  why: () => 'All its windows have fired, also those that were half full: what comes now would be late, ' +
    'or would be counted in windows that have spoken already.',
  fix: () => [
    'go on from a checkpoint or savepoint taken before the drain',
    'to stop a job that is to go on, leave --drain away',
  ],
})

export const E159_OUTPUT_ELSEWHERE = defineError<{
  operator: string; stored: string; now: string; checkpoint: number
}>({
  code: 'E159', kind: 'state', retryable: false, title: 'Output of the old line is not committed',
  what: (d) => `Checkpoint #${d.checkpoint} carries output of "${d.operator}" that is staged for ${d.stored} ` +
    `and perhaps not committed; this job writes to ${d.now}.`,
  why: () => 'The job it was taken from ended without committing it, and from here it cannot be reached.',
  fix: (d) => [
    'run the old job once with its own state directory and stop it: that commits everything',
    `write to ${d.stored}: what is committed already is recognised`,
  ],
})

export const E185_NOT_CLAIMABLE = defineError<{ path: string; problem: string }>({
  code: 'E185', kind: 'usage', retryable: false, title: 'This cannot be claimed',
  what: (d) => `${d.path} cannot become the job's own: ${d.problem}.`,
  why: () => 'What a job has claimed it removes when it is not needed any more.',
  fix: () => [
    'leave --claim away: what is begun from is then copied and stays as it is',
    'to give up a state directory, take a savepoint of it and claim that',
  ],
})

export const E186_OTHER_OWNER = defineError<{ path: string; owner: string }>({
  code: 'E186', kind: 'state', retryable: false, title: 'The savepoint belongs to another job',
  what: (d) => `${d.path} was claimed by the job of ${d.owner}, which removes it.`,
  why: () => 'It may go at any moment, also while it is being copied.',
  fix: (d) => [
    `begin from what that job has now: --from ${d.owner}`,
    `if that job never was, or is gone: remove ${d.path}/claimed.json`,
  ],
})
