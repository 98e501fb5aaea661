/**
 * Errors of windows, watermark generators and their options.
 */
import { defineError } from '../base/errors.ts'

export const E024_IMPOSSIBLE_WINDOW = defineError<{ kind: string; what: string }>({
  code: 'E024',
  kind: 'job',
  retryable: false,
  title: 'Impossible window',
  what: (d) => `A ${d.kind} window was asked for, but ${d.what}.`,
  why: () => 'Size, slide and gap are whole milliseconds above 0, and an offset is shorter than the step.',
  fix: () => ['correct the duration in the call of window()'],
})

export const E025_IMPOSSIBLE_TIMEOUT = defineError<{ what: string; given: unknown; least: number }>({
  code: 'E025',
  kind: 'job',
  retryable: false,
  title: 'Impossible time span',
  what: (d) => `${d.what} is ${String(d.given)} ms, which is below ${d.least} ms.`,
  why: () => 'Watermarks cannot be made with it: they would never hold back, or every input would be idle at once.',
  fix: (d) => [`give a duration of at least ${d.least} ms`],
})

export const E140_PANES_DO_NOT_FIT = defineError<{ operator: string; start: number; end: number }>({
  code: 'E140',
  kind: 'job',
  retryable: false,
  title: 'The windows were changed, and their state does not fit',
  what: (d) => `The checkpoint of window "${d.operator}" has a pane from ${d.start} to ${d.end} ms, ` +
    'which is no pane of the windows that the job declares now.',
  why: () => 'Sliding windows keep their records added up by panes, whose borders follow from size and slide.',
  fix: () => [
    'take the size, slide and offset back that the window had',
    'or give the window another name, without .was(): it begins anew, and the old state is left behind',
  ],
})
