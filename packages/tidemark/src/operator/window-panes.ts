/**
 * The window operator for sliding event-time windows that overlap, where the aggregate merges exactly.
 *
 * Called by window.ts, under the conditions of the aligned operator. A record is added once, to its pane,
 * and not to each of its windows; a window that fires merges its panes. An hour by the minute so costs
 * about what an hour costs, and sixty times the results.
 *
 *   WQ-1  Only where the order of additions cannot be seen: `merge` is given and `exact` is true. A float
 *         sum stays with one accumulator a window, as a plain fold over its records would add it up.
 *   WQ-2  Results, late records and their times are those of the general operator. The order of keys
 *         within one firing of a window is not.
 *   WQ-3  The fast path is taken only for a pane none of whose windows is done or held (PN-3).
 *   WQ-4  The state has another form than that of the other window operators; they can read it
 *         (pane-expansion.ts), and this one is not chosen for a snapshot that has theirs.
 */
import { assert } from '../base/assert.ts'
import type { Key } from '../graph/key.ts'
import type { WindowSpec } from '../graph/operator-spec.ts'
import { IncrementalSnapshots } from '../state/incremental.ts'
import { everythingIn } from '../state/slices.ts'
import type { RestoredOperator } from '../state/snapshot.ts'
import { PaneGrid } from '../time/panes.ts'
import { checkAssigner, makeWindow } from '../time/window-assigner.ts'
import { createCellAdder, type Present } from './cell-adder.ts'
import { userError } from './errors.ts'
import type { Inline } from './inline.ts'
import { OpenPanes, type OpenPane } from './open-panes.ts'
import type { Operator, OperatorContext } from './operator.ts'
import { keyFrom } from './user-code.ts'
import { isAligned } from './window-aligned.ts'
import { restoredWatermark, watermarkState } from './watermark-state.ts'
import { ALL_KEY, lateOutput, requireTimestamp } from './window-late.ts'
import { throughState } from './window-fired.ts'
import { windowResults } from './window-results.ts'

/** Whether `createPaneWindow` may run this window. */
export function sharesPanes(spec: WindowSpec): boolean {
  const { assigner, compute } = spec
  return isAligned(spec) && assigner.kind === 'sliding' && assigner.sizeMs > assigner.slideMs &&
    compute.kind === 'aggregate' && compute.aggregate.merge !== undefined && compute.aggregate.exact === true
}

/** A window of the other operators is in the snapshot: it cannot be cut into panes. */
export function holdsWindows(restored: RestoredOperator | undefined): boolean {
  for (const _entry of restored?.keyed('window') ?? []) return true
  return false
}

export function createPaneWindow(spec: WindowSpec, context: OperatorContext): Operator {
  const { operator, output, maxParallelism, restored, keyGroups } = context
  const { assigner, compute } = spec
  checkAssigner(assigner)
  assert(assigner.kind === 'sliding' && compute.kind === 'aggregate', 'panes are of sliding aggregates')
  const { aggregate } = compute
  const { merge } = aggregate
  assert(merge !== undefined, 'panes merge')
  const { sizeMs, slideMs } = assigner
  const grid = new PaneGrid(sizeMs, slideMs, assigner.offsetMs)
  const open = new OpenPanes(grid, spec.latenessMs, {
    ...aggregate,
    merge(into, from) {
      try {
        return merge(into, from)
      } catch (thrown) {
        throw userError(thrown, operator, 'merge of the aggregate')
      }
    },
  }, maxParallelism)
  const { table } = open
  const keyOf = spec.keyOf ?? ((): Key => ALL_KEY)
  const adder = createCellAdder(aggregate, keyOf, table, operator)
  const increments = new IncrementalSnapshots([table])
  const send = windowResults(spec, compute, context)
  const late = lateOutput(spec, context)
  let watermark = restoredWatermark(restored)
  /** The pane of the record before this one, while the fast path may be taken (WQ-3). */
  const now: Present & { low: number; high: number } = { low: 0, high: 0, cells: new Map(), window: undefined }
  let firstEnd = 0
  if (restored !== undefined) open.restore(restored, watermark, operator)

  function addTo(pane: OpenPane, key: Key, value: unknown): void {
    adder.add(pane, key, value)
    try {
      open.changed(pane, key)
    } catch (thrown) {
      throw userError(thrown, operator, 'aggregate')
    }
  }

  /** A record of another pane than the one before, or one that makes windows fire. */
  function addSlowly(value: unknown, timestamp: number): void {
    const key = keyFrom(keyOf, value, operator)
    requireTimestamp(timestamp, operator)
    const last = grid.lastWindowOf(timestamp)
    if (open.cleanupOf(last) <= watermark) {
      late(key, value, timestamp, watermark)
      return
    }
    const first = grid.firstWindowOf(timestamp)
    const pane = open.open(grid.startOf(timestamp), watermark)
    addTo(pane, key, value)
    for (let start = first; start <= last; start += slideMs) {
      if (start + sizeMs - 1 > watermark) {
        if (!open.holdsFired) break
        open.rearm(start, key)
      } else if (open.cleanupOf(start) > watermark) {
        const found = open.of(start, key)
        assert(found !== undefined, 'a window has the record that was added to it')
        send(key, makeWindow(start, start + sizeMs), found.accumulator)
      }
    }
    if (first + sizeMs - 1 <= watermark || open.holdsFired) return
    now.window = pane
    now.cells = pane.cells
    now.low = pane.start
    now.high = pane.window.end
    firstEnd = first + sizeMs - 1
  }

  const lists = () => [watermarkState(watermark), throughState(watermark, keyGroups)]

  const inline: Inline = (code, value, time) => {
    const bound = code.bind(now)
    return `if (${time} >= ${bound}.low && ${time} < ${bound}.high) { ${adder.codeNow(code, bound, value)}
    } else ${code.bind(addSlowly)}(${value}, ${time})`
  }

  return {
    inline,
    collect(value, timestamp) {
      if (timestamp >= now.low && timestamp < now.high) adder.addNow(now, value)
      else addSlowly(value, timestamp)
    },
    onWatermark(reached) {
      if (reached <= watermark) return
      watermark = reached
      if (firstEnd <= watermark) now.low = now.high = 0
      open.advance(watermark, (window, key, accumulator) => send(key, window, accumulator))
      output.watermark(watermark)
    },
    onIdle: (idle) => output.idle(idle),
    snapshot: (checkpoint) => ({ keyed: [open.held(watermark)], lists: lists(), slices: increments.cut(checkpoint) }),
    look: () => ({ keyed: [...everythingIn([table]), open.held(watermark)], lists: lists() }),
    onCheckpointComplete: (checkpoint) => increments.confirm(checkpoint),
    onCheckpointAborted: (checkpoint) => increments.abort(checkpoint),
  }
}
