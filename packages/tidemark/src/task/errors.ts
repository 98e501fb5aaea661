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

export const E114_NOT_RECORDABLE = defineError<{
  readonly operator: string
  /** Operator that sent the record. */
  readonly from: string
  readonly reason: string
}>({
  code: 'E114',
  kind: 'data',
  retryable: true,
  title: 'A record on its way cannot be part of a checkpoint',
  what: (d) => `A record on its way from "${d.from}" to "${d.operator}" cannot be stored: ${d.reason}`,
  why: () =>
    'A checkpoint that took long was to hold what its barriers overtook. Until the next restart barriers wait instead, so that back-pressure makes checkpoints slow.',
  fix: (d) => [
    `give "${d.from}" plain data to send on: no functions, class instances or symbols`,
    'or let barriers always wait: checkpoint: { unaligned: false }',
  ],
})

export const E115_NO_SUCH_EDGE = defineError<{
  readonly operator: string
  readonly from: string
  readonly output: string
  readonly input: number
}>({
  code: 'E115',
  kind: 'state',
  retryable: false,
  title: 'Records of a checkpoint are on their way to nowhere',
  what: (d) =>
    `The checkpoint holds records on their way from "${d.from}" (output "${d.output}") to input ${d.input} of "${d.operator}"; the job has no such edge any more.`,
  why: () => 'They were read already, so that leaving them out would lose them.',
  fix: () => [
    'run the job as it was until it is stopped: a stop leaves nothing on its way; then change it',
    'rename operators with .was(), so that they are found again',
  ],
})

export const E211_COLUMNS_NOT_IN_FLIGHT = defineError<{
  readonly operator: string
  readonly found: readonly string[]
  readonly missing: readonly string[]
}>({
  code: 'E211',
  kind: 'state',
  retryable: false,
  title: 'Records of a checkpoint lack what the job reads now',
  what: (d) =>
    `Of records on their way to "${d.operator}" the checkpoint holds only what was read of them: ${list(d.found)}. ` +
    `The job now reads ${d.missing.length === 0 ? 'the records themselves' : list(d.missing)}.`,
  why: () => 'Between threads only those columns travel that are read behind the edge, and barriers overtook these records.',
  fix: () => [
    'run the job as it was until it is stopped, or take a savepoint of it: neither has anything on its way; then change it',
    'or give the aggregates the names back that they had',
  ],
})

const list = (names: readonly string[]): string => (names.length === 0 ? 'the key alone' : names.map((name) => `"${name}"`).join(', '))
