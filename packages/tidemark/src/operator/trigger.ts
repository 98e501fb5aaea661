/**
 * Triggers: when a window gives its result.
 *
 * Called by the general window operator. A trigger holds nothing itself: the one number it may keep per
 * key and window (a count, the next firing time) is in the context, and so are the timers.
 *
 *   TR-1  `clear` removes every timer and number of its window.
 *   TR-2  `merge` makes the merged window behave as if its elements had always been in it, as far as the
 *         trigger can: numbers are combined, timers of the merged window are set. The caller has taken
 *         the numbers and timers of the sources away before.
 *
 * Source: Flink EventTimeTrigger, ProcessingTimeTrigger, CountTrigger, ContinuousEventTimeTrigger,
 * PurgingTrigger, NeverTrigger.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { TriggerResult, TriggerSpec, Window } from '../graph/window-spec.ts'
import { maxTimestamp, windowStart } from '../time/window-assigner.ts'

export interface TriggerContext {
  readonly watermark: number
  readonly processingTime: number
  /** The trigger's number for the current key and window. */
  state: number | undefined
  registerEvent(time: number): void
  deleteEvent(time: number): void
  registerProcessing(time: number): void
  deleteProcessing(time: number): void
}

export interface Trigger {
  onElement(timestamp: number, window: Window, ctx: TriggerContext): TriggerResult
  onEventTime(time: number, window: Window, ctx: TriggerContext): TriggerResult
  onProcessingTime(time: number, window: Window, ctx: TriggerContext): TriggerResult
  clear(window: Window, ctx: TriggerContext): void
  merge(window: Window, states: readonly number[], ctx: TriggerContext): void
}

export function createTrigger(spec: TriggerSpec): Trigger {
  switch (spec.kind) {
    case 'event-time':
      return EVENT_TIME
    case 'processing-time':
      return PROCESSING_TIME
    case 'count':
      return countTrigger(spec.count)
    case 'continuous-event-time':
      return continuousTrigger(spec.intervalMs)
    case 'never':
      return NEVER
    case 'purging':
      return purgingTrigger(createTrigger(spec.inner))
  }
}

export const fires = (result: TriggerResult): boolean => result === 'fire' || result === 'fire-and-purge'
export const purges = (result: TriggerResult): boolean => result === 'purge' || result === 'fire-and-purge'
/** What a purging trigger makes of its inner one's answer. */
export const purging = (result: TriggerResult): TriggerResult => (fires(result) ? 'fire-and-purge' : result)

const nothing = (): TriggerResult => 'continue'

const NEVER: Trigger = Object.freeze({
  onElement: nothing, onEventTime: nothing, onProcessingTime: nothing, clear: () => {}, merge: () => {},
})

const EVENT_TIME: Trigger = Object.freeze({
  onElement(_timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    const end = maxTimestamp(window)
    // A late element within the allowed lateness: the window has fired and fires again at once.
    if (end <= ctx.watermark) return 'fire'
    ctx.registerEvent(end)
    return 'continue'
  },
  onEventTime: (time: number, window: Window): TriggerResult => (time === maxTimestamp(window) ? 'fire' : 'continue'),
  onProcessingTime: nothing,
  clear: (window: Window, ctx: TriggerContext): void => ctx.deleteEvent(maxTimestamp(window)),
  merge(window: Window, _states: readonly number[], ctx: TriggerContext): void {
    // A merged window whose end has passed fires with the element that merged it.
    if (maxTimestamp(window) > ctx.watermark) ctx.registerEvent(maxTimestamp(window))
  },
})

const PROCESSING_TIME: Trigger = Object.freeze({
  onElement(_timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    ctx.registerProcessing(maxTimestamp(window))
    return 'continue'
  },
  onEventTime: nothing,
  onProcessingTime: (): TriggerResult => 'fire',
  clear: (window: Window, ctx: TriggerContext): void => ctx.deleteProcessing(maxTimestamp(window)),
  merge(window: Window, _states: readonly number[], ctx: TriggerContext): void {
    if (maxTimestamp(window) > ctx.processingTime) ctx.registerProcessing(maxTimestamp(window))
  },
})

function countTrigger(count: number): Trigger {
  return {
    onElement(_timestamp, _window, ctx) {
      const seen = (ctx.state ?? 0) + 1
      ctx.state = seen >= count ? undefined : seen
      return seen >= count ? 'fire' : 'continue'
    },
    onEventTime: nothing,
    onProcessingTime: nothing,
    clear(_window, ctx) {
      ctx.state = undefined
    },
    // The sum may reach the count; it fires with the next element, which is the one that merged.
    merge(_window, states, ctx) {
      if (states.length > 0) ctx.state = states.reduce((a, b) => a + b, 0)
    },
  }
}

function continuousTrigger(intervalMs: number): Trigger {
  const next = (after: number, window: Window, ctx: TriggerContext): void => {
    const end = maxTimestamp(window)
    // At the end of all input a window without end would fire once for every interval there is.
    const ended = ctx.watermark === MAX_TIMESTAMP && end === MAX_TIMESTAMP
    const time = ended ? end : Math.min(after + intervalMs, end)
    ctx.state = time
    ctx.registerEvent(time)
  }
  return {
    onElement(timestamp, window, ctx) {
      if (maxTimestamp(window) <= ctx.watermark) return 'fire'
      ctx.registerEvent(maxTimestamp(window))
      if (ctx.state === undefined) next(windowStart(timestamp, 0, intervalMs), window, ctx)
      return 'continue'
    },
    onEventTime(time, window, ctx) {
      if (time === maxTimestamp(window)) return 'fire'
      if (ctx.state !== time) return 'continue'
      next(time, window, ctx)
      return 'fire'
    },
    onProcessingTime: nothing,
    clear(window, ctx) {
      if (ctx.state !== undefined) ctx.deleteEvent(ctx.state)
      ctx.deleteEvent(maxTimestamp(window))
      ctx.state = undefined
    },
    merge(window, states, ctx) {
      if (maxTimestamp(window) > ctx.watermark) ctx.registerEvent(maxTimestamp(window))
      if (states.length === 0) return
      ctx.state = Math.min(...states)
      ctx.registerEvent(ctx.state)
    },
  }
}

function purgingTrigger(inner: Trigger): Trigger {
  return {
    onElement: (timestamp, window, ctx) => purging(inner.onElement(timestamp, window, ctx)),
    onEventTime: (time, window, ctx) => purging(inner.onEventTime(time, window, ctx)),
    onProcessingTime: (time, window, ctx) => purging(inner.onProcessingTime(time, window, ctx)),
    clear: (window, ctx) => inner.clear(window, ctx),
    merge: (window, states, ctx) => inner.merge(window, states, ctx),
  }
}
