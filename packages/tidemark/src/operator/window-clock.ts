/**
 * Tumbling windows of processing time with the default trigger and an incremental aggregate.
 *
 * Called by window.ts. Gives the same results as the general operator, and a snapshot that either can read;
 * it keeps one Map per open window and one timer for all of them, where that one has timers for every key.
 *
 *   WY-1  A record belongs to the window of the clock's time. The clock is asked every ASK_EVERY records
 *         within a window: its end, as all timers, comes between two steps of the subtask anyway.
 *   WY-2  A window fires once the clock has reached its largest timestamp, keys in order of their first
 *         record, and is forgotten. A record of the same millisecond that comes later opens it again.
 *   WY-3  Nothing is late; watermarks pass through.
 *
 * Source: semantics of Flink's WindowOperator with ProcessingTimeTrigger; the state layout is our own.
 */
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { Window } from '../graph/window-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { KeyedSnapshotBuilder } from '../state/keyed-snapshot.ts'
import { checkAssigner, makeWindow, maxTimestamp, windowStart } from '../time/window-assigner.ts'
import { addCode } from './aggregate-code.ts'
import { userError } from './errors.ts'
import { guarded, type Inline } from './inline.ts'
import type { Collect, Operator, OperatorContext } from './operator.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import { ALL_KEY } from './window-late.ts'
import { windowResults } from './window-results.ts'
import { namespaceOf, windowFrom, windowSnapshot } from './window-table.ts'

const ASK_EVERY = 32
const TIMERS = 'timers/processing'

interface Cell {
  accumulator: unknown
}

interface ClockWindow {
  readonly window: Window
  readonly cells: Map<Key, Cell>
}

/** Whether `createClockWindow` may run this window. */
export function goesByClock(spec: WindowSpec): boolean {
  const { assigner, trigger, evictor, compute } = spec
  return assigner.kind === 'tumbling' && assigner.time === 'processing' && evictor === undefined &&
    (trigger === undefined || trigger.kind === 'processing-time') && compute.kind === 'aggregate'
}

export function createClockWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, maxParallelism, restored, processingTime } = context
  const { assigner, compute } = spec
  checkAssigner(assigner)
  assert(assigner.kind === 'tumbling' && compute.kind === 'aggregate', 'windows of the clock tumble and aggregate')
  const { sizeMs, offsetMs } = assigner
  const { aggregate } = compute
  const { create, add } = aggregate
  const keyOf = spec.keyOf ?? ((): Key => ALL_KEY)
  const send = windowResults(spec, compute, context)
  /** By start; more than one only if the clock went back, or between the end of one and its timer. */
  const open = new Map<number, ClockWindow>()
  /** Of the window of the last record; `left`: how many more are taken for it before the clock is asked. */
  const now = { left: 0, cells: new Map<Key, Cell>() }
  let watermark = restoredWatermark(restored)
  let wakeUp: { readonly time: number; readonly cancel: () => void } | undefined
  let closed = false
  for (const { key, namespace, value } of restored?.keyed('window') ?? []) {
    windowAt(windowFrom(namespace)).cells.set(key, { accumulator: value })
  }

  function windowAt(window: Window): ClockWindow {
    let known = open.get(window.start)
    if (known === undefined) {
      known = { window, cells: new Map() }
      open.set(window.start, known)
    }
    return known
  }

  function inOrder(): ClockWindow[] {
    return [...open.values()].sort((a, b) => a.window.start - b.window.start)
  }

  function schedule(): void {
    const [first] = inOrder()
    if (closed || first === undefined) return
    const time = maxTimestamp(first.window)
    if (wakeUp !== undefined) {
      if (wakeUp.time <= time) return
      wakeUp.cancel()
    }
    wakeUp = { time, cancel: processingTime.at(time, fire) }
  }

  function fire(): void {
    wakeUp = undefined
    if (closed) return
    const time = processingTime.now()
    now.left = 0
    for (const { window, cells } of inOrder()) {
      if (maxTimestamp(window) > time) break
      open.delete(window.start)
      for (const [key, { accumulator }] of cells) send(key, window, accumulator)
    }
    schedule()
  }

  /** Everything but the look-up of a key that is there. */
  function addFirst(key: unknown, value: unknown): void {
    const cell = { accumulator: create() as unknown }
    cell.accumulator = add(cell.accumulator, value)
    now.cells.set(checkKey(key, operator), cell)
  }

  function askClock(): void {
    const start = windowStart(processingTime.now(), offsetMs, sizeMs)
    const isNew = !open.has(start)
    now.cells = windowAt(makeWindow(start, start + sizeMs)).cells
    now.left = ASK_EVERY
    if (isNew) schedule()
  }

  const collect: Collect = (value) => {
    if (now.left <= 0) askClock()
    now.left -= 1
    try {
      const key = keyOf(value)
      const cell = now.cells.get(key)
      if (cell !== undefined) cell.accumulator = add(cell.accumulator, value)
      else addFirst(key, value)
    } catch (thrown) {
      throw userError(thrown, operator, 'keyBy or aggregate')
    }
  }

  const inline: Inline = (code, value) => {
    const [key, cell, accumulator] = [code.local(), code.local(), code.local()]
    const bound = code.bind(now)
    const added = addCode(aggregate, code, accumulator, value, (after) => `${cell}.accumulator = ${after}`)
    return `if (${bound}.left <= 0) ${code.bind(askClock)}()
      ${bound}.left -= 1
      ${guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
        const ${cell} = ${bound}.cells.get(${key})
        if (${cell} !== undefined) { const ${accumulator} = ${cell}.accumulator; ${added} }
        else ${code.bind(addFirst)}(${key}, ${value})`, operator, 'keyBy or aggregate')}`
  }

  return {
    collect,
    inline,
    open: schedule,
    onWatermark(next) {
      if (next <= watermark) return
      watermark = next
      output.watermark(next)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot() {
      const contents = windowSnapshot('window', maxParallelism)
      const timers = new KeyedSnapshotBuilder({ name: TIMERS, kind: 'timers', version: 1, maxParallelism })
      for (const { window, cells } of inOrder()) {
        for (const [key, { accumulator }] of cells) {
          contents.put(key, namespaceOf(window), accumulator)
          timers.put(key, namespaceOf(window), maxTimestamp(window))
        }
      }
      return { keyed: [contents.build(), timers.build()], lists: [watermarkState(watermark)] }
    },
    close() {
      closed = true
      wakeUp?.cancel()
    },
  }
}
