/**
 * The fast window operator: tumbling, sliding and calendar windows of event time with the default trigger,
 * no evictor and an incremental aggregate.
 *
 * Called by window.ts. Gives the same results as the general operator, and either goes on from the snapshot
 * of the other (window-fired.ts).
 *
 *   WL-1  A record of the same slide as the one before costs two compares, one Map lookup per window
 *         and one call of `add`: no object is made, no timer is touched.
 *   WL-2  `bucket` are the windows that contain every timestamp in [low, high); none of them is done
 *         and none has keys that fired before a restore. It is given up at every watermark that reaches
 *         one of them.
 *   WL-3  Results go out in window order, within a window in order of the first record of each key.
 *
 * Source: the state layout is our own (reference: one map per open window); the semantics are those of
 * Flink's WindowOperator with EventTimeTrigger.
 */
import { addSaturating } from '../base/time.ts'
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import type { WindowAssignerSpec } from '../graph/window-spec.ts'
import { Calendar } from '../time/calendar.ts'
import { checkAssigner, windowStart } from '../time/window-assigner.ts'
import { createCellAdder, type Present } from './cell-adder.ts'
import { userError } from './errors.ts'
import type { Inline } from './inline.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { everythingIn } from '../state/slices.ts'
import { OpenWindows, type OpenWindow } from './open-windows.ts'
import type { Collect, Operator, OperatorContext } from './operator.ts'
import { keyFrom } from './user-code.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import type { Cell } from './window-cells.ts'
import { throughState } from './window-fired.ts'
import { ALL_KEY, lateOutput, requireTimestamp } from './window-late.ts'
import { windowResults } from './window-results.ts'

type AlignedAssigner = Extract<WindowAssignerSpec, { kind: 'tumbling' | 'sliding' | 'calendar' }>

/** Whether `createAlignedWindow` may run this window. */
export function isAligned(spec: WindowSpec): boolean {
  const { assigner, trigger, evictor, compute } = spec
  const { kind } = assigner
  return (kind === 'tumbling' || kind === 'sliding' || kind === 'calendar') && assigner.time === 'event' &&
    (trigger === undefined || trigger.kind === 'event-time') && evictor === undefined &&
    compute.kind === 'aggregate'
}

interface Grid {
  /** Start of the latest window that contains the timestamp. */
  readonly last: number
  readonly sizeMs: number
  readonly slideMs: number
}

function gridOfAssigner(assigner: AlignedAssigner): (timestamp: number) => Grid {
  if (assigner.kind === 'calendar') {
    const calendar = new Calendar(assigner)
    return (timestamp) => {
      const { start, end } = calendar.windowOf(timestamp)
      return { last: start, sizeMs: end - start, slideMs: end - start }
    }
  }
  const { sizeMs, offsetMs } = assigner
  const slideMs = assigner.kind === 'sliding' ? assigner.slideMs : sizeMs
  return (timestamp) => ({ last: windowStart(timestamp, offsetMs, slideMs), sizeMs, slideMs })
}

export function createAlignedWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, restored } = context
  const { assigner, compute } = spec
  checkAssigner(assigner)
  assert(assigner.kind !== 'global' && assigner.kind !== 'session', 'aligned windows tumble or slide')
  assert(compute.kind === 'aggregate', 'aligned windows aggregate')
  const { aggregate } = compute
  const keyOf = spec.keyOf ?? ((): Key => ALL_KEY)
  const gridOf = gridOfAssigner(assigner)
  const send = windowResults(spec, compute, context)
  const late = lateOutput(spec, context)
  const open = new OpenWindows(spec, context.maxParallelism)
  const { table } = open
  const adder = createCellAdder(aggregate, keyOf, table, operator)
  const increments = new IncrementalSnapshots([table])
  let watermark = restoredWatermark(restored)
  let bucket: OpenWindow[] = []
  /** Of the bucket: its bounds, and the cells of its last window, which is the only one of tumbling windows. */
  const now: Present & { low: number; high: number } = {
    low: 0, high: 0, cells: new Map(), window: undefined,
  }
  if (restored !== undefined) open.restore(restored, watermark)

  const lists = () => [watermarkState(watermark), throughState(watermark, context.keyGroups)]
  const fire = (open: OpenWindow, key: Key, cell: Cell): void => send(key, open.window, cell.accumulator)

  /** A record outside the bucket: finds its windows, and makes them the bucket if they allow it. */
  function addSlowly(value: unknown, timestamp: number): void {
    const key = keyFrom(keyOf, value, operator)
    requireTimestamp(timestamp, operator)
    const windows: OpenWindow[] = []
    const { last, sizeMs, slideMs } = gridOf(timestamp)
    let start = last
    let taken = false
    let simple = true
    for (; start > timestamp - sizeMs; start -= slideMs) {
      const window = open.open(start, addSaturating(start, sizeMs), watermark)
      if (window === undefined) {
        simple = false
        continue
      }
      taken = true
      windows.push(window)
      if (window.done || window.fired !== undefined) simple = false
      addTo(window, key, value)
    }
    if (!taken) {
      late(key, value, timestamp, watermark)
    } else if (simple) {
      // `start` is now the nearest window that ended before this timestamp.
      bucket = windows
      now.window = windows[0] as OpenWindow
      now.cells = now.window.cells
      now.low = Math.max(last, start + sizeMs)
      now.high = Math.min(last + slideMs, (windows.at(-1) as OpenWindow).window.start + sizeMs)
    }
  }

  function addTo(window: OpenWindow, key: Key, value: unknown): void {
    const cell = adder.add(window, key, value)
    if (window.done) fire(window, key, cell)
    else window.fired?.delete(key)
  }

  const tumble: Collect = (value, timestamp) => {
    if (timestamp >= now.low && timestamp < now.high) adder.addNow(now, value)
    else addSlowly(value, timestamp)
  }

  const tumbleInline: Inline = (code, value, time) => {
    const bound = code.bind(now)
    return `if (${time} >= ${bound}.low && ${time} < ${bound}.high) { ${adder.codeNow(code, bound, value)}
    } else ${code.bind(addSlowly)}(${value}, ${time})`
  }

  const slide: Collect = (value, timestamp) => {
    if (timestamp >= now.low && timestamp < now.high) {
      try {
        const key = keyOf(value)
        for (let i = 0; i < bucket.length; i++) adder.addGiven(bucket[i] as OpenWindow, key, value)
      } catch (thrown) {
        throw userError(thrown, operator, 'keyBy or aggregate')
      }
    } else {
      addSlowly(value, timestamp)
    }
  }

  return {
    ...(assigner.kind === 'sliding' ? { collect: slide } : { collect: tumble, inline: tumbleInline }),
    onWatermark(next) {
      if (next <= watermark) return
      watermark = next
      const earliest = bucket.at(-1)
      if (earliest !== undefined && earliest.maxTimestamp <= watermark) {
        bucket = []
        now.low = now.high = 0
      }
      open.advance(watermark, fire)
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({ keyed: [open.fired()], lists: lists(), slices: increments.cut(checkpoint) }),
    look: () => ({ keyed: [...everythingIn([table]), open.fired()], lists: lists() }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}
