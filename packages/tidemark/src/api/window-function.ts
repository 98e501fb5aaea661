/** Adapters between what the window operator calls and what users write. */
import { E008_IMPOSSIBLE_OPTION } from '../graph/errors.ts'
import type { TriggerSpec, Window } from '../graph/window-spec.ts'
import type { WindowFunctionContext } from '../graph/operator-spec.ts'
import type { WindowOptions } from './streams.ts'
import { earlyTrigger } from './triggers.ts'
import type { WindowAssigner } from './windows.ts'

/** Limit of Date; the global window reaches further and shows as the whole range. */
const MAX_DATE_MS = 8.64e15

export function windowDates(window: Window): { readonly start: Date; readonly end: Date } {
  return { start: dateOf(window.start), end: dateOf(window.end) }
}

/**
 * `windowDates` with the dates of the last window kept: rows of one window share them, as they may, since
 * records are not changed.
 */
export function lastDates(): typeof windowDates {
  let last: Window | undefined
  let dates: ReturnType<typeof windowDates> | undefined
  return (window) => {
    if (dates === undefined || window !== last) {
      last = window
      dates = windowDates(window)
    }
    return dates
  }
}

function dateOf(ms: number): Date {
  return new Date(Math.min(Math.max(ms, -MAX_DATE_MS), MAX_DATE_MS))
}

export interface UntypedWindowContext extends WindowFunctionContext {
  readonly key: unknown
  readonly start: Date
  readonly end: Date
}

type UserWindowFunction = (
  records: readonly unknown[],
  context: UntypedWindowContext,
) => Iterable<unknown> | void

/** One context object for each call of the user's function, which is once a window and key. */
export function windowFunction(fn: UserWindowFunction, keyed: boolean) {
  return (
    key: unknown, window: Window, elements: readonly unknown[], context: WindowFunctionContext,
  ): Iterable<unknown> | void => {
    const { watermark, processingTime, state, side } = context
    return fn(elements, {
      key: keyed ? key : undefined, ...windowDates(window), watermark, processingTime, state, side,
    })
  }
}

/** The one trigger that assigner and options ask for; undefined: the assigner's default. */
export function triggerOf(
  name: string, windows: WindowAssigner<never>, options: WindowOptions<never>,
): TriggerSpec | undefined {
  const { trigger, early } = options
  if (early !== undefined && windows.spec.kind !== 'global' && windows.spec.time === 'processing') {
    throw E008_IMPOSSIBLE_OPTION({
      what: `Window "${name}" has both early results and processing time`, given: undefined,
      why: 'Early results come before the end of a window of event time.',
      fix: 'use { trigger: continuousProcessingTimeTrigger(interval) }',
    })
  }
  const asked = [
    ...(windows.trigger === undefined ? [] : [windows.trigger]),
    ...(trigger === undefined ? [] : [trigger]),
    ...(early === undefined ? [] : [earlyTrigger(early)]),
  ]
  if (asked.length <= 1) return asked[0]
  throw E008_IMPOSSIBLE_OPTION({
    what: `Window "${name}" has more than one trigger`, given: asked.map(({ kind }) => kind),
    why: 'A window has one trigger; countWindow and early bring theirs along.',
    fix: 'give a trigger, or early, or use countWindow, and not two of them',
  })
}
