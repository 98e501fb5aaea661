/** Errors of running patterns. Those that cannot be matched are refused earlier: graph/errors.ts. */
import { defineError } from '../../base/errors.ts'

export const E132_PATTERN_CHANGED = defineError<{ operator: string; stored: string; present: string }>({
  code: 'E132',
  kind: 'state',
  retryable: false,
  title: 'The steps of a pattern have changed',
  what: (d) => `The checkpoint holds partial matches of "${d.operator}" for the steps ${d.stored}; ` +
    `the job now has ${d.present}.`,
  why: () => 'A partial match says which step it has reached; in other steps that has no meaning. ' +
    'Conditions, contiguity, durations and the skip strategy may change.',
  fix: () => [
    'restore with the steps as they were',
    'or give the operator another name: it then starts without partial matches',
  ],
})

export const E133_PATTERN_WITHOUT_TIME = defineError<{ operator: string }>({
  code: 'E133',
  kind: 'job',
  retryable: false,
  title: 'A record without event time reached a pattern',
  what: (d) => `The pattern of "${d.operator}" goes by event time, but a record has no timestamp.`,
  why: () => 'The order of records, which a pattern is about, is that of their event times.',
  fix: () => ['give `eventTime` in from(): from(name, source, { eventTime: (record) => record.date })'],
})
