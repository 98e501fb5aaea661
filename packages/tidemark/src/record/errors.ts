/** Errors of values, keys and schemas. */
import { defineError } from '../base/errors.ts'

export interface UnstorableValue {
  /** Where inside the value, e.g. `user.session`; empty for the value itself. */
  readonly path: string
  /** What was found there, e.g. `a function`. */
  readonly found: string
  readonly fix: string
}

export const E071_UNSTORABLE_VALUE = defineError<UnstorableValue>({
  code: 'E071',
  kind: 'job',
  retryable: false,
  title: 'A value cannot be stored',
  what: (d) => (d.path === '' ? `The value is ${d.found}.` : `The value holds ${d.found} at ${d.path}.`),
  why: () =>
    'State, positions and records in flight are written to checkpoints, so they must be plain data: ' +
    'primitives, bigint, Date, arrays, plain objects, Map, Set, ArrayBuffer and typed arrays.',
  fix: (d) => [d.fix],
})

export const E072_IMPOSSIBLE_KEY = defineError<{
  readonly operator: string
  /** What the key is, e.g. `NaN`, `an object`. */
  readonly found: string
  /** What is wrong if it is not the key of the stream, e.g. `A map key`; `operator` is then the state. */
  readonly subject?: string
}>({
  code: 'E072',
  kind: 'job',
  retryable: false,
  title: 'Impossible key',
  what: (d) => `${d.subject ?? 'The key'} of "${d.operator}" is ${d.found}.`,
  why: () =>
    'A key is a well-formed string, a number other than NaN, or a bigint: its bytes decide where its state ' +
    'lives, and objects have no equality in JavaScript.',
  fix: (d) => d.subject !== undefined ? ['use a string, a number or a bigint as the key'] : [
    'return a string, a number or a bigint from keyBy; build one from several fields as in `${a.x}|${a.y}`',
    'filter out or repair records without a usable key before keyBy',
  ],
})

export type SchemaPolicy = 'fail' | 'drop' | 'side'

export interface SchemaMismatch {
  /** What was checked, to begin a sentence: `A record of "clicks"`, `The new value of state "n"`. */
  readonly subject: string
  /** Where inside the value; empty for the value itself. */
  readonly path: string
  /** The schema's own words. */
  readonly issue: string
  /** What happens to it. 'state' is for values that user code writes to state. */
  readonly policy: SchemaPolicy | 'state'
}

const POLICY_TEXT: Readonly<Record<SchemaMismatch['policy'], string>> = {
  fail: "The policy onInvalid is 'fail', so the job stops here instead of counting without this record.",
  drop: "The policy onInvalid is 'drop': the record is counted as invalid and left out.",
  side: "The policy onInvalid is 'side': the record goes to the stream `.invalid`.",
  state: 'State is read again after a restart, so only what its schema accepts may be written.',
}

export const E011_SCHEMA_MISMATCH = defineError<SchemaMismatch>({
  code: 'E011',
  kind: 'data',
  retryable: false,
  title: 'A value does not fit its schema',
  what: (d) => `${d.subject} does not fit the schema${d.path === '' ? '' : ` at ${d.path}`}: ${d.issue}`,
  why: (d) => POLICY_TEXT[d.policy],
  fix: (d) =>
    d.policy === 'state'
      ? ['write a value that fits, or widen the schema of the state']
      : [
          "repair the input, or go on without it: onInvalid: 'side' (a stream of them) or 'drop' (counted)",
          'widen the schema if the value is legitimate',
        ],
})

export const E012_ASYNC_SCHEMA = defineError<{ readonly subject: string; readonly vendor: string }>({
  code: 'E012',
  kind: 'job',
  retryable: false,
  title: 'The schema is asynchronous',
  what: (d) => `The schema (${d.vendor}) for ${d.subject} answered with a promise.`,
  why: () => 'Records and state are checked one by one between barriers; waiting would stop the stream.',
  fix: () => [
    'make the schema synchronous (no async refinements or transforms)',
    'do the asynchronous part in mapAsync, behind the check',
  ],
})
