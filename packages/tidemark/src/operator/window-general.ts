/**
 * The window operator for every assigner, trigger and evictor.
 *
 * Called by window.ts. Owns contents per key and state window, the triggers' values, the sessions of
 * each key, timers, and the state of the window function.
 *
 *   WO-1  An element is added to each of its windows that is not late, then the window's trigger is asked.
 *   WO-2  A window is late when the watermark has reached its largest timestamp plus the lateness. What a
 *         window holds is removed at that time: contents, the trigger's value and timers, the session. A
 *         timer that is due later does nothing.
 *   WO-3  Purging empties the contents and keeps the trigger's value and the session.
 *   WO-4  Results carry the window's largest timestamp.
 *   WO-5  Only an element that ALL its windows refused, and that is late itself, goes to the late output.
 *   WO-6  A merge moves contents, values and timers before the trigger sees the element that caused it.
 *   WO-7  Emptied contents are no contents: a window without elements does not fire.
 *   WO-8  A cut encodes nothing: contents, the triggers' numbers, timers and sessions are tables, cut together with the
 *         state of the window function and written beside processing, changes alone where that is enough.
 *
 * Source: Flink WindowOperator, EvictingWindowOperator, MergingWindowSet.
 */
import { MAX_TIMESTAMP } from '../base/time.ts'
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { TriggerResult, Window } from '../graph/window-spec.ts'
import { checkAssigner, defaultTrigger, timeDomainOf, windowAssigner } from '../time/window-assigner.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { everythingIn } from '../state/slices.ts'
import { userError } from './errors.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { SessionTable } from './session-table.ts'
import type { SessionMerge } from './session-windows.ts'
import type { Timer } from './timer-queue.ts'
import { TimerService } from './timer-service.ts'
import { createTrigger, fires, purges, type TriggerContext } from './trigger.ts'
import { keyFrom } from './user-code.ts'
import { createContents } from './window-contents.ts'
import { createEmitter } from './window-emitter.ts'
import { ALL_KEY, cleanupTime, lateOutput, requireTimestamp } from './window-late.ts'
import { WindowTable } from './window-table.ts'

