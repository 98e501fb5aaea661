/** Errors of the operators that the API composes of process functions: dedupe, topN, changelogs. */
import { defineError } from '../base/errors.ts'
import { show } from '../graph/errors.ts'

export const E164_NOT_SORTABLE = defineError<{ call: string; given: unknown }>({
  code: 'E164', kind: 'data', retryable: false, title: 'Nothing to sort by',
  what: (d) => `The function of ${d.call} returned ${show(d.given)}.`,
  why: () => 'Records are put in order by a number, a bigint, a string or a Date; ' +
    'with anything else, or NaN, there would be no order.',
  fix: () => ['convert the field in the function, or keep such records away by a filter or a schema'],
})

export const E165_NOTHING_TO_TAKE_BACK = defineError<{ operator: string; row: unknown }>({
  code: 'E165', kind: 'data', retryable: false, title: 'A changelog takes back a row that is not there',
  what: (d) => `"${d.operator}" was told to take back the row ${show(d.row)}, which was never put in.`,
  why: () => 'Counting on would give a wrong total without a word.',
  fix: () => [
    'if the changes come without the rows they replace (an upsert log), put normalize(name, key) before it',
    'check that nothing between the two changes or drops rows of the changelog',
  ],
})

export const E166_TTL_NEEDS_EVENT_TIME = defineError<{ operator: string }>({
  code: 'E166', kind: 'job', retryable: false,
  title: 'A record without event time reached a dedupe with a ttl',
  what: (d) => `dedupe "${d.operator}" forgets by event time, but a record that came to it has no timestamp.`,
  why: () => 'A record has a timestamp if its source says how to read it, or if a window or timer made it.',
  fix: () => [
    'give `eventTime` in from(): from(name, source, { eventTime: (record) => record.date })',
    "let it forget by the machine's clock: dedupe(name, { ttl, time: 'processing' })",
  ],
})

export const E167_NO_CHANGE = defineError<{ operator: string; given: unknown }>({
  code: 'E167', kind: 'data', retryable: false, title: 'A record of a changelog is no change',
  what: (d) => `"${d.operator}" got ${show(d.given)}, which is no { op, row }.`,
  why: () => "op is 'insert', 'update-before', 'update-after' or 'delete', and row is what it is about.",
  fix: () => ['map the records to changes before asChangelog()'],
})
