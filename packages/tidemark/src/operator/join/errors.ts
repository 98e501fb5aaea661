/** Errors of running joins. */
import { defineError } from '../../base/errors.ts'

export const E153_JOIN_WITHOUT_EVENT_TIME = defineError<{ operator: string; side: 'left' | 'right' }>({
  code: 'E153',
  kind: 'job',
  retryable: false,
  title: 'A record without event time reached a join by event time',
  what: (d) => `Join "${d.operator}" goes by event time, but a record of its ${d.side} side ` +
    'has no timestamp.',
  why: () => 'A record has a timestamp if its source says how to read it, or if a window or timer made it.',
  fix: () => [
    'give `eventTime` in from(): from(name, source, { eventTime: (record) => record.date })',
    "or join windows of processing time: { window: tumbling('1m', { time: 'processing' }) }",
  ],
})
