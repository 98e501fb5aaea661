/**
 * Cases about one part alone: valve, generators, assigners, merging of sessions, triggers.
 */
import { isStreamError } from '../../base/errors.ts'
import type { TriggerResult, TriggerSpec, Window } from '../../graph/window-spec.ts'
import { SessionWindows } from '../../operator/session-windows.ts'
import { createTrigger, purging, type Trigger, type TriggerContext } from '../../operator/trigger.ts'
import { SplitWatermarks } from '../../time/split-watermarks.ts'
import { BoundedOutOfOrderness, IdlenessTimer } from '../../time/watermark-generator.ts'
import { WatermarkValve } from '../../time/watermark-valve.ts'
import { assignWindows, checkAssigner, mergeWindows } from '../../time/window-assigner.ts'
import { check, checkEqual, list, timeOf, unsupported, type Case, type Json } from './case.ts'

const windowOf = (pair: unknown): Window => {
  const [start, end] = list(pair, 'window')
  return { start: timeOf(start), end: timeOf(end) }
}
const pairOf = (window: Window): readonly number[] => [window.start, window.end]

/** What each step put out; steps that `expected` does not name must put out nothing. */
function checkEmitted(found: readonly (readonly unknown[])[], expected: unknown): void {
  const wanted = found.map((): readonly unknown[] => [])
  for (const { after_step: step, emitted } of list(expected, 'expected') as readonly Json[]) {
    if (typeof step !== 'number' || wanted[step] === undefined) unsupported(`expected at step ${String(step)}`)
    wanted[step] = list(emitted, 'emitted').map((e) => (e === 'idle' || e === 'active' ? e : timeOf(e)))
  }
  checkEqual(found, wanted, 'emitted')
}

export function runValve(test: Case): void {
  const inputs = Number(test.operation['inputs'])
  if (!(inputs >= 1)) unsupported(`inputs ${String(test.operation['inputs'])}`)
  const valve = new WatermarkValve(inputs)
  checkEmitted(list(test.given, 'given').map((step: Json) => {
    const { channel, status } = step
    const change = 'watermark' in step
      ? valve.onWatermark(channel, timeOf(step['watermark']))
      : status === 'idle' || status === 'active'
        ? valve.onIdle(channel, status === 'idle')
        : unsupported(`step ${JSON.stringify(step)}`)
    const watermark = change.watermark === undefined ? [] : [change.watermark]
    if (change.idle === undefined) return watermark
    return change.idle ? [...watermark, 'idle'] : ['active', ...watermark]
  }), test.expected)
}

export function runIdleness(test: Case): void {
  const { timeout_ms: timeout, script } = test.given as Json
  let now = 0
  const timer = new IdlenessTimer(Number(timeout), () => now)
  const results: string[] = []
  for (const step of list(script, 'script')) {
    const text = String(step)
    const moved = /^\+(\d+) ms$/.exec(text)
    if (moved !== null) now += Number(moved[1])
    else if (text === 'activity') timer.activity()
    else if (/^check\b/.test(text)) results.push(timer.check() ? 'idle' : 'active')
    else unsupported(`step ${text}`)
  }
  checkEqual(results, test.expected?.check_results, 'checks')
  for (const refused of [0, -1]) checkRefused(() => new IdlenessTimer(refused, () => now), `timeout ${refused}`)
}

function checkRefused(make: () => unknown, what: string): void {
  try {
    make()
  } catch (error) {
    if (isStreamError(error)) return
    throw error
  }
  check(false, () => `${what} was not refused`)
}

/** Steps {event | ts: n} and {periodic: true}; a periodic step gives the watermark of then. */
export function runBoundedOutOfOrderness(test: Case): void {
  const bound = /out-of-orderness (\d+) ms/.exec(String(test.operation['kind']))?.[1]
  const generator = new BoundedOutOfOrderness(Number(bound ?? unsupported('bound')))
  const emitted = list(test.given, 'given').map((step: any): number[] => {
    if (step === 'periodic' || step?.periodic !== undefined) return [generator.watermark]
    const at = step?.event ?? step?.ts ?? step?.timestamp ?? unsupported(`step ${JSON.stringify(step)}`)
    generator.onEvent(timeOf(at))
    return []
  })
  const expected = list(test.expected, 'expected')
  if (expected.every((each) => typeof each === 'object' && each !== null && 'emitted' in each)) {
    checkEmitted(emitted, expected)
  } else {
    checkEqual(emitted.flat(), expected.map(timeOf), 'watermarks')
  }
}

