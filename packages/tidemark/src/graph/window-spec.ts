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

export type WindowAssignerSpec =
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

/** Built-in triggers; custom ones come with the operators issue. */
export type TriggerSpec =
  | { readonly kind: 'event-time' }
  | { readonly kind: 'processing-time' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'continuous-event-time'; readonly intervalMs: number }
  | { readonly kind: 'never' }
  | { readonly kind: 'purging'; readonly inner: TriggerSpec }

export type EvictorSpec =
  | { readonly kind: 'count'; readonly count: number; readonly after: boolean }
  | { readonly kind: 'time'; readonly ms: number; readonly after: boolean }
  | {
      readonly kind: 'delta'; readonly threshold: number; readonly after: boolean
      readonly delta: (element: unknown, last: unknown) => number
    }
