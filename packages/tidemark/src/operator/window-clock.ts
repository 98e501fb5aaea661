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
import { IncrementalSnapshots } from '../state/incremental.ts'
import { everythingIn } from '../state/slices.ts'
import { checkAssigner, makeWindow, maxTimestamp, windowStart } from '../time/window-assigner.ts'
import { createCellAdder, type Present } from './cell-adder.ts'
import type { Inline } from './inline.ts'
import type { Collect, Operator, OperatorContext } from './operator.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import { CellTable, type WindowCells } from './window-cells.ts'
import { firedState } from './window-fired.ts'
import { ALL_KEY } from './window-late.ts'
import { windowResults } from './window-results.ts'
import { windowFrom } from './window-table.ts'

const ASK_EVERY = 32

/** Whether `createClockWindow` may run this window. */
export function goesByClock(spec: WindowSpec): boolean {
  const { assigner, trigger, evictor, compute } = spec
  return assigner.kind === 'tumbling' && assigner.time === 'processing' && evictor === undefined &&
    (trigger === undefined || trigger.kind === 'processing-time') && compute.kind === 'aggregate'
}

export function createClockWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, restored, processingTime } = context
  const { assigner, compute } = spec
  checkAssigner(assigner)
  assert(assigner.kind === 'tumbling' && compute.kind === 'aggregate', 'windows of the clock tumble and aggregate')
  const { sizeMs, offsetMs } = assigner
  const { aggregate } = compute
  const keyOf = spec.keyOf ?? ((): Key => ALL_KEY)
  const send = windowResults(spec, compute, context)
  /** By start; more than one only if the clock went back, or between the end of one and its timer. */
  const open = new Map<number, WindowCells>()
  const table = new CellTable(() => open.values(), context.maxParallelism)
  const adder = createCellAdder(aggregate, keyOf, table, operator)
  const increments = new IncrementalSnapshots([table])
  /** Of the window of the last record; `left`: how many more are taken for it before the clock is asked. */
  const now: Present & { left: number } = {
    left: 0, cells: new Map(), window: undefined,
  }
  let watermark = restoredWatermark(restored)
  let wakeUp: { readonly time: number; readonly cancel: () => void } | undefined
  let closed = false
  for (const { key, namespace, value } of restored?.keyed('window') ?? []) {
    const of = windowAt(windowFrom(namespace))
    of.cells.set(key, { touched: 0, accumulator: value, of })
  }

  function windowAt(window: Window): WindowCells {
    let known = open.get(window.start)
    if (known === undefined) {
      known = { window, cells: new Map(), leftIn: Infinity }
      open.set(window.start, known)
    }
    return known
  }

  function inOrder(): WindowCells[] {
    return [...open.values()].sort((a, b) => a.window.start - b.window.start)
  }

  /** Says of which form the snapshot is (WF-3): none has fired and is still there. */
  const fired = () => firedState([], context.maxParallelism)

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
    for (const each of inOrder()) {
      const { window, cells } = each
      if (maxTimestamp(window) > time) break
      open.delete(window.start)
      table.forget(each)
      for (const [key, { accumulator }] of cells) send(key, window, accumulator)
    }
    schedule()
  }

  function askClock(): void {
    const start = windowStart(processingTime.now(), offsetMs, sizeMs)
    const isNew = !open.has(start)
    now.window = windowAt(makeWindow(start, start + sizeMs))
    now.cells = now.window.cells
    now.left = ASK_EVERY
    if (isNew) schedule()
  }

  const collect: Collect = (value) => {
    if (now.left <= 0) askClock()
    now.left -= 1
    adder.addNow(now, value)
  }

  const inline: Inline = (code, value) => {
    const bound = code.bind(now)
    return `if (${bound}.left <= 0) ${code.bind(askClock)}()
      ${bound}.left -= 1
      ${adder.codeNow(code, bound, value)}`
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
    snapshot: (checkpoint) => ({ keyed: [fired()], lists: [watermarkState(watermark)], slices: increments.cut(checkpoint) }),
    look: () => ({ keyed: [...everythingIn([table]), fired()], lists: [watermarkState(watermark)] }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
    close() {
      closed = true
      wakeUp?.cancel()
    },
  }
}