/** Steps {partition, watermark}, {partition, status}, {add: id}, {remove: id}; partitions appear when named. */
export function runPartitions(test: Case): void {
  const parts = new SplitWatermarks()
  const known = new Set<string>()
  const steps = list(test.given, 'given')
  const idOf = (step: Json): string | undefined => {
    const id = step['partition'] ?? step['channel'] ?? step['output']
    return id === undefined ? undefined : String(id)
  }
  // A partition that is never added by a step of its own is there from the beginning.
  const added = new Set(steps.map((step: Json) => step['add']).filter((id) => id !== undefined).map(String))
  for (const step of steps) {
    const id = idOf(step)
    if (id === undefined || known.has(id) || added.has(id)) continue
    parts.add(id)
    known.add(id)
  }
  checkEmitted(steps.map((step: Json) => {
    const before = parts.watermark
    const wasIdle = parts.idle
    const id = idOf(step)
    if (step['add'] !== undefined) parts.add(String(step['add']))
    else if (step['remove'] !== undefined) parts.remove(String(step['remove']))
    else if (id !== undefined && 'watermark' in step) parts.onWatermark(id, timeOf(step['watermark']))
    else if (id !== undefined && (step['status'] === 'idle' || step['status'] === 'active')) {
      parts.onIdle(id, step['status'] === 'idle')
    } else unsupported(`step ${JSON.stringify(step)}`)
    const risen = parts.watermark === before ? [] : [parts.watermark]
    return parts.idle && !wasIdle ? [...risen, 'idle'] : risen
  }), test.expected)
}

const SECOND = 1000

export function runAssigner(test: Case): void {
  const sliding = String(test.operation['kind']).startsWith('sliding')
  const found = list(test.given, 'given').map((step: Json) => {
    const { size_ms: sizeMs, slide_ms: slideMs, offset_ms: offsetMs = 0 } = step
    const spec = sliding
      ? { kind: 'sliding' as const, time: 'event' as const, sizeMs, slideMs, offsetMs }
      : { kind: 'tumbling' as const, time: 'event' as const, sizeMs, offsetMs }
    checkAssigner(spec)
    const windows = assignWindows(spec, timeOf(step['ts']), undefined).map(pairOf)
    return sliding ? windows.toSorted((a, b) => (a[0] as number) - (b[0] as number)) : windows[0]
  })
  const expected = sliding
    ? list(test.expected, 'expected').map((windows) => list(windows, 'windows').map((w) => pairOf(windowOf(w)))
      .toSorted((a, b) => (a[0] as number) - (b[0] as number)))
    : list(test.expected, 'expected').map((window) => pairOf(windowOf(window)))
  checkEqual(found, expected, 'windows')
  for (const text of test.refused ?? []) {
    const amount = (name: string): number | undefined => {
      const value = new RegExp(`${name} (-?\\d+) s`).exec(text)?.[1]
      return value === undefined ? undefined : Number(value) * SECOND
    }
    const sizeMs = amount('size') ?? unsupported(`refused ${text}`)
    const offsetMs = amount('offset') ?? 0
    const slideMs = amount('slide')
    checkRefused(() => checkAssigner(slideMs === undefined
      ? { kind: 'tumbling', time: 'event', sizeMs, offsetMs }
      : { kind: 'sliding', time: 'event', sizeMs, slideMs, offsetMs }), text)
  }
}

export function runSessionMerge(test: Case): void {
  const tidy = (merges: readonly { merge: readonly Window[]; into: Window }[]): unknown =>
    merges.map(({ merge, into }) => ({ merge: merge.map(pairOf).map(String).sort(), into: pairOf(into) }))
      .toSorted((a, b) => (a.into[0] as number) - (b.into[0] as number))
  const found = list(test.given, 'given').map((windows) =>
    tidy(mergeWindows(list(windows, 'windows').map(windowOf)).map(({ merged, into }) => ({ merge: merged, into }))))
  const expected = list(test.expected, 'expected').map((merges) => tidy(list(merges, 'merges').map((m: Json) =>
    ({ merge: list(m['merge'], 'merge').map(windowOf), into: windowOf(m['into']) }))))
  checkEqual(found, expected, 'merges')
}

