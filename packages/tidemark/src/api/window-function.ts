/** Adapters between what the window operator calls and what users write. */
import type { Window } from '../graph/window-spec.ts'
import type { WindowFunctionContext } from '../graph/operator-spec.ts'

/** Limit of Date; the global window reaches further and shows as the whole range. */
const MAX_DATE_MS = 8.64e15

export function windowDates(window: Window): { readonly start: Date; readonly end: Date } {
  return { start: dateOf(window.start), end: dateOf(window.end) }
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
