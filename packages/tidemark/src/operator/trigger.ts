/**
 * Triggers: when a window gives its result.
 *
 * Called by the general window operator. A trigger holds nothing itself: the one value it may keep per
 * key and window (a count, the next firing time, the last element) is in the context, and so are the
 * timers.
 *
 *   TR-1  `clear` removes every timer and value of its window.
 *   TR-2  `merge` makes the merged window behave as if its elements had always been in it, as far as the
 *         trigger can: values are combined, timers of the merged window are set. The caller has taken
 *         the values and timers of the sources away before.
 *   TR-3  No trigger sets a timer again for the time that just fired it: at the end of a window, or of all
 *         input, that would go on for ever.
 *
 * Source: Flink EventTimeTrigger, ProcessingTimeTrigger, CountTrigger, ContinuousEventTimeTrigger,
 * ContinuousProcessingTimeTrigger, DeltaTrigger, PurgingTrigger, NeverTrigger. Early firings are those of
 * Beam's AfterWatermark.withEarlyFirings.
 */
import { unreachable } from '../base/assert.ts'
import { MAX_TIMESTAMP } from '../base/time.ts'
import type { TimeDomain, TriggerResult, TriggerSpec, Window } from '../graph/window-spec.ts'
import { maxTimestamp, windowStart } from '../time/window-assigner.ts'
import { customTrigger } from './trigger-custom.ts'

export interface TriggerContext {
  readonly watermark: number
  readonly processingTime: number
  /** What the trigger keeps for the current key and window: plain data. */
  state: unknown
  registerEvent(time: number): void
  deleteEvent(time: number): void
  registerProcessing(time: number): void
  deleteProcessing(time: number): void
}

export interface Trigger {
  onElement(timestamp: number, window: Window, ctx: TriggerContext, value: unknown): TriggerResult
  onEventTime(time: number, window: Window, ctx: TriggerContext): TriggerResult
  onProcessingTime(time: number, window: Window, ctx: TriggerContext): TriggerResult
  clear(window: Window, ctx: TriggerContext): void
  /** Only if `triggerMerges` says so. */
  merge(window: Window, states: readonly unknown[], ctx: TriggerContext): void
}

