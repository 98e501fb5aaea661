/** Errors of looking inside state: E143-E149, E180-E183. */
import { defineError } from '../../base/errors.ts'

const listed = (names: readonly string[]): string => {
  const shown = names.slice(0, 12).map((name) => `"${name}"`).join(', ')
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown
}
const nearest = (near: string | undefined): string => (near === undefined ? '' : ` Did you mean "${near}"?`)

export const E143_CHECKPOINT_COLLECTED = defineError<{ directory: string; checkpoint: number }>({
  code: 'E143', kind: 'not-found', retryable: true, title: 'The checkpoint has just been removed',
  what: (d) =>
    `Checkpoint #${d.checkpoint} of ${d.directory} was removed meanwhile, or is being removed, by garbage collection.`,
  why: () => 'A running job keeps only its newest checkpoints; of one that is going nothing is shown, and no label holds it.',
  fix: (d) => [
    'run the same command again: latest then names a newer one',
    `keep one for longer by a label: tidemark checkpoint label ${d.directory} latest keep-this`,
    'if no job runs there, its last collection was cut short: the next start of the job ends it',
  ],
})

export const E144_NO_SUCH_LABEL = defineError<{
  directory: string; label: string; near: string | undefined; present: readonly string[]
}>({
  code: 'E144', kind: 'not-found', retryable: false, title: 'No such label',
  what: (d) => `${d.directory} has no label "${d.label}".${nearest(d.near)}`,
  why: (d) => (d.present.length === 0 ? 'It has no label at all.' : `It has ${listed(d.present)}.`),
  fix: (d) => [
    `see all labels: tidemark checkpoint labels ${d.directory}`,
    `give one: tidemark checkpoint label ${d.directory} latest ${d.label}`,
  ],
})

export const E145_NO_SUCH_STATE = defineError<{
  what: 'operator' | 'state'
  name: string
  /** `checkpoint #42`, or `operator "per-hour" in checkpoint #42`. */
  where: string
  near: string | undefined
  present: readonly string[]
}>({
  code: 'E145', kind: 'not-found', retryable: false, title: 'No such state',
  what: (d) => `There is no ${d.what} "${d.name}" with state in ${d.where}.${nearest(d.near)}`,
  why: (d) => (d.present.length === 0 ? 'There is no state at all.' : `There is ${listed(d.present)}.`),
  fix: () => ['see what is there: tidemark state list <dir>'],
})

export const E146_NO_SUCH_KEY = defineError<{
  key: string; state: string; operator: string; checkpoint: number
  /** Keys that are there and look alike, as they are written on a command line. */
  near: readonly string[]
}>({
  code: 'E146', kind: 'not-found', retryable: false, title: 'No such key',
  what: (d) =>
    `State "${d.state}" of "${d.operator}" holds nothing for the key ${d.key} in checkpoint #${d.checkpoint}.` +
    (d.near.length === 0 ? '' : ` Did you mean ${d.near.join(' or ')}?`),
  why: () => 'The key was never written, was cleared, or its window has closed.',
  fix: () => [
    'see keys that are there: tidemark state query <dir> <operator> <state> --limit 20',
    "the type of a key counts: 7 is a number, 7n a bigint, '\"7\"' a string",
  ],
})

export const E147_BAD_NAME = defineError<{ given: string; what: 'label' | 'key'; problem: string }>({
  code: 'E147', kind: 'usage', retryable: false, title: 'This can be neither key nor label',
  what: (d) => `"${d.given}" cannot be a ${d.what}: ${d.problem}.`,
  fix: (d) =>
    d.what === 'key'
      ? ['write a string as it is or in double quotes, a number as 7 or -1.5, a bigint as 7n']
      : ['use lower-case letters, digits, dots, dashes and underscores, a letter or digit first; 64 at most'],
})

export const E148_NO_SQL = defineError<{ version: string }>({
  code: 'E148', kind: 'environment', retryable: false, title: 'This Node.js has no SQL',
  what: (d) => `--sql needs the module node:sqlite, which Node.js ${d.version} does not have.`,
  why: () => 'SQL over state runs in the SQLite that newer versions of Node.js bring with them.',
  fix: () => [
    'use Node.js 22.13 or newer for this command; the job may go on with its own',
    'use --key, --prefix, --from, --to, --group and --count, which work everywhere',
    'export the state and load it elsewhere: tidemark state export <dir> --to state.jsonl',
  ],
})

export const E149_BAD_QUERY = defineError<{ problem: string; hints: readonly string[] }>({
  code: 'E149', kind: 'usage', retryable: false, title: 'The state cannot be asked like this',
  what: (d) => d.problem,
  fix: (d) => d.hints,
})

export const E180_BEYOND_MAXIMUM = defineError<{ to: number; maximum: number; job: string }>({
  code: 'E180', kind: 'usage', retryable: false, title: 'More subtasks than key groups',
  what: (d) => `${d.to} subtasks cannot share the state of "${d.job}": it has ${d.maximum} key groups.`,
  why: () => 'A key group belongs to one subtask, and their number is fixed for the life of the state.',
  fix: (d) => [
    `give at most --to ${d.maximum}`,
    'for more, start the job anew with a larger maxParallelism; its state cannot be taken along',
  ],
})

export const E181_NOT_EDITABLE = defineError<{
  operator: string; state: string; problem: string; hints: readonly string[]
}>({
  code: 'E181', kind: 'usage', retryable: false, title: 'This state cannot be changed like this',
  what: (d) => `"${d.state}" of "${d.operator}": ${d.problem}.`,
  why: () => 'Nothing was written: the state would not fit together, or would be read as something else.',
  fix: (d) => d.hints,
})

export const E182_NO_STATE_VALUE = defineError<{ what: string; path: string; problem: string }>({
  code: 'E182', kind: 'usage', retryable: false, title: 'This is no value that state can take',
  what: (d) => `${d.what}${d.path === '' ? '' : `, at ${d.path}`}: ${d.problem}.`,
  why: () => 'What is written into state comes back equal, or is not written.',
  fix: () => [
    'write values as `tidemark state get --json` and `state export` print them',
    'what JSON cannot say has a tag: {"$bigint":"123"}, {"$date":"2001-01-01T00:00:00.000Z"}, {"$map":[[key,value]]}',
  ],
})

export const E183_IMPORT_UNFIT = defineError<{ line: number; problem: string; hints: readonly string[] }>({
  code: 'E183', kind: 'usage', retryable: false, title: 'The file does not fit this state',
  what: (d) => `${d.line === 0 ? '' : `Line ${d.line}: `}${d.problem}.`,
  why: () => 'A state is imported whole or not at all; nothing was written.',
  fix: (d) => [...d.hints, 'write the file as `tidemark state export DIR --operator O --state S --to FILE` does'],
})
