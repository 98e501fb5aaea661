/** Errors of replaying the records between two checkpoints: E172-E176. */
import { defineError } from '../../base/errors.ts'

export const E172_NOT_REPLAYABLE = defineError<{ operator: string; kind: string }>({
  code: 'E172', kind: 'state', retryable: false, title: 'The source cannot be read again',
  what: (d) => `"${d.operator}" reads from ${d.kind}, which is live: what it has given once it cannot give again.`,
  why: () => 'A replay reads the records between two checkpoints a second time.',
  fix: () => [
    'replay a job whose sources can rewind: files, Parquet, a log',
    'to see only what has changed: tidemark checkpoint diff DIR A B',
  ],
})

export const E173_NOT_COMPARABLE = defineError<{
  from: number | undefined; to: number; problem: string; hints: readonly string[]
}>({
  code: 'E173', kind: 'state', retryable: false, title: 'These two checkpoints cannot be replayed',
  what: (d) =>
    `${d.from === undefined ? 'Up' : `From checkpoint #${d.from}`} to #${d.to} nothing can be replayed: ${d.problem}.`,
  why: () => 'A replay ends exactly where the second checkpoint was cut, and its state is compared with that.',
  fix: (d) => d.hints,
})

export const E174_BOUND_PASSED = defineError<{
  operator: string; split: string; bound: string; at: string; records: number
}>({
  code: 'E174', kind: 'job', retryable: false, title: 'A source does not stop where the checkpoint was cut',
  what: (d) =>
    `"${d.operator}" has given more than the ${d.records} records between the checkpoints, and split "${d.split}" ` +
    `stands at ${d.at} without having stood at ${d.bound}, the position in the checkpoint.`,
  why: () => 'Asked for one record at a time, a reader comes by every position it ever had (laws SR-1, SR-2).',
  fix: () => [
    'look whether what the source reads has changed since the checkpoint',
    'in a connector of your own: give at most as many records as are asked for, and the same ones again',
  ],
})

export const E175_INPUT_CHANGED = defineError<{ operator: string; problem: string }>({
  code: 'E175', kind: 'data', retryable: false, title: 'The input is not what it was',
  what: (d) => `What "${d.operator}" reads ends before the position in the checkpoint: ${d.problem}.`,
  why: () => 'A replay needs the very records that were read between the two checkpoints.',
  fix: () => ['put back what was there: files that were removed, a log that was shortened', 'replay newer checkpoints'],
})

export const E176_KEPT_PLACE_IN_USE = defineError<{ path: string; holds: string }>({
  code: 'E176', kind: 'usage', retryable: false, title: 'The place to keep the replay in is not empty',
  what: (d) => `${d.path} holds ${d.holds}.`,
  why: () => 'A replay begins a state directory of its own, and never mixes it with anything else.',
  fix: () => ['give a path that is not there: --keep PATH', 'leave --keep away: the replay is then removed at its end'],
})