/** `domain` is that of the windows; undefined for global ones. */
export function createTrigger(spec: TriggerSpec, domain: TimeDomain | undefined): Trigger {
  switch (spec.kind) {
    case 'event-time':
      return EVENT_TIME
    case 'processing-time':
      return PROCESSING_TIME
    case 'count':
      return countTrigger(spec.count)
    case 'continuous-event-time':
      return continuousTrigger(spec.intervalMs)
    case 'continuous-processing-time':
      return continuousProcessingTrigger(spec.intervalMs, domain)
    case 'early':
      return earlyTrigger(spec.intervalMs)
    case 'delta':
      return deltaTrigger(spec.threshold, spec.delta)
    case 'custom':
      return customTrigger(spec)
    case 'never':
      return NEVER
    case 'purging':
      return purgingTrigger(createTrigger(spec.inner, domain))
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
  onEventTime: (time: number, window: Window): TriggerResult =>
    time === maxTimestamp(window) ? 'fire' : 'continue',
  onProcessingTime: nothing,
  clear: (window: Window, ctx: TriggerContext): void => ctx.deleteEvent(maxTimestamp(window)),
  merge(window: Window, _states: readonly unknown[], ctx: TriggerContext): void {
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
  merge(window: Window, _states: readonly unknown[], ctx: TriggerContext): void {
    if (maxTimestamp(window) > ctx.processingTime) ctx.registerProcessing(maxTimestamp(window))
  },
})

function countTrigger(count: number): Trigger {
  return {
    onElement(_timestamp, _window, ctx) {
      const seen = ((ctx.state as number | undefined) ?? 0) + 1
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
      if (states.length > 0) ctx.state = (states as readonly number[]).reduce((a, b) => a + b, 0)
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
      if (ctx.state !== undefined) ctx.deleteEvent(ctx.state as number)
      ctx.deleteEvent(maxTimestamp(window))
      ctx.state = undefined
    },
    merge(window, states, ctx) {
      if (maxTimestamp(window) > ctx.watermark) ctx.registerEvent(maxTimestamp(window))
      if (states.length === 0) return
      const first = Math.min(...(states as readonly number[]))
      ctx.state = first
      ctx.registerEvent(first)
    },
  }
}

/** By the clock, from the first element on; in windows of processing time also at their end. */
function continuousProcessingTrigger(intervalMs: number, domain: TimeDomain | undefined): Trigger {
  const next = (after: number, window: Window, ctx: TriggerContext): void => {
    const end = domain === 'processing' ? maxTimestamp(window) : MAX_TIMESTAMP
    if (after >= end) return
    const time = Math.min(after + intervalMs, end)
    ctx.state = time
    ctx.registerProcessing(time)
  }
  return {
    onElement(_timestamp, window, ctx) {
      const now = ctx.processingTime
      if (ctx.state === undefined) next(windowStart(now, 0, intervalMs), window, ctx)
      return 'continue'
    },
    onEventTime: nothing,
    onProcessingTime(time, window, ctx) {
      if (ctx.state !== time) return 'continue'
      ctx.state = undefined
      next(time, window, ctx)
      return 'fire'
    },
    clear: clearProcessing,
    merge: mergeProcessing,
  }
}

function clearProcessing(_window: Window, ctx: TriggerContext): void {
  if (ctx.state !== undefined) ctx.deleteProcessing(ctx.state as number)
  ctx.state = undefined
}

/** The earliest of the times that the sources waited for. */
function mergeProcessing(_window: Window, states: readonly unknown[], ctx: TriggerContext): void {
  if (states.length === 0) return
  const first = Math.min(...(states as readonly number[]))
  ctx.state = first
  ctx.registerProcessing(first)
}

/** Fires early only if something came since it last fired: an unchanged result is no news. */
function earlyTrigger(intervalMs: number): Trigger {
  return {
    onElement(timestamp, window, ctx, value) {
      const result = EVENT_TIME.onElement(timestamp, window, ctx, value)
      if (result === 'continue' && ctx.state === undefined) {
        const time = windowStart(ctx.processingTime, 0, intervalMs) + intervalMs
        ctx.state = time
        ctx.registerProcessing(time)
      }
      return result
    },
    onEventTime(time, window, ctx) {
      const result = EVENT_TIME.onEventTime(time, window, ctx)
      if (result === 'fire') clearProcessing(window, ctx)
      return result
    },
    onProcessingTime(time, _window, ctx) {
      if (ctx.state !== time) return 'continue'
      ctx.state = undefined
      return 'fire'
    },
    clear(window, ctx) {
      clearProcessing(window, ctx)
      EVENT_TIME.clear(window, ctx)
    },
    merge(window, states, ctx) {
      EVENT_TIME.merge(window, states, ctx)
      if (maxTimestamp(window) > ctx.watermark) mergeProcessing(window, states, ctx)
    },
  }
}

/** Compares with the element at which it last fired; the first one is only remembered. */
function deltaTrigger(threshold: number, delta: (last: unknown, element: unknown) => number): Trigger {
  return {
    onElement(_timestamp, _window, ctx, value) {
      const last = ctx.state as { readonly element: unknown } | undefined
      const fire = last !== undefined && delta(last.element, value) > threshold
      if (last === undefined || fire) ctx.state = { element: value }
      return fire ? 'fire' : 'continue'
    },
    onEventTime: nothing,
    onProcessingTime: nothing,
    clear(_window, ctx) {
      ctx.state = undefined
    },
    merge: () => unreachable('a delta trigger is refused where windows merge'),
  }
}

function purgingTrigger(inner: Trigger): Trigger {
  return {
    onElement: (timestamp, window, ctx, value) => purging(inner.onElement(timestamp, window, ctx, value)),
    onEventTime: (time, window, ctx) => purging(inner.onEventTime(time, window, ctx)),
    onProcessingTime: (time, window, ctx) => purging(inner.onProcessingTime(time, window, ctx)),
    clear: (window, ctx) => inner.clear(window, ctx),
    merge: (window, states, ctx) => inner.merge(window, states, ctx),
  }
}
