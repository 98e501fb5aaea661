/**
 * Adds records up per key and pane ahead of a shuffle, and sends the parts on.
 *
 * Inserted by graph/pre-aggregation.ts, always at the end of a chain. A pane is a window, or the slide of
 * sliding ones; parts carry the start of their pane as timestamp.
 *
 *   PO-1  Nothing is held back over a barrier: it has no state, and a cut behind the shuffle is complete.
 *   PO-2  A part leaves before the watermark that closes its pane, so it is late nowhere.
 *   PO-3  A record whose pane is closed by the watermark of this edge, or by the one with which the window
 *         was restored, leaves at once, as it came. So does every record between a restore and the next
 *         watermark: what was on its way to the window may have closed more.
 *   PO-4  At most MOST_PARTS are held; where adding up saves too little, records leave as they come for a
 *         while, so that keys that hardly repeat cost no table.
 *
 * Source: DESIGN §5.2; Flink SQL's local aggregation (adaptive: FLINK-33244).
 */
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import { MAIN, type PreAggregateSpec } from '../graph/operator-spec.ts'
import { PartialForm, type Partial } from '../graph/pre-aggregation.ts'
import type { WindowAssignerSpec } from '../graph/window-spec.ts'
import { checkKey } from '../record/key-codec.ts'
import { Calendar } from '../time/calendar.ts'
import { windowStart } from '../time/window-assigner.ts'
import { userError } from './errors.ts'
import { addCode } from './aggregate-code.ts'
import { guarded, type Inline } from './inline.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { restoredWatermark } from './watermark-state.ts'
import { ALL_KEY, requireTimestamp } from './window-late.ts'

const MOST_PARTS = 16_384
/** Fewer records a part than this, and the next ones leave as they come. */
const LEAST_SAVED = 1.25
const PASSED_FOR = 20 * MOST_PARTS

interface Pane {
  readonly start: number
  readonly end: number
  readonly parts: Map<Key, { accumulator: unknown }>
}

function paneOf(assigner: WindowAssignerSpec): (timestamp: number) => { readonly start: number; readonly end: number } {
  assert(assigner.kind !== 'global' && assigner.kind !== 'session', 'aligned windows alone are added up ahead')
  if (assigner.kind === 'calendar') {
    const calendar = new Calendar(assigner)
    return (timestamp) => calendar.windowOf(timestamp)
  }
  const step = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
  return (timestamp) => {
    const start = windowStart(timestamp, assigner.offsetMs, step)
    return { start, end: start + step }
  }
}

export function createPreAggregate(spec: PreAggregateSpec, context: OperatorContext): Operator {
  const { of: operator, window } = spec
  const { compute } = window
  assert(compute.kind === 'aggregate', 'only aggregates are added up ahead')
  const { create, add } = compute.aggregate
  const keyOf = window.keyOf ?? ((): Key => ALL_KEY)
  const boundsOf = paneOf(window.assigner)
  const form = new PartialForm(compute.aggregate)
  const next = context.output.collector(MAIN)
  /** In order of start. */
  let panes: Pane[] = []
  /** The pane that took the last record, with its bounds beside it; none (low = high) where records leave at once. */
  const now: { low: number; high: number; parts: Pane['parts']; records: number; held: number } = {
    low: 0, high: 0, parts: new Map(), records: 0, held: 0,
  }
  let watermark = restoredWatermark(context.restored)
  let passing = 0
  let upToDate = context.restored === undefined

  function emit(pane: Pane): void {
    for (const [key, { accumulator }] of pane.parts) next(form.pack(key, accumulator), pane.start)
    now.held -= pane.parts.size
  }

  function leavePane(): void {
    now.low = now.high = 0
  }

  function flush(): void {
    const all = panes
    panes = []
    leavePane()
    for (const pane of all) emit(pane)
    now.records = 0
  }

  function openPane(timestamp: number): Pane {
    const { start, end } = boundsOf(timestamp)
    let at = panes.length
    for (; at > 0; at--) {
      const known = panes[at - 1] as Pane
      if (known.start === start) return known
      if (known.start < start) break
    }
    const opened: Pane = { start, end, parts: new Map() }
    panes.splice(at, 0, opened)
    return opened
  }

  function pass(value: unknown, timestamp: number): void {
    let key: unknown
    try {
      key = keyOf(value)
    } catch (thrown) {
      throw userError(thrown, operator, 'keyBy')
    }
    next({ key: checkKey(key, operator), raw: { record: value } } satisfies Partial, timestamp)
  }

  function makeRoom(): void {
    if (now.records < now.held * LEAST_SAVED) passing = PASSED_FOR
    flush()
  }

  /** The first record of a key in the pane. */
  function addFirst(key: unknown, value: unknown): void {
    const part = { accumulator: create() }
    part.accumulator = add(part.accumulator, value)
    now.parts.set(checkKey(key, operator), part)
    now.held += 1
  }

  /** True if the pane of the record is the one that takes records now; else it has left. */
  function entersPane(value: unknown, timestamp: number): boolean {
    if (passing > 0 || !upToDate) {
      if (passing > 0) passing -= 1
      pass(value, timestamp)
      return false
    }
    requireTimestamp(timestamp, operator)
    if (boundsOf(timestamp).end - 1 <= watermark) {
      pass(value, timestamp)
      return false
    }
    const { start, end, parts } = openPane(timestamp)
    now.low = start
    now.high = end
    now.parts = parts
    return true
  }

  const inline: Inline = (code, value, time) => {
    const [key, part, accumulator] = [code.local(), code.local(), code.local()]
    const bound = code.bind(now)
    const added = addCode(compute.aggregate, code, accumulator, value, (after) => `${part}.accumulator = ${after}`)
    return `if ((${time} >= ${bound}.low && ${time} < ${bound}.high) || ${code.bind(entersPane)}(${value}, ${time})) {
      ${guarded(code, `const ${key} = ${code.bind(keyOf)}(${value})
        const ${part} = ${bound}.parts.get(${key})
        if (${part} !== undefined) { const ${accumulator} = ${part}.accumulator; ${added} }
        else ${code.bind(addFirst)}(${key}, ${value})`, operator, 'keyBy or aggregate')}
      ${bound}.records += 1
      if (${bound}.held >= ${MOST_PARTS}) ${code.bind(makeRoom)}()
    }`
  }

  return {
    inline,
    collect(value, timestamp) {
      if ((timestamp < now.low || timestamp >= now.high) && !entersPane(value, timestamp)) return
      try {
        const key = keyOf(value)
        const part = now.parts.get(key)
        if (part === undefined) addFirst(key, value)
        else part.accumulator = add(part.accumulator, value)
      } catch (thrown) {
        throw userError(thrown, operator, 'keyBy or aggregate')
      }
      now.records += 1
      if (now.held >= MOST_PARTS) makeRoom()
    },
    onWatermark(next) {
      upToDate = true
      if (next > watermark) watermark = next
      while (panes[0] !== undefined && panes[0].end - 1 <= watermark) {
        const closed = panes.shift() as Pane
        if (closed.parts === now.parts) leavePane()
        emit(closed)
      }
      context.output.watermark(next)
    },
    onIdle(idle) {
      // Idle, this edge holds no watermark back: what is held here could become late.
      if (idle) flush()
      context.output.idle(idle)
    },
    beforeBarrier: flush,
    snapshot: () => undefined,
  }
}
