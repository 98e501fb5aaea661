/**
 * Windows, triggers and evictors as data; time/ and operator/ give them their meaning.
 *
 * A window is [startMs, endMs); its largest timestamp is endMs - 1. The global window is
 * [MIN_TIMESTAMP, MAX_TIMESTAMP) in the snapshot and has the largest timestamp MAX_TIMESTAMP.
 */
export interface Window {
  readonly start: number
  readonly end: number
}

export type TimeDomain = 'event' | 'processing'

/** Windows by the wall clock of a zone; time/calendar.ts. */
export interface CalendarSpec {
  readonly kind: 'calendar'
  readonly time: TimeDomain
  /** A name of the IANA database, e.g. 'Europe/Berlin'. */
  readonly zone: string
  /** Hours divide a day; a multiple of 7 days begins on Monday. */
  readonly unit: 'hour' | 'day' | 'month'
  readonly count: number
  /** By the wall clock: 6 h makes days that begin at six in the morning. */
  readonly offsetMs: number
}

export type WindowAssignerSpec =
  | CalendarSpec
  | { readonly kind: 'tumbling'; readonly time: TimeDomain; readonly sizeMs: number; readonly offsetMs: number }
  | {
      readonly kind: 'sliding'; readonly time: TimeDomain
      readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number
    }
  | {
      readonly kind: 'session'; readonly time: TimeDomain
      /** Gap of one element; a gap of 0 gives the empty window [t, t]. */
      readonly gapMs: (value: unknown) => number
      /** The gap if it is the same for all elements: for explain and for comparing two builds. */
      readonly fixedGapMs?: number
    }
  | { readonly kind: 'global' }

/** What a trigger wants after an element or a timer (Flink's TriggerResult). */
export type TriggerResult = 'continue' | 'fire' | 'purge' | 'fire-and-purge'

/** What a user's trigger is, without its types; api/triggers.ts has them. */
export interface CustomTriggerSpec {
  readonly kind: 'custom'
  readonly name: string
  readonly onElement: (value: any, context: any) => TriggerResult
  readonly onEventTime?: (time: Date, context: any) => TriggerResult
  readonly onProcessingTime?: (time: Date, context: any) => TriggerResult
  /** Without it the trigger cannot be used where windows merge. */
  readonly onMerge?: (states: readonly any[], context: any) => void
  readonly clear?: (context: any) => void
}

export type TriggerSpec =
  | { readonly kind: 'event-time' }
  | { readonly kind: 'processing-time' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'continuous-event-time'; readonly intervalMs: number }
  | { readonly kind: 'continuous-processing-time'; readonly intervalMs: number }
  /** At the end by event time, and by the clock every interval in which something came. */
  | { readonly kind: 'early'; readonly intervalMs: number }
  | {
      readonly kind: 'delta'; readonly threshold: number
      readonly delta: (last: any, element: any) => number
    }
  | CustomTriggerSpec
  | { readonly kind: 'never' }
  | { readonly kind: 'purging'; readonly inner: TriggerSpec }

export type EvictorSpec =
  | { readonly kind: 'count'; readonly count: number; readonly after: boolean }
  | { readonly kind: 'time'; readonly ms: number; readonly after: boolean }
  | {
      readonly kind: 'delta'; readonly threshold: number; readonly after: boolean
      readonly delta: (element: unknown, last: unknown) => number
    }

/** Whether the trigger can be asked about a window that was made of several (Flink's canMerge). */
export function triggerMerges(trigger: TriggerSpec): boolean {
  switch (trigger.kind) {
    case 'delta':
      return false
    case 'custom':
      return trigger.onMerge !== undefined
    case 'purging':
      return triggerMerges(trigger.inner)
    default:
      return true
  }
}
