/** Errors of going on from the state of another version of the job: E031, E137, E169, E171. */
import { defineError } from '../../base/errors.ts'

const listed = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

export const E031_STATE_WITHOUT_OPERATOR = defineError<{
  checkpoint: number
  operator: string
  operators: readonly string[]
  /** A new operator that it has probably become. */
  likely?: string | undefined
}>({
  code: 'E031',
  kind: 'state',
  retryable: false,
  title: 'A checkpoint holds state for an operator that the job does not have',
  what: (d) =>
    `Checkpoint #${d.checkpoint} holds state for "${d.operator}", but this job has no such operator ` +
    `(it has ${listed(d.operators)}).`,
  why: () => 'Going on would drop that state silently.',
  fix: (d) => [
    d.likely === undefined
      ? `if it was renamed: give the new operator .was('${d.operator}')`
      : `it was probably renamed: give "${d.likely}" .was('${d.operator}')`,
    `if it is gone on purpose: --allow-dropped ${quotedName(d.operator)}`,
    'to start from nothing: --fresh, or another --state directory',
  ],
})

/** As it is given on a command line. */
const quotedName = (name: string): string => (name.includes(' ') ? `'${name}'` : name)

export const E137_STATE_DROPPED = defineError<{
  checkpoint: number
  operator: string
  states: readonly string[]
  /** Where the operator goes on from the state of another name. */
  shadowedBy?: string
  /** Not the whole state, but one of its aggregates. */
  aggregate?: string
}>({
  code: 'E137',
  kind: 'state',
  retryable: false,
  title: 'A checkpoint holds state that the job does not declare',
  what: (d) =>
    d.shadowedBy === undefined
      ? `Checkpoint #${d.checkpoint} holds ${listed(d.states)} of "${d.operator}", which this job does not declare.`
      : `Checkpoint #${d.checkpoint} holds state of "${d.operator}" and of "${d.shadowedBy}", and both are one operator in this job.`,
  why: () => 'Going on would drop that state silently.',
  fix: (d) => [
    ...(d.aggregate !== undefined ? [`give the operator its aggregate "${d.aggregate}" as it was`] : d.shadowedBy === undefined
      ? [`if a state was renamed: give the new one { was: '${d.states[0]}' }`]
      : [`give the operator that "${d.operator}" has become a name of its own, with .was('${d.operator}')`]),
    `if it is gone on purpose: ${d.shadowedBy === undefined
      ? d.states.map((state) => `--allow-dropped ${quotedName(`${d.operator}/${state}`)}`).join(' ')
      : `--allow-dropped ${quotedName(d.operator)}`}`,
  ],
})

export const E169_OPERATOR_CHANGED = defineError<{
  checkpoint: number; operator: string; stored: string; now: string
}>({
  code: 'E169',
  kind: 'state',
  retryable: false,
  title: 'An operator has become another kind of operator',
  what: (d) =>
    `Checkpoint #${d.checkpoint} holds the state of "${d.operator}" as a ${d.stored}; in this job it is a ${d.now}.`,
  why: () => 'What the one keeps means nothing to the other.',
  fix: (d) => [
    `give the new operator another name, and let go of the old state: --allow-dropped ${quotedName(d.operator)}`,
    `make "${d.operator}" a ${d.stored} again`,
  ],
})

export const E171_OUTPUT_OF_DROPPED_SINK = defineError<{ checkpoint: number; operator: string; commits: number }>({
  code: 'E171',
  kind: 'state',
  retryable: false,
  title: 'A sink that is gone may have output that is not committed',
  what: (d) =>
    `Checkpoint #${d.checkpoint} promises ${d.commits} commits of the sink "${d.operator}", which this job does not have.`,
  why: () => 'Nobody else can make that output visible; without it results would be missing.',
  fix: (d) => [
    'stop the version of the job that has the sink with a savepoint, which commits everything: ' +
      'tidemark stop <dir> --savepoint PATH',
    `then begin from it: tidemark run <file> --state <new dir> --from PATH --allow-dropped ${quotedName(d.operator)}`,
  ],
})