export function createGeneralWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, restored, maxParallelism, processingTime } = context
  const { keyOf, assigner } = spec
  checkAssigner(assigner)
  const domain = timeDomainOf(assigner)
  const merging = assigner.kind === 'session'
  const triggerSpec = spec.trigger ?? defaultTrigger(assigner)
  const trigger = createTrigger(triggerSpec, domain)
  const assign = windowAssigner(assigner)
  const needsTimestamp = domain === 'event' || triggerSpec.kind === 'continuous-event-time'
  const contents = createContents(spec, operator)
  const table = new WindowTable<unknown>('window', maxParallelism, contents)
  const numbers = new WindowTable<unknown>('trigger', maxParallelism)
  const sessions = new SessionTable(maxParallelism)
  const late = lateOutput(spec, context)
  const timers = new TimerService({
    clock: processingTime, maxParallelism, restored,
    target: {
      onEventTimer: (timer) => onTimer(timer, 'event'),
      onProcessingTimer: (timer) => onTimer(timer, 'processing'),
    },
  })
  const emitter = createEmitter(spec, context, timers)
  const tables = [...timers.tables, table, numbers, ...(merging ? [sessions] : []), ...emitter.tables()]
  const increments = new IncrementalSnapshots(tables)
  let currentKey: Key = ALL_KEY
  let currentWindow: Window = { start: 0, end: 0 }
  const ctx: TriggerContext = {
    get watermark() { return timers.watermark },
    get processingTime() { return timers.processingTime },
    get state() { return numbers.get(currentKey, currentWindow) },
    set state(value) {
      if (value === undefined) numbers.delete(currentKey, currentWindow)
      else numbers.set(currentKey, currentWindow, value)
    },
    registerEvent: (time) => timers.registerEvent(currentKey, currentWindow, time),
    deleteEvent: (time) => timers.deleteEvent(currentKey, currentWindow, time),
    registerProcessing: (time) => timers.registerProcessing(currentKey, currentWindow, time),
    deleteProcessing: (time) => timers.deleteProcessing(currentKey, currentWindow, time),
  }
  if (restored !== undefined) {
    table.restore(restored)
    numbers.restore(restored)
    sessions.restore(restored)
  }

  const isLate = (window: Window): boolean =>
    domain === 'event' && cleanupTime(window, spec) <= timers.watermark

  function collect(value: unknown, timestamp: number): void {
    const key = keyOf === undefined ? ALL_KEY : keyFrom(keyOf, value, operator)
    if (needsTimestamp) requireTimestamp(timestamp, operator)
    const windows = windowsOf(value, timestamp)
    let taken = false
    for (const window of windows) if (addTo(key, window, value, timestamp)) taken = true
    if (!taken && domain === 'event') late(key, value, timestamp, timers.watermark)
  }

  function windowsOf(value: unknown, timestamp: number): readonly Window[] {
    const time = domain === 'processing' ? processingTime.now() : timestamp
    try {
      return assign(time, value)
    } catch (thrown) {
      throw userError(thrown, operator, 'the gap of the session window')
    }
  }

  /** False if the window is late. */
  function addTo(key: Key, assigned: Window, value: unknown, timestamp: number): boolean {
    let window = assigned
    let stateWindow = assigned
    if (merging) {
      const ofKey = sessions.of(key)
      window = ofKey.add(assigned, (merge) => mergeState(key, merge))
      if (isLate(window)) {
        sessions.retire(key, window)
        return false
      }
      stateWindow = ofKey.stateWindowOf(window) as Window
    } else if (isLate(window)) {
      return false
    }
    const before = table.get(key, stateWindow)
    if (before !== undefined) table.touch(key, stateWindow)
    let after: unknown
    try {
      after = contents.add(before === undefined ? contents.create() : before, value, timestamp)
    } catch (thrown) {
      throw userError(thrown, operator, 'aggregate')
    }
    if (after !== before || before === undefined) table.set(key, stateWindow, after)
    enter(key, window)
    react(key, window, stateWindow, asked(() => trigger.onElement(timestamp, window, ctx, value)))
    registerCleanup(key, window)
    return true
  }

  /** What a trigger throws is the job's error, not that of whoever gets the result. */
  function asked<R>(ask: () => R): R {
    try {
      return ask()
    } catch (thrown) {
      throw userError(thrown, operator, 'trigger')
    }
  }

  function enter(key: Key, window: Window): void {
    currentKey = key
    currentWindow = window
  }

  function react(key: Key, window: Window, stateWindow: Window, result: TriggerResult): void {
    if (fires(result)) {
      const content = table.get(key, stateWindow)
      if (content !== undefined) {
        // A result may share parts with the accumulator, and a function may change it.
        table.touch(key, stateWindow)
        const left = emitter(key, window, content)
        if (left === undefined) table.delete(key, stateWindow)
        else if (left !== content) table.set(key, stateWindow, left)
      }
    }
    if (purges(result)) table.delete(key, stateWindow)
  }

  function registerCleanup(key: Key, window: Window): void {
    const time = cleanupTime(window, spec)
    if (time === MAX_TIMESTAMP) return
    if (domain === 'event') timers.registerEvent(key, window, time)
    else timers.registerProcessing(key, window, time)
  }

  function onTimer(timer: Timer, fired: 'event' | 'processing'): void {
    const { key, time } = timer
    const window = timer.namespace as Window
    const stateWindow = merging ? sessions.stateWindowOf(key, window) : window
    // The window was merged into another one, and its trigger left a timer behind.
    if (stateWindow === undefined || isOver(window, time, fired)) return
    enter(key, window)
    react(key, window, stateWindow, asked(() => fired === 'event'
      ? trigger.onEventTime(time, window, ctx)
      : trigger.onProcessingTime(time, window, ctx)))
    if (domain !== fired || time !== cleanupTime(window, spec)) return
    table.delete(key, stateWindow)
    enter(key, window)
    asked(() => trigger.clear(window, ctx))
    numbers.delete(key, window)
    if (merging) sessions.retire(key, window)
  }

  /** A timer of a user's trigger that is due after the window was forgotten. */
  function isOver(window: Window, time: number, fired: 'event' | 'processing'): boolean {
    if (domain === undefined) return false
    if (domain === fired) return time > cleanupTime(window, spec)
    return cleanupTime(window, spec) <= (domain === 'event' ? timers.watermark : timers.processingTime)
  }

  function mergeState(key: Key, merge: SessionMerge): void {
    const { into, sources, stateWindow, otherStateWindows } = merge
    const now = domain === 'event' ? timers.watermark : timers.processingTime
    assert(domain !== 'event' || cleanupTime(into, spec) > now, 'a merge never ends before the watermark')
    const states: unknown[] = []
    for (const source of sources) {
      enter(key, source)
      const number = numbers.get(key, source)
      if (number !== undefined) states.push(number)
      asked(() => trigger.clear(source, ctx))
      numbers.delete(key, source)
      const time = cleanupTime(source, spec)
      if (domain === 'event') timers.deleteEvent(key, source, time)
      else timers.deleteProcessing(key, source, time)
    }
    enter(key, into)
    asked(() => trigger.merge(into, states, ctx))
    for (const other of otherStateWindows) {
      const moved = table.take(key, other)
      if (moved === undefined) continue
      const present = table.get(key, stateWindow)
      if (present !== undefined) table.touch(key, stateWindow)
      try {
        table.set(key, stateWindow, present === undefined ? moved : contents.merge(present, moved))
      } catch (thrown) {
        throw userError(thrown, operator, 'merge of the aggregate')
      }
    }
  }

  return {
    collect,
    open: () => timers.open(),
    onWatermark(watermark) {
      if (timers.advance(watermark)) output.watermark(watermark)
    },
    firing: () => timers.firing,
    fireMore(most) {
      if (timers.fireMore(most)) output.watermark(timers.watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot(checkpoint) {
      emitter.beginCut()
      return { keyed: [], lists: timers.snapshotLists(), slices: increments.cut(checkpoint) }
    },
    look() {
      emitter.beginCut()
      return { keyed: everythingIn(tables), lists: timers.snapshotLists() }
    },
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
    close: () => timers.close(),
  }
}