export function runSessionSet(test: Case): void {
  const sessions = new SessionWindows({ came: (window, stateWindow) => ({ window, stateWindow }), gone: () => {} })
  const found = list(test.given, 'given').map((window) => pairOf(sessions.add(windowOf(window), () => {})))
  checkEqual(found, list(test.expected, 'expected').map((window) => pairOf(windowOf(window))), 'windows')
}

/** A trigger with its numbers and timers, without an operator. */
class TriggerBench implements TriggerContext {
  readonly #trigger: Trigger
  readonly numbers = new Map<string, number>()
  readonly timers = new Map<string, { readonly window: Window; readonly time: number }>()
  #window: Window = { start: 0, end: 0 }
  watermark = Number.MIN_SAFE_INTEGER
  readonly processingTime = 0

  constructor(spec: TriggerSpec) {
    this.#trigger = createTrigger(spec, 'event')
  }

  get state(): number | undefined { return this.numbers.get(String(pairOf(this.#window))) }
  set state(value: number | undefined) {
    const id = String(pairOf(this.#window))
    if (value === undefined) this.numbers.delete(id)
    else this.numbers.set(id, value)
  }

  registerEvent(time: number): void {
    this.timers.set(`${time} ${String(pairOf(this.#window))}`, { window: this.#window, time })
  }
  deleteEvent(time: number): void { this.timers.delete(`${time} ${String(pairOf(this.#window))}`) }
  registerProcessing(): void { unsupported('processing-time timers') }
  deleteProcessing(): void { unsupported('processing-time timers') }

  element(window: Window): TriggerResult {
    this.#window = window
    return this.#trigger.onElement(window.start, window, this, undefined)
  }

  advance(watermark: number): TriggerResult | null {
    this.watermark = watermark
    let result: TriggerResult | null = null
    for (const [id, { window, time }] of this.timers) {
      if (time > watermark) continue
      this.timers.delete(id)
      this.#window = window
      result = this.#trigger.onEventTime(time, window, this)
    }
    return result
  }

  merge(sources: readonly Window[], into: Window): void {
    const numbers: number[] = []
    for (const source of sources) {
      this.#window = source
      if (this.state !== undefined) numbers.push(this.state)
      this.#trigger.clear(source, this)
    }
    this.#window = into
    this.#trigger.merge(into, numbers, this)
  }
}

/** Steps: [start, end] of an element's window, {merge: […], into}, {watermark}, {element_in_window}. */
export function runTrigger(test: Case): void {
  const kind = String(test.operation['kind'])
  const count = /^count trigger (\d+)/.exec(kind)?.[1]
  const bench = new TriggerBench(count === undefined ? { kind: 'event-time' } : { kind: 'count', count: Number(count) })
  const found: unknown[] = []
  for (const step of list(test.given, 'given')) {
    const merge = Array.isArray(step) ? undefined : (step as Json)['merge']
    const element = Array.isArray(step) ? step : (step as Json)['element_in_window'] ?? (step as Json)['element']
    if (merge !== undefined) {
      bench.merge(list(merge, 'merge').map(windowOf), windowOf((step as Json)['into']))
      if (list(test.expected, 'expected').length === list(test.given, 'given').length) found.push(null)
    } else if (element !== undefined) {
      found.push(bench.element(windowOf(element)))
    } else if ((step as Json)['watermark'] !== undefined) {
      found.push(bench.advance(timeOf((step as Json)['watermark'])))
    } else {
      unsupported(`step ${JSON.stringify(step)}`)
    }
  }
  checkEqual(found, test.expected, 'results')
  if (test.note?.includes('no timer or state is left behind') === true) {
    checkEqual([bench.numbers.size, bench.timers.size], [0, 0], 'numbers and timers left')
  }
}

const RESULTS: Readonly<Record<string, TriggerResult>> = {
  continue: 'continue', fire: 'fire', purge: 'purge', fire_and_purge: 'fire-and-purge',
}

export function runPurging(test: Case): void {
  const resultOf = (text: unknown): TriggerResult =>
    RESULTS[String(text).toLowerCase().replaceAll(/[^a-z]+/g, '_')] ?? unsupported(`result ${String(text)}`)
  checkEqual(list(test.given, 'given').map((text) => purging(resultOf(text))),
    list(test.expected, 'expected').map(resultOf), 'results')
}
