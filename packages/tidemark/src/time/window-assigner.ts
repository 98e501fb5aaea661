/**
 * Which windows a timestamp belongs to, and which windows of one key become one.
 *
 * Called by the window operators. Holds no state; windows are values.
 *
 *   WA-1  A tumbling window contains its timestamp; a sliding one of size S and slide D gives every
 *         window [n·D + offset, n·D + offset + S) that contains it, the latest first.
 *   WA-2  The arithmetic is right for negative timestamps and negative offsets (floor, not truncation).
 *   WA-3  Sessions that overlap or touch merge; afterwards no two of a key overlap or touch.
 *
 * Source: Flink TimeWindow, Tumbling/SlidingEventTimeWindows, MergingWindowAssigner.
 */
import { addSaturating, MAX_TIMESTAMP, MIN_TIMESTAMP } from '../base/time.ts'
import type { CalendarSpec, TimeDomain, TriggerSpec, Window,
  WindowAssignerSpec } from '../graph/window-spec.ts'
import { Calendar, ZoneClock } from './calendar.ts'
import { E024_IMPOSSIBLE_WINDOW } from './errors.ts'

const HOUR_MS = 3_600_000
const DAY_HOURS = 24

export const GLOBAL_WINDOW: Window = Object.freeze({ start: MIN_TIMESTAMP, end: MAX_TIMESTAMP })

export function makeWindow(start: number, end: number): Window {
  return Object.freeze({ start, end })
}

/** The last timestamp that belongs to it; results carry it. */
export function maxTimestamp(window: Window): number {
  return window.end === MAX_TIMESTAMP ? MAX_TIMESTAMP : window.end - 1
}

/** Start of the window of `step` ms that contains the timestamp (Flink's getWindowStartWithOffset). */
export function windowStart(timestamp: number, offsetMs: number, step: number): number {
  const remainder = (timestamp - offsetMs) % step
  return remainder < 0 ? timestamp - remainder - step : timestamp - remainder
}

export function sameWindow(a: Window, b: Window): boolean {
  return a.start === b.start && a.end === b.end
}

/** Overlapping or touching. */
export function intersects(a: Window, b: Window): boolean {
  return a.start <= b.end && a.end >= b.start
}

/** `time` is what the assigner goes by: the record's timestamp, or the clock for processing time. */
export function assignWindows(spec: WindowAssignerSpec, time: number, value: unknown): readonly Window[] {
  switch (spec.kind) {
    case 'tumbling': {
      const start = windowStart(time, spec.offsetMs, spec.sizeMs)
      return [makeWindow(start, addSaturating(start, spec.sizeMs))]
    }
    case 'sliding': {
      const windows: Window[] = []
      const { sizeMs, slideMs } = spec
      const last = windowStart(time, spec.offsetMs, slideMs)
      for (let start = last; start > time - sizeMs; start -= slideMs) {
        windows.push(makeWindow(start, addSaturating(start, sizeMs)))
      }
      return windows
    }
    case 'calendar':
      return [new Calendar(spec).windowOf(time)]
    case 'session': {
      const gap = spec.gapMs(value)
      if (!Number.isSafeInteger(gap) || gap < 0) {
        throw E024_IMPOSSIBLE_WINDOW({ kind: 'session', what: `the gap of a record is ${String(gap)} ms` })
      }
      return [makeWindow(time, addSaturating(time, gap))]
    }
    case 'global':
      return [GLOBAL_WINDOW]
  }
}

/** `assignWindows` for many records: calendars are asked once a window and not once a record. */
export function windowAssigner(
  spec: WindowAssignerSpec,
): (time: number, value: unknown) => readonly Window[] {
  if (spec.kind !== 'calendar') return (time, value) => assignWindows(spec, time, value)
  const calendar = new Calendar(spec)
  return (time) => [calendar.windowOf(time)]
}

/** Undefined for global windows, which know no time (Flink: isEventTime is false there). */
export function timeDomainOf(spec: WindowAssignerSpec): TimeDomain | undefined {
  return spec.kind === 'global' ? undefined : spec.time
}

export function defaultTrigger(spec: WindowAssignerSpec): TriggerSpec {
  if (spec.kind === 'global') return { kind: 'never' }
  return { kind: spec.time === 'event' ? 'event-time' : 'processing-time' }
}

/** Refuses sizes, slides and offsets that Flink's assigners refuse. */
export function checkAssigner(spec: WindowAssignerSpec): void {
  const { kind } = spec
  if (kind === 'calendar') return checkCalendar(spec)
  if (kind !== 'tumbling' && kind !== 'sliding') return
  const steps = kind === 'tumbling' ? { size: spec.sizeMs } : { size: spec.sizeMs, slide: spec.slideMs }
  for (const [name, ms] of Object.entries(steps)) {
    if (!Number.isSafeInteger(ms) || ms <= 0) {
      throw E024_IMPOSSIBLE_WINDOW({ kind, what: `its ${name} is ${ms} ms` })
    }
  }
  const step = kind === 'tumbling' ? spec.sizeMs : spec.slideMs
  if (!Number.isSafeInteger(spec.offsetMs) || Math.abs(spec.offsetMs) >= step) {
    throw E024_IMPOSSIBLE_WINDOW({
      kind, what: `its offset of ${spec.offsetMs} ms is not shorter than its step of ${step} ms`,
    })
  }
}

function checkCalendar({ kind, unit, count, offsetMs, zone }: CalendarSpec): void {
  const refuse = (what: string): never => {
    throw E024_IMPOSSIBLE_WINDOW({ kind, what })
  }
  if (!Number.isSafeInteger(count) || count < 1) refuse(`it is of ${count} ${unit}s`)
  if (unit === 'hour' && DAY_HOURS % count !== 0) refuse(`${count} hours do not divide a day`)
  const stepMs = (unit === 'hour' ? 1 : DAY_HOURS) * HOUR_MS * (unit === 'month' ? 1 : count)
  if (!Number.isSafeInteger(offsetMs) || Math.abs(offsetMs) >= stepMs) {
    refuse(`its offset of ${offsetMs} ms is not shorter than ${stepMs} ms`)
  }
  try {
    new ZoneClock(zone)
  } catch (error) {
    if (error instanceof RangeError) refuse(`its zone "${zone}" is not known`)
    throw error
  }
}

export interface WindowMerge {
  /** Two or more different windows, by start. */
  readonly merged: readonly Window[]
  readonly into: Window
}

/** Groups windows that overlap or touch; windows that stay alone are not in the result. */
export function mergeWindows(windows: readonly Window[]): WindowMerge[] {
  const sorted = windows.toSorted((a, b) => a.start - b.start || a.end - b.end)
  const merges: WindowMerge[] = []
  let group: Window[] = []
  let start = 0
  let end = 0
  const close = (): void => {
    if (group.length > 1) merges.push({ merged: group, into: makeWindow(start, end) })
  }
  for (const window of sorted) {
    const last = group.at(-1)
    if (last !== undefined && window.start <= end) {
      if (!sameWindow(last, window)) group.push(window)
      if (window.end > end) end = window.end
    } else {
      close()
      group = [window]
      start = window.start
      end = window.end
    }
  }
  close()
  return merges
}
